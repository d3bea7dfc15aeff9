"""Termii: delivery reports whose status is a sentence.

Sources: developers.termii.com/events-and-reports (in several editions, which disagree in what
"Rejected" means). The zone of its times is not documented; they are read as UTC unless the
account's ``time_zone`` says otherwise.
"""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import (
    AccountSettings,
    Authentic,
    Code,
    Request,
    Secrets,
    Unauthentic,
    Word,
    same,
)

NAME = "termii"
TITLE = "Termii"
DOCS = "https://developers.termii.com/events-and-reports"
CHECKED = "2026-11-27"

TEXT_FIELDS = ("message",)

_DELIVERED = Word(Status.DELIVERED, True)
_REFUSED = Word(Status.REJECTED, True, Reason.BLOCKED_BY_RECIPIENT)
_FAILED = Word(Status.UNDELIVERED, True)
_EXPIRED = Word(Status.EXPIRED, True, Reason.EXPIRED)
_PENDING = Word(Status.PENDING, False)

STATUSES = {
    "DELIVERED": _DELIVERED,
    "Received": _DELIVERED,
    "Message Sent": _PENDING,
    "Sent": _PENDING,
    "DND Active on Phone Number": _REFUSED,
    "Rejected": _REFUSED,
    "Message Failed": _FAILED,
    "Expired": _EXPIRED,
}

KEYWORDS = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"(\b|_)dnd(\b|_)", _REFUSED),
        (r"(\b|_)reject", Word(Status.REJECTED, True)),
        (r"(\b|_)expired?(\b|_)", _EXPIRED),
        (r"(\b|_)(fail|undeliv|not[ _](be[ _])?delivered)", _FAILED),
        (r"(\b|_)(delivered|delivrd|delivery[ _]success)", _DELIVERED),
        (r"(\b|_)sent\b", _PENDING),
    )
)
"""The meanings of sentences that are in no table: the first of these that one contains counts."""

ERRORS: dict[str, Code] = {}
"""There are no codes: the status says why."""

FIELDS = {
    "message_id, message_id_str": "The id of the message, as in the answer to the send.",
    "id": "The id of the request; taken where there is no other.",
    "status": "The status; what stands after a bar (`|`) explains it.",
    "receiver": "The recipient's number.",
    "sender": "The sender.",
    "sent_at": "When it was sent; taken as the time of the event.",
    "cost": "What it cost, in the account's currency.",
    "message": "The text; cut before the request is kept.",
    "type": "`outbound` for receipts, or `dnd`, which then stands for the status; texts from "
    "handsets and a device's state come here too.",
}

SETUP = (
    "In the Termii dashboard, copy the secret key of your account.",
    'Put it in `delivrd.toml`: `[accounts.termii]` with `provider = "termii"`, '
    "`receive_only = true` and `secret_key` (or the variable "
    "`DELIVRD_ACCOUNTS__TERMII__SECRET_KEY_FILE`).",
    "Start `delivrd serve` where Termii reaches it.",
    "In the dashboard's webhook configuration, set the address to "
    "`https://YOUR-HOST/webhooks/termii`.",
    "Run `delivrd doctor`, send yourself a text the way you always do, and see its receipts in "
    "`delivrd receipts tail --account termii`.",
)


class Settings(AccountSettings):
    """An account whose texts go out through Termii."""

    SIGNED_BY: ClassVar[tuple[str, ...]] = ("secret_key",)

    provider: str = NAME
    secret_key: Secrets = Field(
        default=(), description="Secret key, from the dashboard, one or a list (rotation)."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The signature in ``X-Termii-Signature``; without a ``secret_key`` in the settings, None.

    Raises:
        Unauthentic: there is none, or none of the secrets made it.
    """
    if not settings.secret_key:
        return None
    given = request.header("x-termii-signature").strip()
    if not given:
        raise Unauthentic("there is no signature (X-Termii-Signature)")
    for position, secret in enumerate(settings.secret_key):
        key = secret.get_secret_value().encode()
        if key and any(_fits(given, key, text) for text in _signed(request.body)):
            return Authentic("sha512", position)
    raise Unauthentic("the signature does not match")


def _signed(body: bytes) -> Iterator[bytes]:
    """The body, and the body as the vendor's example writes it: parsed, and written anew."""
    yield body
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
        yield text.encode()
    except (ValueError, RecursionError):
        return


def _fits(given: str, key: bytes, text: bytes) -> bool:
    """In hex or in Base64: the vendor does not say which."""
    made = hmac.digest(key, text, "sha512")
    return same(given.lower(), made.hex()) or same(given, base64.b64encode(made))


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a POST of JSON (forms are read too).

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        said = f.text(told, "status") or _type_as_status(told)
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=_meaning(said or ""),
            # the text goes first: as a number the id may have lost digits
            provider_message_id=f.message_id(told, "message_id_str", "message_id", "id"),
            provider_status=said and said[:64],
            to=f.number(told, "receiver"),
            sender=f.text(told, "sender", limit=64),
            price=f.amount(told, "cost"),
            occurred_at=times.parse(told.get("sent_at"), zone, now=request.received_at),
        )

    return reading.read_each(request, one, _other)


def _meaning(sentence: str) -> Word | None:
    known = reading.word(STATUSES, sentence.partition("|")[0].strip())
    return known or next((word for found, word in KEYWORDS if found.search(sentence)), None)


def _type_as_status(told: f.Fields) -> str | None:
    """The type, where it says all: public handlers expect ``dnd`` there, and then no status."""
    said = f.text(told, "type")
    return said if said and said.lower() == "dnd" else None


_KINDS = {"inbound": "inbound", "device_status": "other"}


def _other(told: f.Fields) -> str | None:
    return _KINDS.get((f.text(told, "type") or "").lower())
