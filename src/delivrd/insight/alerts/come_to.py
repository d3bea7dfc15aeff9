"""What the messages of a rule's routes will come to: the estimate, or the counts as they are."""

from collections.abc import Iterable
from math import inf

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import Data, Outlook, Route
from delivrd.insight.alerts.routes import NEVER_REPORTS
from delivrd.insight.settling import Estimate, Settled, settled

NOWHERE = Outlook(0, {})


def foreseen(rule: Rule) -> bool:
    """Whether there is an estimate for the rule: of settled rates, where no network is named.

    A message has no network before its receipt names it.
    """
    return rule.kind == "settled_rate" and not rule.networks and "network" not in rule.by


def come_to(rule: Rule, data: Data, routes: Iterable[Route], since: int) -> Settled:
    """What the messages of these routes come to that went out since that moment.

    Estimates are of the rule's whole time, also where ``since`` is later: it is so after a
    recovery, and that took a rate that is good over all of it.
    """
    outlook = data.outlooks.get(rule.within or 0, NOWHERE) if foreseen(rule) else NOWHERE
    told: dict[tuple[str, str], Estimate] = {}
    older: list[Estimate] = []
    for route in routes:
        account, country, _ = route.key
        found = outlook.routes.get((account, country))
        if found is not None:
            told[account, country] = found
        until = inf if found is None else outlook.since
        if since < until and (found is None or not found.unreported):
            older.append(as_it_is(route, data.now, since, until))
    return settled([*told.values(), *older])


def as_it_is(route: Route, now: int, since: int, until: float = inf) -> Estimate:
    """What has ended, and what is overdue, as if that were all and the overdue were lost.

    It stands in where there is no estimate: for networks; for accounts whose sends nobody tells of;
    and for what is older than counts by the minute are kept, of which nearly all has ended. Overdue
    is later than 99 % of ends in the last seven days, as for rules of that kind; a route that never
    reports is left out, as there.
    """
    cells = [cell for cell in route.cells if since <= cell.at < until]
    if route.normal.open_late > NEVER_REPORTS:
        return Estimate(unreported=sum(cell.sent for cell in cells))
    late = sum(cell.pending for cell in cells if now - cell.at - cell.seconds > route.normal.late)
    counted = sum(cell.ended for cell in cells) + late
    return Estimate(counted, sum(cell.delivered for cell in cells), overdue=late)
