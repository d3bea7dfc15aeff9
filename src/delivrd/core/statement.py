"""A statement: anything that bears on the status of one part of a message.

Provider receipts, answers to our sends and answers to look-ups all have this shape. Statements are
append-only; :mod:`delivrd.core.status` derives statuses from them.

The types are msgspec structs because they are on the hot path: a frozen dataclass of this size
takes 2.6 µs to make, a struct 0.35 µs. They hold no containers and need no garbage collection.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

import msgspec

from delivrd.core.reasons import Reason


class Status(StrEnum):
    """The status of a message; a closed vocabulary."""

    PENDING = "pending"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


FAILURES = (Status.UNDELIVERED, Status.REJECTED, Status.EXPIRED)
"""The statuses that count as failed: the message is known not to have arrived."""


class Kind(StrEnum):
    """Where a statement comes from."""

    RECEIPT = "receipt"
    ANSWER = "answer"
    LOOK_UP = "look_up"


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One statement by a provider about one part, in our vocabulary and in the provider's.

    Strings are as the provider sent them, except that ``to`` is reduced to digits (masked numbers
    stay as they are). ``sender`` is the name or number, ``price`` the decimal text. ``occurred_at``
    is aware and in UTC, or None if the provider gave no readable time.
    """

    provider_message_id: str | None
    status: Status
    final: bool
    provider_status: str | None = None
    error_code: str | None = None
    reason: Reason | None = None
    permanent: bool | None = None
    flagged: bool = False
    """Whether the provider itself said ``permanent``; else its code implies it."""
    detail: str | None = None
    """The provider's description of the error, if the payload has one."""
    to: str | None = None
    sender: str | None = None
    network: str | None = None
    """MCC followed by MNC."""
    price: str | None = None
    currency: str | None = None
    occurred_at: datetime | None = None
    reference: str | None = None
    """The attempt's reference that we sent with the message, as returned by the provider."""
    parts_total: int | None = None
    segment: str | None = None
    """Which segment of a long text this is about (``2/3``), if all segments share one id."""
    unmapped: bool = False
    """Whether the provider's tables lack the status word or the error code."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item of a request that could not be read: its position, why, and its raw form."""

    position: int
    why: str
    raw: str


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of an adapter's reading of one request.

    ``kind`` is ``receipts``, or another kind of request that this provider sends to the same
    address: ``handshake`` (to be answered), ``inbound`` (a text from a handset), ``probe`` (an
    empty check that the address works) or ``unreadable``, with ``why``.
    """

    receipts: tuple[Receipt, ...] = ()
    faults: tuple[Fault, ...] = ()
    kind: str = "receipts"
    why: str | None = None


def identity(kind: Kind, receipt: Receipt) -> bytes:
    """A hash of 16 bytes that distinguishes this statement from others of its part (rule C1).

    It covers all normalised fields and raw words, but not when and how often it was pushed, nor who
    says that it is permanent.
    """
    if receipt.flagged:
        receipt = msgspec.structs.replace(receipt, flagged=False)
    return blake2b(kind.encode() + _ENCODER.encode(receipt), digest_size=16).digest()


_ENCODER = msgspec.msgpack.Encoder()


def says_something(error_code: str | None) -> bool:
    """Whether a code stands for an error: zeros do not."""
    return error_code is not None and error_code.strip("0") != ""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, as the store keeps times."""
    return round(moment.timestamp() * 1_000_000)


def moment(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970; out of range, the nearest there is."""
    try:
        return _EPOCH + timedelta(0, 0, micros)
    except OverflowError:
        return (datetime.max if micros > 0 else datetime.min).replace(tzinfo=UTC)
