"""MMG: its delivery receipts by POST JSON; receipts only.

The key is ``CID``, your own id. What a ``substatus`` means hangs on the ``status``; times are
British local time unless an offset follows. Source: alphagov/notifications-api.
"""

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import AccountSettings, Code, Request, Word

NAME = "mmg"
TITLE = "MMG"
DOCS = "https://github.com/alphagov/notifications-api/blob/main/app/clients/sms/mmg.py"
CHECKED = "2026-11-27"

ZONE = "Europe/London"

STATUSES = {
    "2": Word(Status.UNDELIVERED, True),
    "3": Word(Status.DELIVERED, True),
    "4": Word(Status.UNDELIVERED, True),  # MMG tries no more
    "5": Word(Status.REJECTED, True),
}

PERMANENT = {"2": True, "4": False}
"""What MMG itself calls a permanent failure, and a temporary one."""

TO_OPERATOR = ("3", "2")
"""Delivered, but to the operator: nothing proves that the handset has it."""

R, E = Status.REJECTED, Status.EXPIRED
SUBSTATUSES = {
    "2": {
        "1": Code("Number does not exist", Reason.UNKNOWN_NUMBER),
        "4": Code("Rejected by the operator", Reason.BLOCKED_BY_CARRIER, R),
        "5": Code("Unidentified subscriber", Reason.UNKNOWN_NUMBER),
        "9": Code("Undelivered", Reason.OTHER),
        "11": Code("Service for the subscriber is suspended", Reason.UNKNOWN_NUMBER),
        "12": Code("Illegal equipment", Reason.HANDSET_ERROR),
        "2049": Code("The subscriber's IMSI is blacklisted", Reason.BLOCKED_BY_CARRIER, R),
        "2050": Code("On a do-not-disturb list", Reason.BLOCKED_BY_RECIPIENT, R),
        "2052": Code("Destination blacklisted", Reason.BLOCKED_BY_CARRIER, R),
        "2053": Code("Source address blacklisted", Reason.SENDER_NOT_ALLOWED, R),
    },
    "3": {
        "2": Code("Delivered to the operator"),
        "5": Code("Delivered to the handset"),
    },
    "4": {
        "6": Code("Absent subscriber", Reason.UNREACHABLE),
        "8": Code("Roaming not allowed", Reason.ROAMING),
        "13": Code("SMS is not supported", Reason.HANDSET_ERROR),
        "15": Code("Expired", Reason.EXPIRED, E),
        "27": Code("Absent subscriber", Reason.UNREACHABLE),
        "29": Code("Invalid delivery report", Reason.NETWORK_ERROR),
        "32": Code("Delivery failure", Reason.OTHER),
    },
    "5": {
        "6": Code("Network out of coverage", Reason.UNREACHABLE),
        "8": Code("Incorrect prefix of the number", Reason.UNKNOWN_NUMBER),
        "10": Code("On a do-not-disturb service", Reason.BLOCKED_BY_RECIPIENT),
        "11": Code("Sender not registered", Reason.SENDER_NOT_ALLOWED),
        "13": Code("Sender blacklisted", Reason.SENDER_NOT_ALLOWED),
        "14": Code("Destination blacklisted", Reason.BLOCKED_BY_CARRIER),
        "19": Code("Routing unavailable", Reason.NETWORK_ERROR),
        "20": Code("Stopped as flooding", Reason.THROTTLED),
        "21": Code("System error", Reason.NETWORK_ERROR),
        "23": Code("Duplicate message id", Reason.CONTENT_INVALID),
        "24": Code("Wrong format", Reason.CONTENT_INVALID),
        "25": Code("Message too long", Reason.CONTENT_INVALID),
        "51": Code("No recipient", Reason.CONTENT_INVALID),
        "52": Code("Invalid destination", Reason.UNKNOWN_NUMBER),
    },
}


def _merged() -> dict[str, Code]:
    """One table for people: where a substatus means several things, all of their words."""
    merged: dict[str, Code] = {}
    for status in ("2", "4", "5"):
        for code, meaning in SUBSTATUSES[status].items():
            words = f"{meaning.words} (status {status})"
            known = merged.get(code)
            permanent = PERMANENT.get(status, meaning.permanent)
            of_one = Code(words, meaning.reason, meaning.status, permanent)
            merged[code] = Code(f"{known.words}; {words}") if known else of_one
    return merged


ERRORS = _merged()

FIELDS = {
    "CID": "Your own id of the message.",
    "reference": "MMG's id of the message; taken where there is no other.",
    "MSISDN": "The recipient's number.",
    "status": "The status as a number.",
    "substatus": "Why, as a number whose meaning hangs on the status.",
    "deliverytime": "When it happened: British local time, or with an offset.",
}

SETUP = (
    "MMG signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.mmg]` with `provider = "mmg"`, `webhook_secret` and '
    "`receive_only = true` (texts are sent by other programs).",
    "Have your program name `https://YOUR-HOST/webhooks/mmg/SECRET` in each text's `delurl`.",
    "See that it gives each text a `cid` of its own: receipts are known by it.",
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account mmg`.",
)


class Settings(AccountSettings):
    """An account of MMG, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by POST JSON (forms and GET are read too).

    Raises:
        Unreadable: there is no id in it.
    """
    zone = reading.zone(settings, ZONE)

    def one(told: f.Fields) -> Receipt:
        status, code = f.text(told, "status", limit=64), f.text(told, "substatus", limit=64)
        unproven = Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)
        return reading.receipt(
            STATUSES,
            SUBSTATUSES.get(status or "", {}),
            pair=unproven if (status, code) == TO_OPERATOR else None,
            permanent=PERMANENT.get(status or ""),
            provider_message_id=f.message_id(told, "CID", "reference"),
            provider_status=status,
            error_code=code,
            to=f.number(told, "MSISDN"),
            occurred_at=times.parse(f.text(told, "deliverytime"), zone, now=request.received_at),
            reference=f.text(told, "CID"),
        )

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    """An inbound text has a message where a receipt has a status."""
    return "inbound" if "status" not in told and "Message" in told else None
