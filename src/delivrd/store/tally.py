"""Derives the tables of counts from the rows of messages and attempts."""

from collections import Counter
from collections.abc import Iterable, Mapping

from delivrd.store.counts import NOWHERE, Count, Move, Place, deltas
from delivrd.store.rows import MessageRow


class Tally:
    """Counts messages and attempts at the places that their rows state."""

    def __init__(self) -> None:
        self.places: Counter[Move] = Counter()

    def add(self, messages: Iterable[MessageRow]) -> None:
        for m in messages:
            if m.bucket is not None:
                place: Place = (m.bucket, m.country, m.network, m.status, m.reason, m.latency,
                                m.price, m.currency, None, None, None)  # fmt: skip
                self.places[0, 0, NOWHERE, place] += 1
            for a in m.attempts:
                if a.bucket is not None:
                    place = (a.bucket, m.country, a.network, a.status, a.reason, a.latency,
                             a.price, a.currency, m.sender, a.error_code, a.second)  # fmt: skip
                    self.places[1, a.account_id, NOWHERE, place] += 1

    def tables(self, first: int) -> dict[str, Mapping[Count, int]]:
        """The expected content of each table; of counts by the minute, from ``first`` on."""
        return deltas(self.places, first)
