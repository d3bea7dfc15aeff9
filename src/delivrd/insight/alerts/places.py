"""Names the places that are bad: one outage is one finding, not one for each of 200 countries."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from delivrd.alert_settings import DIMENSIONS, Dimension, Rule
from delivrd.insight.alerts.data import Key, Place
from delivrd.insight.alerts.readings import GOOD, UNSURE, Reading

EXPLAINS = 0.6
"""A wider place explains its parts when parts with this share of its messages are suspect."""

MANY = 5
"""This many bad parts of one place are one finding in any case."""

SUSPECT = 2.0
"""Evidence, in nats, from which a part of a bad place counts as suspect."""

APART = 5.0
"""Evidence, in nats beyond `SUSPECT` each, that the parts beside the worst one need together to be
blamed with it: an outage that lasts is looked at hundreds of times, and chance makes one or two
small parts suspect in some of them."""


def place_of(key: Key, by: Iterable[Dimension]) -> Place:
    """The place of a route, by these dimensions."""
    return tuple((d, key[DIMENSIONS.index(d)]) for d in DIMENSIONS if d in by)


def dimensions(rule: Rule) -> tuple[Dimension, ...]:
    """The dimensions of a rule's places: those it groups by, and those limited to one value."""
    about = zip(DIMENSIONS, (rule.accounts, rule.countries, rule.networks), strict=True)
    return tuple(d for d, only in about if d in rule.by or len(only) == 1)


def levels(by: Sequence[Dimension]) -> list[tuple[Dimension, ...]]:
    """All subsets of the dimensions, the full one first, the empty one last."""
    return [part for size in range(len(by), -1, -1) for part in combinations(by, size)]


def within(inner: Place, outer: Place) -> bool:
    """Whether one place lies in the other or equals it."""
    return set(outer) <= set(inner)


def in_words(places: Iterable[Place], around: Place) -> str:
    """Places by what tells them apart within another: ``GB → 23420, DE``."""
    rest = ([value or "?" for pair in place if pair not in around for value in pair[1:]]
            for place in places)  # fmt: skip
    return ", ".join(" → ".join(values) for values in rest)


class Part(NamedTuple):
    """A finest place: the score of its evidence, and how many messages it sends."""

    score: float
    weight: int


def explain(bad: Mapping[Place, float], parts: Mapping[Place, Part]) -> list[Place]:
    """A small set of places that covers all bad ones: each lies in one of the set, or shares a part
    with one.

    ``bad`` are places of any width with their scores, ``parts`` all the finest places.
    """
    found: list[Place] = []
    open_parts = dict(parts)  # not covered yet: an account's outage must not blame its countries
    for place in sorted(_wider(bad, parts), key=lambda p: (len(p), -bad.get(p, 0.0), p)):
        if not any(within(place, taken) for taken in found) and _explains(place, bad, open_parts):
            found.append(place)
            open_parts = {p: part for p, part in open_parts.items() if not within(p, place)}
    for place in sorted(parts, key=lambda p: -parts[p].score):
        if place in bad and not any(within(place, taken) for taken in found):
            found.append(place)
    for place in sorted(bad, key=lambda p: (-len(p), -bad[p], p)):
        if not any(_meet(place, taken, parts) for taken in found):
            found.append(place)  # too thinly spread for any of its parts to be bad alone
    return found


def with_parts(
    look: Callable[[Place, int], Reading], bad: Collection[Place], finest: Collection[Place]
) -> Callable[[Place, int], Reading]:
    """The same, but a place that is not among the ``bad`` ones itself is not good while `MANY` of
    its parts are not, nor good since before they were: it stands for them. ``finest`` are the
    finest of the bad places."""

    def whole(place: Place, since: int) -> Reading:
        reading = look(place, since)
        parts = [p for p in finest if p != place and within(p, place)]
        if not place or place in bad or reading.level != GOOD or len(parts) < MANY:
            return reading
        inside = [look(part, since) for part in parts]
        if sum(part.level != GOOD for part in inside) >= MANY:
            return reading._replace(level=UNSURE)
        begins = [int(one.facts.get("since", 0)) for one in (reading, *inside) if one.level == GOOD]
        return reading._replace(facts={**reading.facts, "since": max(begins)})

    return whole


def _meet(one: Place, other: Place, parts: Iterable[Place]) -> bool:
    """Whether two places have a part in common."""
    return any(within(part, one) and within(part, other) for part in parts)


def _wider(bad: Mapping[Place, float], parts: Mapping[Place, Part]) -> set[Place]:
    """Places that may explain several bad ones: wider places that are bad or have bad parts."""
    around = {
        tuple(pairs)
        for place in bad
        if place in parts
        for size in range(1, len(place))
        for pairs in combinations(place, size)
    }
    return {place for place in bad if place not in parts} | around


def _explains(place: Place, bad: Mapping[Place, float], parts: Mapping[Place, Part]) -> bool:
    inside = {p: part for p, part in parts.items() if within(p, place)}
    if place and sum(p in bad for p in inside) >= MANY:
        return True
    return place in bad and _mostly_suspect(inside) and not _one_alone(place, inside)


def _one_alone(place: Place, inside: Mapping[Place, Part]) -> bool:
    """Whether a single account, country, … is to blame: without it the place would not be bad."""
    for dimension in {pair[0] for p in inside for pair in p} - {pair[0] for pair in place}:
        weights, scores = Counter[str](), defaultdict[str, float](float)
        for p, part in inside.items():
            if part.score >= SUSPECT:
                weights[dict(p)[dimension]] += part.weight
                scores[dict(p)[dimension]] += part.score
        for value in {max(some, key=lambda v: some[v], default="") for some in (weights, scores)}:
            rest = {p: part for p, part in inside.items() if dict(p)[dimension] != value}
            if not _mostly_suspect(rest) or _evidence(rest) < APART:
                return True
    return False


def _evidence(parts: Mapping[Place, Part]) -> float:
    return sum(max(0.0, part.score - SUSPECT) for part in parts.values())


def _mostly_suspect(parts: Mapping[Place, Part]) -> bool:
    total = sum(part.weight for part in parts.values())
    suspects = sum(part.weight for part in parts.values() if part.score >= SUSPECT)
    return total > 0 and suspects / total >= EXPLAINS
