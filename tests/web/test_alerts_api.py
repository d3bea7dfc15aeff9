"""``/v1/alerts``: rules, firings, channels, and rules run over the past."""

import asyncio
from typing import Any

import pytest

from delivrd.alert_settings import SPECS, Alerts
from delivrd.insight.alerts.preview import NO_PAST
from delivrd.insight.alerts.watch import Watch
from delivrd.store.keys import Scope, create_key
from tests.relay.relay_support import Sink
from tests.support import account, run, until
from tests.web.web_support import Web, web

ALL = ("intake", "web", "work")
FAILED = {"status": "failed", "err-code": "2"}
RATE = {"kind": "failure_rate", "by": ["account"], "at_least": 10}


def alerts(**fields: Any) -> Alerts:
    return Alerts.model_validate({"defaults": False, **fields})


async def failing(hub: Web, number: int = 12, account: str = "inbox") -> None:
    for i in range(number):
        await hub.receipt(account, messageId=f"id-{i}", **FAILED)


async def judged(hub: Web) -> None:
    await Watch(hub.store, hub.hub.config).once()


def test_rules_are_created_changed_and_deleted(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, alerts=alerts()) as hub:
            made = await hub.post("/v1/alerts/rules", {"name": "gb", **RATE, "over": "7 %"}, 201)
            assert made["sentence"].startswith("Failure rate of any account over *7 %*")
            assert (made["source"], made["rule"]["over"]) == ("api", 7.0)
            await hub.post("/v1/alerts/rules", {"name": "gb", **RATE}, 409)
            put = await hub.client.put("/v1/alerts/rules/gb", json={**RATE, "over": 9})
            assert put.json()["rule"]["over"] == 9
            assert [rule["name"] for rule in await hub.items("/v1/alerts/rules")] == ["gb"]
            assert (await hub.client.delete("/v1/alerts/rules/gb")).status_code == 204
            assert await hub.items("/v1/alerts/rules") == []
            await hub.get("/v1/alerts/rules/gb", 404)

    run(test())


def test_rules_of_the_settings_are_read_only(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, alerts=alerts(rules={"rate": RATE})) as hub:
            assert (await hub.get("/v1/alerts/rules/rate"))["source"] == "file"
            for answer in (
                await hub.client.put("/v1/alerts/rules/rate", json=RATE),
                await hub.client.delete("/v1/alerts/rules/rate"),
                await hub.client.post("/v1/alerts/rules", json={"name": "rate", **RATE}),
            ):
                assert answer.status_code == 409
            assert answer.json()["hint"] == "Change [alerts.rules.rate] in delivrd.toml."

    run(test())


