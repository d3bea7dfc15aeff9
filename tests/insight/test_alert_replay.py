"""Rules about settled rates on the past: judged by the estimate as it would have been then."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.alert_settings import Rule
from delivrd.core.statement import FAILURES, Status
from delivrd.core.units import SECOND
from delivrd.insight.alerts import preview as previews
from delivrd.insight.alerts.cells import FIELDS
from delivrd.insight.alerts.data import Key
from delivrd.insight.alerts.histories import past as week
from delivrd.insight.alerts.normal import Hour
from delivrd.insight.alerts.past_outlooks import PastOutlooks, past_outlooks
from delivrd.insight.alerts.quarter import Quarter, end, lately
from delivrd.insight.alerts.replay import Replay
from delivrd.insight.lifetimes import MIDDLES
from delivrd.insight.settled import Settling
from delivrd.insight.settling import Estimate, settled
from delivrd.store.adding import add
from delivrd.store.base import Store
from delivrd.store.counts import (
    BUCKET,
    NO_LATENCY,
    NOWHERE,
    Move,
    coarse,
    deltas,
    first_minute,
    step,
)
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Tx
from tests.history import Route, Sent, messages
from tests.insight.alert_support import HOUR, NOON
from tests.store.query_support import opened
from tests.support import run

QUARTER = 900
RULE = Rule(kind="settled_rate", by=("account", "country"), hold=0)
ROUTES = (
    Route("main", "GB", 400, 0.97, 8, bad=(1.5, 0.3)),
    Route("main", "DE", 200, 0.90, 60),
    Route("main", "EE", 40, 0.95, 600),
    Route("other", "US", 300, 0.96, 5, bad=(3, 0.7)),
    Route("other", "ES", 100, silent=True),
)


async def count(
    store: Store, sent: Iterable[Sent], now: int, networks: Sequence[str] = ("",)
) -> None:
    """Counts messages as they stood at a moment, in seconds, by turns of these networks."""
    moves = Counter[Move]()
    for one in sent:
        if one.at < now * SECOND:
            ended = one.told_at is not None and one.told_at <= now * SECOND
            took = step(one.told_at - one.at) if ended and one.told_at else None
            status = one.receipt.status.value if ended else "pending"
            network = networks[one.number % len(networks)]
            place = (one.at // BUCKET, one.route.country, network, status, "", took, None, None,
                     None, None, one.at // SECOND)  # fmt: skip
            moves[1, store.accounts.by_name[one.route.account].id, NOWHERE, place] += 1

    async def job(tx: Tx) -> None:
        await add(tx, deltas(moves, first_minute(now * SECOND)))

    await store.write(job)


async def live(store: Store, now: int, span: int) -> dict[tuple[int, str], Estimate]:
    settling = Settling(store.accounts, lambda: now * SECOND)
    seen = await store.read(lambda tx: settling.seen(tx, (now - span) * SECOND))
    return seen.estimates()


async def replayed(store: Store, now: int, span: int = HOUR) -> dict[tuple[int, str], Estimate]:
    told = await past_outlooks(store, RULE, now - span, now)
    assert told is not None
    return told.replay.estimates(now, now - span, told.replay.so_far(now, now - span).keys())


@pytest.mark.parametrize(
    ("hours_ago", "hours"),
    [*((ago, 1) for ago in (0, 0.75, 1.25, 3, 24, 31.5, 33)), (1.25, 0.25)],
)
def test_the_estimate_of_a_moment_is_the_same_live_and_afterwards(
    new_database: Callable[[], str], hours_ago: float, hours: float
) -> None:
    """Also in an outage, of a route that reports nothing, and in a hub's first hours."""

    sent, now = messages(ROUTES, NOON * SECOND, 1.4), NOON - int(hours_ago * HOUR)
    urls = (new_database(), new_database())

    async def test() -> None:
        async with opened(urls[0]) as then, opened(urls[1]) as today:
            await count(then, sent, now)
            await count(today, sent, NOON + 12 * HOUR)
            span = int(hours * HOUR)
            was, told = await live(then, now, span), await replayed(today, now, span)
        assert was.keys() == told.keys()
        for key, one in was.items():
            a, b = settled([one]), settled([told[key]])
            assert (a.total, a.unreported) == (b.total, b.unreported)
            if a.rate is not None and b.rate is not None:
                # within a message or two: when in its quarter each was sent is not kept
                assert b.rate == pytest.approx(a.rate, abs=max(0.01, 2 / a.total))

    run(test())


