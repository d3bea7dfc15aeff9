"""Views of messages, receipts and requests, with the fields of the API's JSON.

Times are aware datetimes in UTC, numbers E.164 with plus, amounts decimal text. Ids of rows are
text, since JavaScript cannot hold 63 bits.
"""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status, moment, says_something
from delivrd.store import keys
from delivrd.store.accounts import Accounts
from delivrd.store.rows import StatementRow


class Error(msgspec.Struct, kw_only=True):
    """Why a message or a part failed: the provider's code and text, and our reason."""

    code: str | None
    reason: str | None
    permanent: bool | None
    explanation: str
    detail: str | None = None


class Price(msgspec.Struct):
    amount: str
    currency: str | None


class Receipt(msgspec.Struct, kw_only=True, rename={"sender": "from"}):
    """One statement of a provider about one part.

    ``kind`` is ``receipt``, ``answer`` (to our send) or ``look_up``; ``count`` says how many
    requests brought it, the first of which are ``requests``; ``unverified`` means that none of
    these had any proof of its origin, ``unmapped`` that its word or code is not in the provider's
    tables.
    """

    id: str
    kind: str
    account: str
    provider: str | None
    provider_message_id: str | None
    message_id: str | None
    status: str
    final: bool
    provider_status: str | None
    error: Error | None
    to: str | None
    sender: str | None
    network: str | None
    price: Price | None
    occurred_at: datetime | None
    received_at: datetime
    count: int
    unverified: bool
    unmapped: bool
    simulated: bool
    requests: list[str] = []


class Part(msgspec.Struct, kw_only=True):
    """What the provider counts: one provider message id. ``answers`` are those to our send."""

    provider_message_id: str | None
    status: str
    final: bool
    provider_status: str | None
    error: Error | None
    network: str | None
    price: Price | None
    delivered_at: datetime | None
    finished_at: datetime | None
    receipts: int
    answers: list[Receipt]


class Attempt(msgspec.Struct, kw_only=True):
    """One hand-over to one account."""

    account: str
    provider: str | None
    state: str
    status: str
    final: bool
    error: Error | None
    detail: str | None
    tries: int
    due_at: datetime | None
    sent_at: datetime | None
    answered_at: datetime | None
    timeout_at: datetime | None
    finished_at: datetime | None
    network: str | None
    price: Price | None
    parts_expected: int
    parts: list[Part]


class Message(msgspec.Struct, kw_only=True, rename={"sender": "from"}):
    """One text to one recipient. ``parts`` is the number of SMS that the text takes."""

    id: str
    status: str
    final: bool
    to: str | None
    sender: str | None
    country: str | None
    network: str | None
    text_preview: str | None
    parts: int
    encoding: str | None
    price: Price | None
    reference: str | None
    metadata: Any
    origin: str
    created_at: datetime
    deadline_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None
    delivered_at: datetime | None
    provider_status: str | None
    error: Error | None
    attempts: list[Attempt]
    receipts: list[Receipt]
    simulated: bool
    withdrawn: bool = False
    merged_into: str | None = None


class Unmatched(msgspec.Struct, kw_only=True):
    """A provider's message id that occurs in receipts but belongs to no known message."""

    id: str
    account: str
    provider: str | None
    provider_message_id: str | None
    status: str
    final: bool
    first_seen: datetime
    simulated: bool
    receipts: list[Receipt]


class Unmapped(msgspec.Struct, kw_only=True):
    """A word or code that is not in the provider's tables, and the receipts that used it."""

    provider: str
    accounts: list[str]
    provider_status: str | None
    error_code: str | None
    count: int
    first_seen: datetime
    last_seen: datetime
    sample: Receipt


class Request(msgspec.Struct, kw_only=True):
    """One inbound call. ``verdict`` is one of VERDICTS; ``receipts`` and ``faults`` are numbers."""

    id: str
    account: str | None
    provider: str | None
    received_at: datetime
    source: str | None
    method: str
    path: str
    status: int
    verdict: str
    why: str | None
    auth: str | None
    took_ms: float | None
    receipts: int
    faults: int
    size: int | None
    admissible: bool
    simulated: bool


VERDICTS = (
    "read", "partly", "unreadable", "refused", "probe", "handshake", "inbound", "other",
)  # fmt: skip
"""How a call was read: wholly, in part or not at all, refused as not authentic, an empty check; and
what else gateways send to the same address besides receipts."""


class Fault(msgspec.Struct, kw_only=True):
    """An item that could not be read (or, ``set_aside``, not be folded)."""

    position: int
    why: str
    raw: str | None
    set_aside: bool
    superseded: bool


