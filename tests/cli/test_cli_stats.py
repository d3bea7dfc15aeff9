"""`delivrd stats`: what it asks of a hub, and what it prints."""

import json

import pytest

DELIVERY = {
    "unit": "attempts", "total": 100, "counts": {"delivered": 95, "undelivered": 5},
    "delivery_rate": 0.95, "low": 0.89, "high": 0.98, "failed": 5, "failure_rate": 0.05,
    "health": "healthy",
    "cost": [{"currency": "EUR", "amount": "3.5", "priced": 100, "per_delivered": "0.036842"}],
}  # fmt: skip
SETTLED = {
    "unit": "attempts", "total": 50, "delivered": 10, "pending": 40, "overdue": 3,
    "unreported": 0, "settled_rate": 0.93, "low": 0.9, "high": 0.95, "rate_so_far": 0.7,
}  # fmt: skip
COMPARED = {
    "account": "main", "rank": None, "total": 9, "ended": 9, "delivery_rate": 1.0, "low": 0.7,
    "high": 1.0, "p50": 2.5, "p95": None, "cost": [],
}  # fmt: skip


def test_delivery_asks_by_dimensions_and_prints_a_line_for_each(delivrd, hub) -> None:
    items = [{"account": "main", "country": "GB", **DELIVERY}]
    hub.answer("GET", "/v1/stats/delivery", {"unit": "attempts", "items": items, "summary": {}})
    ran = delivrd("stats", "delivery", "--by", "account,country", "--network", "23410")
    assert hub.asked[0].query == {"by": "account,country", "network": "23410"}
    titles, row = ran.out.splitlines()
    assert titles.split("\t")[:4] == ["account", "country", "attempts", "delivered"]
    assert row.split("\t")[:5] == ["main", "GB", "100", "95", "0.95"]
    assert row.endswith("healthy\t0.036842 EUR")


def test_all_pages_are_printed_the_oldest_first(delivrd, hub) -> None:
    newest, oldest = ({"items": [{"day": day, **DELIVERY}], "unit": "messages", "summary": {}}
                      for day in ("2026-11-28", "2026-11-27"))  # fmt: skip
    answers = {**newest, "next_cursor": "older"}, {**oldest, "next_cursor": None}
    hub.answer("GET", "/v1/stats/delivery", *answers)
    ran = delivrd("stats", "delivery", "--by", "day", "--json")
    assert [asked.query for asked in hub.asked] == [{"by": "day"}, {"by": "day", "cursor": "older"}]
    told = json.loads(ran.out)
    assert [item["day"] for item in told["items"]] == ["2026-11-27", "2026-11-28"]
    assert told["next_cursor"] is None


NO_TIMES = dict.fromkeys(("p50", "p90", "p95", "p99"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("delivery", {"items": [], "summary": {}}),
        ("latency", {"items": [], "summary": {"total": 0, **NO_TIMES}}),
        ("honesty", {"items": []}),
    ],
)
def test_numbers_of_nothing_say_so_with_the_next_step(
    delivrd, hub, monkeypatch, command, told
) -> None:
    hub.answer("GET", f"/v1/stats/{command}", {"unit": "messages", **told})
    assert delivrd("stats", command).err == ""
    for module in ("output", "stats"):
        monkeypatch.setattr(f"delivrd.cli.{module}.on_terminal", lambda: True)
    assert "delivrd messages list" in delivrd("stats", command).err


def test_simulated_traffic_is_told_beside_the_numbers(delivrd, hub) -> None:
    told = {"unit": "attempts", "items": [], "summary": {}, "simulated": ["staging", "trial"]}
    hub.answer("GET", "/v1/stats/delivery", told)
    ran = delivrd("stats", "delivery")
    assert "Simulated traffic is in these numbers: that of staging, trial." in ran.err


def test_ends_of_one_kind_are_told_as_shares_of_all(delivrd, hub) -> None:
    items = [{"code": None, **DELIVERY, "total": 95}, {"code": "31", **DELIVERY, "total": 5}]
    told = {"unit": "attempts", "items": items, "summary": {**DELIVERY, "total": 100}}
    hub.answer("GET", "/v1/stats/delivery", told)
    ran = delivrd("stats", "delivery", "--by", "code")
    assert ran.out.splitlines() == ["code\tattempts\tshare", "\t95\t0.95", "31\t5\t0.05"]


def test_settled_prints_what_it_comes_to_and_who_reports_nothing(delivrd, hub) -> None:
    silent = [{"account": "main", "country": "CU", "messages": 200}]
    stopped = [{"account": "main", "country": "GB", "messages": 9, "reported_on": "2026-11-20"}]
    told = {"unit": "attempts", "items": [], "summary": SETTLED, "no_receipts": silent,
            "stopped": stopped}  # fmt: skip
    hub.answer("GET", "/v1/stats/settled", told)
    ran = delivrd("stats", "settled")
    assert ran.out.splitlines()[1] == "50\t0.93\t0.9-0.95\t0.7\t40\t3"
    assert "main, CU: never reports" in ran.err
    assert "main, GB: reported until 2026-11-20 and no more" in ran.err


def test_a_comparison_that_does_not_rank_says_why(delivrd, hub) -> None:
    told = {"items": [COMPARED], "ranked": False, "why": "only one account sends there"}
    hub.answer("GET", "/v1/stats/comparison", told)
    ran = delivrd("stats", "compare", "GB", "--minimum", "10")
    assert hub.asked[0].query == {"country": "GB", "minimum": "10"}
    assert ran.out.splitlines()[1].startswith("\tmain\t9\t1.0")
    assert "Not ranked: only one account sends there." in ran.err


def test_honesty_tells_the_evidence_in_words(delivrd, hub) -> None:
    odd = [{"kind": "instant", "words": "all at once", "share": 1.0, "sample": 500}]
    route = {
        "account": "main", "country": "GB", "flagged": True, "evidence": odd, "delivered": 500,
        "conversion_rate": None,
    }  # fmt: skip
    hub.answer("GET", "/v1/stats/honesty", {"items": [route], "since": "2026-11-21"})
    ran = delivrd("stats", "honesty")
    assert ran.out.splitlines()[1] == "yes\tmain\tGB\t500\t\tall at once"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["delivery"], "delivery"), (["latency"], "latency"), (["settled"], "settled"),
        (["compare", "GB"], "comparison"), (["honesty"], "honesty"),
    ],
)  # fmt: skip
def test_each_has_json(delivrd, hub, command: list[str], path: str) -> None:
    told = {"unit": "messages", "items": [], "summary": {}, "no_receipts": [], "why": None,
            "next_cursor": None}  # fmt: skip
    hub.answer("GET", f"/v1/stats/{path}", told)
    assert delivrd("stats", *command, "--json").json == told
