"""Rules that compare routes with their own past: what they count, and what is too little."""

import pytest

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import FLOOR, Cell, Data, Normal, Route
from delivrd.insight.alerts.routes import NEVER_REPORTS, TRACKS
from delivrd.insight.alerts.state import Update
from tests.insight.alert_support import (
    HOUR,
    MINUTE,
    NOON,
    USUAL,
    Minute,
    cell,
    data,
    play,
    route,
    whats,
)

FAILURES, OVERDUE = TRACKS["change"], TRACKS["overdue"]
KNOWN = ((10.0, 0.25), (600.0, 1.0))
"""A quarter of failures is known after ten seconds, all of them after ten minutes."""


def of(*cells: Cell, normal: Normal = USUAL) -> Route:
    return Route(("main", "GB", ""), cells, normal)


def test_failures_are_counted_out_of_all_that_was_sent() -> None:
    sent = of(Cell(NOON, MINUTE, delivered=10, failed=5, unknown=3, pending=2))
    ((at, n, k, mean),) = FAILURES.steps(sent, NOON + HOUR, 0)
    assert (at, n, k) == (NOON, 20, 5)
    assert mean == pytest.approx(20 * USUAL.failing)


def test_so_many_failures_are_expected_as_are_known_at_the_mean_age_of_the_messages() -> None:
    """The messages of a cell went out evenly, those of the newest until now."""
    normal = USUAL._replace(known=KNOWN)
    cells = Cell(NOON, 900, 100), Cell(NOON + 900, MINUTE, 100)

    def expected(now: int) -> list[float]:
        steps = FAILURES.steps(of(*cells, normal=normal), now, 0)
        return [round(mean / (100 * normal.failing), 9) for _, _, _, mean in steps]

    assert expected(NOON + 900 + 30) == [0.25, 0.25]
    assert expected(NOON + 900 + 15) == [0.25, 0.0]  # 7.5 s old
    assert expected(NOON + 450 + 600) == [1.0, 0.25]
    assert expected(NOON + 450 + 599) == [0.25, 0.25]


@pytest.mark.parametrize("kind", TRACKS)
def test_a_share_of_nothing_is_normal_nowhere(kind: str) -> None:
    perfect = USUAL._replace(failing=0.0, open_slow=0.0, open_late=0.0)
    ((_, _, _, mean),) = TRACKS[kind].steps(of(Cell(NOON, MINUTE, 200), normal=perfect), 2**31, 0)
    assert mean == pytest.approx(200 * FLOOR)


@pytest.mark.parametrize("kind", TRACKS)
def test_what_was_sent_before_a_recovery_does_not_count(kind: str) -> None:
    cells = [Cell(NOON + MINUTE * i, MINUTE, 20) for i in range(3)]
    steps = TRACKS[kind].steps(of(*cells), NOON + HOUR, NOON + MINUTE)
    assert [at for at, *_ in steps] == [NOON + MINUTE, NOON + 2 * MINUTE]


def test_open_messages_count_once_all_of_their_cell_are_of_age() -> None:
    sent = of(Cell(NOON, MINUTE, delivered=10, failed=5, unknown=3, pending=2))
    of_age = NOON + MINUTE + int(USUAL.late)
    assert OVERDUE.steps(sent, of_age - 1, 0) == []
    ((at, n, k, mean),) = OVERDUE.steps(sent, of_age, 0)
    assert (at, n, k) == (NOON, 20, 2)
    assert mean == pytest.approx(20 * USUAL.open_late)


def test_a_route_that_seldom_reports_has_no_overdue_messages() -> None:
    for share, counted in ((NEVER_REPORTS, 1), (NEVER_REPORTS + 0.01, 0)):
        normal = USUAL._replace(open_late=share)
        steps = OVERDUE.steps(of(Cell(NOON, MINUTE, pending=20), normal=normal), NOON + HOUR, 0)
        assert len(steps) == counted


# --- what is too little ---------------------------------------------------------------------------


def failing(failed: int, sent: int = 100) -> Minute:
    return lambda at: cell(at, sent, failed)


def hour(minute: Minute, normal: Normal = USUAL, now: int = NOON) -> Data:
    return data(now, route("main", "GB", minute, now, normal))


def told(found: Data, kind: str = "change", **fields: object) -> list[Update]:
    return play(Rule.model_validate({"kind": kind, **fields}), [found])


def test_a_multiple_of_next_to_nothing_is_not_told_below_the_points_of_the_rule() -> None:
    """Where half a per cent is normal, two are four times as many."""
    good = USUAL._replace(typical=0.005, failing=0.005)
    assert told(hour(failing(2), good)) == []
    assert len(told(hour(failing(2), good), points=1)) == 1
    assert len(told(hour(failing(3), good))) == 1


