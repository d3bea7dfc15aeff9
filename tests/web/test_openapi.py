"""The API keeps to its own OpenAPI, whatever is sent to it."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from delivrd.insight.alerts.watch import Watch
from delivrd.web.api.common import schemas
from delivrd.web.app import create, routes
from tests.support import run, serving
from tests.web.web_support import ADMIN_KEY, NEW, Web, web

HEADERS = {"authorization": f"Bearer {ADMIN_KEY}"}


def test_every_call_is_documented(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            spec = await hub.get("/openapi.json")
            page = (await hub.client.get("/docs")).text
            for path, methods in spec["paths"].items():
                assert path in page
                for call in methods.values():
                    assert call["description"]
                    assert any(code.startswith("2") for code in call["responses"])
            assert "<script" not in page

    run(test())


def test_names_in_descriptions_are_shown_as_code(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert "`Idempotency-Key`" in json.dumps(await hub.get("/openapi.json"))
            page = (await hub.client.get("/docs")).text
            assert "<code>Idempotency-Key</code>" in page
            assert "`" not in page

    run(test())


def test_the_length_of_a_name_that_handsets_show_is_documented(sqlite_url: str) -> None:
    """Longer ones are taken, as only the gateway knows whether they name a set of senders."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            schemas = (await hub.get("/openapi.json"))["components"]["schemas"]
            described = schemas["NewMessage"]["properties"]["from"]["description"]
            assert "at most 11 letters" in described

    run(test())


def test_what_the_documentation_loads_is_there(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            page = (await hub.client.get("/docs")).text
            files = re.findall(r'<link rel="(\w+)" href="(/static/[^"]+)"', page)
            assert {rel for rel, _ in files} == {"icon", "stylesheet"}
            for _, path in files:
                assert (await hub.client.get(path)).status_code == 200

    run(test())


def test_every_type_that_is_named_is_described(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            spec = await hub.get("/openapi.json")
            assert spec["security"] == [{"key": []}]
            named = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(spec))
            assert {"Message", "Endpoint", "AlertRule"} <= set(named)
            assert set(named) <= set(spec["components"]["schemas"])

    run(test())


def test_no_two_types_have_one_name(sqlite_url: str) -> None:
    """What is sent is described by FastAPI, what is answered by us; neither hides the other."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            sent = FastAPI.openapi(routes(hub.context))["components"]["schemas"]
            assert sent.keys() & schemas().keys() == set()

    run(test())


async def fill(hub: Web) -> None:
    """Something of each kind, so that answers have items."""
    await hub.receipt("inbox", messageId="id-1", status="delivered", **{"err-code": "0"})
    await hub.receipt("inbox", messageId="id-2", status="failed", **{"err-code": "2"})
    await hub.receipt("inbox", messageId="id-3", status="teleported")
    await hub.receipt("main", messageId="id-4", status="accepted")
    await hub.post("/v1/messages", NEW, 202)
    await hub.client.post("/webhooks/inbox", content=b"{")
    made = await hub.post("/v1/endpoints", {"url": "https://app.example.invalid/"}, 201)
    await hub.post(f"/v1/endpoints/{made['id']}/test", None)
    rule = {"kind": "failure_rate", "by": ["account"], "at_least": 1, "over": 0}
    await hub.post("/v1/alerts/rules", {"name": "rate", **rule}, 201)
    await Watch(hub.store, hub.hub.config).once()


LONGEST_SECONDS = 1800.0
"""For so long the hub stands: all calls together take minutes on a busy machine."""

PATIENCE_SECONDS = 60.0
"""For so long an answer is waited for; schemathesis' ten seconds fail on a busy machine."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub on a socket, in another thread, for a client that blocks."""
    path = tmp_path_factory.mktemp("openapi") / "delivrd.db"
    started, ended = threading.Event(), threading.Event()
    found: list[str] = []

    async def serve() -> None:
        async with web(f"sqlite:///{path}") as hub:
            await fill(hub)
            async with serving(hub.hub, create(hub.context)) as address:
                found.append(address)
                started.set()
                await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: run(serve(), LONGEST_SECONDS))
    thread.start()
    assert started.wait(30)
    yield found[0]
    ended.set()
    thread.join(30)


LATE = ("/v1/events/stream", "/v1/messages/{id}/wait")
"""These answer late, by their nature."""


