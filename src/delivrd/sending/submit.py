"""Accepts a message: checks it, then stores and queues it in one transaction."""

from typing import Any, NamedTuple

import msgspec

from delivrd.config import Config
from delivrd.core import segments
from delivrd.core.addresses import BadUrl, check_url
from delivrd.core.phone import InvalidNumber, Phone, normalize
from delivrd.core.status import State
from delivrd.core.text import PREVIEW, clean
from delivrd.core.units import HOUR, SECOND
from delivrd.sending.errors import Invalid, KeyReused
from delivrd.store import idempotency
from delivrd.store.accounts import Account, Accounts
from delivrd.store.base import Store
from delivrd.store.graph import Graph
from delivrd.store.idempotency import Made
from delivrd.store.ids import Ids, now_micros
from delivrd.store.messages import new_uuid
from delivrd.store.rows import AttemptRow, MessageRow
from delivrd.store.tx import Tx

MAX_SEGMENTS = 20
MAX_SENDER = 64
"""Characters: Twilio's messaging services have 34, Plivo's Powerpacks 36."""

MAX_REFERENCE = 200
MAX_METADATA = 4096
MAX_DEADLINE = 7 * 24 * 3600


class Order(NamedTuple):
    """A message to send, as its caller gave it."""

    to: str
    sender: str
    text: str
    via: tuple[str, ...] = ()
    reference: str | None = None
    metadata: dict[str, Any] | None = None
    callback_url: str | None = None
    deadline_seconds: int | None = None
    max_attempts: int | None = None


class Submitted(NamedTuple):
    """The message's id; ``repeated`` if the same order was submitted before with its key."""

    uuid: str
    repeated: bool


async def submit(
    store: Store,
    config: Config,
    order: Order,
    *,
    key_id: int = 0,
    idempotency_key: str | None = None,
    body_hash: bytes = b"",
) -> Submitted:
    """Stores and queues a message; it is handed over in the background.

    Raises:
        Invalid: a field is not acceptable; nothing is stored, and the key is not used up.
        KeyReused: the key was used before with another body.
        StoreUnavailable: nothing is stored.
    """
    now = now_micros()
    window = config.retention.idempotency_hours * HOUR
    try:
        account, phone = check(order, store.accounts, config)
    except Invalid:  # by today's settings; it may have been taken by those before
        if idempotency_key is None:
            raise
        used = await store.read(
            lambda tx: idempotency.find(tx, key_id, idempotency_key, now - window)
        )
        if used is None or used.body_hash != body_hash:
            raise
        return Submitted(used.uuid, True)
    uuid = new_uuid()

    async def job(tx: Tx) -> Submitted:
        if idempotency_key is not None:
            making = Made(uuid, body_hash)
            used = await idempotency.use(tx, key_id, idempotency_key, making, now, now - window)
            if used is not None and used.body_hash != body_hash:
                raise KeyReused
            if used is not None:
                return Submitted(used.uuid, True)
        graph = Graph(tx, store.accounts, store.ids, now)
        graph.add(_message(store.ids, order, account, phone, uuid, now, config))
        await graph.save()
        tx.queued = True
        return Submitted(uuid, False)

    return await store.write(job)


def check(order: Order, accounts: Accounts, config: Config) -> tuple[Account, Phone]:
    """Checks an order; returns the account that sends, and the recipient.

    Raises:
        Invalid: the first field that is not acceptable.
    """
    account = _account(order.via, accounts)
    try:
        phone = normalize(order.to, config.default_region)
    except InvalidNumber as error:
        raise Invalid("to", error.why, error.hint) from None
    _check_text(order)
    _check_extras(order, config)
    return account, phone


