"""Registering what another program sent, before or after its receipts came (rule D5)."""

from datetime import datetime
from typing import NamedTuple

from delivrd.config import Config
from delivrd.core import segments
from delivrd.core.phone import InvalidNumber, Phone, normalize
from delivrd.core.statement import micros
from delivrd.core.text import clean
from delivrd.core.times import can_be_true
from delivrd.core.units import SECOND
from delivrd.sending.errors import Invalid
from delivrd.sending.submit import MAX_REFERENCE, preview_of
from delivrd.store.accounts import Account
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.registration import Registration, register_parts
from delivrd.store.rows import MAX_PARTS

MAX_ID = 255


class SentElsewhere(NamedTuple):
    """A message as another program sent it."""

    account: str
    provider_message_ids: tuple[str, ...]
    to: str
    sender: str | None = None
    text: str | None = None
    sent_at: datetime | None = None
    reference: str | None = None


async def register(store: Store, config: Config, sent: SentElsewhere) -> str:
    """Registers the message, and returns its id. Repeating the call changes nothing.

    Raises:
        Invalid: a field is not acceptable.
        Contradiction: one of the ids is that of a message to another number, or of one that was
            registered with another sender or reference.
        StoreUnavailable: nothing is stored.
    """
    account, phone = _check(store, config, sent)
    now = now_micros()
    sent_at = None if sent.sent_at is None else micros(sent.sent_at)
    registration = Registration(
        account=account,
        provider_message_ids=tuple(dict.fromkeys(sent.provider_message_ids)),
        to=phone.e164,
        country=phone.country,
        sender=sent.sender,
        preview=preview_of(None if sent.text is None else clean(sent.text), config),
        sent_at=sent_at,
        reference=sent.reference,
        segments=_segments(sent),
        expires_at=_expiry(account, config, sent_at, now),
    )
    return await store.write(
        lambda tx: register_parts(tx, store.accounts, store.ids, now, registration)
    )


def _segments(sent: SentElsewhere) -> int:
    """The number of ids, or that of the text's segments if the gateway gave one id for all."""
    counted = 1 if sent.text is None else segments.count(sent.text).count
    return max(len(set(sent.provider_message_ids)), counted)


def _expiry(account: Account, config: Config, sent_at: int | None, now: int) -> int:
    """When to stop waiting for receipts: after the validity, and at least the grace from now."""
    grace = config.sending.grace_seconds * SECOND
    validity = account.provider.default_validity * SECOND
    return max((now if sent_at is None else sent_at) + validity, now) + grace


def _check(store: Store, config: Config, sent: SentElsewhere) -> tuple[Account, Phone]:
    account = store.accounts.by_name.get(sent.account)
    if account is None:
        names = ", ".join(sorted(store.accounts.by_name)) or "none"
        raise Invalid(
            "account", f"there is no account {sent.account[:50]!r}", f"Accounts: {names}."
        )
    ids = sent.provider_message_ids
    if not ids or len(ids) > MAX_PARTS or not all(_is_id(i) for i in ids):
        hint = f"A list of 1 to {MAX_PARTS} ids as the gateway gave them."
        raise Invalid("provider_message_ids", "is no list of message ids", hint)
    if sent.sent_at is not None and sent.sent_at.tzinfo is None:
        raise Invalid("sent_at", "has no time zone", "Write it like 2026-11-21T10:00:00Z.")
    if sent.sent_at is not None and not can_be_true(sent.sent_at):
        hint = "Write when it was handed over, like 2026-11-21T10:00:00Z, or leave it out."
        raise Invalid("sent_at", "lies before the year 2000 or in the future", hint)
    if sent.reference is not None and len(sent.reference) > MAX_REFERENCE:
        raise Invalid("reference", "is too long", f"At most {MAX_REFERENCE} characters.")
    try:
        return account, normalize(sent.to, config.default_region)
    except InvalidNumber as error:
        raise Invalid("to", error.why, error.hint) from None


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID and clean(text) == text
