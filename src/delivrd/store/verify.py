"""Verifies that all derived data follow from the facts (rule F5).

Every status, derived column and count is recomputed from the statements and hand-overs, and
compared with the store. The store is read in short slices, each a consistent snapshot, so that a
hub can keep working; a difference is read again before it is reported.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from msgspec.structs import astuple

from delivrd.core.units import MINUTE
from delivrd.store.counts import (
    BUCKET,
    NOWHERE,
    PRUNED,
    TABLES,
    TIMED,
    Count,
    Move,
    deltas,
    first_minute,
    single_counts,
)
from delivrd.store.days import BUCKETS_A_DAY, HOURS
from delivrd.store.days import TABLES as DAYS
from delivrd.store.graph import Graph
from delivrd.store.ids import Ids, now_micros
from delivrd.store.latencies import BUCKETS_A_HALF, BUCKETS_A_PART, STEPS
from delivrd.store.latencies import TABLES as LATENCIES
from delivrd.store.loading import complete
from delivrd.store.reader import Reader, snapshot
from delivrd.store.rows import (
    ATTEMPT_COLUMNS,
    MESSAGE_COLUMNS,
    AttemptRow,
    MessageRow,
)
from delivrd.store.tally import Tally
from delivrd.store.tx import Row, Tx, ends

SLICE = 500
"""Rows in a read, which takes some ten milliseconds."""

Progress = Callable[[str, float], None]
"""Is called with what is being verified, and the share of it that is done (0 to 1)."""


class Difference(NamedTuple):
    """A stored value that differs from the derived one."""

    what: str
    id: str
    field: str
    stored: Any
    derived: Any

    def __str__(self) -> str:
        return (
            f"{self.what} {self.id}: {self.field} is {self.stored!r}, "
            f"and {self.derived!r} would follow"
        )


async def verify(
    store: Reader, progress: Progress = lambda what, done: None, *, now: int | None = None
) -> list[Difference]:
    """Returns every difference between stored and derived data; none for a sound store.

    Counts by the minute are verified as far back as they are kept at ``now`` (None: by the clock).

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    tally = Tally()
    found: list[Difference] = []
    walks: list[_Walk] = [_Messages(store, tally), *map(_Rows, CHECKS)]
    for walk in walks:
        found += await _walk(store, walk, progress)
    progress("counts", 0.0)
    found += await store.read(_conversions)
    found += await _counts(store, tally, first_minute(now_micros() if now is None else now))
    progress("counts", 1.0)
    return found


class _Walk(Protocol):
    """Walks over one table in slices, in order of ids."""

    table: str

    async def look(self, tx: Tx, after: int, *, again: bool) -> "_Seen": ...


class _Seen(NamedTuple):
    last: int | None
    differences: Sequence[Difference]


async def _walk(store: Reader, walk: _Walk, progress: Progress) -> list[Difference]:
    span = await store.read(lambda tx: ends(tx, walk.table))
    first, final = span or (0, 0)
    found: list[Difference] = []
    after = first - 1

    async def look(tx: Tx, *, again: bool = False) -> _Seen:
        await snapshot(tx)
        return await walk.look(tx, after, again=again)

    while True:
        seen = await store.read(look)
        if seen.differences:
            second = await store.read(lambda tx: look(tx, again=True))
            still = {(d.what, d.id, d.field) for d in seen.differences}
            found += [d for d in second.differences if (d.what, d.id, d.field) in still]
        if seen.last is None:
            progress(walk.table, 1.0)
            return found
        after = seen.last
        progress(walk.table, min(1.0, (after - first + 1) / (final - first + 1)))


# --- messages and attempts ----------------------------------------------------------------------

_MESSAGES = f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM message WHERE id > $1 ORDER BY id LIMIT $2"

_NOT_DERIVED = ("text", "last_event")
"""Columns that a fold changes but that cannot be derived."""


class _Messages:
    table = "message"

    def __init__(self, store: Reader, tally: Tally) -> None:
        self._store, self._tally = store, tally

    async def look(self, tx: Tx, after: int, *, again: bool) -> _Seen:
        graph = Graph(tx, self._store.accounts, Ids(0), 0)
        await _fill(graph, tx, after)
        if not again:
            self._tally.add(graph.messages.values())
        graph.fold()
        differences = [
            *(d for row in graph.messages.values() for d in _compare("message", row.uuid, row)),
            *(d for row in graph.attempts.values() for d in _compare("attempt", str(row.id), row)),
        ]
        full = len(graph.messages) == SLICE
        return _Seen(max(graph.messages) if full else None, differences)


async def _fill(graph: Graph, tx: Tx, after: int) -> None:
    """Loads messages and all that determines them, like :meth:`Graph.load`, but without locks."""
    for row in await tx.fetch(_MESSAGES, after, SLICE):
        message = graph.messages[row[0]] = MessageRow(*row)
        message.stored = row
    graph.attempts = await complete(tx, graph.messages)


