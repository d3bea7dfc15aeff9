"""The result of a rule at a place and moment, in the form that all kinds of rules share."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from delivrd.insight.alerts.data import Place

BAD, GOOD, UNSURE = "bad", "good", "unsure"

Fact = int | float | str
Facts = Mapping[str, Fact]
"""Evidence: ``n`` messages since ``since``, ``k`` of them, the ``share``, the ``normal`` share."""


class Reading(NamedTuple):
    """The state of a place; ``chance`` is the probability of such evidence by chance alone."""

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