def test_four_failures_are_too_few_and_so_is_less_than_the_rule_asks_for() -> None:
    """However surely they are more than usual."""
    perfect = USUAL._replace(typical=0.0, failing=0.0)
    four, five = (
        data(NOON, of(Cell(NOON - MINUTE, MINUTE, 5, failed), normal=perfect)) for failed in (4, 5)
    )
    assert told(four, times=20, at_least=1) == []
    assert len(told(five, times=20, at_least=10)) == 1
    assert told(five, times=20, at_least=11) == []


def test_no_receipts_means_that_four_in_five_messages_are_without_one() -> None:
    normal = USUAL._replace(open_slow=0.1)
    for pending, fires in ((79, 0), (81, 1)):
        found = hour(lambda at, n=pending: cell(at, 100, pending=n), normal)  # type: ignore[misc]
        assert len(told(found, "no_receipts")) == fires


def burst(country: str, failed: int, sent: int, week: int) -> Route:
    cells = (Cell(NOON - MINUTE, MINUTE, sent - failed, failed),)
    return Route(("main", country, ""), cells, USUAL._replace(sent=week))


def test_the_more_a_hub_sends_the_more_evidence_it_takes() -> None:
    """Eight failures of twenty messages are chance once in some seven thousand failures."""
    well = tuple(route("other", f"C{i}", failing(0, 1), NOON) for i in range(60))
    for failed, on_a_great_hub in ((8, 0), (9, 1)):
        found = burst("GB", failed, 20, week=5000)
        assert len(told(data(NOON, found))) == 1
        assert len(told(data(NOON, found, *well))) == on_a_great_hub


def test_a_wider_place_takes_more_evidence_than_a_route() -> None:
    for failed, wider in ((4, 0), (5, 1)):
        thin = (burst(country, failed, 10, week=199) for country in ("GB", "DE"))
        assert len(told(data(NOON, *thin))) == wider
        assert len(told(data(NOON, burst("GB", 2 * failed, 20, week=398)))) == 1


@pytest.mark.parametrize(("sent", "place"), [(199, ("main",)), (200, ("main", "GB"))])
def test_a_route_with_too_short_a_past_counts_in_wider_places_only(
    sent: int, place: tuple[str, ...]
) -> None:
    ill = route("main", "GB", failing(20, 20), NOON, USUAL._replace(sent=sent))
    new = route("main", "DE", failing(0, 1), NOON, USUAL._replace(sent=1))
    (update,) = told(data(NOON, ill, new, route("other", "GB", failing(0), NOON)))
    assert tuple(value for _, value in update.place) == place


def test_what_is_older_than_the_time_of_the_rule_does_not_count() -> None:
    early: Minute = lambda at: cell(at, 100, 50 if at < NOON - HOUR // 2 else 3)  # noqa: E731
    assert len(told(hour(early), within=HOUR)) == 1
    assert told(hour(early), within=HOUR // 2) == []


def test_a_place_to_which_nothing_is_sent_for_two_hours_is_no_longer_told_of() -> None:
    bad: Minute = lambda at: cell(at, 20, 20) if at < NOON else cell(at, 0)  # noqa: E731
    nows = range(NOON, NOON + 4 * HOUR, 5 * MINUTE)
    cells = tuple(bad(at) for at in range(NOON - HOUR, NOON, MINUTE))
    updates = play(Rule(kind="change"), [data(now, of(*cells)) for now in nows])
    assert whats(updates) == ["fired", "recovered"]
    assert updates[1].facts == {"silent": 1}
    assert updates[1].at - NOON >= 2 * HOUR


def test_a_place_is_told_of_while_one_of_its_routes_still_sends() -> None:
    def sent(country: str, until: int, now: int) -> Route:
        ats = range(max(NOON - HOUR, now - HOUR), min(until, now), MINUTE)
        return Route(("main", country, ""), tuple(cell(at, 20, 20) for at in ats), USUAL)

    def look(now: int) -> Data:
        countries = {"GB": NOON, "DE": NOON, "FR": now}
        well = (route("other", country, cell, now) for country in countries)
        return data(now, *(sent(name, until, now) for name, until in countries.items()), *well)

    (fired,) = play(Rule(kind="change"), [look(now) for now in range(NOON, NOON + 4 * HOUR, 600)])
    assert fired.place == (("account", "main"),)


def test_normal_is_that_of_the_routes_of_a_place_by_their_messages() -> None:
    often, seldom = (
        USUAL._replace(sent=30_000, typical=0.02),
        USUAL._replace(sent=10_000, typical=0.06),
    )
    routes = (
        route("main", country, failing(60), NOON, normal)
        for country, normal in (("GB", often), ("DE", seldom))
    )
    well = (route("other", country, failing(3), NOON) for country in ("GB", "DE"))
    (update,) = told(data(NOON, *routes, *well))
    assert update.place == (("account", "main"),)
    assert update.facts["normal"] == pytest.approx(0.03)