def _compare(what: str, name: str, row: MessageRow | AttemptRow) -> Iterator[Difference]:
    columns = MESSAGE_COLUMNS if isinstance(row, MessageRow) else ATTEMPT_COLUMNS
    now = astuple(row)[: len(columns)]
    for column, stored, derived in zip(columns, row.stored or (), now, strict=True):
        if stored != derived and column not in _NOT_DERIVED:
            yield Difference(what, name, column, stored, derived)


# --- rows that others count or reference --------------------------------------------------------


class Check(NamedTuple):
    """A query of at most ``$2`` rows of a table after id ``$1``, id first, and a function that
    returns what is wrong with a row: field, stored and derived value."""

    table: str
    sql: str
    judge: Callable[[Row], Iterable[tuple[str, Any, Any]]]


def _statement(row: Row) -> Iterator[tuple[str, Any, Any]]:
    _, part_id, kind, count, received_at, links, earliest, home = row
    if home is None:
        yield "part_id", part_id, None
    if kind != "receipt":  # from a send's answer or a look-up: it has no request
        return
    if count != links:
        yield "count", count, links
    if links and received_at != earliest:
        yield "received_at", received_at, earliest


def _request(row: Row) -> Iterator[tuple[str, Any, Any]]:
    _, receipts, links, aside, done, astray = row
    folded = receipts if done is None else done
    found = links + aside
    if found > folded or (found < folded and done is None):  # `done` also counts pruned ones
        yield "receipts that stand somewhere", found, folded
    if astray:
        yield "links to no statement", astray, 0


def _pointer(field: str) -> Callable[[Row], Iterator[tuple[str, Any, Any]]]:
    def judge(row: Row) -> Iterator[tuple[str, Any, Any]]:
        if row[1] is not None and row[2] is None:
            yield field, row[1], None

    return judge


CHECKS = (
    Check(
        "statement",
        "SELECT s.id, s.part_id, s.kind, s.count, s.received_at, "
        "(SELECT count(*) FROM link l WHERE l.statement_id = s.id AND l.live), "
        "(SELECT min(l.received_at) FROM link l WHERE l.statement_id = s.id AND l.live), p.id "
        "FROM statement s LEFT JOIN part p ON p.id = s.part_id "
        "WHERE s.id > $1 ORDER BY s.id LIMIT $2",
        _statement,
    ),
    Check(
        "request",
        "SELECT r.id, r.receipts, (SELECT count(*) FROM link l WHERE l.request_id = r.id "
        "AND l.reading_no = r.reading_no AND l.live), "
        "(SELECT count(*) FROM fault f WHERE f.request_id = r.id AND f.set_aside), t.done, "
        "(SELECT count(*) FROM link l LEFT JOIN statement s ON s.id = l.statement_id "
        "WHERE l.request_id = r.id AND s.id IS NULL) "
        "FROM request r LEFT JOIN to_fold t ON t.id = r.id "
        "WHERE r.id > $1 ORDER BY r.id LIMIT $2",
        _request,
    ),
    Check(
        "part",
        "SELECT p.id, p.attempt_id, a.id FROM part p LEFT JOIN attempt a ON a.id = p.attempt_id "
        "WHERE p.id > $1 ORDER BY p.id LIMIT $2",
        _pointer("attempt_id"),
    ),
    Check(
        "attempt",
        "SELECT a.id, a.message_id, m.id FROM attempt a LEFT JOIN message m ON m.id = a.message_id "
        "WHERE a.id > $1 ORDER BY a.id LIMIT $2",
        _pointer("message_id"),
    ),
)


class _Rows:
    def __init__(self, check: Check) -> None:
        self.table, self._check = check.table, check

    async def look(self, tx: Tx, after: int, *, again: bool) -> _Seen:
        rows = await tx.fetch(self._check.sql, after, SLICE)
        differences = [
            Difference(self.table, str(row[0]), *wrong)
            for row in rows
            for wrong in self._check.judge(row)
        ]
        return _Seen(rows[-1][0] if len(rows) == SLICE else None, differences)


# --- counts -------------------------------------------------------------------------------------

_PLACES = (
    "SELECT 0, 0, m.bucket, m.country, m.network, m.status, m.reason, m.latency, m.price, "
    "m.currency, CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS BIGINT), count(*) "
    "FROM message m WHERE m.bucket = ANY($1::bigint[]) GROUP BY 3, 4, 5, 6, 7, 8, 9, 10 "
    "UNION ALL "
    "SELECT 1, a.account_id, a.bucket, m.country, a.network, a.status, a.reason, a.latency, "
    "a.price, a.currency, m.sender, a.error_code, a.second, count(*) "
    "FROM attempt a JOIN message m ON m.id = a.message_id WHERE a.bucket = ANY($1::bigint[]) "
    "GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13"
)


async def _counts(store: Reader, tally: Tally, first: int) -> list[Difference]:
    """Recounts what differs, in the database and in one snapshot, before it is reported."""
    found = []
    first += 2  # minutes that may expire while this runs
    counted = tally.tables(first)
    for table in TABLES:
        at_one_moment = _Recount(table, first)
        stored = await store.read(at_one_moment.stored)
        differing = _differing(stored, single_counts(table, counted[table]))
        at_one_moment.buckets = sorted({b for key in differing for b in _buckets(table, key)})
        if at_one_moment.buckets:
            stored, counts = await store.read(at_one_moment.both)
            found += [
                _uncounted(table, key, stored[key], counts[key])
                for key in _differing(stored, counts)
            ]
    return found


