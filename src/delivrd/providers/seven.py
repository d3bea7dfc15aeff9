"""seven (seven.io, formerly sms77): the SMS API.

Webhooks come as JSON, as a form or by GET, as chosen in the account; what is answered with 4xx is
dropped for good. Sources: docs.seven.io (webhooks, signing, endpoints sms, status and hooks); the
vendor's JavaScript client for signatures, codes and what comes of RCS.
"""

from datetime import datetime, tzinfo
from typing import ClassVar

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import handover, packed, reading
from delivrd.providers import seven_answers as answers
from delivrd.providers import seven_signature as signature
from delivrd.providers.base import (
    AccountSettings,
    Answer,
    Authentic,
    Http,
    HttpAnswer,
    Outgoing,
    Request,
    Secrets,
    Sought,
    Unanswered,
    Word,
)

NAME = "seven"
TITLE = "seven.io"
DOCS = "https://docs.seven.io/en/rest-api/webhooks"
CHECKED = "2026-11-27"
API = "https://gateway.seven.io"

PATIENCE = 4.0  # it gives up after 5 seconds
REPLAY_BEHIND = 4 * 24 * 3600  # pushed again for three and a half days; nobody says: signed anew
DEFAULT_VALIDITY = 48 * 3600
ZONE = "Europe/Berlin"

STATUSES = {
    "ACCEPTED": Word(Status.PENDING, False),
    "TRANSMITTED": Word(Status.PENDING, False),
    "BUFFERED": Word(Status.PENDING, False),
    "DELIVERED": Word(Status.DELIVERED, True),
    "READ": Word(Status.DELIVERED, True),  # of RCS
    "NOTDELIVERED": Word(Status.UNDELIVERED, True),
    "FAILED": Word(Status.UNDELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "REJECTED": Word(Status.REJECTED, True),
    "UNKNOWN": Word(Status.UNKNOWN, False),
}

SEND_ERRORS = answers.SEND_ERRORS

FIELDS = {
    "data": "The receipt, with the fields below; by GET, and in older set-ups, they stand alone.",
    "msg_id": "The id of the message, as in the answer to the send.",
    "status": "The status word.",
    "timestamp": "When it happened, in German time, or with the offset of `webhook_timestamp`.",
    "foreign_id": "The reference that was sent along.",
    "description": "Why it failed, where it is told.",
    "err": "The error code; there is no public table.",
    "webhook_event, event_type": "`dlr` for receipts, `rcs_dlr` or `rcs` for those of RCS.",
    "webhook_timestamp": "When the webhook was made; its offset counts for `timestamp` too.",
}

SETUP = (
    "In seven's account, under Developer, API keys, make a key that may send.",
    'Put it in `delivrd.toml`: `[accounts.seven]` with `provider = "seven"` and `api_key` '
    "(or the variable `DELIVRD_ACCOUNTS__SEVEN__API_KEY_FILE`).",
    "Under Developer, Webhooks, add `https://YOUR-HOST/webhooks/seven` for the event dlr (SMS "
    "status), with the method POST JSON (POST and GET work too).",
    "Put the account's signing key in `signing_key`; until then, set a `webhook_secret` and append "
    "it to the webhook's address.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via seven --wait 60`.',
)


class Settings(AccountSettings):
    """An account of seven."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("api_key",)
    SIGNED_BY: ClassVar[tuple[str, ...]] = ("signing_key",)

    provider: str = NAME
    api_key: SecretStr | None = Field(default=None, description="API key, from the account.")
    signing_key: Secrets = Field(
        default=(), description="Signing key of webhooks, one or a list (rotation)."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The webhook's signature; without a ``signing_key`` in the settings, None.

    Raises:
        Unauthentic: no signature, a wrong one, or one too old or from the future.
    """
    if not settings.signing_key:
        return None
    behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
    return signature.check(request, settings.signing_key, behind)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a webhook, in its envelope or alone.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings, ZONE)

    def one(told: f.Fields) -> Receipt:
        data = packed.bracketed(told, "data") or told
        now, own = request.received_at, _offset(told)
        return reading.receipt(
            STATUSES,
            {},
            provider_message_id=f.message_id(data, "msg_id"),
            provider_status=f.text(data, "status", limit=64),
            error_code=f.text(data, "err", limit=64),
            detail=f.text(data, "description"),
            occurred_at=times.parse(f.text(data, "timestamp"), own or zone, now=now),
            reference=f.text(data, "foreign_id"),
        )

    return reading.read_each(request, one, _other)


def _offset(told: f.Fields) -> tzinfo | None:
    """The offset that the webhook's own time names; the receipt's time is by the same clock."""
    try:
        return datetime.fromisoformat(f.text(told, "webhook_timestamp") or "").tzinfo
    except ValueError:
        return None


def _other(told: f.Fields) -> str | None:
    """Inbound texts, calls and clicks may come to the same address, and all that happens in RCS."""
    event = (f.text(told, "webhook_event", "event_type", limit=64) or "dlr").lower()
    data = packed.bracketed(told, "data") or told
    if event in ("rcs", "rcs_dlr"):
        told_of_rcs = {"msg_id", "status"} <= data.keys() and f.text(data, "status") != "IS_TYPING"
        return None if told_of_rcs else "other"
    if event == "dlr":
        text = "msg_id" not in data and {"sender", "text"} <= data.keys()  # by GET, with no event
        return "inbound" if text else None
    return "inbound" if event.endswith("_mo") else "other"


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /api/sms``; one id for each recipient, whatever the length."""
    form = {
        "to": message.to,
        "from": message.sender.removeprefix("+"),
        "text": message.text,
        "foreign_id": message.reference,
        "json": "1",
    }
    if message.unicode:
        form["unicode"] = "1"
    if message.validity is not None:
        form["ttl"] = str(max(message.validity // 60, 1))  # minutes
    url = handover.address(settings, API, "/api/sms")
    answer = await handover.call(http, settings, "POST", url, form=form, headers=_key(settings))
    return answers.of_send(answer) if isinstance(answer, HttpAnswer) else answer


def _key(settings: Settings) -> dict[str, str]:
    key = handover.plain(settings.api_key)
    return {"X-Api-Key": key, "Accept": "application/json"}


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What ``GET /api/status`` knows of a message."""
    url = handover.address(settings, API, "/api/status")
    query = {"msg_id": sought.provider_message_id}
    answer = await handover.ask(http, settings, "GET", url, params=query, headers=_key(settings))
    if isinstance(answer, Unanswered):
        return answer
    word, when = answers.of_status(answer, sought.provider_message_id)
    if reading.word(STATUSES, word) is None:
        return Unanswered(f"HTTP {answer.status}: {word or 'there is no report'}")
    return reading.receipt(
        STATUSES,
        {},
        provider_message_id=sought.provider_message_id,
        provider_status=word,
        occurred_at=times.parse(when, reading.zone(settings, ZONE)),
    )
