"""The filter chips above a list: states with icons, of which one is selected."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Chip(NamedTuple):
    """``icon`` and ``tone`` (a CSS class) may be empty."""

    value: str
    label: str
    icon: str = ""
    tone: str = ""


ALL = Chip("", "All")


def of_statuses(values: Iterable[str], others: Mapping[str, tuple[str, str]]) -> list[Chip]:
    """Statuses of messages; ``others`` are the icon and tone of words for several."""
    return [ALL, *(_status(value, *others.get(value, ("", ""))) for value in values)]


def _status(value: str, icon: str, tone: str) -> Chip:
    own = f"st-{value}"
    return Chip(value, value.capitalize(), icon or own, tone or own)


def of_words(words: Mapping[str, tuple[str, str]]) -> list[Chip]:
    """States by their tone and word."""
    states = (Chip(v, word.capitalize(), tone, f"tone-{tone}") for v, (tone, word) in words.items())
    return [ALL, *states]