async def _conversions(tx: Tx) -> list[Difference]:
    """Verifies the counts of feedback against the feedback."""
    await snapshot(tx)
    key = "bucket, account_id, country, outcome"
    given = await tx.fetch(f"SELECT {key}, count(*) FROM feedback GROUP BY {key}")
    rows = await tx.fetch(
        f"SELECT {key}, CAST(sum(n) AS BIGINT) FROM conversion WHERE slot <> {PRUNED} "
        f"GROUP BY {key}"
    )
    derived, stored = (Counter({tuple(row[:4]): row[4] for row in some}) for some in (given, rows))
    return [
        Difference("conversion", str(place), "n", stored[place], derived[place])
        for place in _differing(stored, derived)
    ]


def _differing(one: Counter[Count], other: Counter[Count]) -> list[Count]:
    return sorted((k for k in one.keys() | other.keys() if one[k] != other[k]), key=repr)


_WIDTHS = {
    "day": BUCKETS_A_DAY, "part": BUCKETS_A_PART, "half": BUCKETS_A_HALF,
}  # fmt: skip
"""The columns of time, and their width in quarters of an hour."""


def _buckets(table: str, key: Count) -> Sequence[int]:
    """The quarters of an hour that a key covers."""
    of = dict(zip(TABLES[table], key, strict=False))
    for time, width in _WIDTHS.items():
        if time in of:
            return range(of[time] * width, (of[time] + 1) * width)
    return [of["minute"] * MINUTE // BUCKET if "minute" in of else of["bucket"]]


def _uncounted(table: str, key: Count, stored: int, derived: int) -> Difference:
    of = zip(TABLES[table], key, strict=False)
    name = " ".join(f"{column}={'-' if value == '' else value}" for column, value in of)
    return Difference(table, name, _field(key[len(TABLES[table]) :]), stored, derived)


def _field(more: Count) -> str:
    """The field of a row that the end of a key names: an hour, or a step of a histogram."""
    if more[:1] == (STEPS,):
        return f"{STEPS}[{more[1]}]"
    return "n" if more in ((), (None,)) else HOURS[more[0]]


_NUMBERS = {
    table: ("n", *HOURS) if table in DAYS else () if table in LATENCIES else ("n",)
    for table in TABLES
}
"""The columns of numbers of each table."""


class _Recount:
    """A table of counts as stored and as derived from the rows, in some quarters of an hour."""

    def __init__(self, table: str, first: int) -> None:
        self._table, self._first = table, first
        self.buckets: list[int] = []

    async def both(self, tx: Tx) -> tuple[Counter[Count], Counter[Count]]:
        await snapshot(tx)
        places: Counter[Move] = Counter()
        for unit, account_id, *place, n in await tx.fetch(_PLACES, self.buckets):
            places[unit, account_id, NOWHERE, tuple(place)] += n
        counts = single_counts(self._table, deltas(places, self._first)[self._table])
        within = set(self.buckets)
        stored = (await self.stored(tx)).items()
        return Counter(
            {k: n for k, n in stored if within.issuperset(_buckets(self._table, k))}
        ), counts

    async def stored(self, tx: Tx) -> Counter[Count]:
        columns = TABLES[self._table]
        where = f"slot <> {PRUNED}"
        if self._table == "recent":
            where += f" AND minute >= {self._first:d}"
        sums = [f"CAST(sum({column}) AS BIGINT)" for column in _NUMBERS[self._table]]
        if self._table in TIMED:
            sums.append(f"sum({STEPS})")
        rows = await tx.fetch(
            f"SELECT {', '.join([*columns, *sums])} FROM {self._table} "
            f"WHERE {where} GROUP BY {', '.join(columns)}"
        )
        return Counter(dict(pair for row in rows for pair in self._counted(tx, row)))

    def _counted(self, tx: Tx, row: Row) -> Iterator[tuple[Count, int]]:
        """The single counts in a row, in the form of `counts.single_counts`."""
        width = len(TABLES[self._table])
        key, numbers = tuple(row[:width]), row[width : width + len(_NUMBERS[self._table])]
        if self._table in TIMED and row[-1] is not None:
            for step, n in tx.steps(row[-1]).items():
                yield (*key, STEPS, step), n
        if self._table in DAYS:
            yield from _by_hour(key, numbers)
        elif numbers:
            yield key, numbers[0]


def _by_hour(key: Count, counted: Row) -> Iterator[tuple[Count, int]]:
    """A row's count in each hour; under the hour None, what is counted in none of them."""
    n, hours = counted[0], counted[1:]
    yield (*key, None), n - sum(one or 0 for one in hours)
    for hour, one in enumerate(hours):
        yield (*key, hour), one or 0
