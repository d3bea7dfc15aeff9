"""Textmagic: its callbacks, with one letter for the status; receipts only.

They come as ``multipart/form-data``, of API v2 as JSON with the names of its message; their address
is checked with HEAD first. Nothing is signed that the vendor would describe. Sources:
apitextmagic.voog.com (callback URLs, SMS delivery notification codes), textmagic.com/docs/api
(send, callbacks), the vendor's clients (``MessageOut``).
"""

from delivrd.core import times
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import AccountSettings, Request, Word

NAME = "textmagic"
TITLE = "Textmagic"
DOCS = "https://apitextmagic.voog.com/https-api/sms-delivery-notification-codes"
CHECKED = "2026-11-27"

TEXT_FIELDS = ("text",)

STATUSES = {
    "q": Word(Status.PENDING, False),  # queued
    "s": Word(Status.PENDING, False),  # scheduled
    "r": Word(Status.PENDING, False),  # handed to the operator; not "rejected"
    "a": Word(Status.PENDING, False),  # acknowledged by the operator
    "b": Word(Status.PENDING, False),  # queued at the operator
    "d": Word(Status.DELIVERED, True),  # by the handset
    "f": Word(Status.UNDELIVERED, True),  # failed on the way to the handset
    "e": Word(Status.UNDELIVERED, True),  # failed while being sent
    "j": Word(Status.REJECTED, True),  # by the operator
    "u": Word(Status.UNKNOWN, True),  # the vendor calls it final
}

FIELDS = {
    "message_id, messageId, id": "The id of the message.",
    "status": "The status as one letter.",
    "timestamp": "When the operator reported it, in seconds since 1970.",
    "credits_cost, price": "What the message cost, in credits or in the account's currency.",
    "receiver, phone": "The recipient's number (API v2).",
    "sender": "The sender (API v2).",
    "referenceId": "The reference that was sent along (API v2).",
    "text": "The text (API v2); cut before the request is kept.",
}

SETUP = (
    "Textmagic signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.textmagic]` with `provider = "textmagic"`, '
    "`webhook_secret` and `receive_only = true` (texts are sent by other programs).",
    "Start `delivrd serve`: Textmagic checks the address when it is set.",
    "In Textmagic, under Services, API, set the callback URL for delivery notifications to "
    "`https://YOUR-HOST/webhooks/textmagic/SECRET`.",
    "Run `delivrd doctor`, send a text as you always do, and see its receipt come: "
    "`delivrd receipts tail --account textmagic`.",
)


class Settings(AccountSettings):
    """An account of Textmagic, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a callback, as multipart, form or JSON.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return reading.receipt(
            STATUSES,
            {},
            provider_message_id=f.message_id(told, "message_id", "messageId", "id"),
            provider_status=f.text(told, "status", limit=64),
            to=f.number(told, "receiver", "phone"),
            sender=f.text(told, "sender", limit=64),
            price=f.amount(told, "credits_cost", "price"),
            occurred_at=times.parse(f.text(told, "timestamp"), zone, now=request.received_at),
            reference=f.text(told, "referenceId"),
        )

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    """An inbound text comes with an id and a time as well, but has no status."""
    return "inbound" if "status" not in told and "text" in told else None
