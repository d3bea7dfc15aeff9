"""MSG91: its webhook in all versions, and a template of your own; receipts only.

One request id covers every recipient of a request, so the number belongs to the key. Nothing is
signed. Times are taken as Indian. Sources: msg91.com/help (webhooks v2, v3, v4 and new, the new one
for all channels; the reasons behind a failed message, also as help.msg91.com abbreviates them);
walkover101/analytics-api, the vendor's own, for the other numbers and their words; public handlers
for the names that people give in templates, 0 and inbound texts.
"""

import re
from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import packed, reading
from delivrd.providers.base import AccountSettings, Code, Request, Word, refine

NAME = "msg91"
TITLE = "MSG91"
DOCS = "https://msg91.com/help/how-can-i-get-the-delivery-reports-on-my-webhook-url"
CHECKED = "2026-11-27"

NUMBER_IN_KEY = True
TEXT_FIELDS = ("msgData", "content", "text")
ZONE = "Asia/Kolkata"

P, U, R = Word(Status.PENDING, False), Word(Status.UNDELIVERED, True), Word(Status.REJECTED, True)
DELIVERED, UNWANTED = Word(Status.DELIVERED, True), R._replace(reason=Reason.BLOCKED_BY_RECIPIENT)
SHUT = R._replace(reason=Reason.ACCOUNT_PROBLEM)
"""Refused by a limit that the account itself has set, on a country or a price."""
UNPROVEN = Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)

STATUSES = {"1": DELIVERED, "2": U, "9": UNWANTED, "16": R, "17": UNWANTED, "25": R} | {
    "0": P,
    "3": DELIVERED,
    "5": P,
    "6": P,
    "7": U,
    "8": P,
    "13": U,
    "18": R,
    "19": SHUT,
    "20": SHUT,
    "26": DELIVERED,
    "28": U._replace(reason=Reason.UNKNOWN_NUMBER),
    "29": R._replace(reason=Reason.UNKNOWN_NUMBER),
    "30": UNPROVEN,
    "81": P,
    "DELIVERED": DELIVERED,
    "FAILED": U,
    "NDNC": UNWANTED,
    "REJECTED": R,
    "BLOCKED NUMBER": UNWANTED,
    "PENDING": P,
    "SUBMITTED": P,
    "SENT": P,
    "AUTO FAILED": U,
    "NDNC NUMBER": UNWANTED,
    "REJECTED BY PROVIDER": R,
    "BLOCKED CIRCLE": R,
    "PRICE RANGE BLOCKED": SHUT,
    "COUNTRY CODE BLOCKED": SHUT,
    "INVALID NUMBER": U._replace(reason=Reason.UNKNOWN_NUMBER),
    "DLR NOT AVAILABLE": UNPROVEN,
    "READ": DELIVERED,
    "QUEUED": P,
    "SENDING": P,
    "UNDELIVERED": U,
    "EXPIRED": Word(Status.EXPIRED, True),
}
"""The vendor's numbers and words; the first six are those of its help, and those after READ are in
no list of it, but in what handlers of templates expect."""

