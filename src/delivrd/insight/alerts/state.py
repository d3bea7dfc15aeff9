"""The state of a rule between evaluations, and the outcome of an evaluation."""

from typing import Any

import msgspec

from delivrd.insight.alerts.data import Place


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One place that is bad or was recently."""

    place: Place
    bad_since: int
    firing: int | None = None
    """The number of its firing, once it has fired."""
    fired_at: int | None = None
    since: int | None = None
    """Since when it was bad, as stated in the notice."""
    good_since: int | None = None
    ended_at: int | None = None
    """When it recovered; it is remembered for the quiet period."""


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule about single failures has reported in the current hour."""

    hour: int = 0
    n: int = 0
    held: dict[str, int] = {}
    """Failures held back for the digest, by account and reason."""
    seen: tuple[int, ...] = ()
    """The latest failures, so that none is reported twice."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a rule remembers."""

    spots: tuple[Spot, ...] = ()
    floors: tuple[tuple[Place, int], ...] = ()
    """By place: the last recovery, before which its messages no longer count."""
    firings: int = 0
    """How often the rule has fired, ever."""
    reported: Reported = msgspec.field(default=Reported(), name="told")


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """News about a firing: ``fired``, ``widened``, ``recovered``, ``merged`` (into another firing;
    no notice), ``again`` (within the quiet period; no notice), ``failure``, ``digest``.
    """

    what: str
    at: int
    firing: int
    place: Place
    since: int
    facts: dict[str, Any] = {}
    into: int | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """The outcome of one evaluation."""

    state: State
    updates: tuple[Update, ...]
