"""Runs a rule over the past: when it would have fired.

The function that evaluates rules live is called for every quarter of an hour, on what was known
then.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from delivrd.alert_settings import Rule
from delivrd.core.units import (
    DAY_SECONDS,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    QUARTER_SECONDS,
    SECOND,
)
from delivrd.insight.alerts import read
from delivrd.insight.alerts.cells import FIELDS, key_of
from delivrd.insight.alerts.data import Data, Failure, Key, Mark, Normal, Place, Route
from delivrd.insight.alerts.evaluate import evaluate
from delivrd.insight.alerts.failures import matches
from delivrd.insight.alerts.histories import PastRows
from delivrd.insight.alerts.histories import past as read_histories
from delivrd.insight.alerts.normal import DAYS, History, normals, times
from delivrd.insight.alerts.past_outlooks import PastOutlooks
from delivrd.insight.alerts.read import wants_networks
from delivrd.insight.alerts.routes import chosen
from delivrd.insight.alerts.settled_rate import is_estimated
from delivrd.insight.alerts.state import State, Update
from delivrd.insight.alerts.timeline import End, Packed, Timeline, ended
from delivrd.store.accounts import Accounts
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Row, Tx

MAX_DAYS = 31
POINTS = 96
"""The approximate number of points of a preview's line."""

NO_PAST = frozenset({"endpoint_failing", "backlog"})
"""Kinds whose past is not stored."""

MOST_FAILURES = 50_000
"""The most failures that a preview of single failures covers: the newest."""

ARRIVED = FIELDS["delivered"]

_OPEN = frozenset({"overdue", "no_receipts"})

_Dated = TypeVar("_Dated", Mark, Failure)


class Past(NamedTuple):
    """The data of a past span of time, in seconds."""

    since: int
    until: int
    cells: dict[Key, dict[int, list[int]]]
    """By quarter of an hour, as known today: delivered, failed, unknown, pending."""
    ends: Mapping[Key, Mapping[int, Sequence[End]]]
    """By quarter of an hour: how long messages took to end."""
    histories: dict[Key, History]
    marks: tuple[Mark, ...]
    failures: tuple[Failure, ...]
    begun: int | None = 0
    """Since when there is data of the rule's kind; None without any."""
    outlooks: PastOutlooks | None = None
    """Past estimates, where the rule is evaluated on them."""


class Period(NamedTuple):
    """One firing in the preview; ``until`` is None where it lasts to the end."""

    place: Place
    since: int
    fired_at: int
    until: int | None
    update: Update


class Point(NamedTuple):
    """One point of the line: ``k`` of ``n`` were bad."""

    at: int
    n: int
    k: int


class Preview(NamedTuple):
    """When a rule would have fired, and on what data; ``known_since`` is when the data begins, None
    without any."""

    since: int
    until: int
    known_since: int | None
    firings: tuple[Period, ...]
    line: tuple[Point, ...]


class PastRead(NamedTuple):
    """The rows read of the past; `past` computes on them, which takes a while."""

    rule: Rule
    span: tuple[int, int]
    accounts: Accounts
    week: PastRows | None
    quarters: Sequence[Row]
    ends: Sequence[Row]
    unpack: Callable[[Any], Mapping[int, int]]
    marks: tuple[Mark, ...]
    failures: tuple[Failure, ...]
    begun: int | None

    def past(self) -> Past:
        histories = self.week.histories() if self.week else {}
        return Past(
            *self.span, self._cells(), self._ends(), histories, self.marks, self.failures,
            self.begun,
        )  # fmt: skip

    def _cells(self) -> dict[Key, dict[int, list[int]]]:
        cells: dict[Key, dict[int, list[int]]] = defaultdict(dict)
        for account_id, country, network, bucket, *four in self.quarters:
            cells[self._key((account_id, country, network))][bucket * QUARTER_SECONDS] = four
        return cells

    def _ends(self) -> dict[Key, Packed]:
        ends: dict[Key, dict[int, list[tuple[int, Any]]]] = defaultdict(dict)
        for *route, bucket, status, packed in self.ends:
            of = ends[self._key(route)].setdefault(bucket * QUARTER_SECONDS, [])
            of.append((FIELDS.get(status, 2), packed))
        return {key: Packed(rows, self.unpack) for key, rows in ends.items()}

    def _key(self, route: Iterable[object]) -> Key:
        return key_of(self.accounts, route, wants_networks([self.rule]))


async def past(tx: Tx, accounts: Accounts, rule: Rule, since: int, until: int) -> PastRead:
    """Reads the data that a rule needs between two moments (in seconds), and of the week before."""
    since, until = (
        since // QUARTER_SECONDS * QUARTER_SECONDS,
        until // QUARTER_SECONDS * QUARTER_SECONDS,
    )
    days = ((since - DAY_SECONDS) * SECOND, until * SECOND)
    networks = wants_networks([rule])
    week, quarters, ends = None, list[Row](), list[Row]()
    if rule.kind in read.ROUTES:
        week = await read_histories(tx, accounts, since - (DAYS + 2) * DAY_SECONDS, until, networks)
        quarters = await queries.outcomes(tx, *days, networks=networks)
        ends = [] if is_estimated(rule) else await queries.ends(tx, *days, networks=networks)
    marks: tuple[Mark, ...] = ()
    failures: tuple[Failure, ...] = ()
    complete = since * SECOND
    if rule.kind in read.MARKS:
        marks = await read.marks(tx, accounts, rule.kind, days[0])
        if sum(mark.n for mark in marks) >= queries.MAX_MARKS:  # only the newest were read
            complete = (marks[0].at + MINUTE_SECONDS) * SECOND
    if rule.kind == "failure":
        complete = await queries.newest_failures(tx, complete, MOST_FAILURES)
        failures = await read.failures(tx, complete, MOST_FAILURES)
    begun = await queries.begun(tx, rule.kind)
    begun = None if begun is None else max(begun, complete) // SECOND
    return PastRead(
        rule, (since, until), accounts, week, quarters, ends, tx.steps, marks, failures, begun
    )


