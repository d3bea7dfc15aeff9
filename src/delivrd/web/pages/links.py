"""From a number to the messages behind it: addresses that carry the page's span and places."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from delivrd.web.pages.ranges import Range

ALWAYS = Range("", "All time", None, None)


def address(path: str, given: Mapping[str, str]) -> str:
    """The path with those of the values that are set."""
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{query}" if query else path


class Links(NamedTuple):
    """What leads on from a page: ``span`` is its time, ``places`` what it is narrowed to."""

    span: Range
    places: Mapping[str, str] = {}

    @classmethod
    def everywhere(cls) -> "Links":
        """From what is narrowed to nothing."""
        return cls(ALWAYS)

    @property
    def timeless(self) -> "Links":
        """The same places, at any time."""
        return self._replace(span=ALWAYS)

    @property
    def given(self) -> dict[str, str]:
        return {**self.places, **self.span.query}

    def messages(self, **more: str | None) -> str:
        """The messages behind a number, by the moments that it was counted between; a value that
        is None is not narrowed."""
        return address("/messages", {**self.places, **self.span.pinned, **_told(more)})

    def within(self, since: str, until: str, **more: str | None) -> str:
        """The messages of a piece of the time, which stays where it is."""
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
