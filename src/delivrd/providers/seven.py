"""seven (seven.io, formerly sms77): the SMS API.

Webhooks come as JSON, as a form or by GET, as chosen in the account; what is answered with 4xx is
dropped for good. Sources: docs.seven.io (webhooks, signing, endpoints sms and status); the vendor's
JavaScript client for signatures and codes.
"""

import hashlib
import hmac
import re
from datetime import datetime, tzinfo
from typing import ClassVar

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import handover, packed, reading, signing
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Authentic,
    Code,
    Http,
    HttpAnswer,
    Outgoing,
    Refused,
    Request,
    Secrets,
    SentPart,
    Sought,
    Unanswered,
    Unauthentic,
    Unreadable,
    Unsure,
    Word,
    same,
)

NAME = "seven"
TITLE = "seven.io"
DOCS = "https://docs.seven.io/en/rest-api/webhooks"
CHECKED = "2026-11-23"
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
    "NOTDELIVERED": Word(Status.UNDELIVERED, True),
    "FAILED": Word(Status.UNDELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "REJECTED": Word(Status.REJECTED, True),
    "UNKNOWN": Word(Status.UNKNOWN, False),
}

SEND_ERRORS = {
    "201": Code("Invalid sender", Reason.SENDER_NOT_ALLOWED),
    "202": Code("Invalid recipient", Reason.UNKNOWN_NUMBER),
    "300": Code("Credentials missing", Reason.ACCOUNT_PROBLEM),
    "301": Code("Recipient missing", Reason.CONTENT_INVALID),
    "304": Code("Type missing", Reason.CONTENT_INVALID),
    "305": Code("Text missing", Reason.CONTENT_INVALID),
    "306": Code("Invalid sender", Reason.SENDER_NOT_ALLOWED),
    "307": Code("URL missing", Reason.CONTENT_INVALID),
    "400": Code("Invalid type", Reason.CONTENT_INVALID),
    "401": Code("Text too long", Reason.CONTENT_INVALID),
    "402": Code("The same text was sent to this number a moment ago", Reason.OTHER),
    "403": Code("The limit for this number is reached", Reason.THROTTLED),
    "500": Code("Not enough credit", Reason.ACCOUNT_PROBLEM),
    "600": Code("The carrier failed", Reason.NETWORK_ERROR),
    "700": Code("Unknown error", Reason.OTHER),
    "801": Code("Logo missing", Reason.CONTENT_INVALID),
    "802": Code("Logo does not exist", Reason.CONTENT_INVALID),
    "803": Code("Ring tone missing", Reason.CONTENT_INVALID),
    "900": Code("Wrong API key", Reason.ACCOUNT_PROBLEM),
    "901": Code("Wrong message id", Reason.CONTENT_INVALID),
    "902": Code("The API is switched off, or the key may not use it", Reason.ACCOUNT_PROBLEM),
    "903": Code("This address may not use the API", Reason.ACCOUNT_PROBLEM),
}
PERHAPS_TAKEN = {"600", "700"}
"""Codes that do not say whether the message went out."""

