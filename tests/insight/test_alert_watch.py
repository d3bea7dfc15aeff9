"""Rules judged over a store: what is read, what is written down, and by whom."""

import asyncio
import itertools

import pytest

from delivrd.alert_settings import Rule
from delivrd.config import Config
from delivrd.core.units import DAY, HOUR, MINUTE, SECOND
from delivrd.insight.alerts import preview as previews
from delivrd.insight.alerts import read
from delivrd.insight.alerts.data import Data
from delivrd.insight.alerts.evaluate import FINDERS
from delivrd.insight.alerts.histories import week
from delivrd.insight.alerts.readings import Findings
from delivrd.insight.alerts.watch import NotOurs, Watch
from delivrd.insight.alerts.words import Causes
from delivrd.store import alerts as stored
from delivrd.store import endpoints, schema
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import floor, now_micros
from delivrd.store.pruning import aged
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Tx
from tests.insight.watch_support import RATE, Watched, sent, settings, watched
from tests.store.query_support import opened
from tests.support import run


async def known(hub: Watched, now: int) -> Data:
    """What the rules of a hub are judged by at that moment, in microseconds."""
    rules, accounts, at = list(hub.config.alerts.rules.values()), hub.store.accounts, now // SECOND

    async def ask(tx: Tx) -> Data:
        base = (await week(tx, accounts, at, False)).baseline(at)
        return (await read.known(tx, accounts, rules, base, at, 0)).data()

    return await hub.store.read(ask)


async def firings(store: Store) -> list[stored.Firing]:
    return await store.read(lambda tx: stored.firings(tx, 1 << 62, 50))


def test_a_route_that_fails_is_written_down_with_its_causes(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=30, pending=2)
            updates = await hub.watch.once()
            assert [update.what for update in updates] == ["fired"]
            (found,) = await firings(hub.store)
            assert (found.rule, found.number, found.state) == ("rate", 1, "firing")
            assert found.place == (("account", "main"), ("country", "GB"))
            assert found.facts["k"] == found.facts["n"] == 30
            assert found.causes
            assert found.causes["reasons"] == [["rejected", "other", 30]]
            assert await hub.watch.once() == []
            assert len(await firings(hub.store)) == 1

    run(test())


def test_a_rule_that_cannot_be_judged_keeps_no_other_from_firing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> Findings:
        raise LookupError("of one kind of rules")

    async def test() -> None:
        rules = {"lag": {"kind": "backlog"}, "rate": RATE}
        async with watched(database_url, rules=rules) as hub:
            await sent(hub.store, failed=30)
            monkeypatch.setitem(FINDERS, "backlog", broken)
            for _ in range(2):
                with pytest.raises(LookupError):
                    await hub.watch.once()
            assert [found.rule for found in await firings(hub.store)] == ["rate"]

    run(test())


@pytest.mark.parametrize("error", [LookupError("of the query"), StoreUnavailable("it took long")])
def test_what_fires_is_told_though_its_causes_cannot_be_found(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def broken(*given: object) -> Causes:
        raise error

    async def test() -> None:
        async with watched(sqlite_url, **ONE_CHANNEL) as hub:
            await sent(hub.store, failed=30)
            monkeypatch.setattr("delivrd.insight.alerts.watch.find_causes", broken)
            await hub.watch.once()
            (fired,) = await firings(hub.store)
            assert await whats_told(hub.store, fired.id) == ["fired"]

    run(test())


@pytest.mark.parametrize("simulated", [False, True])
def test_the_notice_about_a_simulated_account_says_so(sqlite_url: str, simulated: bool) -> None:
    async def test() -> None:
        async with watched(sqlite_url, channels={"ops": {"url": "json://127.0.0.1/"}}) as hub:
            accounts = hub.store.accounts
            accounts.simulated_ids = frozenset(accounts.ids if simulated else ())
            await sent(hub.store, failed=30)
            await hub.watch.once()
            (told,) = await hub.store.read(lambda tx: tx.fetch("SELECT title, body FROM notice"))
            assert told[0].startswith("[simulated] ") == simulated
            assert told[1].endswith("Simulated: no handset is involved.") == simulated

    run(test())


def test_old_and_new_attempts_are_counted_once_each(database_url: str) -> None:
    """Minutes, quarters and hours do not overlap, wherever the clock stands."""

    async def test() -> None:
        async with watched(database_url) as hub:
            now = now_micros()
            ages = (0, 20 * MINUTE, 61 * MINUTE, 100 * MINUTE, 5 * HOUR, 8 * HOUR, 23 * HOUR)
            for i, age in enumerate(ages):
                await sent(hub.store, failed=i + 1, sent_at=now - age)
            data = await known(hub, now)
            (route,) = data.routes
            assert route.key == ("main", "GB", "")
            assert sum(cell.failed for cell in route.cells) == sum(range(1, len(ages) + 1))
            ends = [(c.at, c.at + c.seconds) for c in route.cells]
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(ends))

    run(test())


