"""BulkSMS's messages in JSON, as its webhooks push them and its REST API answers them.

Webhooks write a status as condition, date, cause and final, the API's resources as id, type and
subtype; both are read. Sources: bulksms.com/developer (webhooks, JSON API).
"""

from datetime import datetime

from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import FAILURES, Code, Word

R, U = Status.REJECTED, Status.UNDELIVERED
STATUSES = {
    "ACCEPTED": Word(Status.PENDING, False),
    "SCHEDULED": Word(Status.PENDING, False),
    "SENT": Word(Status.PENDING, False),
    "DELIVERED": Word(Status.DELIVERED, True),
    "UNKNOWN": Word(Status.UNKNOWN, False),
    "FAILED": Word(U, True),
    "FAILED.EXPIRED": Word(Status.EXPIRED, True, Reason.EXPIRED),
    "FAILED.HANDSET_ERROR": Word(U, True, Reason.HANDSET_ERROR),
    "FAILED.BLOCKED": Word(R, True, Reason.BLOCKED_BY_RECIPIENT),
    "FAILED.NOT_SENT": Word(R, True, Reason.NETWORK_ERROR),
}
ERRORS = {
    "EXPIRED": Code("Expired before delivery", Reason.EXPIRED, Status.EXPIRED),
    "HANDSET_ERROR": Code("A problem of the phone", Reason.HANDSET_ERROR, U),
    "BLOCKED": Code("The recipient blocked you", Reason.BLOCKED_BY_RECIPIENT, R),
    "NOT_SENT": Code("Not attempted, such as for want of a route", Reason.NETWORK_ERROR, R),
}

FIELDS = {
    "id": "The id of the message, as in the answer to the send.",
    "from, to": "The sender and the recipient: strings, or objects with an `address`.",
    "status.condition, status.type, status.id": "The status word; `id` holds the subtype too.",
    "status.subtype": "Why it failed; taken as the error code.",
    "status.cause": "Its words.",
    "status.final": "Whether more may come.",
    "status.date": "When it happened (ISO 8601).",
    "creditCost": "What it cost, in credits.",
    "userSuppliedId": "The reference that was sent along.",
    "body": "The text; cut before the request is kept.",
}


def receipt(told: f.Fields, occurred_at: datetime | None) -> Receipt:
    """The receipt in one message of a webhook, or of the API."""
    about = state(told)
    word = said(about)
    return reading.receipt(
        STATUSES,
        ERRORS,
        pair=_judged(_exact(about), about.get("final")),
        provider_message_id=f.message_id(told, "id"),
        provider_status=word,
        error_code=f.text(about, "subtype", limit=64),
        detail=f.text(about, "cause"),
        to=f.number(_party(told, "to"), "address"),
        sender=f.text(_party(told, "from"), "address", limit=64),
        price=f.amount(told, "creditCost"),
        occurred_at=occurred_at,
        reference=f.text(told, "userSuppliedId"),
    )


def state(told: f.Fields) -> f.Fields:
    """The fields of the status; some pass on the word alone."""
    return f.inner(told, "status") or {"type": told.get("status")}


def said(state: f.Fields) -> str | None:
    """The most exact word: ``FAILED.EXPIRED`` rather than FAILED, but not ``SENT.null``."""
    whole = f.text(state, "id", limit=64)
    if whole and not whole.endswith(".null"):
        return whole
    return f.text(state, "condition", "type", limit=64) or whole


def meaning(state: f.Fields) -> Word | None:
    """What the most exact word means; with a subtype that is in no table, what its type means."""
    word = said(state) or ""
    return reading.word(STATUSES, word) or reading.word(STATUSES, word.partition(".")[0])


def _exact(state: f.Fields) -> Word | None:
    """A webhook has no subtype, but names it as the cause."""
    word = meaning(state)
    cause = (f.text(state, "cause", limit=64) or "").upper().replace(" ", "_")
    plain = word is not None and word == STATUSES["FAILED"]
    return STATUSES.get(f"FAILED.{cause}", word) if plain else word


def _judged(word: Word | None, final: object) -> Word | None:
    """What the word means with the vendor's ``final`` beside it."""
    if word is None or final not in (True, False) or word.final is final:
        return word
    if word.status in FAILURES:
        return Word(Status.PENDING, False)  # it is tried again
    if word.status is Status.PENDING:
        return Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)
    return word._replace(final=True)


def _party(told: f.Fields, name: str) -> f.Fields:
    return f.inner(told, name) or {"address": told.get(name)}
