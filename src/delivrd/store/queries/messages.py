"""Messages: the list by its filters, and one message in detail."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from delivrd.core.phone import shown_sender
from delivrd.core.statement import FAILURES, Kind, moment
from delivrd.core.status import Outcome
from delivrd.store.accounts import Accounts
from delivrd.store.queries import trees
from delivrd.store.queries.filters import by_sender
from delivrd.store.queries.paging import Condition, Listed, Span, listed, spanned
from delivrd.store.queries.provider_ids import parts_of
from delivrd.store.queries.views import (
    NOT_BROUGHT,
    Attempt,
    Brought,
    Error,
    Message,
    Part,
    Receipt,
    at,
    error,
    price,
    provider_name,
    receipt,
    simulated,
)
from delivrd.store.rows import AttemptRow, MessageRow, PartRow
from delivrd.store.tx import Tx

SELECT = "SELECT id FROM message"
FAILED, ENDED = "failed", "ended"
"""Filter values for the three failure statuses, and for all final ones."""

NONE = "none"
"""Filter value for messages without a country, a network, or a reason."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a list of messages; times are microseconds since 1970.

    ``status`` is a status, `FAILED` or `ENDED`; ``country`` is two capital letters, ``to`` E.164
    with plus, ``network`` MCC and MNC, ``code`` the gateway's own error code; ``country``,
    ``network`` and ``reason`` may be `NONE`. ``to_ends`` is the last digits of the number.
    """

    status: str | None = None
    account: str | None = None
    country: str | None = None
    network: str | None = None
    to: str | None = None
    to_ends: str | None = None
    sender: str | None = None
    reference: str | None = None
    provider_message_id: str | None = None
    reason: str | None = None
    code: str | None = None
    since: int | None = None
    until: int | None = None


async def list_messages(
    tx: Tx, accounts: Accounts, filters: Filters, *, before: int | None = None, limit: int = 50
) -> Listed[Message]:
    """The newest messages that satisfy all filters, below the id ``before``."""
    span = Span(filters.since, filters.until)
    indexed, others = await _conditions(tx, accounts, filters)
    found = await spanned(
        tx,
        SELECT,
        span,
        "created_at",
        indexed=[*indexed, ("merged_into IS NULL", ())],
        others=others,
        before=before,
        limit=limit,
    )
    ids = [row[0] for row in found.rows]
    return listed(await shown(tx, accounts, await trees.messages(tx, ids)), found)


async def _conditions(
    tx: Tx, accounts: Accounts, filters: Filters
) -> tuple[list[Condition], list[Condition]]:
    """The filters: first the one whose index is walked, then those tried row by row."""
    narrow = [*_exact(filters), *_inlined(accounts, filters)]
    broad = _unindexed(filters)
    if filters.provider_message_id is not None:  # a handful of messages: nothing to bound
        ids = await of_provider_id(tx, accounts, filters.provider_message_id, filters.account)
        return [("id = ANY(?::bigint[])", (ids,)), *narrow, *broad], []
    return narrow[:1], [*narrow[1:], *broad]


def _exact(filters: Filters) -> list[Condition]:
    """The filters that an index serves, the narrowest first."""
    found: list[Condition] = []
    if filters.reference is not None:
        found.append(("reference = ?", (filters.reference,)))
    if filters.to is not None:
        found.append(("to_number = ?", (filters.to,)))
    if filters.status is not None and filters.status not in _BROAD:
        found.append(_status(filters.status))
    return found


def _inlined(accounts: Accounts, filters: Filters) -> list[Condition]:
    """Puts the country and the account into the SQL text, so that each gets its own query plan.

    One account may have most of the messages, and another hardly any.
    """
    found: list[Condition] = []
    if filters.country == NONE:
        found.append(("country IS NULL", ()))
    elif filters.country is not None:
        if not (filters.country.isascii() and filters.country.isalpha()):
            raise ValueError("a country is two letters")
        found.append((f"country = '{filters.country}'", ()))
    if filters.account is not None:
        found.append((f"account_id = {accounts.id_of(filters.account):d}", ()))
    return found


def _unindexed(filters: Filters) -> list[Condition]:
    found: list[Condition] = []
    if filters.status in _BROAD:
        found.append((_BROAD[filters.status], ()))
    for name, value in (("network", filters.network), ("reason", filters.reason)):
        if value is not None:
            found.append((f"{name} IS NULL", ()) if value == NONE else (f"{name} = ?", (value,)))
    if filters.to_ends is not None:
        found.append(("to_number LIKE ?", (f"%{filters.to_ends}",)))
    if filters.sender is not None:
        found.append(by_sender(filters.sender))
    if filters.code is not None:
        found.append(("error_code = ?", (filters.code,)))
    return found


_FAILED_LIST = ", ".join(f"'{status}'" for status in FAILURES)
_BROAD = {
    "delivered": "status = 'delivered'",
    FAILED: f"final AND status IN ({_FAILED_LIST})",
    ENDED: "final",
}
"""Statuses of too many messages for an index to be useful."""


def _status(status: str) -> Condition:
    """Written like the condition of its partial index; failures and unknown are final (C5)."""
    if status == "pending":
        return ("NOT final AND status = 'pending'", ())
    return ("final AND status <> 'delivered' AND status = ?", (status,))


async def of_provider_id(
    tx: Tx, accounts: Accounts, provider_message_id: str, account: str | None = None
) -> list[int]:
    """The messages that have a part of this provider id, on any account or on one."""
    rows = await tx.fetch(
        "SELECT a.message_id FROM part p JOIN attempt a ON a.id = p.attempt_id "
        "WHERE p.id = ANY($1::bigint[])",
        await parts_of(tx, accounts, provider_message_id, account),
    )
    return sorted({row[0] for row in rows})


async def find_message(tx: Tx, accounts: Accounts, uuid: str) -> Message | None:
    """The message of that UUID or, if it was merged, the one that it was merged into."""
    return (await find_messages(tx, accounts, [uuid])).get(uuid)


async def find_messages(tx: Tx, accounts: Accounts, uuids: Sequence[str]) -> dict[str, Message]:
    """UUID -> what :func:`find_message` finds, for those of these UUIDs that exist."""
    sql = "SELECT uuid, id, merged_into FROM message WHERE uuid = ANY($1::text[])"
    rows = await tx.fetch(sql, list(uuids))
    ids = sorted({row_id if into is None else into for _, row_id, into in rows})
    trees_found = await trees.messages(tx, ids)
    views = dict(
        zip((t.id for t in trees_found), await shown(tx, accounts, trees_found), strict=True)
    )
    found = {}
    for uuid, row_id, into in rows:
        view = views.get(row_id if into is None else into)
        if view is not None:
            found[uuid] = view if into is None else replace(view, merged_into=view.id)
    return found


async def shown(tx: Tx, accounts: Accounts, rows: Sequence[MessageRow]) -> list[Message]:
    """Messages as the API shows them."""
    statement_ids = [
        s.id for m in rows for a in m.attempts for p in a.parts for s in p.statements
        if s.statement.count > 0
    ]  # fmt: skip
    requests = await trees.requests_of(tx, statement_ids)
    return [_message(accounts, row, requests) for row in rows]


def _message(accounts: Accounts, row: MessageRow, requests: dict[int, Brought]) -> Message:
    receipts = [
        receipt(
            accounts,
            said,
            part.provider_message_id,
            row.uuid,
            requests.get(said.id, NOT_BROUGHT),
        )
        for attempt in row.attempts
        for part in attempt.parts
        for said in part.statements
        if said.statement.count > 0 and said.statement.kind is not Kind.ANSWER
    ]
    own = {row.account_id, *(attempt.account_id for attempt in row.attempts)}
    return Message(
        id=row.uuid,
        status=row.status,
        final=bool(row.final),
        to=row.to_number,
        sender=row.sender and shown_sender(row.sender),
        country=row.country,
        network=row.network,
        text_preview=row.preview,
        parts=row.segments,
        encoding=row.encoding,
        price=price(row.price, row.currency),
        reference=row.reference,
        metadata=None if row.metadata is None else msgspec.json.decode(row.metadata),
        origin=row.origin,
        created_at=moment(row.created_at),
        deadline_at=at(row.deadline_at),
        sent_at=at(row.sent_at),
        finished_at=at(row.finished_at),
        delivered_at=at(row.delivered_at),
        provider_status=row.provider_status,
        error=error(row.status, row.error_code, row.reason, row.permanent, row.detail),
        attempts=[_attempt(accounts, attempt, row.uuid) for attempt in row.attempts],
        receipts=sorted(receipts, key=lambda r: (r.received_at, r.id)),
        simulated=any(simulated(accounts, account_id) for account_id in own),
        withdrawn=bool(row.withdrawn),
    )


def _attempt(accounts: Accounts, row: AttemptRow, uuid: str) -> Attempt:
    outcomes = [part.outcome() for part in row.parts]
    folded = row.outcome()
    return Attempt(
        account=accounts.name(row.account_id),
        provider=provider_name(accounts, row.account_id),
        state=row.state,
        status=row.status,
        final=bool(row.final),
        error=_error(folded),
        detail=row.answer_detail,
        tries=row.tries,
        due_at=at(row.due_at),
        sent_at=at(row.handed_at),
        answered_at=at(row.answered_at),
        timeout_at=at(row.timeout_at),
        finished_at=at(folded.finished_at),
        network=row.network,
        price=price(folded.price, folded.currency),
        parts_expected=row.expected,
        parts=[
            _part(accounts, part, outcome, uuid)
            for part, outcome in zip(row.parts, outcomes, strict=True)
        ],
    )


def _part(accounts: Accounts, row: PartRow, outcome: Outcome, uuid: str) -> Part:
    live = [said for said in row.statements if said.statement.count > 0]
    answers: list[Receipt] = [
        receipt(accounts, said, row.provider_message_id, uuid)
        for said in live
        if said.statement.kind is Kind.ANSWER
    ]
    return Part(
        provider_message_id=row.provider_message_id,
        status=outcome.status.value,
        final=outcome.final,
        provider_status=outcome.provider_status,
        error=_error(outcome),
        network=outcome.network,
        price=price(outcome.price, outcome.currency),
        delivered_at=at(outcome.delivered_at),
        finished_at=at(outcome.finished_at),
        receipts=len(live) - len(answers),
        answers=answers,
    )


def _error(outcome: Outcome) -> Error | None:
    reason = None if outcome.reason is None else outcome.reason.value
    return error(
        outcome.status.value, outcome.error_code, reason, outcome.permanent, outcome.detail
    )


async def messages_by_uuid(tx: Tx, accounts: Accounts, uuids: Sequence[str]) -> list[Message]:
    """The messages of these UUIDs that exist, in no particular order."""
    if not uuids:
        return []
    rows = await tx.fetch("SELECT id FROM message WHERE uuid = ANY($1::text[])", list(uuids))
    return await shown(tx, accounts, await trees.messages(tx, [row[0] for row in rows]))


async def finality(tx: Tx, uuids: list[str]) -> list[tuple[str, int, bool]]:
    """Of each of these messages its UUID, the id of its row, and whether it is final; after a
    merge, of the row that it was merged into."""
    rows = await tx.fetch(
        "SELECT asked.uuid, m.id, m.final FROM message asked "
        "JOIN message m ON m.id = coalesce(asked.merged_into, asked.id) "
        "WHERE asked.uuid = ANY($1::text[])",
        uuids,
    )
    return [(row[0], row[1], bool(row[2])) for row in rows]
