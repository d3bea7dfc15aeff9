"""Vonage's Messages API: its status webhooks, which come to the same address as the SMS API's.

Vonage maps the carrier's receipts before they get here: what failed, expired or is unknown comes
as ``rejected``, and only the error tells them apart. Sources: developer.vonage.com/messages (status
callbacks, signed webhooks, api-errors/messages).
"""

from datetime import datetime, tzinfo

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading, signing
from delivrd.providers.base import Authentic, Code, Request, Secrets, Unauthentic, Word

ID = "message_uuid"
REPLAY_BEHIND = 300  # every try has a token of its own

STATUSES = {
    "submitted": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "read": Word(Status.DELIVERED, True),
    "rejected": Word(Status.REJECTED, True),
    "undeliverable": Word(Status.UNDELIVERED, True),
}

R, U = Status.REJECTED, Status.UNDELIVERED
ERRORS = {
    "1000": Code("Throttled", Reason.THROTTLED, R),
    "1010": Code("Missing params", Reason.CONTENT_INVALID, R),
    "1020": Code("Invalid params", Reason.CONTENT_INVALID, R),
    "1021": Code("Invalid tag", Reason.CONTENT_INVALID, R),
    "1022": Code("Invalid template", Reason.CONTENT_INVALID, R),
    "1030": Code("Internal error", Reason.NETWORK_ERROR, U),
    "1040": Code("Invalid message", Reason.CONTENT_INVALID, R),
    "1050": Code("Number barred", Reason.BLOCKED_BY_CARRIER, R),
    "1060": Code("Partner account barred", Reason.ACCOUNT_PROBLEM, R),
    "1070": Code("Partner quota exceeded", Reason.ACCOUNT_PROBLEM, R),
    "1080": Code("Account not enabled for REST", Reason.ACCOUNT_PROBLEM, R),
    "1090": Code("Message too long", Reason.CONTENT_INVALID, R),
    "1100": Code("Communication failed", Reason.NETWORK_ERROR, U),
    "1110": Code("Invalid signature", Reason.ACCOUNT_PROBLEM, R),
    "1120": Code("Illegal sender address", Reason.SENDER_NOT_ALLOWED, R),
    "1130": Code("Invalid TTL", Reason.CONTENT_INVALID, R),
    "1140": Code("Facility not allowed", Reason.ACCOUNT_PROBLEM, R),
    "1150": Code("Invalid message class", Reason.CONTENT_INVALID, R),
    "1160": Code("Destination not on the account's list", Reason.ACCOUNT_PROBLEM, R),
    "1170": Code("Invalid or missing number", Reason.UNKNOWN_NUMBER, R),
    "1180": Code("Absent subscriber, temporary", Reason.UNREACHABLE, U),
    "1190": Code("Absent subscriber, permanent", Reason.UNKNOWN_NUMBER, U),
    "1200": Code("Portability error", Reason.PORTED, U),
    "1210": Code("Anti-spam rejection", Reason.BLOCKED_BY_CARRIER, R),
    "1220": Code("Handset busy", Reason.HANDSET_ERROR, U),
    "1230": Code("Network error", Reason.NETWORK_ERROR, U),
    "1240": Code("Illegal number: the recipient opted out", Reason.BLOCKED_BY_RECIPIENT, R),
    "1241": Code("Too many send requests", Reason.THROTTLED, R),
    "1242": Code("No such pool of numbers", Reason.SENDER_NOT_ALLOWED, R),
    "1250": Code("Unroutable", Reason.NETWORK_ERROR, U),
    "1251": Code("No route is set up to this destination", Reason.NETWORK_ERROR, U),
    "1260": Code("Destination unreachable", Reason.UNREACHABLE, U),
    "1270": Code("Subscriber age restriction", Reason.BLOCKED_BY_CARRIER, R),
    "1280": Code("Number blocked by carrier", Reason.BLOCKED_BY_CARRIER, R),
    "1282": Code("Blocked by the provider", Reason.BLOCKED_BY_CARRIER, R),
    "1290": Code("Prepaid phone with insufficient funds", Reason.OTHER, U),
    "1300": Code("Not part of the provider network", Reason.UNKNOWN_NUMBER, U),
    "1310": Code("Not a suitable device", Reason.HANDSET_ERROR, U),
    "1320": Code("Message already sent", Reason.CONTENT_INVALID, R),
    # Either an error that the carrier does not name, or a number that it does not know.
    "1330": Code("Unknown", Reason.OTHER),
    "1331": Code("The provider does not answer", Reason.NETWORK_ERROR, U),
    "1340": Code("Outside of the allowed window", Reason.CONTENT_INVALID, R),
    "1350": Code("Phone matching fee not paid", Reason.ACCOUNT_PROBLEM, R),
    "1360": Code("The validity (TTL) ran out", Reason.EXPIRED, Status.EXPIRED),
    "1370": Code("Expired access token", Reason.ACCOUNT_PROBLEM, R),
    "1380": Code("The media cannot be fetched", Reason.CONTENT_INVALID, R),
    "1381": Code("The media are too large", Reason.CONTENT_INVALID, R),
    "1382": Code("The media are of a wrong type", Reason.CONTENT_INVALID, R),
    "1400": Code("Channel not supported", Reason.CONTENT_INVALID, R),
    "1410": Code("Invalid parameters for the channel", Reason.CONTENT_INVALID, R),
    "1420": Code("Invalid sender for the channel", Reason.SENDER_NOT_ALLOWED, R),
    "1430": Code("Invalid recipient for the channel", Reason.UNKNOWN_NUMBER, R),
    "1431": Code("Several recipients are not supported", Reason.CONTENT_INVALID, R),
    "1440": Code("Message type not supported", Reason.CONTENT_INVALID, R),
    "1450": Code("The client reference is too long", Reason.CONTENT_INVALID, R),
    "1451": Code("The message replied to is not to be found", Reason.CONTENT_INVALID, R),
    "1460": Code("Daily limit of messages exceeded", Reason.THROTTLED, R),
    "1461": Code("Limited by the provider for this user", Reason.THROTTLED, R),
    "1470": Code("Stopped by the fraud defender", Reason.BLOCKED_BY_CARRIER, R),
    "1472": Code("Stopped by the fraud defender", Reason.BLOCKED_BY_CARRIER, R),
    "1473": Code("Stopped by the fraud defender", Reason.BLOCKED_BY_CARRIER, R),
    "1474": Code("Stopped by the fraud defender: the country", Reason.BLOCKED_BY_CARRIER, R),
    "1475": Code("Stopped by the fraud defender: the network", Reason.BLOCKED_BY_CARRIER, R),
    "1476": Code("The sender must not originate messages", Reason.SENDER_NOT_ALLOWED, R),
    "1480": Code("Entity filter (India DLT)", Reason.SENDER_NOT_ALLOWED, R),
    "1481": Code("Header filter (India DLT)", Reason.SENDER_NOT_ALLOWED, R),
    "1482": Code("Content filter (India DLT)", Reason.BLOCKED_BY_CARRIER, R),
    "1483": Code("Consent filter (India DLT)", Reason.BLOCKED_BY_RECIPIENT, R),
    "1484": Code("Regulation error (India DLT)", Reason.SENDER_NOT_ALLOWED, R),
    "1490": Code("Receipts of some parts never came", Reason.NO_HANDSET_PROOF),
    "2001": Code("Stopped by the provider's protection from fraud", Reason.BLOCKED_BY_CARRIER, R),
}

