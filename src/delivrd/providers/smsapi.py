"""SMSAPI (.pl, .com and others): its callbacks by GET; receipts only.

One call may hold several receipts, as parallel lists with commas between. The answer has to be
``OK``, else the call comes again. Nothing is signed. Sources: smsapi.pl/docs and smsapi.com/docs
(callbacks, list of statuses), the vendor's clients.
"""

from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import AccountSettings, Request, Response, Unreadable, Word

NAME = "smsapi"
TITLE = "SMSAPI"
DOCS = "https://www.smsapi.com/docs/"
CHECKED = "2026-11-27"

NAMED = {
    "NOT_FOUND": Word(Status.UNKNOWN, False),
    "EXPIRED": Word(Status.EXPIRED, True),
    "SENT": Word(Status.PENDING, False),
    "DELIVERED": Word(Status.DELIVERED, True),
    "UNDELIVERED": Word(Status.UNDELIVERED, True),
    "FAILED": Word(Status.UNDELIVERED, True),
    "REJECTED": Word(Status.REJECTED, True),
    "UNKNOWN": Word(Status.UNKNOWN, False),
    "QUEUE": Word(Status.PENDING, False),
    "ACCEPTED": Word(Status.PENDING, False),
    "RENEWAL": Word(Status.PENDING, False),
    "STOP": Word(Status.REJECTED, True),
}
STATUSES = {
    **NAMED,
    **{str(number): word for number, word in enumerate(NAMED.values(), 401)},
    "PENDING": Word(Status.PENDING, False),
    "NOT_DELIVERED": Word(Status.UNDELIVERED, True),
    "INVALID_PHONE_NUMBER": Word(Status.REJECTED, True, Reason.UNKNOWN_NUMBER),
    "BLACKLIST": Word(Status.REJECTED, True, Reason.BLOCKED_BY_RECIPIENT),
}

WORDS = ("status_name", "status")

FIELDS = {
    "MsgId": "The id of the message, as in the answer to the send; several with commas between.",
    "status_name": "The status word.",
    "status": "The status as a number; taken where there is no word.",
    "to": "The recipient's number.",
    "from": "The sender.",
    "idx": "Your own reference.",
    "points": "What it cost, in points.",
    "mcc, mnc": "The recipient's network.",
    "donedate": "When it happened, in seconds since 1970.",
    "sent_at, username": "Not used.",
}

SETUP = (
    "SMSAPI signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.smsapi]` with `provider = "smsapi"`, `webhook_secret` '
    "and `receive_only = true` (texts are sent by other programs).",
    "In the SMSAPI panel, under API settings, Callbacks, set the address for delivery reports to "
    "`https://YOUR-HOST/webhooks/smsapi/SECRET`.",
    "Where a program names an address for each text, it is the same: `notify_url`.",
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account smsapi`.",
)


class Settings(AccountSettings):
    """An account of SMSAPI, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a callback: one, or as many as there are ids with commas between.

    Raises:
        Unreadable: there is no id, or there are not as many statuses as ids.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return reading.receipt(
            STATUSES,
            {},
            pair=next(filter(None, (_meant(told, name) for name in WORDS)), None),
            provider_message_id=f.message_id(told, "MsgId"),
            provider_status=f.text(told, *WORDS, limit=64),
            to=f.number(told, "to"),
            sender=f.text(told, "from", limit=64),
            network=f.network(told, "mcc", "mnc"),
            price=f.amount(told, "points"),
            occurred_at=times.parse(f.text(told, "donedate"), zone, now=request.received_at),
            reference=f.text(told, "idx"),
        )

    return reading.read_each(request, one, _other, _listed)


def _meant(told: f.Fields, name: str) -> Word | None:
    return reading.word(STATUSES, f.text(told, name, limit=64))


def _listed(told: f.Fields) -> list[Any] | None:
    """Each receipt of parallel lists by itself; None where there is one.

    A single value counts for all of them: the vendor's users read it so. A list of another length
    cannot be told apart and is left out, and so is a status that is not told for each: nobody knows
    which message it is about.
    """
    lists = {name: value.split(",") for name, value in told.items() if isinstance(value, str)}
    count = len(lists.get("MsgId", ()))
    if count < 2:
        return None
    fitting = {}
    for name, values in lists.items():
        each = values * count if len(values) == 1 and name not in WORDS else values
        if len(each) == count:
            fitting[name] = each
    if not any(name in fitting for name in WORDS):
        raise Unreadable(f"there are {count} ids, but not as many statuses")
    return [{name: values[n] for name, values in fitting.items()} for n in range(count)]


def _other(told: f.Fields) -> str | None:
    """An inbound text has an id too."""
    return "inbound" if "sms_text" in told or "sms_from" in told else None


def answer(request: Request, reading: Reading) -> Response:
    """The word without which the vendor calls again."""
    return Response(200, b"OK")
