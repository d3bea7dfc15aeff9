"""Gupshup Enterprise SMS: its real-time delivery reports; receipts only.

By GET with the parameters of the vendor's template, or (switched on by support) by POST with up to
20 events in an array. Nothing is signed. Sources: docs.gupshup.io (real-time delivery reports),
public descriptions of its causes, and public handlers for ``errorCode``, the codes from 014 on and
codes without their zeros.
"""

from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import packed, reading
from delivrd.providers.base import AccountSettings, Code, Request, Word
from delivrd.providers.code_tables import Codes

NAME = "gupshup"
TITLE = "Gupshup Enterprise SMS"
DOCS = "https://docs.gupshup.io/docs/real-time-delivery-reports"
CHECKED = "2026-11-27"

STATUSES = {
    "SUCCESS": Word(Status.DELIVERED, True),
    "DELIVERED": Word(Status.DELIVERED, True),
    "FAILURE": Word(Status.UNDELIVERED, True),
    "FAILED": Word(Status.UNDELIVERED, True),
    "UNDELIV": Word(Status.UNDELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "UNKNOWN": Word(Status.UNKNOWN, True),  # the vendor calls it a final status
    "SENT": Word(Status.PENDING, False),
    "READ": Word(Status.DELIVERED, True),
}
"""The last two are of events by WhatsApp, which come in the same form."""

R = Status.REJECTED
CAUSES = {
    ("000", "SUCCESS"): Code("Delivered"),
    ("001", "ABSENT_SUBSCRIBER"): Code("Phone off or out of coverage", Reason.UNREACHABLE),
    ("002", "CALL_BARRED"): Code("Barred by the subscriber", Reason.BLOCKED_BY_RECIPIENT),
    ("003", "UNKNOWN_SUBSCRIBER"): Code("Unknown or invalid number", Reason.UNKNOWN_NUMBER),
    ("004", "SERVICE_DOWN"): Code("The operator's service is down", Reason.NETWORK_ERROR),
    ("005", "SYSTEM_FAILURE"): Code("The operator's system failed", Reason.NETWORK_ERROR),
    ("006", "DND_FAIL"): Code("On a do-not-disturb registry", Reason.BLOCKED_BY_RECIPIENT, R),
    ("007", "BLOCKED"): Code("Blocked by the recipient", Reason.BLOCKED_BY_RECIPIENT, R),
    ("008", "DND_TIMEOUT"): Code("The do-not-disturb check took too long", Reason.NETWORK_ERROR, R),
    ("009", "OUTSIDE_WORKING_HOURS"): Code(
        "Outside the hours for promotional texts", Reason.BLOCKED_BY_CARRIER, R, permanent=False
    ),
    ("00a", "OTHER"): Code("Another reason", Reason.OTHER),
    ("00b", "BLOCKED_MASK"): Code("The sender is blocked", Reason.SENDER_NOT_ALLOWED, R),
    ("00c", "SMSCTIMEDOUT"): Code("Timed out at the SMSC", Reason.EXPIRED, Status.EXPIRED),
    ("00d", "CANCEL_CAUSEID"): Code("Cancelled", Reason.DELETED),
    ("00e", "CANCEL_SCHEDULE"): Code("Its schedule was cancelled", Reason.DELETED),
    ("010", "DEFERRED"): Code("Deferred", Reason.OTHER),
    ("011", "INBOXFULL"): Code("The handset's memory is full", Reason.HANDSET_ERROR),
    ("012", "CONGESTION"): Code("Congestion in the network", Reason.NETWORK_ERROR),
    ("013", "NO_ACK_FROM_OPERATOR"): Code("The operator told nothing", Reason.NETWORK_ERROR),
    ("022", "BLOCKED_FOR_USER"): Code("Blocked for this user", Reason.BLOCKED_BY_CARRIER, R),
    ("038", "MSG_DOES_NOT_MATCH_TEMPLATE"): Code(
        "The text fits no registered template (India DLT)", Reason.CONTENT_INVALID, R
    ),
}
ALSO = {"00a": "014 015 016 017 018 019 01a 01b 01c 020 024", "003": "023"}
"""Codes that have the cause of another one."""


def _padded(code: str) -> tuple[str, ...]:
    """A code without the zeros before it, too: JSON may hold numbers."""
    return (code, code.lower().zfill(3)) if code else ()


MEANINGS = {name: code for names, code in CAUSES.items() for name in names}
MEANINGS |= {code: MEANINGS[known] for known, codes in ALSO.items() for code in codes.split()}
ERRORS = Codes(MEANINGS, _padded)
"""By code, and by cause, which is taken where a receipt has no code."""

KINDS = (
    ("DND", Word(R, True, Reason.BLOCKED_BY_RECIPIENT)),
    ("BLOCKED", Word(R, True, Reason.BLOCKED_BY_CARRIER)),
    ("BLACKLIST", Word(R, True, Reason.BLOCKED_BY_CARRIER)),
    ("SPAM", Word(R, True, Reason.BLOCKED_BY_CARRIER)),
    ("INVALID", Word(R, True, Reason.UNKNOWN_NUMBER)),
    ("EXPIRED", Word(Status.EXPIRED, True, Reason.EXPIRED)),
)
"""What is in further causes of a failure; their full list is not published."""

TEXTS = {"message", "content", "text"}
"""Where an inbound text stands, as its URL was made up."""

CODES = ("errCode", "errorCode")

FIELDS = {
    "response": "By POST: the array of events, in a form's field or in JSON.",
    "externalId": "The id of the message, as in the answer to the send.",
    "eventType, status": "The status word; a cause in its place is a failure.",
    "errCode, errorCode": "The error code; 000 is delivered.",
    "cause": "The error code as a word.",
    "destAddr, phoneNo": "The recipient's number.",
    "srcAddr, mask": "The sender.",
    "eventTs, deliveredTS": "When it happened, in milliseconds since 1970.",
    "noOfFrags": "How many parts the text had; not used.",
}

SETUP = (
    "Gupshup signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.gupshup]` with `provider = "gupshup"`, `webhook_secret` '
    "and `receive_only = true` (texts are sent by other programs).",
    "In Gupshup Enterprise, under Settings, Advanced Account Settings, set the realtime delivery "
    "URL to `https://YOUR-HOST/webhooks/gupshup/SECRET?externalId=%0&deliveredTS=%1&status=%2"
    "&cause=%3&phoneNo=%4&errCode=%6&noOfFrags=%7&mask=%8`.",
    "For batches by POST, ask Gupshup's support to set "
    "`https://YOUR-HOST/webhooks/gupshup/SECRET` instead.",
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account gupshup`.",
)


class Settings(AccountSettings):
    """An account of Gupshup Enterprise SMS, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by GET, or the events in one by POST.

    Raises:
        Unreadable: there is one receipt, without an id.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        word = f.text(told, "eventType", "status", limit=64)
        code, cause = f.text(told, *CODES, limit=64), f.text(told, "cause", limit=64)
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=_exact(word, code, cause),
            provider_message_id=f.message_id(told, "externalId"),
            provider_status=word,
            error_code=code or cause,
            to=f.number(told, "destAddr", "phoneNo"),
            sender=f.text(told, "srcAddr", "mask", limit=64),
            occurred_at=times.parse(
                f.text(told, "eventTs", "deliveredTS"), zone, now=request.received_at
            ),
        )

    return reading.read_each(request, one, _other, _events)


def _other(told: f.Fields) -> str | None:
    """An inbound text, which has no status; or an event of Gupshup's other channels."""
    if isinstance(told.get("payload"), dict):
        return "inbound" if told.get("type") == "message" else "other"
    stated = {"externalId", "status", "eventType"} & told.keys()
    return "inbound" if not stated and TEXTS & told.keys() else None


def _exact(said: str | None, code: str | None, cause: str | None) -> Word | None:
    """What the cause makes of a failure where the code leaves that open, or of a missing word."""
    word, known = reading.word(STATUSES, said), reading.meant(ERRORS, code or "")
    if word is None:
        return _failure(said)
    if word.status is not Status.UNDELIVERED or (known and known.status):
        return word
    named = ERRORS.get(cause or "")
    if named is not None:
        return Word(named.status or word.status, True, named.reason)
    return reading.held(KINDS, cause) or word


def _failure(said: str | None) -> Word | None:
    """A cause of failure that stands where the status word should."""
    named = reading.meant(ERRORS, said or "")
    if named is None or named.reason in (None, Reason.OTHER):
        return None
    return Word(named.status or Status.UNDELIVERED, True, named.reason)


def _events(told: f.Fields) -> list[Any] | None:
    found = packed.unpacked(told, "response")
    return found if found is None or isinstance(found, list) else [found]
