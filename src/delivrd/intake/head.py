"""The head of a request: as adapters read it, and as it is kept.

A gateway's calls have the same head again and again, so the last ones are remembered; taking one
apart, and looking for secrets in it, costs as much as reading a receipt.
"""

from collections.abc import Sequence
from typing import NamedTuple

from delivrd.intake.redact import Redactor

Headers = Sequence[tuple[bytes, bytes]]

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
    length: int | None
    """Bytes of the body, as the head tells: 0 where it tells nothing, None where it tells oddly."""

    def get(self, name: str) -> str:
        """The first header of that name (lower case), or the empty string."""
        return self.first.get(name, "")

    def joined(self, name: str) -> str:
        """All headers of that name (lower case), with commas between."""
        return ",".join([value for each, value in self.headers if each == name])


class Heads:
    """Takes heads apart for one account, or for callers whose account nobody knows."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[bytes, Head] = {}
        self.plain: dict[bytes, Head] = {}
        """Heads by their bytes as they came, of calls whose body ends where the head says."""

    def of(self, headers: Headers) -> Head:
        raw = b"\n".join([name + b": " + value for name, value in headers])
        return self._known.get(raw) or self._take_apart(raw, headers)

    def learn(self, block: bytes, headers: Headers) -> None:
        """Remembers how the HTTP parser took the bytes of a head apart."""
        head = self.of(headers)
        odd = _ODD & head.first.keys() or head.get("connection").lower() not in _STAYS
        if head.length is not None and not odd:
            _remember(self.plain, block, head)

    def _take_apart(self, raw: bytes, headers: Headers) -> Head:
        decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        kept = self._redactor.headers(raw[:KEPT])
        head = Head(decoded, dict(reversed(decoded)), kept, _length(decoded))
        _remember(self._known, raw, head)
        return head


_ODD = {"transfer-encoding", "expect", "upgrade", "te", "trailer"}
"""Headers after which more, or something else, is to be done than to read so many bytes."""
_STAYS = ("", "keep-alive")


def _length(headers: Sequence[tuple[str, str]]) -> int | None:
    told = [value for name, value in headers if name == "content-length"]
    if not told:
        return 0
    return int(told[0]) if len(told) == 1 and told[0].isascii() and told[0].isdigit() else None


def _remember(known: dict[bytes, Head], raw: bytes, head: Head) -> None:
    if len(raw) <= LONGEST_REMEMBERED:
        if len(known) >= REMEMBERED:
            known.clear()
        known[raw] = head
