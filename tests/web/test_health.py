"""``/healthz``, ``/readyz``, ``/metrics``, and a database that is away."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from typing import Any

import asyncpg
import httpx2
import pytest

from delivrd import server, supervise
from delivrd.store import sqlite
from delivrd.store.base import StoreUnavailable
from delivrd.store.open import sqlite_path
from tests.support import open_hub, run, serving, until
from tests.web.web_support import NEW, web, web_settings

DELIVERED = {"status": "delivered", "err-code": "0"}


def figures(text: str) -> dict[str, float]:
    """By name and labels, but for the number of the process."""
    text = re.sub(r'process="\d+",?', "", text).replace(",}", "}").replace("{}", "")
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_count_calls_by_template_and_never_by_address(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            made = await hub.post("/v1/messages", NEW, 202)
            await hub.get(f"/v1/messages/{made['id']}")
            await hub.client.get("/messages/12015555522/nothing")
            text = (await hub.client.get("/metrics")).text
            assert made["id"] not in text
            assert "12015555522" not in text
            counted = figures(text)
            route = 'method="GET",route="/v1/messages/{id}",status="200"'
            assert counted[f"delivrd_http_requests_total{{{route}}}"] == 1

    run(test())


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v1/messages", "/v1/stats/delivery", "/docs"]
)
def test_what_can_be_got_can_be_asked_for_its_head(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub, serving(hub.hub, hub.app) as address:
            async with httpx2.AsyncClient(base_url=address, headers=hub.client.headers) as client:
                got, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == got.headers["content-type"]

    run(test())


@pytest.mark.parametrize("path", ["/healthz/", "/v1/messages/", "/docs//"])
def test_a_slash_at_the_end_sends_nobody_elsewhere(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.client.get(path)).status_code == 200
            assert (await hub.somebody().get("/v1/messages/")).status_code == 401

    run(test())


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/healthz", "GET, HEAD"),
        ("/v1/messages", "GET, HEAD, POST"),
        ("/v1/messages/x", "GET, HEAD"),
        ("/v1/endpoints/x", "GET, HEAD, PATCH, DELETE"),
        ("/v1/requests/1/replay", "POST"),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(
    sqlite_url: str, path: str, methods: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.client.request("PUT", path)
            assert (answer.status_code, answer.headers["allow"]) == (405, methods)
            assert answer.json()["hint"]

    run(test())


def test_metrics_cover_intake_fold_and_events(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", messageId="id-1", status="teleported")
            await hub.receipt("inbox", messageId="id-2", **DELIVERED)
            await hub.somebody().get("/webhooks/nobody?x=1")

            async def told() -> Any:
                found = figures((await hub.client.get("/metrics")).text)
                return found if 'delivrd_events_total{type="message.delivered"}' in found else None

            found = await until(told)
            assert found["delivrd_appended_requests_total"] == 2
            assert found["delivrd_folded_receipts_total"] == 2
            assert found["delivrd_fold_backlog_requests"] == 0
            assert found["delivrd_unmapped_receipts"] == 1
            assert found['delivrd_refused_requests_total{account="",status="404"}'] == 1
            assert found['delivrd_events_total{type="message.delivered"}'] == 1

    run(test())


def test_a_database_that_is_away_is_503_and_the_process_lives(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:

            async def away(job: object) -> None:
                raise StoreUnavailable("disk I/O error")

            monkeypatch.setattr(hub.store, "read", away)
            monkeypatch.setattr(hub.store, "write", away)
            for path in ("/readyz", "/v1/messages", "/v1/stats/delivery"):
                answer = await hub.client.get(path)
                assert answer.status_code == 503
                assert answer.json()["hint"]
            other = hub.somebody(authorization="Bearer dlv_0123456789ab_x")
            assert (await other.get("/v1/messages")).headers["retry-after"] == "2"
            assert (await hub.client.get("/healthz")).status_code == 200
            assert figures((await hub.client.get("/metrics")).text)["delivrd_database_up"] == 0
            monkeypatch.undo()
            assert await hub.get("/readyz") == {"status": "ready"}

    run(test())


@asynccontextmanager
async def no_writes(url: str) -> AsyncGenerator[None]:
    """The database is locked, or has become one that can only be read."""
    if (path := sqlite_path(url)) is not None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
        return
    other = await asyncpg.connect(url)
    name = await other.fetchval("SELECT current_database()")
    setting = f'ALTER DATABASE "{name}" SET default_transaction_read_only ='
    await other.execute(f"{setting} on")
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    yield
    await other.execute(f"{setting} off")
    await other.close()


def test_a_database_that_takes_no_writes_is_not_ready_though_it_can_be_read(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0)

    async def test() -> None:
        async with web(database_url) as hub:

            async def ready() -> tuple[int, str]:
                answer = await hub.client.get("/readyz")
                return answer.status_code, answer.json().get("detail", "")

            async with no_writes(database_url):
                while (answer := await hub.client.post("/v1/messages", json=NEW)).is_success:
                    pass
                assert answer.status_code == 503
                status, why = await ready()
                assert status == 503
                assert "takes no writes" in why
            while await ready() != (200, ""):
                await hub.client.post("/v1/messages", json=NEW)

    run(test())


def test_an_error_of_ours_is_a_problem_without_its_details(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:

            async def broken(job: object) -> None:
                raise RuntimeError("a detail")

            monkeypatch.setattr(hub.store, "read", broken)
            answer = await hub.client.get("/v1/messages")
            assert answer.status_code == 500
            assert answer.headers["content-type"] == "application/problem+json"
            assert "a detail" not in answer.text
            monkeypatch.undo()

    run(test())


def test_a_part_that_is_down_makes_the_hub_not_ready_and_shows_in_the_figures(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr(supervise, "PAUSES", (0.3,))
        async with web(sqlite_url) as hub:
            dies = asyncio.Event()

            async def dying() -> None:
                await dies.wait()
                dies.clear()
                raise RuntimeError("a detail")

            hub.context.parts.start("example", dying)
            assert await hub.get("/readyz") == {"status": "ready"}
            dies.set()
            await until(lambda: hub.context.down)
            answer = await hub.client.get("/readyz")
            assert answer.status_code == 503
            assert "example (RuntimeError)" in answer.json()["detail"]
            assert "a detail" not in answer.text
            assert (await hub.client.get("/healthz")).status_code == 200
            found = figures((await hub.client.get("/metrics")).text)
            assert found['delivrd_part_down{part="example"}'] == 1
            await until(lambda: not hub.context.down)
            assert await hub.get("/readyz") == {"status": "ready", "restarts": {"example": 1}}
            found = figures((await hub.client.get("/metrics")).text)
            assert found['delivrd_part_restarts_total{part="example"}'] == 1
            assert found['delivrd_part_restarts_total{part="fold"}'] == 0
            assert found['delivrd_part_down{part="database writer"}'] == 0

    run(test())


def test_a_process_without_the_api_tells_by_its_health_alone_that_a_part_is_down(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        async with open_hub(web_settings(sqlite_url), roles=("intake",)) as hub:
            asgi = server._health_alone(hub)
            transport = httpx2.ASGITransport(app=asgi)
            async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
                assert (await client.get("/healthz")).status_code == 200
                hub.parts.down["example"] = "RuntimeError"
                assert (await client.get("/healthz")).status_code == 503
                assert (await client.get("/readyz")).status_code == 404

    run(test())
