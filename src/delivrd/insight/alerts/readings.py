"""What a rule finds at each place at one moment: the common result of all kinds of rules."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from delivrd.insight.alerts.data import Place

BAD, GOOD, UNSURE = "bad", "good", "unsure"

Fact = int | float | str
Facts = Mapping[str, Fact]
"""Evidence: of ``n`` messages since ``since``, ``k`` were bad; their ``share``, and ``normal``."""


class Reading(NamedTuple):
    """The state of a place; ``chance`` is the p-value: how likely chance alone shows as much."""

    place: Place
    level: str
    facts: Facts = MappingProxyType({})
    chance: float = 1.0


class Findings(NamedTuple):
    """The bad places, none inside another, and a function that reads any place.

    ``look`` is called for places that fire, with the moment since when they do.
    """

    bad: tuple[Reading, ...]
    look: Callable[[Place, int], Reading]
