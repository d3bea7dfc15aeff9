"""The head of a request: as adapters read it, and as it is stored.

The calls of a gateway repeat the same head, so recent heads are cached: parsing one and searching
it for secrets costs as much as reading a receipt.
"""

from collections.abc import Sequence
from typing import NamedTuple

from delivrd.intake.redact import Redactor

Headers = Sequence[tuple[bytes, bytes]]

REMEMBERED = 256
MAX_REMEMBERED_BYTES = 2048
KEPT = 65536
"""The most bytes of a head that are stored."""


class Head(NamedTuple):
    """Header names are in lower case; ``kept`` has no secrets, and one header a line."""

    headers: Sequence[tuple[str, str]]
    first: dict[str, str]
    """The first header of each name."""
    kept: bytes
    length: int | None
    """Length of the body by the head: 0 if it states none, None if the head is unusual."""

    def get(self, name: str) -> str:
        """The first header of that name (in lower case), or the empty string."""
        return self.first.get(name, "")

    def joined(self, name: str) -> str:
        """All headers of that name (in lower case), joined by commas."""
        return ",".join([value for each, value in self.headers if each == name])


class Heads:
    """Parses heads for one account, or for calls to unknown accounts."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[bytes, Head] = {}
        self.plain: dict[bytes, Head] = {}
        """Heads by their raw bytes, of calls whose body has the length that the head states."""

    def of(self, headers: Headers) -> Head:
        """The parsed head, from the cache if it is known."""
        raw = b"\n".join([name + b": " + value for name, value in headers])
        return self._known.get(raw) or self._parse(raw, headers)

    def learn(self, block: bytes, headers: Headers) -> None:
        """Remembers how the HTTP parser split the bytes of a head."""
        head = self.of(headers)
        odd = _ODD & head.first.keys() or head.get("connection").lower() not in _KEEPS_OPEN
        if head.length is not None and not odd:
            _remember(self.plain, block, head)

    def _parse(self, raw: bytes, headers: Headers) -> Head:
        decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        kept = self._redactor.headers(raw[:KEPT])
        head = Head(decoded, dict(reversed(decoded)), kept, _length(decoded))
        _remember(self._known, raw, head)
        return head


_ODD = {"transfer-encoding", "expect", "upgrade", "te", "trailer"}
"""Headers with which a request is more than a head and a body of a stated length."""
_KEEPS_OPEN = ("", "keep-alive")


def _length(headers: Sequence[tuple[str, str]]) -> int | None:
    lengths = [value for name, value in headers if name == "content-length"]
    if not lengths:
        return 0
    return int(lengths[0]) if len(lengths) == 1 and _is_number(lengths[0]) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _remember(known: dict[bytes, Head], raw: bytes, head: Head) -> None:
    if len(raw) <= MAX_REMEMBERED_BYTES:
        if len(known) >= REMEMBERED:
            known.clear()
        known[raw] = head
