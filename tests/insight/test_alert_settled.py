"""Rules about settled rates: judged by the estimate, and by the counts where there is none."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.alert_settings import Rule
from delivrd.core.units import SECOND
from delivrd.insight.alerts.data import Data, Outlook
from delivrd.insight.alerts.grid import spans
from delivrd.insight.alerts.outlooks import begin_of, read_outlooks
from delivrd.insight.alerts.settled_rate import settled_rate
from delivrd.insight.settled import Settling, settled_stats
from delivrd.insight.settling import Estimate, settled
from delivrd.store.adding import add
from delivrd.store.base import Store
from delivrd.store.counts import (
    BUCKET,
    KEPT_MINUTES,
    NOWHERE,
    Move,
    deltas,
    step,
)
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from tests.insight.alert_support import HOUR, MINUTE, NOON, USUAL, cell, data, play, route, whats
from tests.insight.watch_support import RATE, Watched, sent, watched
from tests.support import run

RULE = Rule(kind="settled_rate", by=("account", "country"), hold=0)
GB = ("main", "GB")


def lost(at: int) -> Any:
    return cell(at, 20, pending=6)


def with_estimate(estimate: Estimate, since: int = NOON - HOUR, **route_fields: Any) -> Data:
    """An hour in which three of ten are overdue, and what is with_estimate of it."""
    seen = route(*GB, lost, NOON)._replace(**route_fields)
    return data(NOON, seen, outlooks={HOUR: Outlook(since, {GB: estimate})})


def test_an_estimate_counts_in_place_of_what_has_ended_so_far() -> None:
    well = Estimate(1200, 840, 360, expected=340, variance=20)
    assert play(RULE, [with_estimate(well)]) == []
    ill = well._replace(expected=60)
    updates = play(RULE, [with_estimate(ill)])
    assert whats(updates) == ["fired"]
    assert (updates[0].facts["n"], updates[0].facts["share"]) == (1200, 0.75)


def test_few_messages_prove_little_though_all_of_them_have_ended() -> None:
    assert play(RULE, [with_estimate(Estimate(100, 88))]) == []
    assert whats(play(RULE, [with_estimate(Estimate(2000, 1760))])) == ["fired"]


def test_nothing_is_told_while_as_many_may_arrive_yet_as_should() -> None:
    unsure = Estimate(2000, 1000, 1000, expected=600, variance=250_000)
    assert settled([unsure]).rate == 0.8
    assert play(RULE, [with_estimate(unsure)]) == []


def test_a_route_that_reports_nothing_is_under_no_bound() -> None:
    assert play(RULE, [with_estimate(Estimate(unreported=1200))]) == []
    never = USUAL._replace(open_late=0.95)
    assert play(RULE, [data(NOON, route(*GB, lost, NOON, never))]) == []


def test_a_route_counts_once_however_many_networks_it_is_known_by() -> None:
    estimate = Estimate(1200, 900)
    known = with_estimate(estimate)
    split = known._replace(routes=known.routes * 3)
    assert settled_rate(RULE, split, split.routes, NOON - HOUR) == settled([estimate])


@pytest.mark.parametrize("network", [{"by": ("network",)}, {"networks": ("23410",)}])
def test_of_networks_there_is_no_estimate(network: dict[str, Any]) -> None:
    rule = Rule(kind="settled_rate", **network)
    known = with_estimate(Estimate(1200, 1200), key=(*GB, "23410"))
    assert settled_rate(rule, known, known.routes, NOON - HOUR).rate == pytest.approx(0.7, abs=0.05)


def test_what_is_older_than_the_estimate_counts_as_it_is() -> None:
    known = with_estimate(Estimate(600, 570), NOON - HOUR // 2)
    told = settled_rate(RULE, known, known.routes, NOON - HOUR)
    assert (told.total, told.delivered) == (600 + 30 * 20, 570 + 30 * 14)


def test_a_firing_ends_when_the_estimate_is_good_again() -> None:
    bad, good = Estimate(1200, 900), Estimate(1200, 1180)
    moments = [(bad, 0), (good, 5), (good, 11), (good, 12)]
    told = [with_estimate(one)._replace(now=NOON + minute * MINUTE) for one, minute in moments]
    assert whats(play(RULE, told)) == ["fired", "recovered"]


def test_a_route_that_reports_no_more_is_not_well_again() -> None:
    moments = [with_estimate(Estimate(1200, 900)), *[with_estimate(Estimate(unreported=1200))] * 2]
    told = [one._replace(now=NOON + 6 * n * MINUTE) for n, one in enumerate(moments)]
    assert whats(play(RULE, told)) == ["fired"]


@given(st.integers(1, 7 * 24 * HOUR), st.integers(NOON, NOON + 24 * HOUR))
def test_an_estimate_begins_with_a_cell_and_within_what_is_kept(span: int, now: int) -> None:
    begin = begin_of(span, now)
    assert begin // 60 >= (now + 14 * 60) // 60 - KEPT_MINUTES
    assert begin <= now
    if begin > now - span:
        ends = [end for _, end, _ in spans(now)[:1]]
        assert begin % 900 == 0
        assert all(end <= begin for end in ends)


# --- over a store ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """How the messages of some hours ago ended: how many, after how many seconds."""

    delivered: tuple[int, float]
    failed: tuple[int, float]


LATE_FAILURES = Past(delivered=(800, 5), failed=(200, 1500))
EARLY_FAILURES = Past(delivered=(950, 300), failed=(50, 1))


async def fill(store: Store, past: Past) -> None:
    """Counts of a day, as they stand in the rollups."""
    account_id = store.accounts.by_name["main"].id
    now = now_micros() // BUCKET
    moves = Counter[Move]()
    for hours in range(3, 23):
        for status, (n, seconds) in (("delivered", past.delivered), ("undelivered", past.failed)):
            took = step(int(seconds * SECOND))
            place = (now - 4 * hours, "GB", "", status, "", took, *[None] * 5)
            moves[1, account_id, NOWHERE, place] += n

    async def job(tx: Tx) -> None:
        await add(tx, deltas(moves, 0))

    await store.write(job)


def hub(url: str, **rule: Any) -> Any:
    given = {"kind": "settled_rate", "by": ["account", "country"], "hold": 0, "at_least": 50}
    return watched(url, rules={"settled": {**given, **rule}})


def test_failures_that_come_late_are_foreseen(database_url: str) -> None:
    """Who is open ten minutes after a message that takes five seconds will not arrive."""

    async def test() -> None:
        async with hub(database_url) as known:
            await fill(known.store, LATE_FAILURES)
            await sent(known.store, 0, pending=200, sent_at=now_micros() - 600 * SECOND)
            (update,) = await known.watch.once()
            assert (update.what, update.facts["n"]) == ("fired", 200)
            assert update.facts["share"] < 0.1
            assert update.facts["share"] == pytest.approx(await rate_of(known), abs=0.01)

    run(test())


def test_refusals_that_come_at_once_are_no_low_rate(database_url: str) -> None:
    """By what has ended so far, nothing arrives."""

    async def test() -> None:
        async with hub(database_url) as known:
            await fill(known.store, EARLY_FAILURES)
            await sent(known.store, failed=60, pending=1140, sent_at=now_micros() - 100 * SECOND)
            assert await known.watch.once() == []
            assert await rate_of(known) > 0.8

    run(test())


async def rate_of(known: Watched) -> float:
    """As the API tells it."""
    settling = Settling(known.store.accounts)
    told = await settled_stats(known.store, settling, ("account", "country"))
    (item,) = told["items"]
    return float(item["settled_rate"])


def test_a_rule_that_looks_back_further_than_an_estimate_counts_everything_once(
    database_url: str,
) -> None:
    async def test() -> None:
        async with hub(database_url, within="12 h") as known:
            now = now_micros()
            for hours in range(12):
                await sent(known.store, failed=10, sent_at=now - (hours * 3600 + 60) * SECOND)
            (update,) = await known.watch.once()
            # an hour in which the rule's time begins counts wholly or not at all
            assert update.facts["n"] in (110, 120)
            assert update.facts["share"] == 0

    run(test())


def test_nothing_is_estimated_where_no_rule_asks_for_it(database_url: str) -> None:
    async def test() -> None:
        networks = Rule(kind="settled_rate", by=("network",))
        async with hub(database_url) as known:
            await sent(known.store, failed=1)
            settling = Settling(known.store.accounts)
            now = now_micros() // SECOND
            for rules, found in (([Rule(**RATE), networks], set()), ([RULE, networks], {HOUR})):
                told = await known.store.read(
                    lambda tx, r=rules: read_outlooks(tx, settling, r, now)
                )
                assert set(told) == found

    run(test())
