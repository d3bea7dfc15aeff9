"""The names of the API that its users rely on: none of them goes or is called otherwise."""

from typing import Any

import pytest

from tests.support import run
from tests.web.web_support import web

TYPES = {
    "NewMessage": "to from text via reference metadata callback_url deadline_seconds max_attempts",
    "SentMessage": "account provider_message_ids to from text sent_at reference",
    "NewEndpoint": "url description format statuses accounts countries final_only ordered "
    "rate_limit",
    "Endpoint": "id secret url description format statuses accounts countries final_only ordered "
    "rate_limit",
    "Message": "id status final to from country text_preview parts price reference metadata "
    "created_at sent_at finished_at delivered_at error attempts receipts merged_into",
    "Error": "code reason permanent explanation",
    "Price": "amount currency",
    "Receipt": "id account provider provider_message_id status final provider_status error to from "
    "network price occurred_at received_at count",
}
PARAMETERS = {
    "GET /v1/messages": "status account country to from reference provider_message_id since until "
    "limit cursor",
    "GET /v1/messages/{id}/wait": "timeout",
    "POST /v1/messages": "idempotency-key",
    "GET /v1/stats/delivery": "by since until account country network provider reason",
    "GET /v1/stats/latency": "by since until account country network provider reason",
    "GET /v1/events/stream": "last-event-id",
    **{
        f"GET /v1/{name}": "limit cursor"
        for name in ("receipts", "requests", "unmatched", "endpoints", "deliveries")
    },
}
FIGURES = "unit total counts delivery_rate low high"
"""Of the items and the summary of `/v1/stats/delivery`."""


@pytest.fixture(scope="module")
def spec(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("contract") / "delivrd.db"
    path.write_bytes(sqlite_template.read_bytes())

    async def read() -> Any:
        async with web(f"sqlite:///{path}") as hub:
            return await hub.get("/openapi.json")

    return run(read())


@pytest.mark.parametrize("name", TYPES)
def test_the_fields_of_a_type(spec: Any, name: str) -> None:
    assert set(TYPES[name].split()) <= set(spec["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("call", PARAMETERS)
def test_the_parameters_of_a_call(spec: Any, call: str) -> None:
    method, path = call.split()
    taken = {one["name"] for one in spec["paths"][path][method.lower()]["parameters"]}
    assert set(PARAMETERS[call].split()) <= taken


def test_who_waits_without_saying_how_long_waits_for_a_minute(spec: Any) -> None:
    taken = spec["paths"]["/v1/messages/{id}/wait"]["get"]["parameters"]
    (timeout,) = [one for one in taken if one["name"] == "timeout"]
    assert timeout["schema"]["default"] == 60


def test_the_figures_of_deliveries(spec: Any) -> None:
    done = spec["paths"]["/v1/stats/delivery"]["get"]["responses"]["200"]
    told = done["content"]["application/json"]["schema"]["properties"]
    for found in (told["items"]["items"], told["summary"]):
        assert set(FIGURES.split()) <= set(found["properties"])


@pytest.mark.parametrize(
    "by", ["day", "hour", "account", "country", "network", "provider", "reason"]
)
def test_deliveries_are_counted_by_each_dimension(sqlite_url: str, by: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt("inbox", messageId="id-1", status="failed", **{"err-code": "2"})
            (item,) = (await hub.get("/v1/stats/delivery", by=by))["items"]
            assert {by, *FIGURES.split()} <= set(item)
            assert item["counts"] == {"undelivered": 1}

    run(test())
