"""The cells of every route: outcomes of messages by the minute, quarter of an hour and hour of
their hand-over."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from delivrd.core.units import HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS, SECOND
from delivrd.insight.alerts.data import Cell, Key
from delivrd.insight.alerts.grid import spans
from delivrd.store.accounts import Accounts
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Row, Tx

FIELDS = {"delivered": 0, "undelivered": 1, "rejected": 1, "expired": 1, "unknown": 2,
           "pending": 3}  # fmt: skip

Where = tuple[Key, int, int, int]
"""A route, the beginning and length of a cell, and the index of one of its numbers (`FIELDS`)."""


def key_of(accounts: Accounts, route: Iterable[object], networks: bool) -> Key:
    """The route of a row's first three columns."""
    account_id, country, network = route
    assert isinstance(account_id, int)
    return (accounts.name(account_id), str(country or ""), str(network or "") if networks else "")


class CellRows(NamedTuple):
    """The rows from which cells are computed."""

    accounts: Accounts
    networks: bool
    minutes: Sequence[Row]
    quarters: Sequence[Row]
    hours: Sequence[Row]

    def cells(self) -> dict[Key, list[Cell]]:
        """The cells of every route, the oldest first.

        Messages counted by the minute are subtracted from their quarter of an hour. Messages whose
        sending was not registered have no count by the minute, and stay in the quarter.
        """
        counts: Counter[Where] = Counter()

        def add(rows: Iterable[Row], unit: int, seconds: int, by: int = 1) -> None:
            for *route, status, at, n in rows:
                key = key_of(self.accounts, route, self.networks)
                begins = max(0, at * unit // seconds * seconds)
                counts[key, begins, seconds, FIELDS.get(status, 2)] += by * n

        add(self.minutes, MINUTE_SECONDS, MINUTE_SECONDS)
        add(self.quarters, QUARTER_SECONDS, QUARTER_SECONDS)
        if not self.networks:
            add(self.minutes, MINUTE_SECONDS, QUARTER_SECONDS, -1)
        add(self.hours, QUARTER_SECONDS, HOUR_SECONDS)
        return _gathered(counts)


async def read_cells(tx: Tx, accounts: Accounts, networks: bool, now: int) -> CellRows:
    """Reads the last day. With networks, quarters end where the minutes begin."""
    (begin, hours_end, _), (_, minutes_begin, _), _ = spans(now)
    end = now + QUARTER_SECONDS
    if networks:
        minutes, whole_from = await queries.minutes_by_network(tx, minutes_begin * SECOND)
        end = min(whole_from // SECOND, end)
    else:
        minutes = await queries.minutes(tx, minutes_begin * SECOND)
    quarters = await queries.quarters(tx, hours_end * SECOND, end * SECOND, networks=networks)
    hours = await queries.quarters(tx, begin * SECOND, hours_end * SECOND, 4, networks=networks)
    return CellRows(accounts, networks, minutes, quarters, hours)


def _gathered(counts: Counter[Where]) -> dict[Key, list[Cell]]:
    four: dict[tuple[Key, int, int], list[int]] = {}
    for (key, at, seconds, field), n in counts.items():
        if n > 0:
            four.setdefault((key, at, seconds), [0, 0, 0, 0])[field] = n
    found: dict[Key, list[Cell]] = defaultdict(list)
    for (key, at, seconds), numbers in sorted(four.items()):
        found[key].append(Cell(at, seconds, *numbers))
    return found
