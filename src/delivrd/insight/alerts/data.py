"""What rules are judged by. All times are whole seconds since 1970, all spans are seconds."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from delivrd.insight.settling import Estimate

Key = tuple[str, str, str]
"""A route: account, country, network; empty text where it is not known."""

Place = tuple[tuple[str, str], ...]
"""What a finding is about: pairs of dimension and value, like ``(("account", "main"),)``; empty:
everything."""

FLOOR = 0.005
"""A share of failures under this is as good as none."""


class Cell(NamedTuple):
    """What became so far of the attempts that went out in one span of time."""

    at: int
    seconds: int
    delivered: int = 0
    failed: int = 0
    """Undelivered, rejected or expired."""
    unknown: int = 0
    pending: int = 0

    @property
    def sent(self) -> int:
        return self.delivered + self.failed + self.unknown + self.pending

    @property
    def ended(self) -> int:
        return self.delivered + self.failed + self.unknown


class Normal(NamedTuple):
    """What is usual on a route, by its last seven days before the time that is judged.

    Shares are at the upper edge of what the days prove, so that little history accuses nobody.
    """

    sent: int = 0
    typical: float = 0.05
    """The share that fails."""
    failing: float = 0.1
    """The same at its upper edge."""
    slow: float = 60.0
    """Nine of ten that end have ended by then."""
    late: float = 600.0
    """So have ninety-nine of a hundred."""
    open_slow: float = 0.2
    """The share that has not ended by ``slow``, at its upper edge."""
    open_late: float = 0.1
    known: tuple[tuple[float, float], ...] = ()
    """Steps of time to a failure: seconds, and the share of failures known by then."""
    same_hours: tuple[int, ...] = ()
    """How many went out in the same hour of each of the days, the last first."""

    @property
    def known_end(self) -> float:
        """The age from which every failure is known."""
        return self.known[-1][0] if self.known else 0.0

    def known_by(self, age: float) -> float:
        """The share of failures that is known after so long; 1 where history does not tell."""
        if not self.known:
            return 1.0
        at = bisect_right(self.known, (age, 2.0))
        return self.known[at - 1][1] if at else 0.0


class Route(NamedTuple):
    """One route: its recent cells, the oldest first, each span of time in one of them."""

    key: Key
    cells: tuple[Cell, ...]
    normal: Normal
    took: tuple[tuple[int, float, int], ...] = ()
    """Deliveries by quarter of an hour and latency: when the quarter began, seconds, how many."""


class Outlook(NamedTuple):
    """What messages will come to that were handed over since a moment."""

    since: int
    routes: Mapping[tuple[str, str], Estimate]
    """By account and country; none where nothing was handed over."""


class Mark(NamedTuple):
    """``n`` refused calls or unmapped receipts of an account in the minute that began at ``at``."""

    at: int
    account: str
    n: int


class Endpoint(NamedTuple):
    """An endpoint whose calls fail, or that is switched off for it."""

    id: str
    label: str
    failing_since: int
    why: str
    off: bool = False


class Lag(NamedTuple):
    """The age of the oldest that waits, and the endpoint that it is to be told to."""

    seconds: float = 0.0
    endpoint: str = ""
    label: str = ""


class Failure(NamedTuple):
    """One message that failed; its number is masked."""

    event: int
    at: int
    message: str
    account: str
    country: str
    to: str
    sender: str
    metadata: Mapping[str, str]
    status: str
    reason: str
    code: str


class Data(NamedTuple):
    """All that is known at one moment."""

    now: int
    routes: tuple[Route, ...] = ()
    marks: Mapping[str, tuple[Mark, ...]] = {}
    """By kind of rule: ``rejected_signatures``, ``unmapped``."""
    lags: Mapping[str, Lag] = {}
    """By what waits: ``fold``, ``relay``."""
    endpoints: tuple[Endpoint, ...] = ()
    failures: tuple[Failure, ...] = ()
    outlooks: Mapping[int, Outlook] = {}
    """By the time that rules about settled rates look at, in seconds up to now."""