def test_what_is_not_counted_by_the_minute_stays_in_its_quarter(database_url: str) -> None:
    """So are messages that nobody told the sending of."""

    async def test() -> None:
        async with watched(database_url) as hub:
            now = now_micros()
            await sent(hub.store, failed=4, sent_at=now)
            await hub.store.write(lambda tx: tx.execute("DELETE FROM recent"))
            await sent(hub.store, failed=3, sent_at=now)
            (route,) = (await known(hub, now)).routes
            assert {cell.seconds: cell.failed for cell in route.cells} == {60: 3, 900: 4}

    run(test())


def test_rules_are_judged_without_a_look_at_messages(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=30, pending=2)
            for table in ("attempt", "message"):
                await hub.store.write(lambda tx, table=table: tx.execute(f"DELETE FROM {table}"))
            assert [update.facts["n"] for update in await hub.watch.once()] == [30]

    run(test())


def test_networks_give_way_to_the_rollups_where_there_are_too_many_messages(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr("delivrd.store.queries.alerts.NEWEST", 10)
        rules = {"rate": {**RATE, "by": ["account", "network"]}}
        async with watched(database_url, rules=rules) as hub:
            await sent(hub.store, failed=40)
            assert [update.facts["n"] for update in await hub.watch.once()] == [40]

    run(test())


def test_one_process_judges_at_a_time_and_another_when_it_dies(postgres_url: str) -> None:
    async def test() -> None:
        config = settings(postgres_url)
        async with opened(postgres_url) as one, opened(postgres_url) as other:
            first, second = Watch(one, config), Watch(other, config)
            await sent(one, failed=30)
            assert [update.what for update in await first.once()] == ["fired"]
            with pytest.raises(NotOurs):
                await second.once()
            await one.write(lambda tx: tx.execute("UPDATE lease SET expires_at = 0"))
            assert await second.once() == []  # it knows what the first one told
            with pytest.raises(NotOurs):
                await first.once()
            assert len(await firings(one)) == 1

    run(test())


def test_two_processes_that_look_at_once_tell_once(postgres_url: str) -> None:
    async def test() -> None:
        config = settings(postgres_url)
        async with opened(postgres_url) as one, opened(postgres_url) as other:
            await sent(one, failed=30)
            watches = [Watch(one, config), Watch(other, config)]
            told = await asyncio.gather(*(w.once() for w in watches), return_exceptions=True)
            assert sorted(type(each) for each in told if isinstance(each, Exception)) == [NotOurs]
            assert len(await firings(one)) == 1

    run(test())


def test_a_firing_of_a_rule_that_was_changed_is_withdrawn(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            other = settings(database_url, rules={"rate": {**RATE, "at_least": 1000}})
            await judged(hub.store, other)
            (found,) = await firings(hub.store)
            assert found.state == "withdrawn"
            await judged(hub.store, hub.config)
            newest, _ = await firings(hub.store)
            assert (newest.number, newest.state) == (2, "firing")

    async def judged(store: Store, config: Config) -> None:
        """By a process that comes after the one before."""
        await store.write(lambda tx: tx.execute("DELETE FROM lease"))
        await Watch(store, config).once()

    run(test())


def test_what_one_rule_told_another_does_not_tell_again(database_url: str) -> None:
    async def test() -> None:
        rules = {"a": RATE, "b": {"kind": "failure_rate", "by": ["account"], "over": 10}}
        async with watched(database_url, rules=rules) as hub:
            await sent(hub.store, failed=60)
            await hub.watch.once()
            b, a = await firings(hub.store)
            assert (a.rule, a.beside) == ("a", None)
            assert (b.rule, b.place) == ("b", (("account", "main"),))
            assert b.beside is None  # it is about more than the first one

    run(test())


def test_a_rule_does_not_tell_of_a_part_of_what_another_told(database_url: str) -> None:
    rules = {"a": {**RATE, "by": ["account"]}, "b": RATE}

    async def test() -> None:
        async with watched(database_url, rules=rules) as hub:
            await sent(hub.store, failed=60)
            await hub.watch.once()
            b, a = await firings(hub.store)
            assert (a.place, b.place) == (b.place[:1], (("account", "main"), ("country", "GB")))
            assert b.beside == a.id

    run(test())


@pytest.mark.parametrize(("of_b", "told"), [("day", set()), ("night", {"night"})])
def test_a_channel_of_its_own_hears_of_a_rule_though_another_told_the_same(
    database_url: str, of_b: str, told: set[str]
) -> None:
    """A bound for the one who is woken stands beside a lower one for those who look by day."""
    channels = {name: {"url": f"json://127.0.0.1:9/{name}"} for name in ("day", "night")}

    async def test(of_b: str, told: set[str]) -> None:
        rules = {
            "a": {**RATE, "channels": ["day"]},
            "b": {**RATE, "over": "50 %", "channels": [of_b]},
        }
        async with watched(database_url, channels=channels, rules=rules) as hub:
            await sent(hub.store, failed=60)
            await hub.watch.once()
            b, a = await firings(hub.store)
            assert (a.rule, b.rule, b.beside is None) == ("a", "b", bool(told))
            notices = await hub.store.read(lambda tx: stored.notices_of(tx, b.id))
            assert {one.channel for one in notices} == told

    run(test(of_b, told))


def test_an_endpoint_that_fails_is_told_once_by_an_own_rule_and_the_one_that_comes_with_it(
    database_url: str,
) -> None:
    async def test() -> None:
        sooner = {"kind": "endpoint_failing", "over": "20 s"}
        async with watched(database_url, defaults=True, rules={"crm": sooner}) as hub:
            await failing_endpoint(hub.store, since=now_micros() - 30 * SECOND)
            assert [update.what for update in await hub.watch.once()] == ["fired"]
            await hub.store.write(
                lambda tx: tx.execute("UPDATE endpoint SET failing_since = 60000000")
            )
            assert [update.what for update in await hub.watch.once()] == ["fired"]
            later, first = await firings(hub.store)
            assert (first.rule, first.beside) == ("crm", None)
            assert (later.rule, later.beside) == ("endpoints", first.id)

    run(test())


def test_two_endpoints_that_fail_are_two_firings(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url, defaults=True, rules={}) as hub:
            for number in (1, 2):
                await failing_endpoint(hub.store, since=60 * SECOND, number=number)
            await hub.watch.once()
            assert [one.beside for one in await firings(hub.store)] == [None, None]

    run(test())


def test_endpoints_of_one_origin_are_told_apart_by_their_names(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url, defaults=True, rules={}) as hub:
            for number, name in ((1, "crm"), (2, "billing")):
                await failing_endpoint(hub.store, since=60 * SECOND, number=number, name=name)
            told = {str(update.facts["label"]) for update in await hub.watch.once()}
            assert told == {"https://a.example (crm)", "https://a.example (billing)"}

    run(test())


@pytest.mark.parametrize(
    ("why", "told"), [("gone", 1), (endpoints.BY_HAND, 0), (endpoints.TAKEN_OUT, 0)]
)
def test_an_endpoint_that_somebody_switched_off_is_no_firing(
    database_url: str, why: str, told: int
) -> None:
    async def test() -> None:
        async with watched(database_url, defaults=True, rules={}) as hub:
            await failing_endpoint(hub.store, since=60 * SECOND)
            await hub.store.write(lambda tx: endpoints.disable(tx, 1, 60 * SECOND, why))
            assert len(await hub.watch.once()) == told

    run(test())


async def failing_endpoint(
    store: Store, since: int, number: int = 1, name: str | None = None
) -> None:
    """An endpoint whose calls have failed since then."""
    row = {
        "id": number, "name": name, "kind": "endpoint", "url": "https://a.example/x",
        "origin": "https://a.example", "format": "delivrd", "secrets": "[]", "failures": "[]",
        "created_at": 1, "failing_since": since,
    }  # fmt: skip
    await store.write(lambda tx: tx.insert(schema.endpoint, tuple(row), [tuple(row.values())]))


def test_each_failure_is_told_once_and_those_of_a_pause_afterwards(database_url: str) -> None:
    async def test() -> None:
        channels = ONE_CHANNEL["channels"]
        rules = {"each": {"kind": "failure"}}
        async with watched(database_url, channels=channels, rules=rules) as hub:
            await hub.watch.once()
            await sent(hub.store, failed=2)
            assert [update.what for update in await hub.watch.once()] == ["failure"] * 2
            assert await hub.watch.once() == []
            for found in await firings(hub.store):
                assert (found.state, found.ended_at) == ("told", found.fired_at)
                assert await whats_told(hub.store, found.id) == ["failure"]
            await sent(hub.store, failed=1)
            await hub.store.write(lambda tx: tx.execute("DELETE FROM lease"))
            later = Watch(hub.store, hub.config, clock=lambda: now_micros() + 50 * MINUTE)
            assert [update.what for update in await later.once()] == ["failure"]

    run(test())


def test_a_maintenance_keeps_a_rule_quiet(database_url: str) -> None:
    async def test() -> None:
        windows = {"always": {"begin": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}}
        async with watched(database_url, maintenance=windows) as hub:
            await sent(hub.store, failed=30)
            assert await hub.watch.once() == []

    run(test())


def test_a_snoozed_rule_is_quiet_until_then(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=30)
            until = now_micros() + HOUR
            await hub.store.write(lambda tx: stored.snooze_rule(tx, "rate", until))
            assert await hub.watch.once() == []
            await hub.store.write(lambda tx: stored.snooze_rule(tx, "rate", None))
            assert [update.what for update in await hub.watch.once()] == ["fired"]

    run(test())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"acked_at": None}, ["fired", "recovered"]),
        ({"acked_at": 1, "acked_by": "ann"}, ["fired", "recovered"]),
        ({"snoozed_until": 1 << 62}, ["fired"]),
        ({"snoozed_until": 1}, ["fired", "recovered"]),
    ],
)
def test_a_recovery_is_told_unless_the_firing_is_snoozed(
    database_url: str, fields: dict[str, object], told: list[str]
) -> None:
    async def test() -> None:
        async with watched(database_url, **ONE_CHANNEL) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            (fired,) = await firings(hub.store)
            await hub.store.write(lambda tx: stored.change(tx, fired.id, **fields))
            await recovered(hub)
            assert await whats_told(hub.store, fired.id) == told

    run(test())


