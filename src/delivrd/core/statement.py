"""A statement: anything that bears on the status of one part of a message.

A provider's receipt, the provider's answer to our send and a look-up's answer all have this one
shape. Statements are append-only; what they add up to is told by :mod:`delivrd.core.status`.

The types are msgspec structs: they stand on the hot path, where a frozen dataclass of this size
takes 2.6 µs to make and a struct 0.35 µs; holding no containers, they need no garbage collector.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

import msgspec

from delivrd.core.reasons import Reason


class Status(StrEnum):
    """What became of a message; a closed vocabulary."""

    PENDING = "pending"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


FAILURES = (Status.UNDELIVERED, Status.REJECTED, Status.EXPIRED)
"""The statuses that count as failed: it is known that the message did not arrive."""


class Kind(StrEnum):
    """Where a statement comes from."""

    RECEIPT = "receipt"
    ANSWER = "answer"
    LOOK_UP = "look_up"


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One statement by a provider about one part, in our words and in the provider's.

    Strings are as the provider sent them, except numbers: ``to`` is digits only, as far as the
    provider says (masked numbers stay as they are), and ``sender`` is the name or number as sent.
    ``price`` is the decimal text as sent; ``occurred_at`` is aware and in UTC, or None when the
    provider gave no time that can be read.
    """

    provider_message_id: str | None
    status: Status
    final: bool
    provider_status: str | None = None
    error_code: str | None = None
    reason: Reason | None = None
    permanent: bool | None = None
    detail: str | None = None
    """The provider's own words for the error, where the payload carries them."""
    to: str | None = None
    sender: str | None = None
    network: str | None = None
    """MCC followed by MNC."""
    price: str | None = None
    currency: str | None = None
    occurred_at: datetime | None = None
    reference: str | None = None
    """What we sent along with the message, and came back: an attempt's reference."""
    parts_total: int | None = None
    segment: str | None = None
    """Which of a long text's segments this is about (``2/3``), where all go by one id."""
    unmapped: bool = False
    """Whether the status word or the error code stands in no table of the provider."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item of a request that could not be read: where it stands, why, and its raw form."""

    position: int
    why: str
    raw: str


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an adapter makes of one request.

    ``kind`` is ``receipts``, or says that the request is something else that this provider sends
    to the same address: ``handshake`` (answer it), ``inbound`` (a text from a handset), ``probe``
    (an empty check that somebody listens) or ``unreadable``, with ``why``.
    """

    receipts: tuple[Receipt, ...] = ()
    faults: tuple[Fault, ...] = ()
    kind: str = "receipts"
    why: str | None = None


def identity(kind: Kind, receipt: Receipt) -> bytes:
    """The 16 bytes that tell this statement from every other of its part (rule C1).

    All normalised fields and raw words count; when and how often it was pushed does not.
    """
    return blake2b(kind.encode() + _ENCODER.encode(receipt), digest_size=16).digest()


_ENCODER = msgspec.msgpack.Encoder()


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime; how the store keeps time."""
    return round(moment.timestamp() * 1_000_000)


def moment(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970; the nearest one where there is none."""
    try:
        return _EPOCH + timedelta(0, 0, micros)
    except OverflowError:
        return (datetime.max if micros > 0 else datetime.min).replace(tzinfo=UTC)
