"""Reads the input of the estimates that rules about settled rates are evaluated on."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from delivrd.alert_settings import Rule
from delivrd.core.units import MINUTE_SECONDS, QUARTER_SECONDS, SECOND
from delivrd.insight.alerts.data import Data, Outlook
from delivrd.insight.alerts.settled_rate import is_estimated
from delivrd.insight.settled import Seen, Settling
from delivrd.store.counts import KEPT_MINUTES
from delivrd.store.tx import Tx


class OutlookInput(NamedTuple):
    """The input of an estimate since a moment; ``names`` maps account ids to names."""

    since: int
    seen: Seen
    names: Callable[[int], str]

    def outlook(self) -> Outlook:
        """The estimate for each route; slow with hundreds of routes."""
        found = self.seen.estimates().items()
        return Outlook(
            self.since, {(self.names(i), country): estimate for (i, country), estimate in found}
        )


async def read_outlooks(
    tx: Tx, settling: Settling, rules: Iterable[Rule], now: int
) -> Mapping[int, OutlookInput]:
    """The input of estimates, by the ``within`` of the rules that need one.

    Spans are cut to the time for which counts by the minute are kept.
    """
    spans = {rule.within or 0 for rule in rules if is_estimated(rule)}
    begins = {span: begin_of(span, now) for span in spans}
    return {
        span: OutlookInput(since, await settling.seen(tx, since * SECOND), settling.accounts.name)
        for span, since in sorted(begins.items())
    }


def with_outlooks(data: Data, seen: Mapping[int, OutlookInput]) -> Data:
    """The data with the estimates computed from what was read."""
    return data._replace(outlooks={span: one.outlook() for span, one in seen.items()})


def begin_of(span: int, now: int) -> int:
    """Where an estimate of the last ``span`` seconds begins.

    A span longer than the counts by the minute are kept is cut to the beginning of a quarter of an
    hour, as older cells are by the quarter, with one more quarter of margin.
    """
    kept = (
        now - KEPT_MINUTES * MINUTE_SECONDS
    ) // QUARTER_SECONDS * QUARTER_SECONDS + 2 * QUARTER_SECONDS
    return max((now - span) // MINUTE_SECONDS * MINUTE_SECONDS, kept)
