"""Derives the status of parts, attempts and messages from statements (rules C2 to C7).

Every function here is pure, and depends on the set of statements only: their order and the number
of copies change nothing.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Kind, Receipt, Status, micros, says_something

RANK = {
    Status.PENDING: 0,
    Status.UNKNOWN: 1,
    Status.EXPIRED: 2,
    Status.UNDELIVERED: 3,
    Status.REJECTED: 4,
    Status.DELIVERED: 5,
}

# Looked up once: in Python 3.11 each access to an enum's member or value is a call, and the fold
# makes some for every receipt.
_PENDING, _UNKNOWN, _DELIVERED = Status.PENDING, Status.UNKNOWN, Status.DELIVERED
_LOOK_UP = Kind.LOOK_UP


class State(StrEnum):
    """How far the hand-over of an attempt to its provider has come."""

    QUEUED = "queued"
    HANDING_OVER = "handing_over"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNSURE = "unsure"


class Statement(msgspec.Struct, frozen=True, gc=False):
    """A receipt (or answer, or look-up) and its earliest arrival, in microseconds by our clock."""

    kind: Kind
    receipt: Receipt
    received_at: int
    hash: bytes
    count: int = 1


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The status of a part, an attempt or a message, with its details.

    Times are microseconds since 1970: ``finished_at`` by our clock, ``delivered_at`` by the
    provider's if it gave one. A field that no statement has is None. ``asked`` means that the
    status comes from our own look-up, so that its arrival time says nothing about latency.
    """

    status: Status
    final: bool
    reason: Reason | None = None
    permanent: bool | None = None
    error_code: str | None = None
    provider_status: str | None = None
    detail: str | None = None
    network: str | None = None
    price: str | None = None
    currency: str | None = None
    finished_at: int | None = None
    delivered_at: int | None = None
    asked: bool = False


class Handover(msgspec.Struct, frozen=True, gc=False):
    """What we know of an attempt ourselves: how its hand-over went, and whether it timed out."""

    state: State
    parts_expected: int = 1
    answered_at: int | None = None
    reason: Reason | None = None
    error_code: str | None = None
    detail: str | None = None
    timeout_at: int | None = None
    """When our own time-out passed: a ``timeout`` statement on the attempt."""


PENDING = Outcome(Status.PENDING, False)

_NOT_OUT = (State.QUEUED, State.HANDING_OVER, State.REFUSED)


def strength(statement: Statement) -> tuple[int, bool, bool, int, int, bytes]:
    """The sort key of statements about one part; the greatest decides (rule C2)."""
    receipt = statement.receipt
    rank = RANK[receipt.status]
    if receipt.status is Status.UNKNOWN and not receipt.final:
        rank = 0
    occurred_at = 0 if receipt.occurred_at is None else micros(receipt.occurred_at)
    received_at = statement.received_at
    if rank:  # the earlier of two equal results wins, but the later of two pending statements
        occurred_at, received_at = -occurred_at, -received_at
    timed = receipt.occurred_at is not None
    return (rank, receipt.final, timed, occurred_at, received_at, statement.hash)


def fold_part(statements: Iterable[Statement]) -> Outcome:
    """The outcome of one part; pending if there are no statements."""
    listed = list(statements)
    for statement in listed:
        if statement.receipt.segment is not None:
            return _fold_segments(listed)
    return _fold_whole(listed)


def _fold_segments(statements: list[Statement]) -> Outcome:
    """The outcome of an id that covers several segments, each folded like a part (rule C4).

    A statement without a segment applies to each of them; a final one decides alone.
    """
    whole = [s for s in statements if s.receipt.segment is None]
    if any(s.receipt.final for s in whole):
        return _fold_whole(statements)
    segments: dict[str, list[Statement]] = {}
    expected = 1
    for statement in statements:
        number, _, of = (statement.receipt.segment or "").partition("/")
        if number:
            segments.setdefault(number, []).append(statement)
            expected = max(expected, int(of))
    parts = [_fold_whole([*whole, *own]) for own in segments.values()]
    return fold_attempt(Handover(State.ACCEPTED, expected), parts)


def _fold_whole(ranked: list[Statement]) -> Outcome:
    if not ranked:
        return PENDING
    if len(ranked) > 1:
        ranked.sort(key=strength, reverse=True)
    receipt, received_at = ranked[0].receipt, ranked[0].received_at
    asked = ranked[0].kind is _LOOK_UP
    status, final, delivered_at = receipt.status, receipt.final, None
    if status is not _UNKNOWN:
        final = status is not _PENDING  # only `unknown` may be final or not (rule C5)
    elif not final:
        status = _PENDING
    finished_at = received_at if final else None
    if status is _DELIVERED:
        occurred_at = receipt.occurred_at
        delivered_at = received_at if occurred_at is None else micros(occurred_at)
    network, price, currency = receipt.network, receipt.price, receipt.currency
    provider_status = receipt.provider_status
    for statement in ranked[1:]:  # nulls never wipe
        weaker = statement.receipt
        network = network or weaker.network
        provider_status = provider_status or weaker.provider_status
        if price is None:
            price, currency = weaker.price, weaker.currency
    if status is _DELIVERED or status is _PENDING:
        return Outcome(
            status, final, provider_status=provider_status, network=network, price=price,
            currency=currency, finished_at=finished_at, delivered_at=delivered_at, asked=asked,
        )  # fmt: skip
    if len(ranked) > 1:
        receipt = _explained(ranked)
    return Outcome(
        status, final, receipt.reason, receipt.permanent, receipt.error_code, provider_status,
        receipt.detail, network, price, currency, finished_at, asked=asked,
    )  # fmt: skip


