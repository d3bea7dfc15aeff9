"""What a rule finds of each place at one moment: the word that all kinds of rules come to."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from delivrd.insight.alerts.data import Place

BAD, GOOD, UNSURE = "bad", "good", "unsure"

Fact = int | float | str
Facts = Mapping[str, Fact]
"""Evidence: ``n`` messages since ``since``, ``k`` of them, the ``share``, the ``normal`` share."""


class Reading(NamedTuple):
    """How it is at a place; ``chance`` is how rarely chance alone shows as much."""

    place: Place
    level: str
    facts: Facts = MappingProxyType({})
    chance: float = 1.0


class Findings(NamedTuple):
    """What a rule finds: the places that are bad, none inside another, and a look at any place.

    ``look`` is asked for places that fire, with the moment since which they do.
    """

    bad: tuple[Reading, ...]
    look: Callable[[Place, int], Reading]
