"""SMSO (Romania): its webhooks by POST form; receipts only.

Nothing is signed. Source: the vendor's documentation, smso/slate.
"""

from delivrd.core import times
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import packed, reading
from delivrd.providers.base import AccountSettings, Request, Word

NAME = "smso"
TITLE = "SMSO"
DOCS = "https://api-docs.smso.ro/"
CHECKED = "2026-11-27"

STATUSES = {
    "dispatched": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "expired": Word(Status.EXPIRED, True),
    "error": Word(Status.UNDELIVERED, True),
}

TIMES = {"delivered": "delivered_at", "sent": "sent_at", "dispatched": "sent_at"}
"""Which time is that of the event; no field tells when a message failed."""

FIELDS = {
    "uuid": "The id of the message, as in the answer to the send (`responseToken`).",
    "status": "The status word.",
    "receiver[number]": "The recipient's number.",
    "receiver[mcc], receiver[mnc]": "The recipient's network.",
    "sent_at, delivered_at": "When it was sent and delivered, UTC.",
}

SETUP = (
    "SMSO signs nothing: set a `webhook_secret` of at least 12 random characters.",
    'Put it in `delivrd.toml`: `[accounts.smso]` with `provider = "smso"`, `webhook_secret` and '
    "`receive_only = true` (texts are sent by other programs).",
    "In your team's account at SMSO, set the webhook for the message status to "
    "`https://YOUR-HOST/webhooks/smso/SECRET`.",
    "Where a program names an address for each text, it is the same: `webhook_status`.",
    "Start `delivrd serve`, run `delivrd doctor`, send a text as you always do, and see its "
    "receipt come: `delivrd receipts tail --account smso`.",
)


class Settings(AccountSettings):
    """An account of SMSO, whose receipts are received."""

    provider: str = NAME


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a webhook, as a form with bracketed names or as JSON.

    Raises:
        Unreadable: there is no uuid in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        receiver, word = packed.bracketed(told, "receiver"), f.text(told, "status", limit=64)
        when = f.text(told, TIMES.get((word or "").lower(), ""))
        return reading.receipt(
            STATUSES,
            {},
            provider_message_id=f.message_id(told, "uuid"),
            provider_status=word,
            to=f.number(receiver, "number"),
            network=f.network(receiver, "mcc", "mnc"),
            occurred_at=times.parse(when, zone, now=request.received_at),
        )

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    """An answer from a handset names the message that it replies to."""
    inbound = "status" not in told and ("body" in told or "replied_to" in told)
    return "inbound" if inbound else None
