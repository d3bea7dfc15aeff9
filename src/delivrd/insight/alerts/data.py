"""The data that rules are evaluated on. Times are whole seconds since 1970, spans are seconds."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from delivrd.insight.settling import Estimate

Key = tuple[str, str, str]
"""A route: account, country, network; empty text where it is not known."""

Place = tuple[tuple[str, str], ...]
"""The subject of a finding: pairs of dimension and value, like ``(("account", "main"),)``; empty
for everything.
"""

FLOOR = 0.005
"""A smaller share of failures counts as none."""


class Cell(NamedTuple):
    """The outcomes so far of the attempts sent in one span of time."""

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
    """What is normal on a route, from the seven days before the time that is judged.

    Shares are the upper edge of what the days show, so that a short history raises no false alarm.
    """

    sent: int = 0
    typical: float = 0.05
    """The share that fails."""
    failing: float = 0.1
    """The same at its upper edge."""
    slow: float = 60.0
    """The age in seconds by which 90 % of those that end have ended."""
    late: float = 600.0
    """The age in seconds by which 99 % have."""
    open_slow: float = 0.2
    """The share that has not ended by ``slow``, at its upper edge."""
    open_late: float = 0.1
    known: tuple[tuple[float, float], ...] = ()
    """Times to a failure: seconds, and the share of failures known by then."""
    same_hours: tuple[int, ...] = ()
    """The number sent in the same hour of each of the days, the last day first."""

    @property
    def known_end(self) -> float:
        """The age from which every failure is known."""
        return self.known[-1][0] if self.known else 0.0

    def known_by(self, age: float) -> float:
        """The share of failures that is known at that age; 1 without history."""
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
    """The estimate for messages handed over since a moment."""

    since: int
    routes: Mapping[tuple[str, str], Estimate]
    """By account and country; routes without messages are missing."""


class Mark(NamedTuple):
    """``n`` refused calls or unmapped receipts of an account in the minute that began at ``at``."""

    at: int
    account: str
    n: int


class Endpoint(NamedTuple):
    """An endpoint whose calls fail, or that was disabled for it."""

    id: str
    label: str
    failing_since: int
    why: str
    off: bool = False


class Lag(NamedTuple):
    """The age of the oldest item in a queue, and the endpoint that it waits for."""

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
    """Estimates by the time span of rules about settled rates, in seconds up to now."""
