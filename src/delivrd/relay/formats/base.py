"""What formats share: the content of an event, options, and URLs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status, moment
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_STATUSES = {f"message.{status}": status for status in Status}


class Unfit(Exception):
    """The format cannot express this event, or not with these options; str() is the reason."""


class Option(NamedTuple):
    """A setting that a format has for its endpoints; the value of a secret one is never shown."""

    label: str
    secret: bool = False
    choices: tuple[str, ...] = ()


class Format(Protocol):
    """A module that turns events into calls.

    ``render`` is pure, and its result is stored. ``sign`` is called before each try; it adds a
    signature to the stored call and changes nothing else. ``now`` is in microseconds since 1970.
    """

    @property
    def NAMES(self) -> Mapping[str, str]:
        """The formats' names, each with its description for people."""

    @property
    def OPTIONS(self) -> Mapping[str, Option]: ...

    @property
    def BATCHES(self) -> bool: ...

    def render(self, events: Sequence[Event], target: Target) -> Call: ...

    def sign(self, call: Call, target: Target, now: int) -> Call: ...


class StatusChange(NamedTuple):
    """The content of an event about a message.

    ``at`` is when its status changed, by our clock if no gateway gave a time; ``code`` is the
    gateway's own, of the dialect ``provider``.
    """

    id: str
    status: Status
    reason: Reason | None
    at: datetime
    sent_at: datetime | None
    to: str
    sender: str
    reference: str | None
    account: str
    provider: str | None
    code: str | None
    network: str | None
    price: str | None
    data: Mapping[str, Any]


def status_change(events: Sequence[Event]) -> StatusChange:
    """The content of the event, for formats that send one event a call.

    Raises:
        Unfit: the event is not about a message's status.
        ValueError: there are several.
    """
    [event] = events
    status, data = _STATUSES.get(event.type), event.data
    if status is None:
        raise Unfit(f"this format has no word for {event.type}")
    reached = data.get("delivered_at" if status is Status.DELIVERED else "finished_at")
    return StatusChange(
        id=data["message_id"],
        status=status,
        reason=Reason(data["reason"]) if data.get("reason") else None,
        at=_moment(reached) or moment(event.created_at),
        sent_at=_moment(data.get("sent_at")),
        to=data.get("to") or "",
        sender=data.get("from") or "",
        reference=data.get("reference"),
        account=data.get("account") or "",
        provider=data.get("provider"),
        code=data.get("error_code"),
        network=data.get("network"),
        price=data.get("price"),
        data=data,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def word(words: Mapping[Status, str], change: StatusChange) -> str:
    """The dialect's word for this status.

    Raises:
        Unfit: it has none.
    """
    if change.status not in words:
        raise Unfit(f"this format has no word for {change.status}")
    return words[change.status]


def digits(number: str) -> str:
    """A number without its plus; sender names are not changed."""
    return number.removeprefix("+")


def known(fields: Mapping[str, str | None]) -> dict[str, str]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


@lru_cache(maxsize=1024)
def address(url: str) -> str:
    """The URL as it is called: with a path, without a fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path or "/", fragment=""))


def with_query(url: str, fields: Mapping[str, str]) -> str:
    """The URL with these fields appended to its query."""
    parts = urlsplit(address(url))
    added = urlencode(fields, quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def unsigned(call: Call, target: Target, now: int) -> Call:
    """The ``sign`` of dialects without signatures, where only the URL is secret."""
    return call