def by_quarters(rule: Rule) -> Rule:
    """The rule with ``within`` rounded up to quarters of an hour, the resolution of the past."""
    if rule.within is None:
        return rule
    return rule.model_copy(update={"within": -(-rule.within // QUARTER_SECONDS) * QUARTER_SECONDS})


def preview(rule: Rule, known: Past, each: Callable[[], object] = lambda: None) -> Preview:
    """Evaluates the rule for every quarter of an hour; calls ``each`` after each."""
    rule = by_quarters(rule)
    state, updates, normal = State(), list[Update](), dict[Key, Normal]()
    took = {key: times(history) for key, history in known.histories.items()}
    timelines = {
        key: Timeline(known.cells.get(key, {}), known.ends.get(key, {})) for key in known.histories
    }
    for now in range(known.since, known.until + 1, QUARTER_SECONDS):
        if known.histories and (now % HOUR_SECONDS == 0 or not normal):
            normal = normals(known.histories, now, took)
        seen = _with_outlooks(_data(rule, known, timelines, normal, now), known.outlooks, state)
        evaluation = evaluate(rule, seen, state)
        state = evaluation.state
        updates += evaluation.updates
        each()
    span = (known.since, known.until, known_since(rule, known))
    return Preview(*span, tuple(periods(updates)), _line(rule, known))


def known_since(rule: Rule, known: Past) -> int | None:
    """Since when, within the span, there is data for the rule; None without any."""
    about = chosen(rule, [Route(key, (), Normal()) for key in known.histories])
    nothing = rule.kind in read.ROUTES and not about
    if nothing or known.begun is None or known.begun >= known.until:
        return None
    return max(known.since, known.begun)


def _data(
    rule: Rule, known: Past, timelines: Mapping[Key, Timeline], normal: dict[Key, Normal], now: int
) -> Data:
    routes = tuple(
        Route(key, timelines[key].at(now), of, tuple(_took(rule, known, key, now)))
        for key, of in normal.items()
    )
    marks = _between(known.marks, now - (rule.within or 0), now)
    failures = _between(known.failures, now - QUARTER_SECONDS, now)
    return Data(now, routes, {rule.kind: marks}, failures=failures)


def _between(some: tuple[_Dated, ...], begin: int, end: int) -> tuple[_Dated, ...]:
    """Those of a time; they are in order."""
    first, last = (bisect_left(some, at, key=_moment) for at in (begin, end))
    return some[first:last]


def _moment(one: Mark | Failure) -> int:
    return one.at


def _with_outlooks(data: Data, outlooks: PastOutlooks | None, state: State) -> Data:
    if outlooks is None:
        return data
    firing = {spot.place for spot in state.spots if spot.firing is not None}
    return data._replace(outlooks=outlooks.outlooks(data.now, firing))


def _took(rule: Rule, known: Past, key: Key, now: int) -> Iterable[tuple[int, float, int]]:
    if rule.kind != "latency":
        return
    for at in range(
        (now - (rule.within or HOUR_SECONDS)) // QUARTER_SECONDS * QUARTER_SECONDS,
        now,
        QUARTER_SECONDS,
    ):
        for end in known.ends.get(key, {}).get(at, ()):
            if end.field == ARRIVED and (n := round(ended(end, at, now))):
                yield at, end.seconds, n


def periods(updates: Iterable[Update]) -> list[Period]:
    """The firings that result from the updates, the earliest first."""
    found: dict[int, Period] = {}
    for update in updates:
        known = found.get(update.firing)
        if update.what in ("failure", "digest"):
            found[update.firing] = Period(update.place, update.since, update.at, update.at, update)
        elif update.what == "fired":
            found[update.firing] = Period(update.place, update.since, update.at, None, update)
        elif known is not None and update.what == "merged":
            del found[update.firing]
        elif known is not None and update.what == "widened":
            found[update.firing] = known._replace(place=update.place)
        elif known is not None:
            found[update.firing] = known._replace(
                until=update.at if update.what == "recovered" else None
            )
    return list(found.values())


def _line(rule: Rule, known: Past) -> tuple[Point, ...]:
    """The rule's data as a line of about `POINTS` points."""
    width = max(1, (known.until - known.since) // QUARTER_SECONDS // POINTS) * QUARTER_SECONDS
    points: dict[int, list[int]] = {at: [0, 0] for at in range(known.since, known.until, width)}

    def add(at: int, n: int, k: int) -> None:
        point = points.get(known.since + (at - known.since) // width * width)
        if point is not None:
            point[0] += n
            point[1] += k

    keys = {r.key for r in chosen(rule, [Route(key, (), Normal()) for key in known.cells])}
    for key in keys:
        for at, four in known.cells[key].items():
            add(at, sum(four), _bad(rule, known, key, at, four))
    for mark in known.marks:
        if not rule.accounts or mark.account in rule.accounts:
            add(mark.at, mark.n, mark.n)
    for failure in known.failures:
        if matches(rule, failure):
            add(failure.at, 1, 1)
    return tuple(Point(at, n, k) for at, (n, k) in points.items())


def _bad(rule: Rule, known: Past, key: Key, at: int, four: Sequence[int]) -> int:
    if rule.kind == "latency":
        ends = known.ends.get(key, {}).get(at, ())
        slow = (end for end in ends if end.seconds > (rule.over or 0.0))
        return sum(end.n for end in slow if end.field == ARRIVED)
    if rule.kind in _OPEN:
        return four[3] + four[2]
    return four[1]