def test_the_recovery_of_a_firing_that_another_rule_told_is_not_told_either(
    database_url: str,
) -> None:
    rules = {name: {**AT_ONCE, "over": over} for name, over in (("a", "5 %"), ("b", "50 %"))}

    async def test() -> None:
        async with watched(database_url, **{**ONE_CHANNEL, "rules": rules}) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            b, a = await firings(hub.store)
            await recovered(hub)
            assert await whats_told(hub.store, a.id) == ["fired", "recovered"]
            assert await whats_told(hub.store, b.id) == []

    run(test())


@pytest.mark.parametrize(
    ("fields", "told"), [({"acked_at": None}, ["fired", "widened"]), ({"acked_at": 1}, ["fired"])]
)
def test_that_a_firing_has_widened_is_told_unless_somebody_has_taken_it(
    database_url: str, fields: dict[str, object], told: list[str]
) -> None:
    async def test() -> None:
        async with watched(database_url, **ONE_CHANNEL) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            (fired,) = await firings(hub.store)
            await hub.store.write(lambda tx: stored.change(tx, fired.id, **fields))
            for country in ("DE", "FR", "IE"):
                await sent(hub.store, failed=30, country=country)
            assert [update.what for update in await hub.watch.once()] == ["widened"]
            assert await whats_told(hub.store, fired.id) == told

    run(test())