@pytest.fixture(scope="module")
def operations(base: str) -> dict[str, Any]:
    api = schemathesis.openapi.from_url(f"{base}/openapi.json", headers=HEADERS)
    found = [result.ok() for result in api.get_all_operations()]
    return {f"{call.method.upper()} {call.path}": call for call in found}


CALLS = (
    *("POST /v1/messages", "GET /v1/messages", "GET /v1/messages/{id}", "POST /v1/messages/sent"),
    *("GET /v1/receipts", "GET /v1/unmatched", "GET /v1/unmapped"),
    *("GET /v1/requests", "GET /v1/requests/{id}", "POST /v1/requests/{id}/replay"),
    *("GET /v1/stats/delivery", "GET /v1/stats/latency", "GET /v1/stats/settled"),
    *("GET /v1/stats/comparison", "GET /v1/stats/honesty", "POST /v1/messages/{id}/feedback"),
    *("POST /v1/endpoints", "GET /v1/endpoints", "GET /v1/endpoints/{id}"),
    *("PATCH /v1/endpoints/{id}", "DELETE /v1/endpoints/{id}"),
    *("POST /v1/endpoints/{id}/enable", "POST /v1/endpoints/{id}/disable"),
    *("POST /v1/endpoints/{id}/rotate-secret", "POST /v1/endpoints/{id}/test"),
    *("GET /v1/deliveries", "GET /v1/deliveries/{id}"),
    *("POST /v1/deliveries/replay", "POST /v1/deliveries/cancel"),
    *("POST /v1/deliveries/{id}/replay", "POST /v1/deliveries/{id}/cancel"),
    *("GET /v1/alerts/rules", "POST /v1/alerts/rules", "GET /v1/alerts/rules/{name}"),
    *("PUT /v1/alerts/rules/{name}", "DELETE /v1/alerts/rules/{name}"),
    *("POST /v1/alerts/rules/{name}/snooze", "GET /v1/alerts/firings"),
    *("GET /v1/alerts/firings/{id}", "POST /v1/alerts/firings/{id}/acknowledge"),
    *("POST /v1/alerts/firings/{id}/snooze", "GET /v1/alerts/channels"),
    *("POST /v1/alerts/channels/{name}/test", "POST /v1/alerts/preview"),
    *("POST /v1/keys", "GET /v1/keys", "DELETE /v1/keys/{id}", "POST /v1/sign-in-links"),
    *("GET /v1/diagnosis", "GET /healthz", "GET /readyz", "GET /metrics"),
)


def test_no_call_is_left_out_here(operations: dict[str, Any]) -> None:
    assert {*CALLS, *(f"GET {path}" for path in LATE)} == set(operations)


PLAIN = (
    *("GET /v1/messages/{id}", "GET /v1/unmapped", "GET /v1/requests/{id}"),
    *("DELETE /v1/keys/{id}", "POST /v1/sign-in-links"),
    *("GET /v1/endpoints/{id}", "DELETE /v1/endpoints/{id}", "POST /v1/endpoints/{id}/enable"),
    *("POST /v1/endpoints/{id}/disable", "POST /v1/endpoints/{id}/test"),
    *("GET /v1/deliveries/{id}", "POST /v1/deliveries/{id}/replay"),
    "POST /v1/deliveries/{id}/cancel",
    *("GET /v1/alerts/rules", "GET /v1/alerts/rules/{name}", "DELETE /v1/alerts/rules/{name}"),
    *("GET /v1/alerts/firings/{id}", "POST /v1/alerts/firings/{id}/acknowledge"),
    *("GET /v1/alerts/channels", "POST /v1/alerts/channels/{name}/test"),
    *("GET /v1/diagnosis", "GET /healthz", "GET /readyz", "GET /metrics"),
)
"""These take nothing that could be of a wrong type."""

RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    ("call", "mode"),
    [*((call, RIGHT) for call in CALLS), *((call, WRONG) for call in CALLS if call not in PLAIN)],
)
def test_whatever_is_sent_is_answered_as_documented(
    operations: dict[str, Any], call: str, mode: GenerationMode
) -> None:
    """Nothing makes it fail, and every answer is of a documented status, type and shape."""

    @given(case=operations[call].as_strategy(mode))
    @settings(
        max_examples=20, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    def check(case: Any) -> None:
        case.call_and_validate(
            headers=HEADERS,
            timeout=PATIENCE_SECONDS,
            checks=(
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ),
        )

    check()