REASONS = {
    **dict.fromkeys(
        ("EXP ABSSUBS", "ABSENT SUBSCRIBER", "NUMBER TEMPORARILY UNAVAILABLE",
         "SERVICES TEMPORARILY BLOCKED"),
        Code("Phone off, out of coverage or suspended", Reason.UNREACHABLE),
    ),
    **dict.fromkeys(
        ("UNKNOWN SUBSCRIBER", "UNKNWN SUBSCRIBE", "UNKNWN SBCRIBR"),
        Code("No such subscriber", Reason.UNKNOWN_NUMBER),
    ),
    **dict.fromkeys(
        ("EXP MEMEXCD", "INBOX CAPACITY EXCEEDED", "EQUIPMENT PROTOCOL ERROR"),
        Code("The handset's memory is full, or another error of it", Reason.HANDSET_ERROR),
    ),
    "CALL BARRED": Code("The subscriber receives no texts", Reason.BLOCKED_BY_RECIPIENT),
    **dict.fromkeys(
        ("TELESERVICE NOT PROVISIONED", "TLESERVCE NOT PROVSND", "MESSAGE SERVICE NOT SUPPORTED"),
        Code("The subscription has no SMS", Reason.NOT_MOBILE),
    ),
    **dict.fromkeys(
        ("ILLEGAL SUBSCRIBER", "ILEGAL SUBSCRIBE", "ILEGAL SBSCRIBR"),
        Code("Barred, or failed authentication", Reason.BLOCKED_BY_CARRIER),
    ),
    **dict.fromkeys(
        ("EXP NWFAIL", "RESOURCE UNAVAILABLE", "SYSTEM FAILURE", "HLR MSC TIMEOUT",
         "SUBSCRIBER BUSY FOR MT SMS", "SUBSCRIBE BSY FOR MT SMS", "SBSCRIBR BSY FOR MT SMS"),
        Code("An error or congestion of the network", Reason.NETWORK_ERROR),
    ),
    **dict.fromkeys(
        ("EXP SMSTMOUT", "EXPIRED MAXIMUM RETRIES EXCEEDED"),
        Code("Every try timed out", Reason.EXPIRED, Status.EXPIRED),
    ),
    **dict.fromkeys(
        ("EXPIRED", "MESSAGE EXPIRED", "VALIDITY PERIOD EXPIRED"),
        Code("Its validity ran out", Reason.EXPIRED, Status.EXPIRED),
    ),
    **dict.fromkeys(
        ("DND", "NDNC", "BLOCKED NUMBER", "BLACKLIST", "BLACKLISTED"),
        Code("On a list of who wants no texts", Reason.BLOCKED_BY_RECIPIENT, R.status),
    ),
    "SPAM": Code("Filtered as spam", Reason.BLOCKED_BY_CARRIER, R.status),
    "5303": Code("India DLT: not the template's sender", Reason.SENDER_NOT_ALLOWED, R.status),
    "5304": Code("India DLT: no such template", Reason.CONTENT_INVALID, R.status),
    "5307": Code("India DLT: not the template's text", Reason.CONTENT_INVALID, R.status),
}  # fmt: skip
"""Why a message failed, in capitals, without punctuation: the vendor's words and, from EXPIRED on,
those that mean the same as a status of its."""

WORDS = ("status", "eventName", "desc", "description", "event")
"""Where the status stands, the most exact first."""

TIMES = ("date", "deliveryTime", "statusUpdatedAt", "ts", "timestamp")
IDS = ("requestId", "request_id", "oneApiRequestId", "meta")
TEXTS = {"text", "content", "messages"}
CALLS = {"callerId", "destinationB", "ivrInputs"}
"""Names that only reports of calls have."""
MAILS = ("recipient", "sender")
"""Where reports of mails have addresses."""

FIELDS = {
    "data": "Version 2: a form's field whose value is a JSON array of requests.",
    "requestId": "The id of the request, as in the answer to the send; one for all recipients.",
    "report": "Version 2: the array of the request's receipts, with the fields below.",
    "number, telNum, customerNumber": "The recipient's number, often masked in examples.",
    "status, eventName": "The status as a number, or as a word (by WhatsApp and RCS).",
    "desc, description": "The status as a word; taken where the number says nothing.",
    "failedReason, failureReason, reason": "Why it failed, in the operator's words; those of "
    "MSG91's list tell the reason, or that it expired.",
    "date, deliveryTime, statusUpdatedAt, ts": "When it happened: Indian time, or seconds since "
    "1970.",
    "amount": "What it cost; the currency is not told.",
    "senderId, integratedNumber": "The sender.",
    "direction": "By WhatsApp and RCS: a text from a handset is inbound, no receipt.",
    "callerId, destinationB, ivrInputs; recipient, sender": "Tell reports of calls, and of mails.",
    "request_id, oneApiRequestId, mobile, timestamp": "Read too, where a template of your own "
    "names them so.",
    "msgData, content, text": "The text, where a template names it; cut before the call is kept.",
    "CRQID, crqid, meta": "Your own id; version 4 (`event`, `data`) has no other. Without one it "
    "is 0, and receipts of version 4 cannot be told apart.",
}

