"""Links from a number to its messages, with the time span and the filters of the page."""

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
    """The links of a page: ``span`` is its time span, ``places`` its account and country."""

    span: Range
    places: Mapping[str, str] = {}

    @classmethod
    def everywhere(cls) -> "Links":
        """The links of a page without filters."""
        return cls(ALWAYS)

    @property
    def timeless(self) -> "Links":
        """The same without a time span."""
        return self._replace(span=ALWAYS)

    @property
    def given(self) -> dict[str, str]:
        return {**self.places, **self.span.query}

    def messages(self, **more: str | None) -> str:
        """The messages that a number counts, with the edges of the span as fixed times.

        Values that are None are ignored.
        """
        return address("/messages", {**self.places, **self.span.pinned, **_given(more)})

    def within(self, since: str, until: str, **more: str | None) -> str:
        """The messages of another time span, given by its edges (ISO 8601)."""
        times = {"since": since, "until": until}
        return address("/messages", {**self.places, **_given(more), **times})

    def here(self, path: str = "/", **more: str | None) -> str:
        """The same page with other values; an empty value removes a filter."""
        return address(path, {**self.given, **_given(more)})

    def stats(self, what: str, by: str = "") -> str:
        """The same numbers as JSON."""
        since, until = self.span.edges
        given = {"by": by, **self.places, "since": since, "until": until}
        return address(f"/v1/stats/{what}", given)


def _given(given: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in given.items() if value is not None}
