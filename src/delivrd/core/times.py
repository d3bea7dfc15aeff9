"""Times as gateways write them: read leniently, never trusted.

A time that is implausible (before 2000, more than two days ahead) or unreadable gives None, never
an exception. Times without a zone are in the zone that the caller passes.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from urllib.parse import unquote
from zoneinfo import ZoneInfo

_AHEAD = timedelta(days=2)
_LONGEST = 40
_UTC = re.compile(r" ?(UTC|GMT|Z)$")
_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?) ([ +-]?)(\d{2}(?::?\d{2})?)$")
"""An offset after a space; a space in it may have been a plus of a query string."""
_ONE_DIGIT = re.compile(r"(?<![\d.])\d(?!\d)")
"""A day, a month or an hour without its zero."""
_MAIL = re.compile(r"^[A-Z][a-z]{2}, ?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(
    value: object,
    zone: tzinfo = UTC,
    *,
    now: datetime | None = None,
    smpp: bool = False,
) -> datetime | None:
    """Parses a provider's time; returns it aware and in UTC, or None.

    Formats: ISO 8601 (with ``T`` or a space, with or without an offset), that of mails and HTTP
    (``Thu, 25 Nov 2021 10:27:33 +0800``), SMPP's digits (12, 14 or 16 characters), and seconds or
    milliseconds since 1970. Ten digits are seconds, or YYMMDDhhmm with ``smpp``. Text may be
    percent-encoded once more than it should be.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = str(value).strip()
    text = unquote(text) if "%" in text else text
    if not text.isascii() or len(text) > _LONGEST:
        return None
    try:
        found = _read(text, zone, smpp)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is not None and _has_come(found, now) else None


def zone(name: str | None) -> tzinfo:
    """The zone of an IANA name; UTC if the name is missing or unknown."""
    return UTC if not name else _zone(name)


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC


def can_be_true(when: datetime) -> bool:
    """Whether the time is plausible; a naive one is taken as UTC."""
    found = _in_utc(when, UTC)
    return found is not None and _has_come(found, None)


def _has_come(found: datetime, now: datetime | None) -> bool:
    return found <= (now or datetime.now(UTC)) + _AHEAD


@lru_cache(maxsize=1024)
def _read(text: str, zone: tzinfo, smpp: bool) -> datetime | None:
    """The time that a text names, in UTC; kept, since many receipts of a second name the same."""
    found = _digits(text, smpp) if text[:10].isdigit() else _iso(text)
    return None if found is None else _in_utc(found, zone)


def _in_utc(found: datetime, zone: tzinfo) -> datetime | None:
    if not 2000 <= found.year <= 9000:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    return found if found.tzinfo is UTC else found.astimezone(UTC)


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(_tidy(text))


def _tidy(text: str) -> str:
    """The text with dashes, two digits for each number, and its zone as Python parses it."""
    text = _MAIL.sub(lambda found: f"{found[3]}-{_month(found[2])}-{found[1]} ", text)
    text = _ONE_DIGIT.sub(r"0\g<0>", _UTC.sub("+00:00", text.replace("/", "-")))
    return _OFFSET.sub(lambda found: found[1] + (found[2].strip() or "+") + found[3], text)


def _month(name: str) -> int:
    return _MONTHS.index(name) + 1


def _digits(text: str, smpp: bool) -> datetime | None:
    length = len(text)
    if length == 16 and text[-1] in "+-":
        return _absolute(text)
    if text.isdigit():
        if length == 10 and smpp:
            return datetime.strptime(text, "%y%m%d%H%M")
        if length == 12:
            return _twelve(text)
        if length == 14:
            return datetime.strptime(text, "%Y%m%d%H%M%S")
    number = float(text)
    return datetime.fromtimestamp(number / 1000 if number >= 10**11 else number, UTC)


def _twelve(text: str) -> datetime:
    """Parses YYMMDDhhmmss or, if that is not a date, YYYYMMDDhhmm."""
    try:
        return datetime.strptime(text, "%y%m%d%H%M%S")
    except ValueError:
        return datetime.strptime(text, "%Y%m%d%H%M")


def _absolute(text: str) -> datetime:
    """Parses SMPP's 16 characters: YYMMDDhhmmss, tenths, quarter hours from UTC, and the sign."""
    local = datetime.strptime(text[:12], "%y%m%d%H%M%S")
    quarters = int(text[13:15]) * (1 if text[15] == "+" else -1)
    return (local - timedelta(minutes=15 * quarters)).replace(
        tzinfo=UTC, microsecond=int(text[12]) * 100_000
    )