SETUP = (
    "MSG91 signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.msg91]` with `provider = "msg91"`, `webhook_secret` and '
    "`receive_only = true` (texts are sent by other programs).",
    "In the MSG91 panel, under SMS, Webhook, enter `https://YOUR-HOST/webhooks/msg91/SECRET`; "
    "version v2 or v3 tells most; v4 only serves if every send has a `CRQID` of its own.",
    "For a webhook of your own template, name its fields as below: "
    '`{"requestId": "{{requestId}}", "telNum": "{{telNum}}", "status": "{{status}}", '
    '"deliveryTime": "{{deliveryTime}}", "failureReason": "{{failureReason}}"}`.',
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account msg91`.",
)


class Settings(AccountSettings):
    """An account of MSG91, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a webhook of any version.

    Raises:
        Unreadable: there is one receipt, without an id.
    """
    zone = reading.zone(settings, ZONE)

    def one(told: f.Fields) -> Receipt:
        own = f.text(told, "CRQID", "crqid", "meta")
        said, known = _words(told)
        why = f.text(told, "failedReason", "failureReason", "reason")
        return reading.receipt(
            STATUSES,
            {},
            pair=_meaning(known, why),
            provider_message_id=f.message_id(told, *IDS),
            provider_status=said,
            detail=why,
            to=f.number(told, "number", "telNum", "customerNumber", "mobile"),
            sender=f.text(told, "senderId", "integratedNumber", limit=64),
            price=f.amount(told, "amount"),
            occurred_at=times.parse(f.text(told, *TIMES), zone, now=request.received_at),
            reference=None if own == "0" else own,  # so it says that you sent none
        )

    told = f.of(request)
    return reading.read_told(told if told is None else _items(told), one, _other)


def _other(told: f.Fields) -> str | None:
    """A call or a mail; or a text from a handset: it says so, or it names neither a request nor a
    status.
    """
    if CALLS & told.keys() or any("@" in (f.text(told, name) or "") for name in MAILS):
        return "other"
    inbound = str(told.get("direction")).lower().startswith("in")
    if not inbound and TEXTS & told.keys() and f.text(told, *IDS) is None:
        inbound = _words(told)[1] is None
    return "inbound" if inbound else None


def _words(told: f.Fields) -> tuple[str | None, str | None]:
    """What is said, and the first word that the table knows: unpublished numbers do come."""
    words = [word for name in WORDS if (word := f.text(told, name, limit=64))]
    known = next((word for word in words if reading.word(STATUSES, word)), None)
    return f.text(told, "status", limit=64) or known or (words[0] if words else None), known


def _meaning(known: str | None, why: str | None) -> Word | None:
    """The meaning of a word; the reason refines a failure (rule C3)."""
    found = reading.word(STATUSES, known)
    said = re.sub(r"[^A-Z0-9]+", " ", (why or "").upper()).strip()
    code = REASONS.get(said) or REASONS.get(said.partition(" ")[0])
    return refine(found, code)[0] if found and code else found


def _items(told: f.Fields | list[Any]) -> f.Fields | list[Any]:
    """Single receipts, or the one that stands for itself."""
    if isinstance(told, dict):
        packs = told if "event" in told or "report" in told else packed.unpacked(told, "data")
        if packs is None:
            return told
        told = packs if isinstance(packs, list) else [packs]
    return [item for element in told for item in _spread(element)]


def _spread(element: Any) -> list[Any]:
    """The receipts of a request (version 2) or an event (version 4), with what they share."""
    if not isinstance(element, dict):
        return [element]
    name = "report" if "report" in element else "data"
    inner = element.get(name)
    if not isinstance(inner, list):
        return [element]
    shared = {key: value for key, value in element.items() if key != name}
    return [shared | item if isinstance(item, dict) else item for item in inner]