def test_a_rule_about_networks_is_judged_without_estimates(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            networks = Rule(kind="settled_rate", by=("network",))
            assert await past_outlooks(store, networks, NOON - HOUR, NOON) is None

    run(test())


@pytest.mark.parametrize("piece", [1, 4, 24, 72])
def test_estimates_are_the_same_however_much_is_read_at_a_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """To the last digit: they are made of the same counts in the same order."""
    sent = messages(ROUTES, NOON * SECOND, 0.6)

    async def test() -> None:
        async with opened(database_url) as store:
            await count(store, sent, NOON)
            usual = await replayed(store, NOON)
            monkeypatch.setattr("delivrd.insight.alerts.past_outlooks.PIECE", piece * HOUR)
            assert await replayed(store, NOON) == usual

    run(test())


async def _ends(tx: Tx, since: int, until: int, *, networks: bool) -> list[tuple[Any, ...]]:
    """By latency step."""
    rows = await queries.ends(tx, since, until, networks=networks)
    return [(*row[:-1], step, n) for row in rows for step, n in tx.steps(row[-1]).items()]


@pytest.mark.parametrize("networks", [True, False])
def test_counts_of_the_past_add_up_with_networks_and_without(
    database_url: str, networks: bool
) -> None:
    """Where no rule names networks they are summed by the store: fewer rows, the same numbers."""
    span = ((NOON - 86400) * SECOND, NOON * SECOND)
    sent = messages(ROUTES, NOON * SECOND, 0.6)

    async def test() -> None:
        async with opened(database_url) as store:
            await count(store, sent, NOON, networks=("23430", "23410"))
            plain = await store.read(lambda tx: queries.quarters(tx, *span))
            fours: dict[tuple[Any, ...], list[int]] = {}
            for account, country, network, status, at, n in plain:
                key = (account, country, network if networks else "", at)
                fours.setdefault(key, [0, 0, 0, 0])[FIELDS[status]] += n
            rows = await store.read(lambda tx: queries.outcomes(tx, *span, networks=networks))
            assert {tuple(row[:4]): list(row[4:]) for row in rows} == fours
            took = Counter[tuple[Any, ...]]()
            told = await store.read(lambda tx: _ends(tx, *span, networks=True))
            for account, country, network, at, status, step, n in told:
                took[account, country, network if networks else "", at, status, step] += n
            ends = await store.read(lambda tx: _ends(tx, *span, networks=networks))
            assert {tuple(row[:6]): row[6] for row in ends} == took

    run(test())


@pytest.mark.parametrize("networks", [True, False])
def test_a_history_is_what_went_out_in_each_hour_and_how_it_ended(
    database_url: str, networks: bool
) -> None:
    names, since = ("23430", "23410"), NOON - 86400
    sent = messages(ROUTES, NOON * SECOND, 0.6)
    hours: defaultdict[Key, dict[int, Hour]] = defaultdict(dict)
    ended: defaultdict[Key, Counter[int]] = defaultdict(Counter)
    failed: defaultdict[Key, Counter[int]] = defaultdict(Counter)
    for one in sent:
        key = (one.route.account, one.route.country, names[one.number % 2] if networks else "")
        end = one.told_at if one.told_at and one.told_at <= NOON * SECOND else None
        fell = end is not None and one.receipt.status in FAILURES
        n, fallen, over = hours[key].get(hour := one.at // SECOND // HOUR, Hour())
        hours[key][hour] = Hour(n + 1, fallen + fell, over + (end is not None))
        if end is not None:
            ended[key][step(end - one.at)] += 1
            failed[key][step(end - one.at)] += fell

    async def test() -> None:
        async with opened(database_url) as store:
            await count(store, sent, NOON, networks=names)
            rows = await store.read(lambda tx: week(tx, store.accounts, since, NOON, networks))
        assert rows.histories() == {
            key: (of, ended[key], +failed[key]) for key, of in hours.items()
        }

    run(test())


# --- one quarter of an hour -----------------------------------------------------------------------

STEPS = st.integers(0, 130) | st.just(NO_LATENCY)
ENDS = st.dictionaries(
    st.builds(end, st.sampled_from(["delivered", "undelivered", "unknown"]), STEPS),
    st.integers(1, 50),
    max_size=20,
)
NOWS = st.integers(1, 50).map(lambda n: NOON + n * QUARTER)
SINCE = st.integers(0, QUARTER - 1).map(lambda seconds: NOON + seconds)


@given(ENDS, st.integers(0, 50))
def test_a_quarter_keeps_each_way_to_end_with_its_number(ends: Any, pending: int) -> None:
    quarter = Quarter(NOON, ends, pending)
    assert list(quarter.ends) == sorted(ends.items(), key=lambda each: each[0].seconds)
    assert quarter.total == pending + sum(ends.values())


@given(ENDS, st.integers(0, 50), NOWS, SINCE)
def test_what_had_ended_and_what_was_open_is_all_that_went_out(
    ends: Any, pending: int, now: int, since: int
) -> None:
    quarter = Quarter(NOON, ends, pending)
    ended = sum(n for _, n in quarter.ended(now, since))
    still_open = sum(n for _, n in quarter.open(now, since))
    assert ended + still_open == pytest.approx(quarter.sent(since))
    assert all(now - since >= age >= now - NOON - QUARTER for age, _ in quarter.open(now, since))


@given(NOWS, SINCE)
def test_open_messages_are_as_old_as_those_that_went_out_evenly(now: int, since: int) -> None:
    groups = list(Quarter(NOON, {}, 900).open(now, since))
    seconds = sum(age * n for age, n in groups)
    mean = now - (since + NOON + QUARTER) / 2
    assert seconds / sum(n for _, n in groups) == pytest.approx(mean)


@given(ENDS, NOWS, SINCE)
def test_those_that_had_arrived_are_among_those_that_had_ended(
    ends: Any, now: int, since: int
) -> None:
    quarter = Quarter(NOON, ends, 0)
    arrived = sum(n for one, n in quarter.ended(now, since) if one.status == "delivered")
    assert quarter.arrived(now, since) == pytest.approx(arrived)


def test_the_last_minutes_see_of_each_age_the_messages_of_four_minutes() -> None:
    quarters = [Quarter(NOON + n * QUARTER, {end("delivered", 60): 90}, 10) for n in range(8)]
    table = lately(quarters, NOON + 8 * QUARTER)
    assert table.at_risk[0] == pytest.approx(100 * 240 / QUARTER)
    assert table.ends[0][60] == pytest.approx(90 * 240 / QUARTER)
    assert table.at_risk[61] == pytest.approx(10 * 240 / QUARTER)


@given(ENDS, st.integers(0, 50))
def test_in_no_step_of_age_do_more_messages_end_than_are_open(ends: Any, pending: int) -> None:
    """Also where a look-up found the end, so that nobody knows its time."""
    quarters = [Quarter(NOON + n * QUARTER, ends, pending) for n in range(8)]
    table = lately(quarters, NOON + 8 * QUARTER)
    for at, at_risk in enumerate(table.at_risk):
        assert sum(kind[at] for kind in table.ends) <= at_risk + 1e-6


@pytest.mark.parametrize("status", list(Status))
def test_an_end_after_weeks_is_in_the_last_step_of_its_own_status(status: Status) -> None:
    late = [end(status, coarse(step(days * 86_400 * SECOND))) for days in (12, 13, 15, 31)]
    assert set(late) == {end(status, len(MIDDLES) - 1)}
    assert (late[0].status, late[0].no_latency) == (status, False)


def test_messages_that_ended_after_weeks_are_each_counted() -> None:
    replay = Replay({1: "vonage"})
    rows = [(1, "GB", NOON // QUARTER, "delivered", took, 10) for took in (119, 120, 125)]
    replay.add(rows, [])
    assert replay.so_far(NOON + QUARTER, NOON) == {(1, "GB"): (30, 0)}


# --- a rule on them -------------------------------------------------------------------------------

FAST, SLOW = (step(SECOND * seconds) // 2 for seconds in (6, 2400))


def past(
    *failing: tuple[str, range], took: int = FAST, names: tuple[str, ...] = ("GB", "DE")
) -> tuple[previews.Past, Replay]:
    """Three days of 100 messages a quarter and country, of which three fail; all where it says."""
    replay = Replay({1: "vonage"})
    ended = []
    cells: dict[Any, dict[int, list[int]]] = {}
    for country in names:
        for at in range(NOON - 72 * HOUR, NOON, QUARTER):
            fails = 100 if any(c == country and at in when for c, when in failing) else 3
            cells.setdefault(("main", country, ""), {})[at] = [100 - fails, fails, 0, 0]
            ended += [(1, country, at // QUARTER, "delivered", took, 100 - fails),
                      (1, country, at // QUARTER, "undelivered", took, fails)]  # fmt: skip
    replay.add(ended, [])
    histories = {key: previews.History({}) for key in cells}
    known = previews.Past(NOON - 24 * HOUR, NOON, cells, {}, histories, (), ())
    return known, replay


class Everywhere(PastOutlooks):
    """Estimates every route at every moment."""

    def _may_be_bad(self, some: object) -> bool:
        return True


OUT = range(NOON - 6 * HOUR, NOON - 4 * HOUR)


def firings(
    known: previews.Past, replay: Replay, how: type[PastOutlooks] = PastOutlooks, **rule: Any
) -> Any:
    of = Rule.model_validate({**RULE.model_dump(exclude_none=True), **rule})
    told = how(of, replay, lambda i: "main")
    return previews.preview(of, known._replace(outlooks=told)).firings


def test_an_outage_of_the_past_is_fired_at_and_recovered_from() -> None:
    (found,) = firings(*past(("GB", OUT)))
    assert dict(found.place) == {"account": "main", "country": "GB"}
    assert OUT.start < found.fired_at <= OUT.start + QUARTER
    assert OUT.stop < found.until <= OUT.stop + 1.5 * HOUR


def test_messages_that_take_their_time_were_not_lost() -> None:
    """Two thirds of what went out in an hour have no end yet."""
    assert firings(*past(took=SLOW)) == ()


def test_failures_were_told_no_sooner_than_they_came() -> None:
    (found,) = firings(*past(("GB", OUT), took=SLOW))
    assert found.fired_at >= OUT.start + MIDDLES[SLOW]


def test_places_that_are_not_looked_at_closely_would_not_have_fired() -> None:
    for rule in ({}, {"by": ["country"]}, {"below": 96.5}, {"countries": ["GB"]}):
        for some in ((), (("GB", OUT),), (("GB", OUT), ("DE", OUT))):
            assert firings(*past(*some), **rule) == firings(*past(*some), how=Everywhere, **rule)


def test_a_place_that_neither_fires_nor_might_is_taken_to_arrive_in_full() -> None:
    """A third of what went out in an hour has arrived by its end: more than the bound."""
    rule = RULE.model_copy(update={"below": 20.0})
    _, replay = past(took=SLOW)
    told = PastOutlooks(rule, replay, {1: "main"}.__getitem__)
    fires = {(("account", "main"), ("country", "GB"))}
    (seen,) = told.outlooks(NOON - 12 * HOUR, fires).values()
    rates = {key: settled([one]).rate for key, one in seen.routes.items()}
    assert rates == {("main", "GB"): pytest.approx(0.95, abs=0.03), ("main", "DE"): 1.0}
    at_best = settled([seen.routes["main", "DE"]])
    assert (at_best.total, at_best.delivered + at_best.pending) == (400, 400)


def test_an_account_whose_sends_nobody_tells_of_has_no_estimate() -> None:
    replay = Replay({1: "vonage"})
    replay.add([(1, "GB", NOON // QUARTER, "delivered", NO_LATENCY, 10)], [])
    assert replay.so_far(NOON + QUARTER, NOON) == {}
