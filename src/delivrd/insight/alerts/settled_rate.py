"""The settled rate of a rule's routes: from an estimate where there is one, else from counts."""

from collections.abc import Iterable
from math import inf

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import Data, Outlook, Route
from delivrd.insight.alerts.routes import NEVER_REPORTS
from delivrd.insight.settling import Estimate, Settled, settled

_NO_OUTLOOK = Outlook(0, {})


def is_estimated(rule: Rule) -> bool:
    """Whether the rule is evaluated on an estimate: it is about settled rates, and not by network.

    A message has no network before its receipt names one.
    """
    return rule.kind == "settled_rate" and not rule.networks and "network" not in rule.by


def settled_rate(rule: Rule, data: Data, routes: Iterable[Route], since: int) -> Settled:
    """The rate at which these routes' messages since ``since`` (seconds) will settle.

    Estimates cover the rule's whole time span, even where ``since`` is later. It is later only
    after a recovery, and a recovery takes a rate that is good over the whole span.
    """
    outlook = data.outlooks.get(rule.within or 0) if is_estimated(rule) else None
    outlook = outlook or _NO_OUTLOOK
    estimates: dict[tuple[str, str], Estimate] = {}
    counted: list[Estimate] = []
    for route in routes:
        account, country, _ = route.key
        found = outlook.routes.get((account, country))
        if found is not None:
            estimates[account, country] = found
        until = inf if found is None else outlook.since
        if since < until and (found is None or not found.unreported):
            counted.append(without_estimate(route, data.now, since, until))
    return settled([*estimates.values(), *counted])


def without_estimate(route: Route, now: int, since: int, until: float = inf) -> Estimate:
    """The counts of ended and overdue messages, the overdue taken as not delivered.

    Used where there is no estimate: for rules by network; for accounts whose sends are not
    registered; and for messages older than the counts by the minute, nearly all of which have
    ended. A message is overdue when it has been open for longer than 99 % of those that ended in
    the last seven days. All messages of a route that never reports are ``unreported``.
    """
    cells = [cell for cell in route.cells if since <= cell.at < until]
    if route.normal.open_late > NEVER_REPORTS:
        return Estimate(unreported=sum(cell.sent for cell in cells))
    late = sum(cell.pending for cell in cells if now - cell.at - cell.seconds > route.normal.late)
    total = sum(cell.ended for cell in cells) + late
    return Estimate(total, sum(cell.delivered for cell in cells), overdue=late)
