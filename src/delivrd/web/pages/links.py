"""From a number to the messages behind it: addresses that carry the page's span and places."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from delivrd.web.pages.ranges import Range


def address(path: str, given: Mapping[str, str]) -> str:
    """The path with those of the values that are set."""
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{query}" if query else path


class Links(NamedTuple):
    """What leads on from a page: ``span`` is its time, ``places`` what it is narrowed to."""

    span: Range
    places: Mapping[str, str] = {}

    @property
    def given(self) -> dict[str, str]:
        return {**self.places, **self.span.query}

    def messages(self, **more: str | None) -> str:
        """The messages behind a number; a value that is None is not narrowed."""
        return address("/messages", {**self.given, **_told(more)})

    def within(self, since: str, until: str, **more: str | None) -> str:
        """The messages of a piece of the time."""
        times = {"since": since, "until": until}
        return address("/messages", {**self.places, **_told(more), **times})

    def here(self, path: str = "/", **more: str | None) -> str:
        """The same page with other values; an empty one takes a value away."""
        return address(path, {**self.given, **_told(more)})

    def stats(self, what: str, by: str = "") -> str:
        """The same numbers as JSON."""
        since, until = self.span.edges
        given = {"by": by, **self.places, "since": since, "until": until}
        return address(f"/v1/stats/{what}", given)


def _told(given: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in given.items() if value is not None}
