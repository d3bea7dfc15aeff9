"""The time ranges that a page can have, and their form in a query."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from delivrd.core.statement import micros
from delivrd.core.units import HOUR, QUARTER
from delivrd.store.ids import now_micros
from delivrd.store.queries.views import at
from delivrd.web.pages.show import iso, moment

RANGES = (
    ("1h", "Last hour", 1),
    ("24h", "Last 24 hours", 24),
    ("7d", "Last 7 days", 7 * 24),
    ("30d", "Last 30 days", 30 * 24),
)
EDGES = ("since", "until")


class Range(NamedTuple):
    """``since`` and ``until`` are in microseconds since 1970, None for no limit.

    ``value`` is the name of a range that has one and ``hours`` its length; ``zoomed`` is the name
    of the range out of which one without a name was selected.
    """

    value: str
    label: str
    hours: int | None
    since: int | None
    until: int | None = None
    zoomed: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The parameters of a query."""
        if self.value:
            return {"range": self.value}
        return {**self.pinned, **({"zoomed": self.zoomed} if self.zoomed else {})}

    @property
    def pinned(self) -> dict[str, str]:
        """Its edges as parameters of a query."""
        edges = dict(zip(EDGES, self.edges, strict=True))
        return {name: text for name, text in edges.items() if text}

    @property
    def edges(self) -> tuple[str, str]:
        """Both edges in ISO 8601; empty for no limit."""
        return edge(self.since), edge(self.until)

    def length(self, now: int) -> int | None:
        """How long it is, in microseconds; None for all time."""
        if self.since is None:
            return None
        return max(QUARTER, (now if self.until is None else min(now, self.until)) - self.since)


def range_of(value: str | None) -> Range:
    """The range with that name; all time for an unknown name."""
    for name, label, hours in RANGES:
        if name == value:
            return Range(name, label, hours, now_micros() - hours * HOUR)
    return Range("", "All time", None, None)


def named(value: str) -> Range:
    """The range with that name, which may be ``all``."""
    found = range_of(value)
    return found._replace(value=value) if value == "all" else found


def asked(params: Mapping[str, str], default: str = "") -> Range:
    """The range in a query: by ``since`` and ``until``, else by its name."""
    since, until = (instant(params.get(name)) for name in EDGES)
    if since is None and until is None:
        return named(params.get("range") or default)
    zoomed = params.get("zoomed", "")
    known = zoomed if zoomed == "all" or range_of(zoomed).value else ""
    return Range("", _words(since, until), None, since, until, known)


def counted(span: Range) -> Range:
    """The range extended to whole quarters of an hour, by which messages are counted."""
    since = None if span.since is None else span.since // QUARTER * QUARTER
    until = None if span.until is None else -(-span.until // QUARTER) * QUARTER
    return span._replace(since=since, until=until)


def before(span: Range, now: int) -> Range | None:
    """The window of the same length before it; None for all time."""
    length = span.length(now)
    if length is None or span.since is None:
        return None
    whole = max(1, round(length / QUARTER)) * QUARTER
    return Range("", "before", None, span.since - whole, span.since)


def inside(span: Range, now: int) -> tuple[int, int]:
    """Both edges, no later than now; for all time, those of the last day."""
    until = now if span.until is None else min(now, span.until)
    until = -(-until // QUARTER) * QUARTER
    return until - 24 * HOUR if span.since is None else span.since, until


def wider(span: Range, now: int) -> Range | None:
    """Twice the length around the same middle, no later than now; None for a named range."""
    length = span.length(now)
    if span.value or span.since is None or length is None:
        return None
    end = now if span.until is None else min(now, span.until)
    until = min(-(-now // QUARTER) * QUARTER, end + length // 2)
    return counted(span._replace(since=until - 2 * length, until=until))


def edge(micros_since_1970: int | None) -> str:
    """A time in ISO 8601 for a query; empty for None."""
    when = at(micros_since_1970)
    return iso(when) if when else ""


def instant(text: str | None) -> int | None:
    """A time in a query, in microseconds since 1970; None if it is none."""
    when = moment((text or "").replace(" ", "+")[:40])
    try:
        return None if when is None or not 1970 < when.year < 2200 else micros(when)
    except (OverflowError, ValueError):
        return None


def _words(since: int | None, until: int | None) -> str:
    begin, end = (_moment(at(edge)) for edge in (since, until))
    if begin and end:
        day, clock = begin.rsplit(" ", 1)
        same = end.startswith(f"{day} ")
        if clock == "00:00" and until == (since or 0) + 24 * HOUR:
            return f"{day} (UTC)"
        return f"{begin} to {end.rsplit(' ', 1)[1] if same else end} UTC"
    return f"Since {begin} UTC" if begin else f"Until {end} UTC"


def _moment(when: datetime | None) -> str:
    if when is None:
        return ""
    when = when.astimezone(UTC)
    whole = (when.second, when.microsecond) == (0, 0)
    return f"{when:%-d %b %H:%M}" if whole else f"{when:%-d %b %H:%M:%S}"


CHOICES = (("", "All time"), *((name, label) for name, label, _ in RANGES))