FIELDS = {
    "data": "The receipt, with the fields below; by GET, and in older set-ups, they stand alone.",
    "msg_id": "The id of the message, as in the answer to the send.",
    "status": "The status word.",
    "timestamp": "When it happened, in German time, or with the offset of `webhook_timestamp`.",
    "foreign_id": "The reference that was sent along.",
    "description": "Why it failed, where it is told.",
    "err": "The error code; there is no public table.",
    "webhook_event, event_type": "`dlr` for receipts, `rcs` for those of RCS.",
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
    """The webhook's signature, over its time, nonce, method, address and body.

    Without a ``signing_key`` in the settings there is nothing to check: None.

    Raises:
        Unauthentic: no signature, a wrong one, or one too old or from the future.
    """
    if not settings.signing_key:
        return None
    names = ("x-signature", "x-timestamp", "x-nonce")
    given, stamp, nonce = (request.header(name) for name in names)
    if not (given and stamp and nonce):
        raise Unauthentic("there is no signature (X-Signature, X-Timestamp, X-Nonce)")
    for position, secret in enumerate(settings.signing_key):
        key = secret.get_secret_value()
        if key and same(given.lower(), signature(request, key, stamp, nonce)):
            behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
            signing.check_age(stamp, request, behind)
            return Authentic("hmac-sha256", position, nonce)
    raise Unauthentic("the signature does not fit: check signing_key and public_url")


def signature(request: Request, key: str, stamp: str, nonce: str) -> str:
    """The ``X-Signature`` of a request, in lower-case hex."""
    url = request.url.encode(errors="replace") + (b"?" + request.query if request.query else b"")
    body = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
    lines = (stamp.encode(), nonce.encode(), request.method.upper().encode(), url, body.encode())
    return hmac.digest(key.encode(), b"\n".join(lines), "sha256").hex()


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a webhook, in its envelope or alone.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = _zone(settings)

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


def _zone(settings: AccountSettings | None) -> tzinfo:
    return times.zone((settings.time_zone if settings else None) or ZONE)


def _offset(told: f.Fields) -> tzinfo | None:
    """The offset that the webhook's own time names; the receipt's time is by the same clock."""
    try:
        return datetime.fromisoformat(f.text(told, "webhook_timestamp") or "").tzinfo
    except ValueError:
        return None


def _other(told: f.Fields) -> str | None:
    """Inbound texts, calls and clicks may come to the same address."""
    event = f.text(told, "webhook_event", "event_type", limit=64)
    if event is None or event.lower() == "dlr":
        return None
    if event.lower() == "rcs" and {"msg_id", "status"} <= told.keys():
        return None
    return "inbound" if event.lower().endswith("_mo") else "other"


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
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _key(settings: Settings) -> dict[str, str]:
    key = handover.plain(settings.api_key)
    return {"X-Api-Key": key, "Accept": "application/json"}


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    listed = told.get("messages")
    elements = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    parts = tuple(map(_part, elements))
    taken = [part for part in parts if part.status is Status.PENDING]
    if taken and answer.status < 400:
        named = all(part.provider_message_id for part in taken)
        return Accepted(parts) if named else Unsure("the answer accepts, but names no id")
    failed = next((part for part in parts if part.error_code), None)
    if failed:
        return _refused(failed.error_code or "", failed.detail)
    code = _code(answer, told)
    if code in SEND_ERRORS:
        return _refused(code, None)
    if answer.status >= 400:
        return handover.refused(answer)
    return Unsure("the answer names neither an id nor an error")


def _part(element: f.Fields) -> SentPart:
    code = f.text(element, "error", limit=64)
    if code is None and element.get("success") is not False:
        return SentPart(f.text(element, "id", limit=f.MAX_ID), price=f.amount(element, "price"))
    meaning = SEND_ERRORS.get(code or "", Code("Refused", Reason.OTHER))
    detail = f.text(element, "error_text", limit=300) or meaning.words
    return SentPart(None, Status.REJECTED, meaning.reason, code, detail)


def _code(answer: HttpAnswer, told: f.Fields) -> str:
    """The code of the whole answer, which may be all that it says: ``900``."""
    alone = re.fullmatch(rb'\s*"?(\d{3})"?\s*', answer.body)
    return alone[1].decode() if alone else f.text(told, "success", limit=64) or ""


def _refused(code: str, detail: str | None) -> Refused | Unsure:
    meaning = SEND_ERRORS.get(code, Code("Refused", Reason.OTHER))
    if code in PERHAPS_TAKEN:
        return Unsure(detail or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, detail or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What ``GET /api/status`` knows of a message."""
    url = handover.address(settings, API, "/api/status")
    query = {"msg_id": sought.provider_message_id}
    answer = await handover.ask(http, settings, "GET", url, params=query, headers=_key(settings))
    if isinstance(answer, Unanswered):
        return answer
    word, when = _reported(answer, sought.provider_message_id)
    if reading.word(STATUSES, word) is None:
        return Unanswered(f"HTTP {answer.status}: {word or 'there is no report'}")
    return reading.receipt(
        STATUSES,
        {},
        provider_message_id=sought.provider_message_id,
        provider_status=word,
        occurred_at=times.parse(when, _zone(settings)),
    )


def _reported(answer: HttpAnswer, sought: str) -> tuple[str | None, str | None]:
    """The status and its time: from JSON, or from two lines of text, as older keys get them."""
    if not answer.body.lstrip().startswith((b"{", b"[")):
        lines = answer.body.decode(errors="replace").strip().splitlines()
        word, when = [*lines, None, None][:2]
        return (None if word is None else word.strip('" ')[:64]), when
    try:
        told = f.of(Request("POST", body=answer.body))
    except Unreadable:
        return None, None
    for element in told if isinstance(told, list) else (told,):
        if isinstance(element, dict) and f.text(element, "id", "msg_id") in (None, sought):
            return f.text(element, "status", limit=64), f.text(element, "status_time")
    return None, None