@pytest.mark.parametrize(
    ("first", "told"), [({"accounts": ["main"]}, ["widened", "recovered"]), ({}, [])]
)
def test_a_firing_that_widens_beyond_what_another_rule_told_of_is_told(
    database_url: str, first: dict[str, object], told: list[str]
) -> None:
    """Where the other rule is about one account, an outage of them all is news."""
    rules = {"a": {**AT_ONCE, **first}, "b": AT_ONCE}

    async def test() -> None:
        async with watched(database_url, **{**ONE_CHANNEL, "rules": rules}) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            b, a = await firings(hub.store)
            assert (b.rule, b.beside) == ("b", a.id)
            await failing_everywhere(hub.store)
            await hub.watch.once()
            await recovered(hub)
            assert await whats_told(hub.store, a.id) == ["fired", "widened", "recovered"]
            assert await whats_told(hub.store, b.id) == told

    run(test())


def test_that_two_firings_have_widened_is_told_once(database_url: str) -> None:
    """Also where the one that told of the beginning is the later to widen."""
    rules = {"a": AT_ONCE, "b": AT_ONCE}

    async def test() -> None:
        async with watched(database_url, **{**ONE_CHANNEL, "rules": rules}) as hub:
            await sent(hub.store, failed=30)
            await hub.store.write(lambda tx: stored.snooze_rule(tx, "a", 1 << 62))
            await hub.watch.once()
            await hub.store.write(lambda tx: stored.snooze_rule(tx, "a", None))
            await hub.watch.once()
            a, b = await firings(hub.store)
            assert (a.rule, a.beside) == ("a", b.id)
            await failing_everywhere(hub.store)
            await hub.watch.once()
            assert await whats_told(hub.store, a.id) == ["widened"]
            assert await whats_told(hub.store, b.id) == ["fired"]

    run(test())


