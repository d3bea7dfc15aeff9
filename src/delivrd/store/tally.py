"""What the rows of messages and attempts say that the tables of counts must hold."""

from collections import Counter
from collections.abc import Iterable

from delivrd.store.counts import Count, Move, deltas
from delivrd.store.rows import AttemptRow, MessageRow

TABLES = (("rollup", "reason"), ("latency", "le"))
"""Each table of counts, and the last column of its key."""

_NOWHERE = (None, None, None, "", None, None)


class Tally:
    """Counts messages and attempts where their rows say that they are counted."""

    def __init__(self) -> None:
        self._places: Counter[Move] = Counter()

    def add(self, messages: Iterable[MessageRow]) -> None:
        for message in messages:
            self._count(0, 0, message.country, message)
            for attempt in message.attempts:
                self._count(1, attempt.account_id, message.country, attempt)

    def _count(
        self, unit: int, account_id: int, country: str | None, row: MessageRow | AttemptRow
    ) -> None:
        if row.bucket is not None:
            place = (row.bucket, country, row.network, row.status, row.reason, row.latency)
            self._places[unit, account_id, _NOWHERE, place] += 1

    @property
    def tables(self) -> dict[str, Counter[Count]]:
        """The number of each key of each table."""
        counts, latencies = deltas(self._places)
        return {"rollup": counts, "latency": latencies}
