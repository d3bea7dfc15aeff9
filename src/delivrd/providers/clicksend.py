"""ClickSend: its delivery receipts. Messages are sent elsewhere.

The receipt names no recipient. It comes as a form, JSON or a query, as the rule in the dashboard
says. Sources: developers.clicksend.com (SMS delivery receipts) and its published models;
help.clicksend.com (list of SMS gateway error codes).
"""

from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import FAILURES, AccountSettings, Code, Request, Word

NAME = "clicksend"
TITLE = "ClickSend"
DOCS = "https://developers.clicksend.com/docs"
CHECKED = "2026-11-27"

STATUSES = {
    "200": Word(Status.PENDING, False),
    "201": Word(Status.DELIVERED, True),
    "300": Word(Status.PENDING, False),
    "301": Word(Status.UNDELIVERED, True),
    "302": Word(Status.UNDELIVERED, True),
    "queued": Word(Status.PENDING, False),
    "scheduled": Word(Status.PENDING, False),
    "WaitApproval": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "failed": Word(Status.UNDELIVERED, True),
    "expired": Word(Status.EXPIRED, True),
    "Cancelled": Word(Status.UNDELIVERED, True, Reason.DELETED),
    "CancelledAfterReview": Word(Status.REJECTED, True, Reason.CONTENT_INVALID),
}
"""Codes, and the words that stand for them where a rule sends ``status`` alone."""

U = Status.UNDELIVERED
SAID = (
    ("expired", Word(Status.EXPIRED, True, Reason.EXPIRED)),
    ("blacklist", Word(Status.REJECTED, True, Reason.BLOCKED_BY_RECIPIENT)),
    ("opted out", Word(Status.REJECTED, True, Reason.BLOCKED_BY_RECIPIENT)),
    ("blocked", Word(Status.REJECTED, True, Reason.BLOCKED_BY_CARRIER)),
    ("spam", Word(Status.REJECTED, True, Reason.BLOCKED_BY_CARRIER)),
    ("rejected", Word(Status.REJECTED, True)),
    ("cancelled", Word(U, True, Reason.DELETED)),
    ("unknown subscriber", Word(U, True, Reason.UNKNOWN_NUMBER)),
    ("unidentified subscriber", Word(U, True, Reason.UNKNOWN_NUMBER)),
    ("illegal subscriber", Word(U, True, Reason.BLOCKED_BY_CARRIER)),
    ("absent subscriber", Word(U, True, Reason.UNREACHABLE)),
    ("memory capacity", Word(U, True, Reason.HANDSET_ERROR)),
    ("not supporting sms", Word(U, True, Reason.NOT_MOBILE)),
    ("network error", Word(U, True, Reason.NETWORK_ERROR)),
    ("network timeout", Word(U, True, Reason.NETWORK_ERROR)),
    ("routing error", Word(U, True, Reason.NETWORK_ERROR)),
)
"""Words in a failure's text that make it more exact: one code stands for every failure."""

ERRORS: dict[str, Code] = {}
"""The vendor numbers its failures anew in each edition of its list: their words tell, no number."""

FIELDS = {
    "message_id": "The id of the message, as in the answer to the send.",
    "status_code": "The status.",
    "status": "Its word, where there is no status code.",
    "data": "The receipts, where they come as the API's own list of them.",
    "status_text": "Its words; they tell a rejection from another failure.",
    "error_code, error_text": "The carrier's error; blank where there is none.",
    "timestamp": "When it happened (seconds since 1970).",
    "timestamp_send": "When the message was sent; not used.",
    "custom_string": "The reference that was sent along.",
}

SETUP = (
    "ClickSend is received from only: your program sends, and the hub reads the receipts.",
    'Put the account in `delivrd.toml`: `[accounts.clicksend]` with `provider = "clicksend"` and '
    "`receive_only = true`.",
    "ClickSend signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "In ClickSend's dashboard, under SMS settings, add a delivery report rule with the action URL "
    "and `https://YOUR-HOST/webhooks/clicksend/SECRET`.",
    "Start `delivrd serve`, run `delivrd doctor`, send yourself a text with ClickSend, and see "
    "its receipt come: `delivrd receipts tail --account clicksend`.",
)


class Settings(AccountSettings):
    """An account of ClickSend."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by POST (form or JSON) or GET.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        said = f.text(told, "status_code", "status", limit=64)
        words = f.text(told, "status_text")
        error = f.text(told, "error_text")
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=_exact(said, f"{words} {error}"),
            provider_message_id=f.message_id(told, "message_id"),
            provider_status=said,
            error_code=f.text(told, "error_code", limit=64),
            detail=error or words,
            to=f.number(told, "to"),
            occurred_at=times.parse(f.text(told, "timestamp"), zone, now=request.received_at),
            reference=f.text(told, "custom_string"),
        )

    return reading.read_each(request, one, _other, _items)


def _items(told: f.Fields) -> list[Any] | None:
    """The receipts in ``data``, as the API's own list holds them; there may be two of these."""
    data = f.inner(told, "data").get("data") or told.get("data")
    return [data] if isinstance(data, dict) else data if isinstance(data, list) else None


def _exact(said: str | None, words: str) -> Word | None:
    word = reading.word(STATUSES, said)
    if word is None or word.status not in FAILURES:
        return word
    return reading.held(SAID, words) or word


def _other(told: f.Fields) -> str | None:
    """An inbound text comes with the same names, but has a body and no status."""
    inbound = ("body" in told or "message" in told) and "from" in told
    return "inbound" if inbound and not told.keys() & {"status", "status_code"} else None