def _explained(ranked: Sequence[Statement]) -> Receipt:
    """The strongest statement, its missing details of the failure filled in from the next ones.

    If it gives no cause at all, one other failure supplies code and reason together, else a receipt
    on the way whose code has a reason: combined from several, they would describe a failure that
    nobody stated.
    """
    strongest = ranked[0].receipt
    if not says_something(strongest.error_code) and strongest.reason in (None, Reason.OTHER):
        coded = [s.receipt for s in ranked if says_something(s.receipt.error_code)]
        coded.sort(key=lambda receipt: receipt.status not in FAILURES)
        causes = (r for r in coded if r.status in FAILURES or r.reason is not None)
        strongest = next(causes, strongest)
    filled_in = {name: _first(ranked, name) for name in _CAUSE if getattr(strongest, name) is None}
    return replace(strongest, detail=_first(ranked, "detail"), **filled_in)


_CAUSE = ("error_code", "reason", "permanent")


def _first(ranked: Sequence[Statement], name: str) -> Any:
    values = (getattr(statement.receipt, name) for statement in ranked)
    return next((value for value in values if value is not None), None)


def fold_attempt(handover: Handover, parts: Sequence[Outcome]) -> Outcome:
    """The outcome of one attempt from its hand-over and its parts (rule C4).

    It is delivered when every part is, and has failed as soon as one part has.
    """
    alone = len(parts) == 1 and handover.parts_expected <= 1
    if alone and parts[0].final and handover.state not in _NOT_OUT:
        return parts[0]
    if len(parts) > 1:
        parts = sorted(parts, key=msgspec.json.encode)  # the result must not depend on their order
    if handover.state in (State.QUEUED, State.HANDING_OVER):
        return _not_handed_over(handover)
    if handover.state is State.REFUSED:
        return _refused(handover, parts)
    failed = [part for part in parts if part.status in FAILURES]
    if failed:
        worst = max(failed, key=lambda part: (RANK[part.status], -(part.finished_at or 0)))
        return _with_totals(worst, parts)
    missing = max(0, handover.parts_expected - len(parts))
    still_open = [part for part in parts if not part.final]
    if missing or still_open:
        return _waiting(handover, parts, still_open)
    unknown = [part for part in parts if part.status is Status.UNKNOWN]
    last = max(unknown or parts, key=lambda part: part.finished_at or 0)
    arrived = [part.delivered_at for part in parts if part.delivered_at is not None]
    last = replace(last, delivered_at=max(arrived) if arrived and not unknown else None)
    return _with_totals(last, parts)


def _not_handed_over(handover: Handover) -> Outcome:
    if handover.timeout_at is None or handover.state is State.HANDING_OVER:
        return PENDING
    return Outcome(
        Status.EXPIRED,
        True,
        reason=Reason.EXPIRED,
        permanent=False,
        detail="not handed over before its deadline",
        finished_at=handover.timeout_at,
    )


def _refused(handover: Handover, parts: Sequence[Outcome]) -> Outcome:
    """Rejected, unless its parts were delivered all the same: the stronger word counts (C2)."""
    by_parts = fold_attempt(replace(handover, state=State.UNSURE), parts)
    if by_parts.status is Status.DELIVERED:
        return by_parts
    return Outcome(
        Status.REJECTED,
        True,
        reason=handover.reason,
        permanent=handover.reason.refused_again if handover.reason else None,
        error_code=handover.error_code,
        detail=handover.detail,
        finished_at=handover.answered_at,
    )


def _waiting(handover: Handover, parts: Sequence[Outcome], still_open: list[Outcome]) -> Outcome:
    shown = next((part.provider_status for part in still_open if part.provider_status), None)
    if handover.timeout_at is None:
        waiting = Outcome(Status.PENDING, False, provider_status=shown)
    else:
        waiting = Outcome(
            Status.UNKNOWN,
            True,
            provider_status=shown,
            detail="no final receipt came in time",
            finished_at=handover.timeout_at,
        )
    return _with_totals(waiting, parts)


def _with_totals(outcome: Outcome, parts: Sequence[Outcome]) -> Outcome:
    """The outcome with the total price, and with a network from any part if it has none itself."""
    price, currency = add_prices(parts)
    network = outcome.network or next((p.network for p in parts if p.network), None)
    return replace(outcome, network=network, price=price, currency=currency)


def add_prices(outcomes: Iterable[Outcome]) -> tuple[str | None, str | None]:
    """The sum of the prices as decimal text, and its currency; None for mixed currencies."""
    priced = [o for o in outcomes if o.price is not None]
    if len(priced) == 1:
        return priced[0].price, priced[0].currency
    if not priced or len({o.currency for o in priced}) > 1:
        return None, None
    try:
        total = sum((Decimal(o.price or 0) for o in priced), Decimal(0))
    except InvalidOperation:
        return None, None
    return format(total, "f"), priced[0].currency


def fold_message(attempts: Sequence[Outcome], *, planned: bool = False) -> Outcome:
    """The outcome of a message from its attempts, oldest first (rule C5)."""
    if not attempts:
        return PENDING
    if len(attempts) == 1 and not planned:
        return attempts[0]
    delivered = [a for a in attempts if a.status is Status.DELIVERED]
    if delivered:
        outcome = min(delivered, key=lambda a: a.finished_at or 0)
    elif planned or any(not attempt.final for attempt in attempts):
        shown = next((a.provider_status for a in reversed(attempts) if not a.final), None)
        network = next((a.network for a in attempts if a.network), None)
        outcome = Outcome(Status.PENDING, False, provider_status=shown, network=network)
    else:
        outcome = attempts[-1]
    price, currency = add_prices(attempts)
    return replace(outcome, price=price, currency=currency)
