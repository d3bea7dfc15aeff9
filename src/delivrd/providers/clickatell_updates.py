"""Clickatell's status updates: their tables, and how they are found in what surrounds them.

The same number means something else in each generation: 4 is "received by the recipient" in classic
codes and "sent to the supplier" in the One API, which is known by its envelope.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading, xml_fields
from delivrd.providers.base import FAILURES, Code, Unreadable, Word

R, U = Status.REJECTED, Status.UNDELIVERED
CLASSIC = {
    "001": Word(Status.UNKNOWN, False),
    "002": Word(Status.PENDING, False),
    "003": Word(Status.PENDING, False),
    "004": Word(Status.DELIVERED, True),
    "005": Word(U, True, Reason.CONTENT_INVALID),
    "006": Word(R, True, Reason.OTHER),
    "007": Word(U, True, Reason.HANDSET_ERROR),
    "008": Word(Status.PENDING, False),
    "009": Word(U, True, Reason.NETWORK_ERROR),
    "010": Word(Status.EXPIRED, True, Reason.EXPIRED),
    "011": Word(Status.PENDING, False),
    "012": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "013": Word(R, True, Reason.OTHER),
    "014": Word(R, True, Reason.ACCOUNT_PROBLEM),
}
"""Codes of the Communicator and of the Platform's REST API, which may leave the zeros out."""

