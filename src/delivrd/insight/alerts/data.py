"""The input of rules. All times are whole seconds since 1970, all spans are in seconds."""

from bisect import bisect_right
from collections.abc import Mapping, Set
from typing import NamedTuple

from delivrd.insight.settling import Estimate
from delivrd.insight.silent_networks import Country

Key = tuple[str, str, str]
"""A route: (account, country, network); an empty string where unknown."""

Place = tuple[tuple[str, str], ...]
"""The place of a finding: pairs of dimension and value, like ``(("account", "main"),)``; empty for
everything."""

FLOOR = 0.005
"""The least normal share that is assumed: a smaller share of failures counts as this."""


class Cell(NamedTuple):
    """Outcomes so far of the attempts handed over in one span of time."""

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
    """What is normal on a route, by the seven days before the time that is judged.

    Shares are upper bounds, so that a short history raises no false alarms.
    """

    sent: int = 0
    typical: float = 0.05
    """The share that fails."""
    failing: float = 0.1
    """Its upper bound."""
    slow: float = 60.0
    """The age, in seconds, by which 90 % of ends have happened."""
    late: float = 600.0
    """The age by which 99 % have."""
    open_slow: float = 0.2
    """An upper bound of the share of messages still open at ``slow``."""
    open_late: float = 0.1
    """The same at ``late``."""
    known: tuple[tuple[float, float], ...] = ()
    """The cumulative distribution of the time to a failure, as (seconds, share of failures)."""
    same_hours: tuple[int, ...] = ()
    """Messages sent in the same hour of each of the days, the latest first."""
    hours_before: tuple[int, ...] = ()
    """The same for the hour before it, which is over."""

    @property
    def known_end(self) -> float:
        """The age, in seconds, by which every failure is known."""
        return self.known[-1][0] if self.known else 0.0

    def known_by(self, age: float) -> float:
        """The share of failures known by that age; 1 without enough history."""
        if not self.known:
            return 1.0
        at = bisect_right(self.known, (age, 2.0))
        return self.known[at - 1][1] if at else 0.0


class Route(NamedTuple):
    """One route with its recent cells, the oldest first; they do not overlap."""

    key: Key
    cells: tuple[Cell, ...]
    normal: Normal
    took: tuple[tuple[int, float, int], ...] = ()
    """Deliveries as (beginning of the quarter of an hour, latency in seconds, number)."""


class Outlook(NamedTuple):
    """Estimates of how the messages handed over since a moment will end."""

    since: int
    routes: Mapping[tuple[str, str], Estimate]
    """By account and country, of routes on which messages were handed over."""


class Mark(NamedTuple):
    """``n`` refused calls or unmapped receipts of an account in the minute that began at ``at``."""

    at: int
    account: str
    n: int


class Endpoint(NamedTuple):
    """An endpoint whose calls fail, or that was disabled because of that."""

    id: str
    label: str
    failing_since: int
    why: str
    off: bool = False


class Lag(NamedTuple):
    """The age of the oldest waiting item, and the endpoint it waits for."""

    seconds: float = 0.0
    endpoint: str = ""
    label: str = ""


class Failure(NamedTuple):
    """One failed message; the recipient's number is masked."""

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
    """Everything that rules are evaluated on, at one moment."""

    now: int
    routes: tuple[Route, ...] = ()
    marks: Mapping[str, tuple[Mark, ...]] = {}
    """By kind of rule: ``rejected_signatures``, ``unmapped``."""
    lags: Mapping[str, Lag] = {}
    """By queue: ``fold``, ``relay``."""
    endpoints: tuple[Endpoint, ...] = ()
    failures: tuple[Failure, ...] = ()
    outlooks: Mapping[int, Outlook] = {}
    """By the ``within`` of rules about settled rates, in seconds up to now."""
    networks: Mapping[tuple[str, str], Country] = {}
    """By account and country: the last day, by network."""
    never_report: Set[Key] = frozenset()
    """Networks that reported nothing in the weeks before today."""
