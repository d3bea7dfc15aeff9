"""How many SMS a text takes (3GPP 23.038 and 23.040).

In the GSM 7-bit alphabet, one SMS holds 160 units, and each of several holds 153; any other text is
UCS-2, with 70 and 67. A character of two units (escaped in GSM 7-bit, or outside the basic plane)
is never split between two SMS.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from unicodedata import lookup

from gsm0338.charset import BASIC_CHARACTER_SET, BASIC_CHARACTER_SET_EXTENSION

ESCAPED = frozenset(map(lookup, BASIC_CHARACTER_SET_EXTENSION.values()))
"""The characters of the extension table: two units each."""

ALPHABET = frozenset(map(lookup, BASIC_CHARACTER_SET.values())) - {"\x1b"} | ESCAPED
"""The characters that GSM 7-bit can encode."""


@dataclass(frozen=True, slots=True)
class Segments:
    """``units`` are septets (GSM 7-bit) or 16-bit units (UCS-2); ``count`` is the number of SMS."""

    encoding: Literal["gsm7", "ucs2"]
    units: int
    count: int


def count(text: str) -> Segments:
    """The segments of a text; an empty one takes one SMS."""
    if ALPHABET.issuperset(text):
        widths = [2 if char in ESCAPED else 1 for char in text]
        return Segments("gsm7", sum(widths), _parts(widths, single=160, multi=153))
    widths = [2 if char > "\uffff" else 1 for char in text]
    return Segments("ucs2", sum(widths), _parts(widths, single=70, multi=67))


def _parts(widths: Iterable[int], *, single: int, multi: int) -> int:
    parts, filled, total = 1, 0, 0
    for width in widths:
        total += width
        if filled + width > multi:
            parts, filled = parts + 1, 0
        filled += width
    return 1 if total <= single else parts
