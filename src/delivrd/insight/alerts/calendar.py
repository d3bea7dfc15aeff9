"""Maintenance windows, during which no new firing begins."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from delivrd.alert_settings import Maintenance
from delivrd.insight.alerts.data import Place


def under_way(window: Maintenance, now: int) -> bool:
    """Whether a maintenance window is open at ``now`` (seconds since 1970)."""
    moment = datetime.fromtimestamp(now, UTC)
    if window.daily is not None:
        begin, end = window.daily
        at = moment.astimezone(ZoneInfo(window.zone)).time()
        return begin <= at < end if begin <= end else at >= begin or at < end
    assert window.begin is not None
    assert window.end is not None
    return window.moment(window.begin) <= moment < window.moment(window.end)


def concerns(window: Maintenance, rule: str, place: Place) -> bool:
    """Whether a maintenance window applies to this rule at this place."""
    values = dict(place)
    return (
        (not window.rules or rule in window.rules)
        and (not window.accounts or values.get("account") in window.accounts)
        and (not window.countries or values.get("country") in window.countries)
    )


def suppressed(windows: Iterable[Maintenance], rule: str, place: Place, now: int) -> bool:
    """Whether an open window suppresses new firings of the rule at this place."""
    return any(under_way(w, now) and concerns(w, rule, place) for w in windows)
