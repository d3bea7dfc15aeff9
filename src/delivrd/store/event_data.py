"""The data of events: the message as it is after the change."""

from datetime import datetime

import msgspec

from delivrd.core.phone import shown_sender
from delivrd.core.statement import moment
from delivrd.core.status import Outcome
from delivrd.store.rows import MessageRow


class EventData(msgspec.Struct, gc=False):
    """The data of an event about a message; unknown fields are present as null."""

    message_id: str
    to: str | None
    sender: str | None = msgspec.field(name="from")
    country: str | None
    account: str
    provider: str | None
    reference: str | None
    metadata: msgspec.Raw | None
    status: str
    final: bool
    previous_status: str | None
    correction: bool = False
    reason: str | None = None
    permanent: bool | None = None
    error_code: str | None = None
    provider_status: str | None = None
    network: str | None = None
    price: str | None = None
    currency: str | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None
    delivered_at: datetime | None = None
    merged_into: str | msgspec.UnsetType = msgspec.UNSET
    """Only if the message was merged into another, whose ``status`` and ``final`` these are."""
    simulated: bool | msgspec.UnsetType = msgspec.UNSET
    """Only if a simulator is behind its account."""


_encode = msgspec.json.Encoder().encode


def as_text(data: EventData) -> str:
    return _encode(data).decode()


def status_data(
    message: MessageRow, account: tuple[str, str | None], outcome: Outcome
) -> EventData:
    """The data of a change of status, from the one on the message to the new outcome."""
    return EventData(
        message.uuid,
        message.to_number,
        message.sender and shown_sender(message.sender),
        message.country,
        *account,
        message.reference,
        _raw(message.metadata),
        outcome.status._value_,
        outcome.final,
        None if message.stored is None else message.status,
        bool(message.final),
        outcome.reason and outcome.reason._value_,
        outcome.permanent,
        outcome.error_code,
        outcome.provider_status,
        outcome.network,
        outcome.price,
        outcome.currency,
        _moment(message.sent_at),
        _moment(outcome.finished_at),
        _moment(outcome.delivered_at),
    )


def merge_data(gone: MessageRow, account: tuple[str, str | None], into: MessageRow) -> EventData:
    """The data of a merge into a message whose status is already folded."""
    return EventData(
        gone.uuid, gone.to_number, gone.sender and shown_sender(gone.sender), gone.country,
        *account, gone.reference, _raw(gone.metadata), into.status, into.final, gone.status,
        False, into.reason, into.permanent, into.error_code, into.provider_status, into.network,
        into.price, into.currency, _moment(into.sent_at), _moment(into.finished_at),
        _moment(into.delivered_at), into.uuid,
    )  # fmt: skip


def _raw(metadata: str | None) -> msgspec.Raw | None:
    return None if metadata is None else msgspec.Raw(metadata.encode())


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else moment(micros)
