"""What a page says about filters in its address that cannot be."""

from collections.abc import Collection, Iterator, Mapping

from delivrd.core.hints import nearest
from delivrd.core.phone import meant_country
from delivrd.store.accounts import Accounts
from delivrd.web.pages import ranges

RANGES = ("all", *(name for name, _, _ in ranges.RANGES))
TIME = "Write a time like 2026-11-21T20:50:00Z."
COUNTRY = "Write a country's two letters, as GB."


def misread(
    given: Mapping[str, str], accounts: Accounts, words: Mapping[str, Collection[str]]
) -> list[str]:
    """A sentence about each filter that cannot be: which, and what is possible.

    ``words`` are the values of the page's own filters, and further values of ``country``.
    """
    return [sentence(*found) for found in _found(given, accounts, words)]


def sentence(name: str, value: str, possible: str) -> str:
    """The sentence about a filter that cannot be, with what is possible."""
    return f"The filter {name} is not understood: “{value[:50]}”. {possible}"


def _found(
    given: Mapping[str, str], accounts: Accounts, words: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, str, str]]:
    for name, value in given.items():
        if name in ranges.EDGES:
            if ranges.instant(value) is None:
                yield name, value, TIME
        elif name == "country":
            if not meant_country(value) and value.lower() not in words.get(name, ()):
                yield name, value, COUNTRY
        elif name == "account":
            if value not in accounts.names:
                yield name, value, _one_of(value, accounts.by_name)
        elif name == "range" or name in words:
            known = RANGES if name == "range" else words[name]
            if value not in known:
                yield name, value, _one_of(value, known)


def _one_of(value: str, known: Collection[str]) -> str:
    return f"{nearest(value, known)} Possible: {', '.join(known) or 'none'}.".strip()