UNPROVEN = Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)
PAIRS = {
    ("rejected", "1330"): Word(Status.UNKNOWN, False),
    ("rejected", "1490"): UNPROVEN,
    ("undeliverable", "1490"): UNPROVEN,
}
"""Words that a code turns into another status: a carrier's "unknown" is called rejected, and so is
a text of which some parts may have arrived."""

_OF_A_TEXT = {"message_type", "text", "message", "direction"}

FIELDS = {
    "message_uuid": "The id of the message; one for all its parts.",
    "from": "The sender.",
    "timestamp": "When it happened (ISO 8601).",
    "client_ref": "The reference that was sent along.",
    "error": "Its `title` (or `code`) is the error code, its `detail` (or `reason`) the words.",
    "usage": "`price` and `currency`.",
    "destination": "`network_code`: MCC and MNC of the recipient's network.",
}


def receipt(told: f.Fields, zone: tzinfo, now: datetime | None) -> Receipt:
    """The receipt in a status webhook, of version 1 or 0.1."""
    error, usage = f.inner(told, "error"), f.inner(told, "usage")
    error = f.inner(error, "error") or error  # as in the test of the vendor's SDK for Kotlin
    word, code = _word(told), _code(error)
    return reading.receipt(
        STATUSES,
        ERRORS,
        pair=PAIRS.get(((word or "").lower(), code or "")),
        provider_message_id=f.message_id(told, ID),
        provider_status=word,
        error_code=code,
        detail=f.text(error, "detail", "reason"),
        to=f.number(_party(told, "to"), "number"),
        sender=f.text(_party(told, "from"), "number", "id", limit=64),
        network=f.text(f.inner(told, "destination"), "network_code", limit=32),
        price=f.amount(usage, "price"),
        currency=f.text(usage, "currency", limit=8),
        occurred_at=times.parse(told.get("timestamp"), zone, now=now),
        reference=f.text(told, "client_ref"),
    )


def _word(told: f.Fields) -> str | None:
    """The status; some pass it on as the end of a type: ``message.delivered``."""
    kind, _, end = (f.text(told, "type", limit=64) or "").partition(".")
    return f.text(told, "status", limit=64) or (end if kind == "message" and end else None)


def _code(error: f.Fields) -> str | None:
    """The title, or the end of the type's address where the title is in words."""
    title = f.text(error, "title", "code", limit=64)
    end = (f.text(error, "type") or "").rpartition("#")[2]
    return end if end.isdigit() and not (title or "").isdigit() else title


def _party(told: f.Fields, name: str) -> f.Fields:
    """Version 0.1 says ``{"type": "sms", "number": "…"}`` where version 1 says the number."""
    return f.inner(told, name) or {"number": told.get(name)}


def is_inbound(told: f.Fields) -> bool:
    """Whether this is a text from a handset, which comes with most of the same names.

    Version 1 says the ``message_type``; version 0.1 has a ``message`` and a ``direction``.
    """
    return ID in told and _word(told) is None and bool(_OF_A_TEXT & told.keys())


def authenticate(request: Request, secrets: Secrets, behind: int | None) -> Authentic:
    """The token in the Authorization header: signed, fresh, and of this very body.

    Raises:
        Unauthentic: it is not.
    """
    claims, secret = signing.hs256(signing.bearer(request), secrets)
    signing.check_age(claims.get("iat"), request, REPLAY_BEHIND if behind is None else behind)
    if not signing.covers(request.body, claims.get("payload_hash")):
        raise Unauthentic("the token is not for this body (payload_hash)")
    return Authentic("jwt", secret, f.text(claims, "jti"))