async def failing_everywhere(store: Store) -> None:
    for country in ("GB", "DE", "FR", "IE"):
        for account in ("main", "other"):
            await sent(store, failed=30, country=country, account=account)


@pytest.mark.parametrize(
    ("channel", "told"),
    [({}, 1), ({"enabled": False}, 0), ({"rules": ["rate"]}, 1), ({"rules": ["other"]}, 0)],
)
def test_a_channel_hears_of_its_own_rules_while_it_is_enabled(
    database_url: str, channel: dict[str, object], told: int
) -> None:
    async def test() -> None:
        channels = {"ops": {"url": "json://127.0.0.1:9/", **channel}}
        async with watched(database_url, channels=channels) as hub:
            await sent(hub.store, failed=30)
            await hub.watch.once()
            (fired,) = await firings(hub.store)
            assert len(await whats_told(hub.store, fired.id)) == told

    run(test())


AT_ONCE = {**RATE, "recover": 0}
ONE_CHANNEL = {"channels": {"ops": {"url": "json://127.0.0.1:9/"}}, "rules": {"rate": AT_ONCE}}


async def whats_told(store: Store, firing: int) -> list[str]:
    return [one.what for one in await store.read(lambda tx: stored.notices_of(tx, firing))]


async def recovered(hub: Watched) -> None:
    """Rules are judged two hours later, by a process that comes after the one before."""
    await hub.store.write(lambda tx: tx.execute("DELETE FROM lease"))
    later = Watch(hub.store, hub.config, clock=lambda: now_micros() + 2 * HOUR)
    assert "recovered" in [update.what for update in await later.once()]


def test_the_snooze_of_a_rule_ends_by_itself(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=30)
            over = now_micros() - MINUTE
            await hub.store.write(lambda tx: stored.snooze_rule(tx, "rate", over))
            assert [update.what for update in await hub.watch.once()] == ["fired"]

    run(test())


