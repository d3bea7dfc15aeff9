"""Derives the tables of counts from the rows of messages and attempts."""

from collections import Counter
from collections.abc import Iterable, Mapping

from delivrd.store.counts import NOWHERE, Count, Move, Place, deltas
from delivrd.store.rows import AttemptRow, MessageRow


def message_place(m: MessageRow, country: str | None) -> Place:
    """Where a message with these values is counted (rule F1)."""
    return (m.bucket, country, m.network, m.status, m.reason, m.latency, m.price, m.currency,
            None, None, None)  # fmt: skip


def attempt_place(a: AttemptRow, country: str | None, sender: str | None) -> Place:
    """Where an attempt is counted, with its message's country and sender."""
    return (a.bucket, country, a.network, a.status, a.reason, a.latency, a.price, a.currency,
            sender, a.error_code, a.second)  # fmt: skip


class Tally:
    """Counts messages and attempts at the places that their rows state."""

    def __init__(self) -> None:
        self.places: Counter[Move] = Counter()

    def add(self, messages: Iterable[MessageRow]) -> None:
        for m in messages:
            if m.bucket is not None:
                self.places[0, 0, NOWHERE, message_place(m, m.country)] += 1
            for a in m.attempts:
                if a.bucket is not None:
                    place = attempt_place(a, m.country, m.sender)
                    self.places[1, a.account_id, NOWHERE, place] += 1

    def tables(self, first: int) -> dict[str, Mapping[Count, int]]:
        """The expected content of each table; of counts by the minute, from ``first`` on."""
        return deltas(self.places, first)
