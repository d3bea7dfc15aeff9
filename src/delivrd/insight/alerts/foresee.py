"""Reads the estimates that rules about settled rates are judged by."""

from collections.abc import Iterable, Mapping

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.come_to import foreseen
from delivrd.insight.alerts.data import Outlook
from delivrd.insight.alerts.grid import MINUTE, QUARTER
from delivrd.insight.settled import Settling
from delivrd.store.counts import KEPT_MINUTES, SECOND
from delivrd.store.tx import Tx


async def outlooks(
    tx: Tx, settling: Settling, rules: Iterable[Rule], now: int
) -> Mapping[int, Outlook]:
    """By the time that rules look at: an estimate for each route with messages in it.

    Nothing is read where no rule asks for it, and never more than counts by the minute are kept.
    """
    spans = {rule.within or 0 for rule in rules if foreseen(rule)}
    return {span: await _outlook(tx, settling, begin_of(span, now)) for span in sorted(spans)}


def begin_of(span: int, now: int) -> int:
    """Where an estimate of the last ``span`` seconds begins.

    A longer one than is kept begins with a quarter of an hour, as older cells do, and leaves one
    for the clock to go on.
    """
    kept = (now - KEPT_MINUTES * MINUTE) // QUARTER * QUARTER + 2 * QUARTER
    return max((now - span) // MINUTE * MINUTE, kept)


async def _outlook(tx: Tx, settling: Settling, since: int) -> Outlook:
    name = settling.accounts.name
    found = await settling.estimates(tx, since * SECOND)
    return Outlook(since, {(name(i), country): told for (i, country), told in found.items()})