def _account(via: tuple[str, ...], accounts: Accounts) -> Account:
    able = [a for a in accounts.by_name.values() if can_send(a)]
    names = ", ".join(account.name for account in able) or "none"
    if len(via) > 1:
        hint = "Name one account; resending through a second one is not there yet."
        raise Invalid("via", "names several accounts", hint)
    if not via:
        if len(able) == 1:
            return able[0]
        raise Invalid("via", "is missing", f"Name the account to send through: {names}.")
    account = accounts.by_name.get(via[0])
    if account is None:
        raise Invalid("via", f"there is no account {via[0][:50]!r}", f"Accounts: {names}.")
    if not can_send(account):
        raise Invalid("via", f"the account {account.name} only receives", f"Accounts: {names}.")
    return account


def can_send(account: Account) -> bool:
    """Whether messages can be sent through this account."""
    return account.provider.send is not None and not account.settings.receive_only


def _check_text(order: Order) -> None:
    if not order.text.strip():
        raise Invalid("text", "is empty", "Write at least one character.")
    if clean(order.text) != order.text:
        raise Invalid(
            "text", "holds characters that no SMS can carry (NUL, surrogates)", "Take them out."
        )
    count = segments.count(order.text).count
    if count > MAX_SEGMENTS:
        hint = f"At most {MAX_SEGMENTS} segments; shorten it, or send a link."
        raise Invalid("text", f"would need {count} SMS segments", hint)
    sender = order.sender
    if not sender.strip() or len(sender) > MAX_SENDER or clean(sender) != sender:
        hint = (
            "A number in international form, a name of at most 11 letters and digits, or what "
            "the gateway calls a set of senders by."
        )
        raise Invalid("from", "is empty, too long, or holds NUL", hint)


def _check_extras(order: Order, config: Config) -> None:
    if order.max_attempts not in (None, 1):
        hint = "Leave it out; resending is not there yet."
        raise Invalid("max_attempts", "can only be 1", hint)
    deadline = order.deadline_seconds
    if deadline is not None and not 1 <= deadline <= MAX_DEADLINE:
        raise Invalid("deadline_seconds", "is out of range", f"Between 1 and {MAX_DEADLINE}.")
    reference = order.reference
    if reference is not None and (len(reference) > MAX_REFERENCE or clean(reference) != reference):
        hint = f"At most {MAX_REFERENCE} characters."
        raise Invalid("reference", "is too long, or holds NUL", hint)
    if order.metadata is not None and len(_json(order.metadata).encode()) > MAX_METADATA:
        raise Invalid("metadata", "is too large", f"At most {MAX_METADATA} bytes as JSON.")
    if order.callback_url is not None:
        relay = config.relay
        try:
            check_url(
                order.callback_url,
                allow_http=relay.allow_http,
                allow_networks=relay.allow_networks,
            )
        except BadUrl as error:
            raise Invalid("callback_url", str(error), error.hint) from None


def _json(metadata: dict[str, Any]) -> str:
    return clean(msgspec.json.encode(metadata).decode())


def preview_of(text: str | None, config: Config) -> str | None:
    """The beginning of a text that is stored for display, if the settings allow it."""
    return None if text is None or config.privacy.text == "none" else text[:PREVIEW]


def _message(
    ids: Ids, order: Order, account: Account, phone: Phone, uuid: str, now: int, config: Config
) -> MessageRow:
    counted = segments.count(order.text)
    deadline = None if order.deadline_seconds is None else now + order.deadline_seconds * SECOND
    message = MessageRow(
        id=ids.next(),
        uuid=uuid,
        origin="api",
        account_id=account.id,
        to_number=phone.e164,
        sender=order.sender,
        country=phone.country,
        text=order.text,
        preview=preview_of(order.text, config),
        encoding=counted.encoding,
        segments=counted.count,
        reference=order.reference,
        metadata=None if order.metadata is None else _json(order.metadata),
        callback_url=order.callback_url,
        created_at=now,
        deadline_at=deadline,
    )
    patience = account.provider.default_validity + config.sending.grace_seconds
    message.attempts = [
        AttemptRow(
            id=ids.next(),
            message_id=message.id,
            seq=0,
            account_id=account.id,
            state=State.QUEUED.value,
            due_at=now,
            expires_at=deadline or now + patience * SECOND,
            parts_expected=counted.count if account.provider.id_per_segment else 1,
        )
    ]
    return message
