"""What differs between two readings of one request."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def paired(
    before: Iterable[tuple[K, V]], after: Iterable[tuple[K, V]]
) -> Iterator[tuple[K, V | None, V | None]]:
    """Each key with its value before and after, None where there is none; of a key with several
    values the first with the first, and so on."""
    values: dict[K, tuple[list[V], list[V]]] = {}
    for side, pairs in enumerate((before, after)):
        for key, value in pairs:
            values.setdefault(key, ([], []))[side].append(value)
    for key, sides in values.items():
        for old, new in zip_longest(*sides):
            yield key, old, new
