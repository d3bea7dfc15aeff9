"""What makes receipts look made up, and what does not."""

import random

import pytest

from delivrd.insight.honesty import Evidence, Seen, evidence, flagged
from delivrd.insight.rates import rate
from delivrd.store.counts import NO_LATENCY, step


def seen(delays: list[float], *, failed: int = 20, unknown: int = 0, **more: object) -> Seen:
    steps: dict[int, int] = {NO_LATENCY: unknown}
    for delay in delays:
        at = step(int(delay * 1e6))
        steps[at] = steps.get(at, 0) + 1
    return Seen(steps, len(delays) + failed, failed, delays[:500], **more)


def kinds(found: list[Evidence]) -> list[str]:
    return [one.kind for one in found]


chance = random.Random(5)
HANDSETS = [chance.lognormvariate(1.8, 0.8) + 0.4 for _ in range(2000)]
"""Real networks: seconds, and no two alike."""


def test_a_real_network_leaves_no_evidence() -> None:
    assert evidence(seen(HANDSETS)) == []


def test_all_within_a_second_is_no_handset() -> None:
    found = evidence(seen([chance.uniform(0.05, 0.8) for _ in range(300)]))
    assert kinds(found) == ["instant"]
    assert flagged(found)
    assert found[0].sample == 300


def test_instant_deliveries_are_not_also_taken_for_a_timer() -> None:
    assert kinds(evidence(seen([chance.uniform(0.01, 0.04) for _ in range(300)]))) == ["instant"]


def test_some_slow_ones_among_quick_ones_are_a_quick_network() -> None:
    quick = [chance.uniform(0.3, 0.9) for _ in range(300)]
    assert evidence(seen([*quick, *HANDSETS[:30]])) == []


@pytest.mark.parametrize("delay", [5.2, 5.205, 5.2074])
def test_the_same_delay_again_and_again_is_a_timer(delay: float) -> None:
    """Also where a hundredth of a second ends amid its delays."""
    found = evidence(seen([delay + chance.uniform(-0.002, 0.002) for _ in range(200)]))
    assert kinds(found) == ["identical"]
    assert f"{found[0].share:.0%} {found[0].sample}" == "100% 200"
    assert "the same delay of 5.2" in found[0].words


def test_some_other_delays_do_not_hide_a_timer() -> None:
    timer = [5.2 + chance.uniform(-0.002, 0.002) for _ in range(160)]
    (found,) = evidence(seen([*HANDSETS[:40], *timer]))
    assert (found.kind, found.share) == ("identical", 0.8)
    assert "5.20 s" in found.words
    assert evidence(seen([*HANDSETS[:45], *timer])) == []


def test_delays_of_whole_seconds_are_a_timer() -> None:
    delays = [chance.randint(2, 30) + chance.uniform(-0.03, 0.03) for _ in range(300)]
    assert kinds(evidence(seen(delays))) == ["round_seconds"]


@pytest.mark.parametrize(("quick", "slow", "share"), [(99, 1, 0.99), (98, 2, None), (99, 0, None)])
def test_instant_are_99_of_at_least_100_deliveries(
    quick: int, slow: int, share: float | None
) -> None:
    found = evidence(seen([0.2 + n * 0.007 for n in range(quick)] + HANDSETS[:slow]))
    assert [(one.kind, one.share) for one in found] == ([("instant", share)] if share else [])


@pytest.mark.parametrize(
    ("whole", "other", "share"), [(50, 50, 0.5), (49, 51, None), (99, 0, None)]
)
def test_whole_seconds_are_half_of_at_least_100_delays_within_a_twentieth(
    whole: int, other: int, share: float | None
) -> None:
    delays = [n + 2.04 for n in range(whole)] + [n + 2.06 for n in range(other)]
    found = evidence(seen(delays))
    assert [(one.kind, one.share) for one in found] == ([("round_seconds", share)] if share else [])


@pytest.mark.parametrize(
    ("ended", "failed", "share"),
    [(1000, 0, 1.0), (999, 0, None), (1000, 1, None), (2500, 2, 0.9992)],
)
def test_it_is_odd_that_fewer_than_one_in_a_thousand_fails(
    ended: int, failed: int, share: float | None
) -> None:
    found = evidence(Seen({}, ended, failed))
    assert [(one.kind, one.share) for one in found] == ([("no_failures", share)] if share else [])


def test_that_nothing_fails_is_told_and_does_not_flag_by_itself() -> None:
    found = evidence(seen(HANDSETS, failed=0))
    assert kinds(found) == ["no_failures"]
    assert not flagged(found)


def test_few_messages_prove_nothing() -> None:
    assert evidence(seen([0.2] * 50, failed=0)) == []


def test_times_that_are_not_known_prove_nothing() -> None:
    assert evidence(seen([], unknown=5000)) == []


@pytest.mark.parametrize(
    ("used", "elsewhere", "flags"), [(20, 400, True), (78, 400, False), (20, 0, False)]
)
def test_claimed_deliveries_that_nobody_used_are_held_against_other_accounts(
    used: int, elsewhere: int, flags: bool
) -> None:
    there = rate(elsewhere, 500) if elsewhere else None
    found = evidence(seen(HANDSETS, conversion=rate(used, 100), elsewhere=there, outcomes=100))
    assert flagged(found) is flags


def test_few_reported_outcomes_are_not_held_against_an_account() -> None:
    """A handful of codes that nobody typed in says nothing of a gateway."""
    few = seen(HANDSETS, conversion=rate(0, 99), elsewhere=rate(400, 500), outcomes=99)
    assert evidence(few) == []
