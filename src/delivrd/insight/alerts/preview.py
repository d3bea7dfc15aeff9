"""A rule run over the past: when it would have fired.

The same function judges as does live. The past is known by the quarter of an hour, and every
outcome as it is known today: a firing may in truth have come some minutes later than told here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from delivrd.alert_settings import Rule
from delivrd.insight.alerts import read
from delivrd.insight.alerts.data import Cell, Data, Failure, Key, Mark, Normal, Place, Route
from delivrd.insight.alerts.evaluate import evaluate
from delivrd.insight.alerts.grid import HOUR, QUARTER
from delivrd.insight.alerts.normal import DAY, DAYS, History, normals
from delivrd.insight.alerts.routes import chosen
from delivrd.insight.alerts.state import Say, State
from delivrd.store.accounts import Accounts
from delivrd.store.counts import UNTOLD, upper
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Tx

MAX_DAYS = 31
POINTS = 96
"""The line of a preview has about so many points."""

NO_PAST = frozenset({"endpoint_failing", "backlog"})
"""Nothing is kept of how these were."""

_OPEN = frozenset({"overdue", "no_receipts"})


class Past(NamedTuple):
    """What is known of a span of time, in seconds."""

    since: int
    until: int
    cells: dict[Key, dict[int, list[int]]]
    """By quarter of an hour: delivered, failed, unknown, pending."""
    ends: dict[Key, dict[int, list[tuple[float, bool, int]]]]
    """By quarter of an hour: seconds to the end, whether it was a delivery, how many."""
    histories: dict[Key, History]
    marks: tuple[Mark, ...]
    failures: tuple[Failure, ...]


class Period(NamedTuple):
    """One firing that there would have been; ``until`` is None where it lasts to the end."""

    place: Place
    since: int
    fired_at: int
    until: int | None
    say: Say


class Point(NamedTuple):
    """Some time of the line: how many, and how many of them were bad."""

    at: int
    n: int
    k: int


class Preview(NamedTuple):
    """When a rule would have fired, and what it saw."""

    since: int
    until: int
    firings: tuple[Period, ...]
    line: tuple[Point, ...]


async def past(tx: Tx, accounts: Accounts, rule: Rule, since: int, until: int) -> Past:
    """Reads what a rule needs of the time between two moments, and of the week before it."""
    since, until = since // QUARTER * QUARTER, until // QUARTER * QUARTER
    begin, micros = since - (DAYS + 2) * DAY, read.MICROS
    networks = read.wants_networks([rule])
    cells: dict[Key, dict[int, list[int]]] = defaultdict(dict)
    ended: dict[Key, dict[int, list[tuple[float, bool, int]]]] = defaultdict(dict)
    histories: dict[Key, History] = {}
    if rule.kind in read.ROUTES:
        histories = await read.histories(tx, accounts, begin * micros, until * micros, networks)
        rows = await queries.quarters(tx, (since - DAY) * micros, until * micros)
        for *route, status, bucket, n in rows:
            key = read.key_of(accounts, route, networks)
            four = cells[key].setdefault(bucket * QUARTER, [0, 0, 0, 0])
            four[read.FIELDS.get(status, 2)] += n
    if rule.kind in _OPEN or rule.kind == "latency":
        for *route, bucket, status, step, n in await queries.ends(
            tx, (since - DAY) * micros, until * micros
        ):
            if step != UNTOLD and read.FIELDS.get(status, 2) < 2:
                key = read.key_of(accounts, route, networks)
                of = ended[key].setdefault(bucket * QUARTER, [])
                of.append((upper(step), status == "delivered", n))
    marks: tuple[Mark, ...] = ()
    if rule.kind in ("rejected_signatures", "unmapped"):
        marks = await read.marks(tx, accounts, rule.kind, (since - DAY) * micros)
    failures: tuple[Failure, ...] = ()
    if rule.kind == "failure":
        failures = await read.failures(tx, since * micros)
    return Past(since, until, cells, ended, histories, marks, failures)


def preview(rule: Rule, known: Past) -> Preview:
    """Judges every quarter of an hour, one after the other."""
    state, says, normal = State(), list[Say](), dict[Key, Normal]()
    for now in range(known.since, known.until + 1, QUARTER):
        if known.histories and (now % HOUR == 0 or not normal):
            normal = normals(_until(known.histories, now), now)
        verdict = evaluate(rule, _data(rule, known, normal, now), state)
        state = verdict.state
        says += verdict.says
    return Preview(known.since, known.until, tuple(periods(says)), _line(rule, known))


def _until(histories: dict[Key, History], now: int) -> dict[Key, History]:
    """The histories as they were then; how fast ends come is taken from the whole time."""
    end, begin = now // HOUR, now // HOUR - (DAYS + 1) * 24
    return {
        key: of._replace(hours={h: n for h, n in of.hours.items() if begin <= h < end})
        for key, of in histories.items()
    }


def _data(rule: Rule, known: Past, normal: dict[Key, Normal], now: int) -> Data:
    routes = tuple(
        Route(
            key, tuple(_cells(rule, known, key, of, now)), of, tuple(_took(rule, known, key, now))
        )
        for key, of in normal.items()
    )
    failures = tuple(f for f in known.failures if now - QUARTER <= f.at < now)
    return Data(now, routes, {rule.kind: tuple(m for m in known.marks if m.at < now)},
                failures=failures)  # fmt: skip


def _cells(rule: Rule, known: Past, key: Key, normal: Normal, now: int) -> Iterable[Cell]:
    """The quarters of the day before, the older ones by the hour."""
    counts, sums = known.cells.get(key, {}), dict[tuple[int, int], list[int]]()
    cut = (now - 6 * HOUR) // HOUR * HOUR
    for at in range((now - DAY) // HOUR * HOUR, now, QUARTER):
        four = counts.get(at)
        if four:
            if rule.kind in _OPEN:
                four = _as_then(rule, known, key, normal, at, four)
            where = (at, QUARTER) if at >= cut else (at // HOUR * HOUR, HOUR)
            before = sums.setdefault(where, [0, 0, 0, 0])
            for i, n in enumerate(four):
                before[i] += n
    return (Cell(at, seconds, *(max(0, n) for n in four)) for (at, seconds), four in sums.items())


def _as_then(
    rule: Rule, known: Past, key: Key, normal: Normal, at: int, four: Sequence[int]
) -> list[int]:
    """The counts with what came too late to be seen then as still open."""
    limit = normal.late if rule.kind == "overdue" else normal.slow
    ends = known.ends.get(key, {}).get(at, ())
    delivered = sum(n for seconds, arrived, n in ends if arrived and seconds <= limit)
    failed = sum(n for seconds, arrived, n in ends if not arrived and seconds <= limit)
    return [delivered, failed, 0, max(0, sum(four) - delivered - failed)]


def _took(rule: Rule, known: Past, key: Key, now: int) -> Iterable[tuple[int, float, int]]:
    if rule.kind != "latency":
        return
    for at in range((now - (rule.within or HOUR)) // QUARTER * QUARTER, now, QUARTER):
        for seconds, arrived, n in known.ends.get(key, {}).get(at, ()):
            if arrived:
                yield at, seconds, n


def periods(says: Iterable[Say]) -> list[Period]:
    """Firings from what was said, the first first."""
    found: dict[int, Period] = {}
    for say in says:
        known = found.get(say.firing)
        if say.what in ("failure", "digest"):
            found[say.firing] = Period(say.place, say.since, say.at, say.at, say)
        elif say.what == "fired":
            found[say.firing] = Period(say.place, say.since, say.at, None, say)
        elif known is not None and say.what == "merged":
            del found[say.firing]
        elif known is not None and say.what == "widened":
            found[say.firing] = known._replace(place=say.place)
        elif known is not None:
            found[say.firing] = known._replace(until=say.at if say.what == "recovered" else None)
    return list(found.values())


def _line(rule: Rule, known: Past) -> tuple[Point, ...]:
    """What the rule is about, in about a hundred points."""
    width = max(1, (known.until - known.since) // QUARTER // POINTS) * QUARTER
    points: dict[int, list[int]] = {at: [0, 0] for at in range(known.since, known.until, width)}

    def add(at: int, n: int, k: int) -> None:
        point = points.get(known.since + (at - known.since) // width * width)
        if at >= known.since and point is not None:
            point[0] += n
            point[1] += k

    keys = {r.key for r in chosen(rule, [Route(key, (), Normal()) for key in known.cells])}
    for key in keys:
        for at, four in known.cells[key].items():
            add(at, sum(four), _bad(rule, known, key, at, four))
    for mark in known.marks:
        add(mark.at, mark.n, mark.n)
    for failure in known.failures:
        add(failure.at, 1, 1)
    return tuple(Point(at, n, k) for at, (n, k) in points.items())


def _bad(rule: Rule, known: Past, key: Key, at: int, four: Sequence[int]) -> int:
    if rule.kind == "latency":
        ends = known.ends.get(key, {}).get(at, ())
        return sum(n for seconds, arrived, n in ends if arrived and seconds > (rule.over or 0.0))
    if rule.kind in _OPEN:
        return four[3] + four[2]
    return four[1]
