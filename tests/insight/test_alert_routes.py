"""What is counted of a route that is compared with its own past."""

import pytest

from delivrd.insight.alerts.data import FLOOR, Cell, Normal, Route
from delivrd.insight.alerts.routes import NEVER_REPORTS, TRACKS
from tests.insight.alert_support import HOUR, MINUTE, NOON, USUAL

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