ONE_API = {
    "1": ("UNKNOWN", Word(Status.UNKNOWN, False)),
    "2": ("QUEUED", Word(Status.PENDING, False)),
    "3": ("SCHEDULED", Word(Status.PENDING, False)),
    "4": ("SENT_TO_SUPPLIER", Word(Status.PENDING, False)),
    "5": ("DEVICE_ACK", Word(Status.DELIVERED, True)),
    "6": ("READ", Word(Status.DELIVERED, True)),
    "20": ("EXPIRED", Word(Status.EXPIRED, True, Reason.EXPIRED)),
    "21": ("STOPPED_BY_USER", Word(R, True, Reason.DELETED)),
    "22": ("STOPPED_BY_ADMIN", Word(R, True, Reason.BLOCKED_BY_CARRIER)),
    "23": ("DELIVERY_FAILURE", Word(U, True, Reason.OTHER)),
    "24": ("EMULATED", Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)),
    "25": ("INSUFFICIENT_ACCOUNT_BALANCE", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "26": ("VOLUME_LIMIT", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "27": ("VOLUME_LIMIT_DAILY", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "28": ("VOLUME_LIMIT_MONTHLY", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "29": ("RECIPIENT_DOES_NOT_EXIST", Word(U, True, Reason.UNKNOWN_NUMBER)),
    "60": ("ENCRYPTION_ACCESS_DENIED", Word(R, True, Reason.CONTENT_INVALID)),
    "61": ("ENCRYPTION_CONTENT_ERROR", Word(R, True, Reason.CONTENT_INVALID)),
    "80": ("MEDIA_NOT_FOUND", Word(R, True, Reason.CONTENT_INVALID)),
    "81": ("MEDIA_SIZE_ERROR", Word(R, True, Reason.CONTENT_INVALID)),
    "82": ("MEDIA_CHECKSUM_FAILURE", Word(R, True, Reason.CONTENT_INVALID)),
    "83": ("MEDIA_REJECTED_BY_SUPPLIER", Word(R, True, Reason.CONTENT_INVALID)),
    "84": ("MEDIA_METADATA_ERROR", Word(R, True, Reason.CONTENT_INVALID)),
    "85": ("MEDIA_ACCESS_ERROR", Word(R, True, Reason.CONTENT_INVALID)),
    "100": ("ROUTING_ERROR", Word(U, True, Reason.NETWORK_ERROR)),
    "130": ("WHATSAPP_ACCOUNT_PAYMENT_ISSUE", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "131": ("WHATSAPP_RE_ENGAGEMENT_REQUIRED", Word(R, True, Reason.SENDER_NOT_ALLOWED)),
    "132": ("WHATSAPP_SPAM_RATE_LIMIT_REACHED", Word(R, True, Reason.THROTTLED)),
    "133": ("WHATSAPP_SERVER_RATE_LIMIT", Word(R, True, Reason.THROTTLED)),
    "134": ("WHATSAPP_HSM_NOT_AVAILABLE", Word(R, True, Reason.CONTENT_INVALID)),
    "135": ("WHATSAPP_HSM_PARAM_COUNT_MISMATCH", Word(R, True, Reason.CONTENT_INVALID)),
    "136": ("WHATSAPP_HSM_IS_MISSING", Word(R, True, Reason.CONTENT_INVALID)),
    "137": ("WHATSAPP_HSM_DOWNLOAD_FAILED", Word(R, True, Reason.CONTENT_INVALID)),
    "138": ("WHATSAPP_HSM_PACK_IS_MISSING", Word(R, True, Reason.CONTENT_INVALID)),
    "139": ("WHATSAPP_EXPERIMENTAL_NUMBER", Word(U, True, Reason.OTHER)),
    "140": ("WHATSAPP_TEMPLATE_TEXT_TOO_LONG", Word(R, True, Reason.CONTENT_INVALID)),
    "141": ("WHATSAPP_TEMPLATE_FORMAT_MISMATCH", Word(R, True, Reason.CONTENT_INVALID)),
    "142": ("WHATSAPP_TEMPLATE_FORMATTING_POLICY_VIOLATED", Word(R, True, Reason.CONTENT_INVALID)),
}
"""Code, word and meaning of the One API's statuses."""

REST = {"DELIVERED_TO_GATEWAY": "4", "RECEIVED_BY_RECIPIENT": "5"}
"""Words of the Platform's REST API that the One API lacks, with its codes for the same."""

STATUSES = CLASSIC | dict(ONE_API.values()) | {word: ONE_API[c][1] for word, c in REST.items()}
CODES = {word: code for code, (word, _) in ONE_API.items()} | REST
STATES = {code for code, (_, meaning) in ONE_API.items() if int(code) < 20}
"""One API codes that are no errors."""

ERRORS = {
    code: Code(
        word.capitalize().replace("_", " "),
        meaning.reason,
        meaning.status if meaning.status in FAILURES else None,
    )
    for code, (word, meaning) in ONE_API.items()
    if code not in STATES
}

IDS = ("messageid", "apimessageid", "apimsgid", "momsgid")
WORDS = ("status", "messagestatus")
CODE = "statuscode"
UPDATES = "messageStatusUpdate"
DEEPEST = 6


def items(told: f.Fields) -> list[Any] | None:
    """The updates of a callback with several, each in an envelope of its own."""
    listed = _updates(told)
    if not isinstance(listed, list) or len(listed) == 1:
        return None
    return [{"event": {UPDATES: update}} for update in listed]


def fields(told: f.Fields) -> f.Fields:
    """The fields that stand beside the id, under lower-case names, whatever is around them."""
    updates = _updates(told)
    around = told if updates is None else {UPDATES: updates}
    return _found(around, DEEPEST) or _lower(told)


def in_envelope(told: f.Fields) -> bool:
    """Whether the One API's envelope is around an update, or what is inside it."""
    return not _lower(told).keys().isdisjoint(("event", UPDATES.lower()))


def _updates(told: f.Fields) -> Any:
    """What the envelope, or its inner part alone, holds under the name of updates, in any case."""
    names = _lower(told)
    event = names.get("event")
    return (_lower(event) if isinstance(event, dict) else names).get(UPDATES.lower())


def _lower(told: f.Fields) -> f.Fields:
    return {name.lower(): value for name, value in told.items()}


def _found(told: f.Fields, deep: int) -> f.Fields | None:
    names = _lower(told)
    if names.keys() & set(IDS):
        return names
    if deep:
        for value in map(_opened, names.values()):
            if isinstance(value, dict) and (inside := _found(value, deep - 1)):
                return inside
    return None


def _opened(value: object) -> object:
    """What a field's value holds: an XML document, the one item of a list, or the value itself."""
    if isinstance(value, str) and value.lstrip().startswith("<"):
        with suppress(Unreadable):
            return xml_fields.fields(value)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def receipt(update: f.Fields, one_api: bool, **told: Any) -> Receipt:
    """The receipt in an update: ``one_api`` where its envelope is the One API's."""
    word, code = f.text(update, *WORDS, limit=64), f.text(update, CODE, limit=64)
    if code is None and word is not None and word.isdigit():
        word, code = None, word
    if code in ONE_API and (word or "").upper() == ONE_API[code][0]:
        one_api = True
    meaning, errors, error = (_one_api if one_api else _classic)(word, code)
    fault = f.inner(update, "error")
    own = f.text(fault, "code", limit=64)  # of another list, which is not published
    return reading.receipt(
        STATUSES,
        {} if own else errors,
        pair=meaning,
        provider_status=word or code,
        error_code=own or error,
        detail=f.text(fault, "description") or f.text(update, "error", "statusdescription"),
        **told,
    )


Told = tuple[Word | None, Mapping[str, Code], str | None]


def _one_api(word: str | None, code: str | None) -> Told:
    meaning = reading.word(STATUSES, word)
    if meaning is None and code in ONE_API:
        meaning = ONE_API[code][1]
    return meaning, ERRORS, None if code in STATES else code


def _classic(word: str | None, code: str | None) -> Told:
    meaning = CLASSIC.get(code.zfill(3)) if code else reading.word(STATUSES, word)
    failed = meaning is not None and meaning.status in FAILURES
    return meaning, {}, code if failed else None


def other(told: f.Fields) -> str | None:
    """Inbound texts have a text and no status; the One API lists them: moText, moMedia and more.

    The vendor announces events of new kinds: what holds no updates and no id is none of receipts.
    """
    held = (told, *(value for value in told.values() if isinstance(value, dict)))
    names = {name.lower() for around in held for name in around}
    if names & {"text", "momsgid", "motext"} and not names & {*WORDS, CODE, UPDATES.lower()}:
        return "inbound"
    event = _lower(told).get("event")
    if not isinstance(event, dict) or _lower(event).keys() & {UPDATES.lower(), *IDS}:
        return None
    return "inbound" if any(name.lower().startswith("mo") for name in event) else "other"
