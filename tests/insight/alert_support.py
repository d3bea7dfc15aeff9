"""Routes with known counts, minute by minute, for the tests of rules."""

from collections.abc import Callable
from typing import Any

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import Cell, Data, Normal, Route
from delivrd.insight.alerts.evaluate import evaluate
from delivrd.insight.alerts.state import State, Update

MINUTE, HOUR, DAY = 60, 3600, 86400
NOON = 20_000 * DAY + 12 * HOUR
USUAL = Normal(
    sent=50_000,
    typical=0.03,
    failing=0.031,
    slow=30.0,
    late=120.0,
    open_slow=0.11,
    open_late=0.02,
    same_hours=(300,) * 7,
    hours_before=(300,) * 7,
)

Minute = Callable[[int], Cell]
"""What the minute that begins then shows."""


def cell(at: int, sent: int = 20, failed: int = 0, pending: int = 0, unknown: int = 0) -> Cell:
    return Cell(at, MINUTE, sent - failed - pending - unknown, failed, unknown, pending)


def route(account: str, country: str, minute: Minute, now: int, normal: Normal = USUAL) -> Route:
    """Its last hour."""
    ats = range(now - HOUR, now, MINUTE)
    return Route((account, country, ""), tuple(minute(at) for at in ats), normal)


def data(now: int, *routes: Route, **more: Any) -> Data:
    return Data(now, tuple(routes), **more)


def play(rule: Rule, moments: list[Data], state: State | None = None) -> list[Update]:
    """The updates of a rule over these moments, one after the other."""
    state, updates = state or State(), []
    for moment in moments:
        evaluation = evaluate(rule, moment, state)
        state = evaluation.state
        updates += evaluation.updates
    return updates


def whats(updates: list[Update]) -> list[str]:
    return [update.what for update in updates]
