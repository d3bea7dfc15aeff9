"""How a gateway splits a text into the parts that it counts and charges (3GPP 23.038, 23.040).

Deliberately written independently of the hub's own count: if the two disagree, a message ends with
a part too many or too few, and a check fails.
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")


def is_gsm(text: str) -> bool:
    """Whether the text fits the GSM 7-bit alphabet with its extension table."""
    return all(char in _BASIC or char in _EXTENDED for char in text)


def count(text: str) -> int:
    """The number of parts: 160 septets or 70 UTF-16 units alone, 153 or 67 each when joined.

    A character never spans two parts, so a part may stay one unit short. At least 1.
    """
    if is_gsm(text):
        return _parts([2 if char in _EXTENDED else 1 for char in text], 160, 153)
    return _parts([2 if ord(char) > 0xFFFF else 1 for char in text], 70, 67)


def _parts(widths: list[int], alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > joined:
            parts, used = parts + 1, 0
        used += width
    return parts
