"""D7 Networks: its status postbacks; receipts only.

They come as form data, though the vendor's example is JSON; nothing is signed, and no time is told.
The older API (http-api.d7networks.com, rest-api.d7networks.com) is a Jasmin, and calls as one.
Sources: d7networks.com/docs (Messages, Receiving DLR), in two revisions, and the page on Get Status
for further words; public clients of the older API, which send ``dlr-url`` and ``dlr-level``.
"""

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import jasmin, reading
from delivrd.providers.base import AccountSettings, Request, Response, Word

NAME = "d7networks"
TITLE = "D7 Networks"
DOCS = "https://d7networks.com/docs/Messages/Receive_SMS_Postback/"
CHECKED = "2026-11-27"

TEXT_FIELDS = ("text",)

STATUSES = {
    "scheduled": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "un_delivered": Word(Status.UNDELIVERED, True),  # the spelling varies with the docs' revision
    "expired": Word(Status.EXPIRED, True),
    "rejected": Word(Status.REJECTED, True),
    "not_reachable": Word(Status.UNDELIVERED, True, Reason.UNREACHABLE),
    "spam_content": Word(Status.REJECTED, True, Reason.BLOCKED_BY_CARRIER),
    "insufficient_credit": Word(Status.REJECTED, True, Reason.ACCOUNT_PROBLEM),
}
"""The last three are only among the words of Get Status, which tells the same status."""

FIELDS = {
    "msg_id": "The id of the message to this recipient.",
    "request_id": "The id of the request; taken where there is no other.",
    "recipient": "The recipient's number.",
    "originator": "The sender.",
    "status": "The status word.",
    "id, message_status, level, err, donedate": "Those of Jasmin (older API), read as its are.",
    "text": "The beginning of the text (older API); cut before the request is kept.",
}

SETUP = (
    "D7 signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.d7networks]` with `provider = "d7networks"`, '
    "`webhook_secret` and `receive_only = true` (texts are sent by other programs).",
    "In the D7 dashboard's settings, set the report URL to "
    "`https://YOUR-HOST/webhooks/d7networks/SECRET`.",
    "Where a program names an address in each request, it is the same: `report_url`.",
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account d7networks`.",
)


class Settings(AccountSettings):
    """An account of D7 Networks, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a postback, as a form or as JSON, or in a call of the older API.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return reading.receipt(
            STATUSES,
            {},
            provider_message_id=f.message_id(told, "msg_id", "request_id", "message_id"),
            provider_status=f.text(told, "status", limit=64),
            to=f.number(told, "recipient"),
            sender=f.text(told, "originator", limit=64),
            occurred_at=times.parse(f.text(told, "timestamp"), zone, now=request.received_at),
        )

    told = f.of(request)
    if isinstance(told, dict) and "message_status" in told:
        return jasmin.read(request, settings)
    return reading.read_told(told, one)


def answer(request: Request, reading: Reading) -> Response:
    """What the older API wants to hear, or it calls again; the newer one looks at no body."""
    return jasmin.answer(request, reading)