def test_a_rule_that_comes_with_it_can_be_switched_off_but_not_deleted(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            path = "/v1/alerts/rules/more-failures"
            assert (await hub.get(path))["source"] == "default"
            assert (await hub.client.delete(path)).status_code == 409
            off = await hub.client.put(path, json={"kind": "change", "enabled": False})
            assert (off.json()["source"], off.json()["enabled"]) == ("api", False)
            assert (await hub.client.delete(path)).status_code == 204
            assert (await hub.get(path))["enabled"]

    run(test())


def test_what_a_rule_does_not_take_is_a_problem_with_its_name(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.post("/v1/alerts/rules", {"name": "x", "kind": "backlog",
                                                          "times": 3}, 422)  # fmt: skip
            assert "has no times" in problem["detail"]
            channel = {"name": "x", **RATE, "channels": ["ops"]}
            assert "no channel" in (await hub.post("/v1/alerts/rules", channel, 422))["detail"]

    run(test())


@pytest.mark.parametrize(
    ("rule", "field", "said"),
    [
        ({"accounts": ["manes"]}, "accounts", "there is no account 'manes'"),
        ({"countries": ["UK"]}, "countries", "there is no country 'UK'"),
        ({"kind": "unmapped", "over": 10_000}, "over", "must be under 10000"),
        ({"kind": "rejected_signatures", "over": 10_000}, "over", "must be under 10000"),
    ],
)
def test_a_rule_that_could_never_fire_is_refused(
    sqlite_url: str, rule: dict[str, Any], field: str, said: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            told = {"kind": "failure_rate", **rule}
            problem = await hub.post("/v1/alerts/rules", {"name": "x", **told}, 422)
            assert (problem["field"], said in problem["detail"]) == (field, True)
            assert problem["hint"]
            problem = await hub.post("/v1/alerts/preview", {"rule": told}, 422)
            assert problem["field"] == f"rule.{field}"

    run(test())


def test_changing_alerts_needs_the_scope_admin(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:

            async def make(tx: Any) -> str:
                return (await create_key(tx, hub.store.ids, "r", {Scope.READ}, 1))[1]

            key = await hub.store.write(make)
            async with hub.somebody(authorization=f"Bearer {key}") as reader:
                assert (await reader.get("/v1/alerts/rules")).status_code == 200
                for path in ("rules", "rules/backlog/snooze", "channels/x/test"):
                    assert (await reader.post(f"/v1/alerts/{path}", json={})).status_code in (
                        403,
                        422,
                    )
                made = await reader.post("/v1/alerts/rules", json={"name": "x", **RATE})
                assert made.status_code == 403

    run(test())


def test_a_firing_is_listed_acknowledged_and_snoozed(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, alerts=alerts(rules={"rate": RATE})) as hub:
            await failing(hub)
            await judged(hub)
            (one,) = await hub.items("/v1/alerts/firings", state="firing")
            assert one["headline"].startswith("inbox: 100 % fail")
            assert one["place"] == {"account": "inbox"}
            behind = await hub.items("/v1/messages", **one["messages"])
            assert len(behind) == 12
            path = f"/v1/alerts/firings/{one['id']}"
            acked = await hub.post(f"{path}/acknowledge", None)
            assert acked["acknowledged_by"] == "admin key"
            snoozed = await hub.post(f"{path}/snooze", {"seconds": 3600})
            assert snoozed["snoozed_until"] > snoozed["fired_at"]
            assert (await hub.post(f"{path}/snooze", {"seconds": 0}))["snoozed_until"] is None
            assert (await hub.get("/v1/alerts/rules/rate"))["firing"] == 1
            await hub.get("/v1/alerts/firings/fir_0000000000000000", 404)

            async def acts(tx: Any) -> list[str]:
                return [row[0] for row in await tx.fetch("SELECT action FROM audit ORDER BY id")]

            assert await hub.store.read(acts) == [
                "alerts.firings.acknowledge",
                "alerts.firings.snooze",
                "alerts.firings.snooze",
            ]

    run(test())


@pytest.mark.parametrize("simulated", [False, True])
def test_a_firing_says_whether_its_account_is_simulated(sqlite_url: str, simulated: bool) -> None:
    inbox = account("vonage", receive_only=True, simulated=simulated)

    async def test() -> None:
        rules = alerts(rules={"rate": RATE})
        async with web(sqlite_url, alerts=rules, accounts={"inbox": inbox}) as hub:
            await failing(hub)
            await judged(hub)
            (one,) = await hub.items("/v1/alerts/firings", state="firing")
            assert one["simulated"] == simulated
            page = await hub.client.get(f"/alerts/firings/{one['id']}")
            assert "inbox: 100 % fail" in page.text
            assert ("This is simulated traffic" in page.text) == simulated

    run(test())


def test_pages_of_firings_go_on_where_the_last_ended(sqlite_url: str) -> None:
    async def test() -> None:
        rules = {f"rate-{i}": RATE | {"over": 5 + i} for i in range(5)}
        async with web(sqlite_url, alerts=alerts(rules=rules)) as hub:
            await failing(hub)
            await judged(hub)
            found = await hub.items("/v1/alerts/firings", limit=2)
            assert len({one["id"] for one in found}) == 5
            told = [one for one in found if one["beside"] is None]
            assert len(told) == 1  # five rules saw the same: one tells it
            assert {one["beside"] for one in found if one["beside"]} == {told[0]["id"]}

    run(test())


def test_a_running_hub_evaluates_and_tells_its_channels(database_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink:
            url = sink.url.replace("http://", "json://")
            set_up = alerts(rules={"rate": RATE}, channels={"ops": {"url": url}})
            async with web(database_url, ALL, alerts=set_up) as hub:
                await failing(hub)
                for task in asyncio.all_tasks():
                    if task.get_name() in ("alerts", "notices"):
                        assert not task.done()
                await hub.store.write(lambda tx: tx.execute("DELETE FROM lease"))
                await judged(hub)
                await until(lambda: sink.calls)
                (channel,) = await hub.items("/v1/alerts/channels")
                assert channel["service"] == "json://…"
                assert "hook" not in str(channel)

    run(test())


def test_a_channel_is_tried_out_by_hand(sqlite_url: str) -> None:
    async def test() -> None:
        async with Sink().listening() as sink:
            url = sink.url.replace("http://", "json://")
            channels = {"ops": {"url": url}, "gone": {"url": "json://127.0.0.1:1/secret-path"}}
            async with web(sqlite_url, alerts=alerts(channels=channels)) as hub:
                assert (await hub.post("/v1/alerts/channels/ops/test", None))["sent"]
                assert sink.calls[0].json["title"] == "Test of the channel ops"
                told = await hub.post("/v1/alerts/channels/gone/test", None)
                assert told["sent"] is False
                assert told["why"]
                assert "secret-path" not in told["why"]
                await hub.post("/v1/alerts/channels/opps/test", None, 404)

    run(test())


def test_a_rule_is_run_over_the_past(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, alerts=alerts(rules={"rate": RATE})) as hub:
            await failing(hub)
            hour = 3600 * 1_000_000

            async def older(tx: Any) -> None:  # what there is happened two hours ago
                await tx.execute("UPDATE rollup SET bucket = bucket - 8")
                await tx.execute("UPDATE message SET created_at = created_at - $1", 2 * hour)

            await hub.store.write(older)
            for rule in ("rate", RATE):
                told = await hub.post("/v1/alerts/preview", {"rule": rule, "days": 1})
                (period,) = told["firings"]
                assert period["place"] == {"account": "inbox"}
                assert period["since"] < period["fired_at"] < told["until"]
                assert sum(point["k"] for point in told["line"]) == 12
            quiet = {"rule": {**RATE, "at_least": 100}, "days": 1}
            assert (await hub.post("/v1/alerts/preview", quiet))["firings"] == []
            assert period["fired_at"] > told["known_since"] > told["since"]
            await hub.post("/v1/alerts/preview", {"rule": {"kind": "backlog"}}, 422)
            for rule, field in (
                ({"kind": "change", "times": 0.5}, "rule.times"),
                ({"kind": "change", "accounts": ["nobody"]}, "rule.accounts"),
            ):
                wrong = await hub.post("/v1/alerts/preview", {"rule": rule}, 422)
                assert wrong["field"] == field
            await hub.post("/v1/alerts/preview", {"rule": "rat"}, 404)

    run(test())


@pytest.mark.parametrize("kind", sorted(SPECS.keys() - NO_PAST))
def test_a_hub_without_history_has_nothing_to_judge(database_url: str, kind: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            told = await hub.post("/v1/alerts/preview", {"rule": {"kind": kind}, "days": 14})
            assert (told["known_since"], told["firings"]) == (None, [])

    run(test())


def test_rules_come_in_pages(sqlite_url: str) -> None:
    async def test() -> None:
        rules = dict.fromkeys("abcde", RATE)
        async with web(sqlite_url, alerts=alerts(rules=rules)) as hub:
            names, query = [], "limit=2"
            while query:
                page = await hub.get(f"/v1/alerts/rules?{query}")
                names.append([rule["name"] for rule in page["items"]])
                query = page["next_cursor"] and f"limit=2&cursor={page['next_cursor']}"
            assert names == [["a", "b"], ["c", "d"], ["e"]]
            await hub.get("/v1/alerts/channels?limits=2", 422)

    run(test())
