"""What an answer means for its delivery: delivered, retry, or give up."""

import random
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from delivrd.core.units import SECOND
from delivrd.relay.client import Answered
from delivrd.relay.schedule import next_try

GONE = 410
_LATER = (429, 503)

_PHRASES = {
    401: "it does not accept our credentials or signature",
    403: "it refuses us",
    404: "there is nothing at this address",
    408: "it timed out itself",
    410: "it is gone for good",
    413: "the event is too large for it",
    429: "it has too many calls",
}


class Outcome(msgspec.Struct, frozen=True):
    """The delivery's new ``state``, and ``why`` it failed. Times are in microseconds."""

    state: str
    next_at: int | None = None
    why: str | None = None
    retry_after: int | None = None
    gone: bool = False


def judge(
    answered: Answered, failed: int, now: int, luck: Callable[[], float] = random.random
) -> Outcome:
    """The outcome of a try, which is the ``failed``-th failure in a row if it failed."""
    status = answered.status
    if status is not None and 200 <= status < 300:
        return Outcome("delivered")
    why = answered.error or failure(status or 0, _header(answered, "location"))
    if status == GONE:
        return Outcome("parked", why=why, gone=True)
    asked = retry_after(answered, now) if status in _LATER else None
    next_at = next_try(failed, now, luck(), asked)
    if next_at is None:
        return Outcome("parked", why=f"given up after {failed} tries: {why}", retry_after=asked)
    return Outcome("waiting", next_at, why, asked)


def failure(status: int, location: str | None) -> str:
    """An HTTP status that means failure, in words; ``location`` is that of a redirect."""
    if 300 <= status < 400:
        to = f" to {location[:200]}" if location else ""
        return f"it answered {status}, a redirect{to}, which is not followed"
    if status in _PHRASES:
        return f"it answered {status}: {_PHRASES[status]}"
    kind = "an error of its own" if status >= 500 else "no success"
    return f"it answered {status}: {kind}"


def _header(answered: Answered, wanted: str) -> str | None:
    return next((value for name, value in answered.headers if name.lower() == wanted), None)


def retry_after(answered: Answered, now: int) -> int | None:
    """The pause in a Retry-After header (seconds or a date), in microseconds; None without one."""
    text = (_header(answered, "retry-after") or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return int(text) * SECOND
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, int(at.timestamp() * SECOND) - now)
