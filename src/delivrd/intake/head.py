"""The head of a request: as adapters read it, and as it is kept.

A gateway's calls have the same head again and again, so the last ones are remembered; taking one
apart, and looking for secrets in it, costs as much as reading a receipt.
"""

from collections.abc import Sequence
from typing import NamedTuple

from delivrd.intake.redact import Redactor

REMEMBERED = 256
LONGEST_REMEMBERED = 2048
KEPT = 65536
"""Bytes of a head that are kept at most."""


class Head(NamedTuple):
    """Header names are lower case; ``kept`` is the head without secrets, a line a header."""

    headers: Sequence[tuple[str, str]]
    first: dict[str, str]
    """The first header of each name."""
    kept: bytes

    def get(self, name: str) -> str:
        """The first header of that name (lower case), or the empty string."""
        return self.first.get(name, "")


class Heads:
    """Takes heads apart for one account, or for callers whose account nobody knows."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[bytes, Head] = {}

    def of(self, headers: Sequence[tuple[bytes, bytes]]) -> Head:
        raw = b"\n".join([name + b": " + value for name, value in headers])
        return self._known.get(raw) or self._take_apart(raw, headers)

    def _take_apart(self, raw: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Head:
        decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        head = Head(decoded, dict(reversed(decoded)), self._redactor.headers(raw[:KEPT]))
        if len(raw) <= LONGEST_REMEMBERED:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[raw] = head
        return head
