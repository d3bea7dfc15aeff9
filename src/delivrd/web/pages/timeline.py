"""The events of a message in the order of our clock, with notes on unusual ones."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from delivrd.core.statement import Status
from delivrd.core.status import RANK
from delivrd.web.pages.show import moment, span

Json = Mapping[str, Any]


class Note(NamedTuple):
    """What is unusual about an event: a word, and why it does no harm."""

    word: str
    why: str


class Event(NamedTuple):
    """One event. ``status`` is what it reports, if anything; ``gap`` is the time since the last."""

    at: datetime
    what: str
    more: str = ""
    status: str | None = None
    gap: str = ""
    decides: bool = False
    receipt: Json | None = None
    notes: tuple[Note, ...] = ()


OUT_OF_ORDER = "the gateway dates it before one that arrived earlier; arrival order does not matter"
AFTER_END = "it came after the final status, which it does not change; it is kept"
OVERTOOK = "it came before the gateway had answered our call; both belong to the same part"
CORRECTION = "a late confirmation overrides the failure reported before"
UNVERIFIED = "nothing proves that the gateway sent it: its account has no secret"
UNMAPPED = "this word or code is not in the gateway's tables; nothing is guessed from it"


def events(message: Json) -> list[Event]:
    """The events of a message, the first one first, each with the time since the one before."""
    found = sorted(_events(message), key=lambda event: event.at)
    return [
        event._replace(gap=f"+{span((event.at - before.at).total_seconds())}" if before else "")
        for before, event in zip([None, *found], found, strict=False)
    ]


def _events(message: Json) -> Iterator[Event]:
    origins = {
        "api": "Accepted for sending",
        "registered": "Registered: another program sent it",
        "received": "First seen in a receipt",
    }
    yield from _event(message.get("created_at"), origins.get(message["origin"], "Created"))
    for attempt in message["attempts"]:
        if message["origin"] == "api":  # hand-overs by other programs are not known
            yield from _handover(attempt)
        yield from _timeout(attempt)
    yield from _receipts(message)


def _event(at: Any, what: str, **rest: Any) -> Iterator[Event]:
    found = moment(at)
    if found is not None:
        yield Event(found, what, **rest)


def _handover(attempt: Json) -> Iterator[Event]:
    account, state = attempt["account"], attempt["state"]
    notes = [f"try {attempt['tries']}"] if attempt["tries"] > 1 else []
    if state == "unsure":
        why = attempt["detail"] or "the hub stopped before the answer"
        notes.append(f"it may have accepted it: {why}")
    yield from _event(attempt["sent_at"], f"Handed over to {account}", more=" · ".join(notes))
    answers = [answer for part in attempt["parts"] for answer in part["answers"]]
    parts = len(attempt["parts"])
    if state == "refused":
        error = attempt["error"] or {}
        code = f"code {error['code']}" if error.get("code") else ""
        words = error.get("detail") or attempt["detail"] or ""
        more = " · ".join(filter(None, (code, words)))
        yield from _event(
            attempt["answered_at"], f"{account} refused it", more=more, status="rejected"
        )
    elif state == "accepted" and attempt["answered_at"]:
        more = f"in {parts} parts" if parts > 1 else ""
        refused = [a for a in answers if a["status"] == "rejected"]
        status = "rejected" if refused else "pending"
        yield from _event(
            attempt["answered_at"], f"{account} accepted it", more=more, status=status
        )


def _timeout(attempt: Json) -> Iterator[Event]:
    queued = attempt["state"] == "queued"
    yield from _event(
        attempt["timeout_at"],
        "Time-out",
        more="not handed over before its deadline" if queued else "no final receipt came in time",
        status="expired" if queued else "unknown",
    )


def _receipts(message: Json) -> Iterator[Event]:
    answered = [moment(a["answered_at"]) for a in message["attempts"]]
    first_answer = min((at for at in answered if at), default=None)
    receipts = sorted(message["receipts"], key=lambda r: str(r["received_at"]))
    names = _part_names(message)
    by_part: dict[Any, list[Json]] = {}
    for receipt in receipts:
        earlier = by_part.setdefault(receipt["provider_message_id"], [])
        part = names.get(receipt["provider_message_id"], "")
        error = receipt["error"] or {}
        code = f"code {error['code']}" if error.get("code") else ""
        words = f"“{receipt['provider_status']}”" if receipt["provider_status"] else ""
        yield from _event(
            receipt["received_at"],
            _title(receipt),
            more=" · ".join(filter(None, (part, f"{receipt['account']} {words}".strip(), code))),
            status=receipt["status"],
            decides=receipt is _strongest(receipts, receipt["provider_message_id"]),
            receipt=receipt,
            notes=tuple(_notes(receipt, earlier, first_answer)),
        )
        earlier.append(receipt)


def _title(receipt: Json) -> str:
    kinds = {"answer": "Answer", "look_up": "Look-up"}
    return f"{kinds.get(receipt['kind'], 'Receipt')}: {receipt['status']}"


def _part_names(message: Json) -> dict[Any, str]:
    """``part 2 of 3`` by provider message id, where there are several."""
    names = {}
    for attempt in message["attempts"]:
        total = max(len(attempt["parts"]), attempt["parts_expected"])
        for position, part in enumerate(attempt["parts"], 1):
            if total > 1:
                names[part["provider_message_id"]] = f"part {position} of {total}"
    return names


def _strength(receipt: Json) -> tuple[int, bool, bool, float, float]:
    """The order of rule C2, from the fields of the API."""
    occurred, received = moment(receipt["occurred_at"]), moment(receipt["received_at"])
    occurred_at = occurred.timestamp() if occurred else 0.0
    received_at = received.timestamp() if received else 0.0
    rank = RANK[Status(receipt["status"])]
    sign = -1 if rank else 1
    return (rank, receipt["final"], occurred is not None, sign * occurred_at, sign * received_at)


def _strongest(receipts: Sequence[Json], part: Any) -> Json | None:
    """The receipt that decides the part's status; None while none is final."""
    of_part = [r for r in receipts if r["provider_message_id"] == part]
    top = max(of_part, key=_strength, default=None)
    return top if top is not None and top["final"] else None


def _notes(receipt: Json, earlier: Sequence[Json], answered: datetime | None) -> Iterator[Note]:
    if receipt["count"] > 1:
        copies = f"it came {receipt['count']} times; copies change nothing"
        yield Note("Duplicate", copies)
    received, occurred = moment(receipt["received_at"]), moment(receipt["occurred_at"])
    if answered and received and received < answered and receipt["kind"] == "receipt":
        yield Note("Early", OVERTOOK)
    dates = [at for at in (moment(r["occurred_at"]) for r in earlier) if at]
    if occurred and any(occurred < at for at in dates):
        yield Note("Out of order", OUT_OF_ORDER)
    ends = [r for r in earlier if r["final"]]
    if ends:
        strongest = max(ends, key=_strength)
        if _strength(receipt) < _strength(strongest):
            yield Note("After the final status", AFTER_END)
        elif receipt["status"] == "delivered" and strongest["status"] != "delivered":
            yield Note("Correction", CORRECTION)
    if receipt["unverified"] and not receipt["simulated"]:
        yield Note("Unverified", UNVERIFIED)
    if receipt["unmapped"]:
        yield Note("Not in the tables", UNMAPPED)
