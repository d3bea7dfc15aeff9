"""FireText: its delivery receipts by POST form; receipts only.

It gives no id of its own: the reference that went along is the key. Times are British local time
unless an offset follows. Sources: firetext.co.uk/docs; alphagov/notifications-api for the codes.
"""

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import AccountSettings, Code, Request, Word

NAME = "firetext"
TITLE = "FireText"
DOCS = "https://www.firetext.co.uk/docs"
CHECKED = "2026-11-27"

ZONE = "Europe/London"

STATUSES = {
    "0": Word(Status.DELIVERED, True),
    "1": Word(Status.UNDELIVERED, True),  # "declined": the code says by whom
    "2": Word(Status.PENDING, False),
}

R = Status.REJECTED
ERRORS = {
    "000": Code("No error reported"),
    "101": Code("Unknown subscriber", Reason.UNKNOWN_NUMBER),
    "102": Code("Absent subscriber", Reason.UNREACHABLE),
    "103": Code("Subscriber busy", Reason.HANDSET_ERROR),
    "104": Code("The handset's memory is full", Reason.HANDSET_ERROR),
    "201": Code("Invalid number", Reason.UNKNOWN_NUMBER, R),
    "301": Code("SMS is not supported", Reason.NOT_MOBILE),
    "302": Code("SMS is not supported for now", Reason.HANDSET_ERROR),
    "401": Code("Message rejected", Reason.OTHER, R),
    "900": Code("Routing error", Reason.NETWORK_ERROR),
}

FIELDS = {
    "reference": "Your own reference; there is no other id.",
    "mobile": "The recipient's number.",
    "status": "The status as a number.",
    "code": "The error code; only on failures.",
    "time": "When it happened: British local time, or with an offset.",
}

SETUP = (
    "FireText signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.firetext]` with `provider = "firetext"`, '
    "`webhook_secret` and `receive_only = true` (texts are sent by other programs).",
    "In FireText, under Settings, API, set the address for delivery receipts to "
    "`https://YOUR-HOST/webhooks/firetext/SECRET`, or name it in each text's `receipt`.",
    "See that your program gives each text a `reference` of its own: receipts are known by it.",
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account firetext`.",
)


class Settings(AccountSettings):
    """An account of FireText, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by POST form (JSON and GET are read too).

    Raises:
        Unreadable: there is no reference in it.
    """
    zone = reading.zone(settings, ZONE)

    def one(told: f.Fields) -> Receipt:
        return reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=f.message_id(told, "reference"),
            provider_status=f.text(told, "status", limit=64),
            error_code=f.text(told, "code", limit=64),
            to=f.number(told, "mobile"),
            occurred_at=times.parse(f.text(told, "time"), zone, now=request.received_at),
            reference=f.text(told, "reference"),
        )

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    """An inbound text has a source and a message where a receipt has a status."""
    return "inbound" if "status" not in told and "message" in told else None