class RequestDetail(msgspec.Struct, kw_only=True):
    """One inbound call as it came (secrets replaced), and what was read from it.

    ``body`` is text; if it is not UTF-8, it is in ``body_base64`` instead. Both are null if
    no body was kept (``body_kept`` is false): retention erased it, or the call was refused before
    it was received. ``folded`` is false while its receipts wait for the fold. ``readings`` says how
    often it has been read.
    """

    id: str
    account: str | None
    provider: str | None
    received_at: datetime
    source: str | None
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: str | None
    body_base64: str | None
    body_kept: bool
    size: int | None
    status: int
    verdict: str
    why: str | None
    auth: str | None
    took_ms: float | None
    readings: int
    folded: bool
    receipts_total: int
    receipts: list[Receipt]
    faults: list[Fault]
    admissible: bool
    simulated: bool


class Key(msgspec.Struct, kw_only=True):
    """An API key. ``scopes`` are of ``read``, ``send`` and ``admin``; ``key`` is the key itself,
    which is present only in the answer of the call that creates it.
    """

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    key: str | UnsetType = UNSET


def key(stored: keys.Key, secret: str | UnsetType = UNSET) -> Key:
    return Key(
        id=str(stored.id),
        name=stored.name,
        prefix=stored.prefix,
        scopes=[scope.value for scope in sorted(stored.scopes)],
        created_at=moment(stored.created_at),
        last_used_at=at(stored.last_used_at),
        revoked_at=at(stored.revoked_at),
        key=secret,
    )


def plain(view: Any) -> Any:
    """A view, or a list of views, as dictionaries, lists and text: what its JSON says."""
    return msgspec.to_builtins(view)


def at(micros: int | None) -> datetime | None:
    return None if micros is None else moment(micros)


def number(text: str | None) -> str | None:
    """A provider's number as the API shows it: digits get a plus."""
    return f"+{text}" if text and text.isascii() and text.isdigit() and len(text) > 6 else text


def price(amount: str | None, currency: str | None) -> Price | None:
    return None if amount is None else Price(amount, currency)


_UNMAPPED = "unmapped"
_EXPLAINED = frozenset({*FAILURES, Status.UNKNOWN, _UNMAPPED})
_BARE = {
    "undelivered": "The network could not deliver the message and gave no reason.",
    "rejected": "The message was refused without a reason.",
    "expired": Reason.EXPIRED.explanation,
    "unknown": "The gateway could not say whether the message arrived.",
    _UNMAPPED: "No table knows what the gateway said; an override may give it a meaning.",
}


def error(
    status: str,
    code: str | None,
    reason: str | None,
    permanent: bool | None,
    detail: str | None,
) -> Error | None:
    """Why it failed; None if it did not."""
    if status not in _EXPLAINED:
        return None
    explanation = Reason(reason).explanation if reason else _BARE[status]
    lasting = None if permanent is None else bool(permanent)
    return Error(
        code=code, reason=reason, permanent=lasting, explanation=explanation, detail=detail
    )


def provider_name(accounts: Accounts, account_id: int) -> str | None:
    """The provider of an account; None when it is no longer configured."""
    account = accounts.by_id.get(account_id)
    return None if account is None else account.provider.name


def simulated(accounts: Accounts, account_id: int) -> bool:
    return account_id in accounts.simulated_ids


class Brought(NamedTuple):
    """The first requests that brought a statement, and whether none of them had a proof (H2)."""

    requests: list[str]
    unverified: bool


NOT_BROUGHT = Brought([], False)
"""An answer to our send, or to a look-up."""


def receipt(
    accounts: Accounts,
    row: StatementRow,
    provider_message_id: str | None,
    message_id: str | None,
    brought: Brought = NOT_BROUGHT,
) -> Receipt:
    said, r = row.statement, row.statement.receipt
    reason = None if r.reason is None else r.reason.value
    open_ = r.status is Status.UNKNOWN and not r.final
    shown = not open_ or r.detail or says_something(r.error_code)
    explained = _UNMAPPED if open_ and r.unmapped else r.status.value
    return Receipt(
        id=str(row.id),
        kind=said.kind.value,
        account=accounts.name(row.account_id),
        provider=provider_name(accounts, row.account_id),
        provider_message_id=provider_message_id,
        message_id=message_id,
        status=r.status.value,
        final=r.final,
        provider_status=r.provider_status,
        error=error(explained, r.error_code, reason, r.permanent, r.detail) if shown else None,
        to=number(r.to),
        sender=r.sender,
        network=r.network,
        price=price(r.price, r.currency),
        occurred_at=r.occurred_at,
        received_at=moment(said.received_at),
        count=said.count,
        unverified=brought.unverified,
        unmapped=r.unmapped,
        simulated=simulated(accounts, row.account_id),
        requests=brought.requests,
    )


class Page(msgspec.Struct, kw_only=True):
    """A page of a list, newest first. ``scanned_to`` is present only if the page is partial."""

    items: list[Any]
    next_cursor: str | None
    scanned_to: datetime | UnsetType = UNSET
