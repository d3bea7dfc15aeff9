"""Formats values for people: times, durations, numbers, prices. Used as template filters."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from delivrd.core.text import noun

STATUSES = ("delivered", "pending", "undelivered", "rejected", "expired", "unknown")

LAST_DAY = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
"""The last time to which a day can be added."""

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def moment(value: Any) -> datetime | None:
    """An aware datetime of the API's form of a time (ISO 8601), or None if it is none."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def iso(when: datetime) -> str:
    """``2026-11-26T15:00:00Z``, of a time in UTC."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def span(seconds: float) -> str:
    """A duration with at most two units: ``2.1 s``, ``4 min``, ``1 h 20 min``, ``3 d``."""
    if seconds < 0:
        return f"−{span(-seconds)}"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 600:
        minutes, rest = divmod(int(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 36000:
        hours, rest = divmod(int(seconds // 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    if seconds < 2 * 86400:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86400)} d"


def ago(value: Any, now: datetime | None = None) -> str:
    """``12 s ago``; ``now`` under a second, and in the future, because clocks differ."""
    at = moment(value)
    if at is None:
        return ""
    seconds = _since(at, now)
    return "now" if seconds < 1 else f"{_rough(seconds)} ago"


def due(value: Any, now: datetime | None = None) -> str:
    """``in 4 min``; once the time has come, ``due now``."""
    at = moment(value)
    if at is None:
        return ""
    seconds = _since(at, now)
    return f"in {_rough(-seconds)}" if seconds < -1 else "due now"


def _since(at: datetime, now: datetime | None) -> float:
    return ((now or datetime.now(UTC)) - at).total_seconds()


def _rough(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def took(start: Any, end: Any) -> str:
    """The time between two moments; empty if one is missing or they are in the wrong order."""
    first, last = moment(start), moment(end)
    if first is None or last is None or last < first:
        return ""
    return span((last - first).total_seconds())


def absolute(value: Any) -> str:
    """``2026-11-21 20:50:01.123 UTC``."""
    at = moment(value)
    if at is None:
        return ""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def clock(value: Any) -> str:
    """``20:50:01.123``, in UTC."""
    at = moment(value)
    if at is None:
        return ""
    return f"{at.astimezone(UTC):%H:%M:%S}.{at.microsecond // 1000:03d}"


_TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that reverse the direction of a text, and could disguise it."""


def unturned(value: Any) -> Any:
    """A value as a page shows it: a text with ``\\u202e`` and its like spelt out.

    Markup stays: what is copied or edited is not changed, and is escaped by the filter ``e``.
    """
    if not isinstance(value, str) or value.isascii() or hasattr(value, "__html__"):
        return value
    return _TURNED.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def phone(value: str | None) -> str:
    """A number in international format with spaces; sender names are not changed."""
    if not value or not value.startswith("+") or not value[1:].isdigit():
        return _TURNED.sub("", value or "")
    import phonenumbers

    try:
        parsed = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def number(value: int | None) -> str:
    """``12 345``, with a narrow no-break space."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def percent(share: float | None) -> str:
    """``97.3 %``; a dash for None. Only exactly 1 is shown as 100 %."""
    if share is None:
        return "–"
    if share < 1 and round(share * 100, 1) == 100:
        return "> 99.9 %"
    return f"{share * 100:.1f} %".replace("100.0", "100")


def interval(item: Mapping[str, Any]) -> str:
    """The 95 % interval of the delivery rate, in words."""
    if item.get("delivery_rate") is None:
        return "none has ended yet"
    low, high = item["low"] * 100, item["high"] * 100
    return f"between {low:.1f} and {high:.1f} %"


def date(value: Any) -> str:
    """``21 November 2026``, in UTC."""
    at = moment(value)
    return "" if at is None else f"{at.astimezone(UTC):%-d %B %Y}"


def day(value: str) -> str:
    """``Thu 26 Nov`` of ``2026-11-26``."""
    at = moment(value)
    return "" if at is None else f"{at:%a %-d %b}"


def day_edges(value: str) -> tuple[str, str]:
    """The beginning and end of a day, in ISO 8601."""
    at = moment(value)
    if at is None:
        return "", ""
    until = at + timedelta(days=1) if at < LAST_DAY else at
    return iso(at), iso(until)


def minute(value: Any) -> str:
    """``Thu 26 Nov 20:50``, in UTC."""
    at = moment(value)
    return "" if at is None else f"{at.astimezone(UTC):%a %-d %b %H:%M}"


def clock_short(value: Any) -> str:
    """``20:50:01``, in UTC."""
    return clock(value)[:8]


def points(value: float) -> str:
    """``−3.1``: a difference in percentage points."""
    rounded = round(value, 1)
    sign = "−" if rounded < 0 else "+" if rounded > 0 else "±"
    return f"{sign}{abs(rounded):.1f}"


def price(value: Mapping[str, Any] | None) -> str:
    """``0.0421 EUR``; empty if there is none."""
    if not value or value.get("amount") is None:
        return ""
    amount = str(value["amount"])
    if "." in amount:
        amount = amount.rstrip("0").rstrip(".") or "0"
    return f"{amount} {value.get('currency') or '(no currency given)'}"


def each_cost(cost: Mapping[str, Any]) -> str:
    """``0.0421 EUR``: the cost of a delivered message."""
    return f"{float(cost['per_delivered']):.4g} {cost['currency'] or '(no currency given)'}"


def pretty(text: str) -> str | None:
    """Indented JSON, or None if the text is no JSON object or array."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


FILTERS = {
    "ago": ago,
    "due": due,
    "absolute": absolute,
    "clock": clock,
    "clock_short": clock_short,
    "day": day,
    "each_cost": each_cost,
    "minute": minute,
    "points": points,
    "date": date,
    "phone": phone,
    "noun": noun,
    "number": number,
    "percent": percent,
    "price": price,
    "span": span,
}
