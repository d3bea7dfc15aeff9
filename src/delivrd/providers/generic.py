"""Any gateway that has no adapter of its own, as the account's settings describe its dialect.

Without a description a receipt is read by the names and words that most gateways use; with one,
only what it names counts: a word that is not in ``statuses`` is unknown.
"""

import base64
import hmac
from datetime import datetime, tzinfo
from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading, signing
from delivrd.providers.base import (
    AccountSettings,
    Authentic,
    Request,
    Response,
    Unauthentic,
    Unreadable,
    Word,
    same,
)
from delivrd.providers.generic_send import send as send
from delivrd.providers.generic_settings import Settings as Settings
from delivrd.providers.generic_settings import Signature, at

NAME = "generic"
TITLE = "Any other gateway"
DOCS = "https://www.rfc-editor.org/rfc/rfc9110"
CHECKED = "2026-11-27"

CALLS_BACK = True
REPLAY_BEHIND = 300

STATUSES = {
    **dict.fromkeys(
        ("accepted", "acceptd", "queued", "scheduled", "buffered", "enroute", "dispatched",
         "submitted", "processing", "in_progress", "sending", "sent", "transmitted", "pending"),
        Word(Status.PENDING, False),
    ),
    **dict.fromkeys(
        ("delivered", "delivrd", "delivered_to_handset", "read", "seen"),
        Word(Status.DELIVERED, True),
    ),
    **dict.fromkeys(
        ("undelivered", "undeliv", "undeliverable", "not_delivered", "not delivered",
         "notdelivered", "failed", "failure"),
        Word(Status.UNDELIVERED, True),
    ),
    **dict.fromkeys(
        ("deleted", "cancelled", "canceled"), Word(Status.UNDELIVERED, True, Reason.DELETED)
    ),
    **dict.fromkeys(("rejected", "rejectd", "blocked"), Word(Status.REJECTED, True)),
    "blacklisted": Word(Status.REJECTED, True, Reason.BLOCKED_BY_RECIPIENT),
    "expired": Word(Status.EXPIRED, True),
    "unknown": Word(Status.UNKNOWN, False),
}  # fmt: skip
"""The usual meanings of these words; an account's ``statuses`` replace them."""

FIELDS = {
    "fields.id": "The id of the message, as in the answer to the send.",
    "fields.status": "The status word.",
    "fields.code, fields.detail": "Code and words of a failure.",
    "fields.to, fields.sender": "The recipient, and the sender.",
    "fields.time": "When it happened.",
    "fields.reference": "This hub's reference, where the gateway repeats it.",
    "fields.price, fields.currency, fields.network": "Price, currency, network (MCC and MNC).",
}

SETUP = (
    "Have the gateway's documentation of its delivery receipts and of its send call at hand.",
    'Describe them in `delivrd.toml`: `[accounts.generic]` with `provider = "generic"`, and the '
    "tables `fields`, `statuses`, `codes`, `answer` and `send` below it.",
    "Where the gateway signs its calls, set `signature_secret` and the table `signature`; "
    "else a `webhook_secret` of at least 12 random characters.",
    "Register `https://YOUR-HOST/webhooks/generic/SECRET` at the gateway, or put `{callback_url}` "
    "into `send.content`; try captured receipts with `delivrd parse generic`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via generic --wait 60`.',
)

_COMMON = Settings(receive_only=True)


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """By the signature that the settings describe; None if they describe none."""
    how = settings.signature
    if how is None:
        return None
    behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
    if how.scheme == "standard-webhooks":
        return signing.standard_webhooks(request, settings.webhook_keys, behind)
    given = request.header(how.header.lower()).strip()
    if not given.startswith(how.prefix) or given == how.prefix:
        raise Unauthentic(f"there is no signature ({how.header})")
    stamp = request.header(how.timestamp_header.lower()) if how.timestamp_header else ""
    signed = how.joined_by.encode().join(_signed(part, request, stamp) for part in how.signed)
    for position, secret in enumerate(settings.signature_secret):
        key = secret.get_secret_value().encode()
        if key and _fits(given.removeprefix(how.prefix), how, key, signed):
            if how.timestamp_header:
                seconds = stamp[:-3] if len(stamp) == 13 else stamp  # some use milliseconds
                signing.check_age(seconds, request, behind)
            return Authentic(f"hmac-{how.algorithm}", position)
    raise Unauthentic("the signature does not match")


def _signed(part: str, request: Request, stamp: str) -> bytes:
    if part.startswith("header:"):
        return request.header(part.removeprefix("header:").lower()).encode()
    return {
        "body": request.body,
        "query": request.query,
        "url": request.url.encode(),
        "method": request.method.encode(),
        "timestamp": stamp.encode(),
    }[part]


def _fits(given: str, how: Signature, key: bytes, signed: bytes) -> bool:
    digest = hmac.digest(key, signed, how.algorithm)
    if how.encoding == "hex":
        return same(given.lower(), digest.hex())
    plain = given.rstrip("=").replace("-", "+").replace("_", "/")
    return same(plain, base64.b64encode(digest).rstrip(b"="))


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a request by GET or POST, query, form or JSON.

    Raises:
        Unreadable: there is no id in it, or none of the array that the settings name.
    """
    own = settings if isinstance(settings, Settings) else _COMMON
    zone = reading.zone(own)

    def one(told: f.Fields) -> Receipt:
        said = {
            name: _first(told, getattr(own.fields, name)) for name in type(own.fields).model_fields
        }
        return reading.receipt(
            own.words or STATUSES,
            own.code_table,
            provider_message_id=_id(said, own.fields.id),
            provider_status=f.text(said, "status", limit=64),
            error_code=f.text(said, "code", limit=64),
            detail=f.text(said, "detail"),
            to=f.number(said, "to"),
            sender=f.text(said, "sender"),
            network=f.text(said, "network", limit=16),
            price=f.amount(said, "price"),
            currency=f.text(said, "currency", limit=8),
            occurred_at=_time(f.text(said, "time"), own, zone, request.received_at),
            reference=f.text(said, "reference"),
        )

    return reading.read_each(request, one, items=lambda told: _items(told, own))


def _items(told: f.Fields, own: Settings) -> list[Any] | None:
    if not own.items:
        return None
    found = at(told, own.items)
    if not isinstance(found, list):
        raise Unreadable(f"there is no array {own.items}")
    return found


def _id(said: f.Fields, names: tuple[str, ...]) -> str:
    if said["id"] is None:
        raise Unreadable(f"there is no {' or '.join(names[:3])}")
    return f.message_id(said, "id")


def _first(told: Any, paths: tuple[str, ...]) -> Any:
    values = (at(told, path) for path in paths)
    return next((v for v in values if isinstance(v, str) and v.strip()), None)


def _time(value: str | None, own: Settings, zone: tzinfo, now: datetime | None) -> datetime | None:
    if own.time_format in ("", "smpp"):
        return times.parse(value, zone, now=now, smpp=own.time_format == "smpp")
    try:
        written = datetime.strptime(value or "", own.time_format).isoformat()
    except ValueError:
        return None
    return times.parse(written, zone, now=now)


def answer_by(request: Request, reading: Reading, settings: Settings) -> Response:
    """The answer that the settings describe."""
    told = settings.answer
    return Response(told.status, told.body.encode(), told.content_type)