def test_a_notice_about_all_accounts_is_not_simulated_while_one_is_real(sqlite_url: str) -> None:
    async def test() -> None:
        async with watched(sqlite_url, **{**ONE_CHANNEL, "rules": {"all": EVERYWHERE}}) as hub:
            accounts = hub.store.accounts.by_name
            name, one = next(iter(accounts.items()))
            simulated = one.settings.model_copy(update={"simulated": True})
            accounts[name] = one._replace(settings=simulated)
            assert len(accounts) > 1
            await sent(hub.store, failed=30)
            await hub.watch.once()
            ((title,),) = await hub.store.read(lambda tx: tx.fetch("SELECT title FROM notice"))
            assert title.startswith("all accounts: ")

    run(test())


EVERYWHERE = {**RATE, "by": []}


def test_the_rules_that_come_with_it_are_quiet_on_an_empty_hub(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url, defaults=True, rules={}) as hub:
            assert await hub.watch.once() == []

    run(test())


def test_old_notices_and_single_failures_go_and_other_firings_stay(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            given = {"sentence": "x", "place": (), "since": 1, "fired_at": 1, "kind": "failure"}

            async def fill(tx: Tx) -> None:
                for number, state in enumerate(("told", "recovered")):
                    fields = {**given, "rule": "each", "number": number, "state": state}
                    made = await stored.begin(tx, store.ids, **fields)
                    await stored.post(tx, store.ids, made.id, ["ops"], "fired", "t", "b", 1)
                    (notice,) = await stored.notices_of(tx, made.id)
                    await stored.note_try(tx, notice.id, "sent", None, None, 2)

            await store.write(fill)
            assert await store.write(lambda tx: aged.notices(tx, now_micros() - HOUR, 10)) == 0
            assert await store.write(lambda tx: aged.notices(tx, now_micros() + HOUR, 10)) == 3
            assert [one.state for one in await firings(store)] == ["recovered"]

    run(test())


def test_failures_are_read_to_the_last_however_many_come_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=7)
            monkeypatch.setattr(queries, "MAX_FAILURES", 3)
            for most, number in ((10, 7), (4, 4)):
                found = await hub.store.read(lambda tx, most=most: read.failures(tx, 0, most))
                assert len({one.message for one in found}) == len(found) == number

    run(test())


def test_a_preview_of_too_many_failures_is_of_the_newest_and_says_since_when(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            await sent(hub.store, failed=7)
            monkeypatch.setattr(previews, "MOST_FAILURES", 4)
            every = await hub.store.read(lambda tx: read.failures(tx, 0))
            found = await past_of(hub, "failure")
            assert found.failures == every[-4:]
            assert found.begun == every[-4].at

    run(test())


def test_a_preview_of_too_many_refused_calls_says_since_when_it_knows_them_all(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with watched(database_url) as hub:
            now = now_micros() // MINUTE * MINUTE
            for slot, age in enumerate((3, 2, 2, 1)):
                await refused_call(hub.store, now - age * MINUTE, slot)
            for most, minutes in ((5, 3), (3, 1)):
                monkeypatch.setattr(queries, "MAX_MARKS", most)
                found = await past_of(hub, "rejected_signatures")
                assert found.begun == (now - minutes * MINUTE) // SECOND

    run(test())


async def refused_call(store: Store, at: int, slot: int) -> None:
    fields = {"id": floor(at) + slot, "account": "main", "received_at": at, "method": "GET",
              "path": "/", "body": b"", "status": 401, "why": "no signature"}  # fmt: skip
    await store.write(lambda tx: tx.insert(schema.ring, tuple(fields), [tuple(fields.values())]))


async def past_of(hub: Watched, kind: str) -> previews.PastRead:
    """The last day, as a preview of that kind of rule knows it."""
    rule, now = Rule.model_validate({"kind": kind}), now_micros() // SECOND
    since, accounts = now - DAY // SECOND, hub.store.accounts
    return await hub.store.read(lambda tx: previews.past(tx, accounts, rule, since, now))
