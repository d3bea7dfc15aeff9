"""Creates messages: accepted for sending, registered, or known from a receipt alone."""

from uuid import UUID

from uuid_utils import uuid7

from delivrd.core.phone import country_of
from delivrd.core.status import State
from delivrd.store.accounts import Account
from delivrd.store.ids import Ids
from delivrd.store.names import hex_id
from delivrd.store.rows import AttemptRow, MessageRow

_PREFIX = "a"


def reference_of(attempt_id: int) -> str:
    """The reference of 17 characters that is sent with an attempt and returns in receipts (D1)."""
    return f"{_PREFIX}{attempt_id:016x}"


def attempt_of(reference: str | None) -> int | None:
    """The attempt's id in one of our references; None for any other text."""
    if reference is None or reference[:1] != _PREFIX:
        return None
    return hex_id(reference[1:])


def new_uuid() -> str:
    return str(UUID(bytes=uuid7().bytes))


def describe(message: MessageRow) -> bool:
    """Fills in a received message from its receipts; returns whether there are any.

    The earliest receipt with a value decides each field, whatever the order of folding.
    """
    live = [s for a in message.attempts for p in a.parts for s in p.live]
    live.sort(key=lambda s: (s.received_at, s.hash))
    to = next((s.receipt.to for s in live if s.receipt.to is not None), None)
    sender = next((s.receipt.sender for s in live if s.receipt.sender is not None), None)
    if to is not None:
        digits = to.isascii() and to.isdigit()
        message.to_number, message.country = (f"+{to}", country_of(to)) if digits else (to, None)
    message.sender = sender or message.sender
    return bool(live)


def sent_elsewhere(
    ids: Ids,
    account: Account,
    origin: str,
    now: int,
    *,
    parts_expected: int = 1,
    sent_at: int | None = None,
) -> MessageRow:
    """A message that another program sent (rule D5), with its one attempt.

    ``origin`` is ``registered``, or ``received`` if it is known only from its receipts.
    """
    message = MessageRow(
        id=ids.next(), uuid=new_uuid(), origin=origin, account_id=account.id, created_at=now
    )
    message.attempts = [
        AttemptRow(
            id=ids.next(),
            message_id=message.id,
            seq=0,
            account_id=account.id,
            state=State.ACCEPTED.value,
            answered_at=now,
            parts_expected=parts_expected,
            handed_at=sent_at,
        )
    ]
    return message
