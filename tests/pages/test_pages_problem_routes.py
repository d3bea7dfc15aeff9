"""Overdue routes and silent networks on the overview: the most serious, and how many more."""

from delivrd.core.units import DAY, SECOND
from delivrd.insight.network_reports import Silence
from delivrd.insight.silent_networks import SilentNetwork
from delivrd.web.pages import problem_routes

NOW = 20_000 * DAY


def test_the_routes_with_most_overdue_messages_are_shown_and_the_others_counted() -> None:
    items = [
        {"account": "main", "country": f"C{n}", "overdue": n, "pending": n, "total": 100 - n}
        for n in range(11)
    ]
    shown = problem_routes.overdue(items, {}, NOW - DAY, NOW)
    assert [row["overdue"] for row in shown.rows] == [10, 9, 8, 7, 6, 5, 4, 3]
    assert shown.more == 2


def test_silent_networks_that_are_not_shown_are_counted() -> None:
    silences = [
        Silence("main", "GB", SilentNetwork(f"2342{n}", NOW // SECOND, 50, 0.1, 0.1, True), False)
        for n in range(9)
    ]
    shown = problem_routes.silent_networks(silences)
    assert [row["network"] for row in shown.rows] == [f"2342{n}" for n in range(8)]
    assert shown.more == 1
    assert problem_routes.silent_networks(silences[:8]).more == 0
