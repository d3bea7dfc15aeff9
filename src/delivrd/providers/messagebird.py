"""MessageBird (now Bird): the SMS API's status reports; Bird's newer webhooks are told by shape.

Sources: developers.messagebird.com/api/sms-messaging, messagebird/openapi-specs, docs.bird.com
(statuses, failure codes, SMS platform extended error codes), the vendor's SDKs.
"""

from datetime import datetime, tzinfo
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core import phone, times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import code_tables, handover, reading
from delivrd.providers import fields as f
from delivrd.providers import messagebird_bird as bird
from delivrd.providers import messagebird_signature as signature
from delivrd.providers.base import (
    FAILURES,
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
    Response,
    Secrets,
    SentPart,
    Sought,
    Unanswered,
    Unsure,
    Word,
    refine,
)

NAME = "messagebird"
TITLE = "MessageBird (Bird)"
DOCS = "https://developers.messagebird.com/api/sms-messaging/#messages"
CHECKED = "2026-11-26"
API = "https://rest.messagebird.com"

CALLS_BACK = True
NUMBER_IN_KEY = True  # a message has one id for all its recipients
TEXT_FIELDS = ("text",)
REPLAY_BEHIND = signature.REPLAY_BEHIND
MAX_VALIDITY = DEFAULT_VALIDITY = 48 * 3600

P, U, R = Word(Status.PENDING, False), Word(Status.UNDELIVERED, True), Word(Status.REJECTED, True)
DELIVERED, EXPIRED = Word(Status.DELIVERED, True), Word(Status.EXPIRED, True)
DELETED = Word(Status.UNDELIVERED, True, Reason.DELETED)

SMS_API = {"scheduled": P, "sent": P, "buffered": P} | {
    "delivered": DELIVERED,
    "expired": EXPIRED,
    "delivery_failed": U,
}
CONVERSATIONS = {"accepted": P, "pending": P, "transmitted": P, "read": DELIVERED, "failed": U} | {
    "rejected": R,
    "unsupported": R,
    "deleted": DELETED,
    "unknown": Word(Status.UNKNOWN, False),
}
CHANNELS = {"processing": P, "sending_failed": U, "skipped": R}
BIRD_API = {"sms.accepted": P, "sms.sent": P, "sms.delivered": DELIVERED} | {
    "sms.undelivered": U,
    "sms.failed": U,
    "sms.rejected": R,
    "sms.expired": EXPIRED,
}
STATUSES = SMS_API | CONVERSATIONS | CHANNELS | BIRD_API

ERRORS = code_tables.load("messagebird_codes")

REASONS = {
    "unknown subscriber": Code("", Reason.UNKNOWN_NUMBER),
    "incorrect number": Code("", Reason.UNKNOWN_NUMBER, Status.REJECTED),
    "unavailable subscriber": Code("", Reason.UNREACHABLE),
    "expired": Code("", Reason.EXPIRED, Status.EXPIRED),
    "dlr not received": Code("", Reason.EXPIRED, Status.EXPIRED),
    "opted out": Code("", Reason.BLOCKED_BY_RECIPIENT, Status.REJECTED),
    "received network error": Code("", Reason.NETWORK_ERROR),
    "insufficient balance": Code("", Reason.ACCOUNT_PROBLEM, Status.REJECTED),
    "carrier rejected": Code("", Reason.BLOCKED_BY_CARRIER, Status.REJECTED),
    "capacity limit reached": Code("", Reason.THROTTLED, Status.REJECTED),
    "generic delivery failure": Code("", Reason.OTHER),
}
"""The words of ``statusReason`` for failures; they count where no code says more."""

SEND_ERRORS = {
    "2": Code("Wrong access key, or not allowed", Reason.ACCOUNT_PROBLEM),
    "9": Code("Missing parameters, or no correct recipient", Reason.CONTENT_INVALID),
    "10": Code("Invalid parameters", Reason.CONTENT_INVALID),
    "20": Code("Not found", Reason.CONTENT_INVALID),
    "21": Code("Bad request", Reason.CONTENT_INVALID),
    "25": Code("Not enough balance", Reason.ACCOUNT_PROBLEM),
    "98": Code("There is no such API", Reason.OTHER),
    "101": Code("Duplicate entry", Reason.CONTENT_INVALID),
}

FIELDS = {
    "id": "The id of the message, as in the answer to the send; one for all its recipients.",
    "recipient": "The recipient's number.",
    "status": "The status word.",
    "statusReason": "The reason in a few words; taken where there is no code.",
    "statusErrorCode": "The extended error code, where the carrier gave one.",
    "statusDatetime": "When the status came about (RFC 3339).",
    "reference": "The reference that was sent along.",
    "mccmnc": "MCC and MNC of the recipient's network.",
    "price[amount], price[currency]": "What it cost.",
    "messagePartCount": "The number of parts; one id stands for all.",
    "message (Conversations)": "`id`, `status`, `to`, `from`, `updatedDatetime`, `error`.",
    "content.text, body.text.text": "The text (Conversations, Channels); cut before the request "
    "is kept.",
    "payload (Channels)": "`id`, `status`, `receiver`, `lastStatusAt`, `reason` and `failure`, "
    "whose `source` holds the extended code; of a conversation, its `lastMessage`.",
    "data (Bird API)": "`sms_id`, `to`, `from`, `error`, `cost`, `mcc_mnc`; the event's `type` is "
    "the status word, its `timestamp` the time.",
}

SETUP = (
    "In the dashboard, under developer settings, copy the live access key and the signing key.",
    'Put them in `delivrd.toml`: `[accounts.messagebird]` with `provider = "messagebird"`, '
    "`access_key` and `signature_secret` (or the variables "
    "`DELIVRD_ACCOUNTS__MESSAGEBIRD__ACCESS_KEY_FILE` and `…__SIGNATURE_SECRET_FILE`).",
    "Set `public_url` to where this hub is reached, exactly as MessageBird calls it: the signature "
    "covers the address.",
    "Every message then names its own address for reports. For messages sent elsewhere, set the "
    "SMS settings' status report URL (or the URL of a webhook subscription of Bird, whose signing "
    "key goes into `signature_secret` too) to `https://YOUR-HOST/webhooks/messagebird`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via messagebird --wait 60`.',
)


class Settings(AccountSettings):
    """An account of MessageBird's SMS API, or one that receives Bird's webhooks."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("access_key",)

    provider: str = NAME
    access_key: SecretStr | None = Field(default=None, description="Live access key.")
    signature_secret: Secrets = Field(
        default=(),
        description="Signing key (of the account, of a webhook subscription, or whsec_…), one or "
        "a list.",
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The token or signature in the headers, checked with each of the account's keys.

    Without a ``signature_secret`` in the settings there is nothing to check: None.

    Raises:
        Unauthentic: no signature, a wrong one, or one too old or from the future.
    """
    if not settings.signature_secret:
        return None
    return signature.authenticate(request, settings.signature_secret, settings.replay_window)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a status report (by GET or POST), or in one of Bird's newer webhooks.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return _receipt(bird.plain(told), zone, request.received_at)

    return reading.read_each(request, one, _other)


def _receipt(told: f.Fields, zone: tzinfo, now: datetime | None = None) -> Receipt:
    word, why = f.text(told, "status", limit=64), f.text(told, "statusReason")
    price = f.inner(told, "price")
    return reading.receipt(
        STATUSES,
        ERRORS,
        pair=_meant(word, why),
        provider_message_id=f.message_id(told, "id"),
        provider_status=word,
        error_code=f.text(told, "statusErrorCode", limit=64),
        detail=f.text(told, "detail") or why,
        to=f.number(told, "recipient"),
        sender=f.text(told, "originator", limit=64),
        network=f.text(told, "mccmnc", limit=16),
        price=f.amount(price, "amount") or f.amount(told, "price[amount]"),
        currency=f.text(price, "currency", limit=8) or f.text(told, "price[currency]", limit=8),
        occurred_at=times.parse(told.get("statusDatetime"), zone, now=now),
        reference=f.text(told, "reference"),
    )


def _meant(word: str | None, why: str | None) -> Word | None:
    """What a word means together with the reason that stands beside it."""
    found = reading.word(STATUSES, word)
    if found is None or found.status not in FAILURES:
        return found
    words = (why or "").lower().replace("+", " ").replace("_", " ")
    meaning, reason, _ = refine(found, REASONS.get(words))
    return meaning._replace(reason=reason)


def _other(told: f.Fields) -> str | None:
    """An inbound text has a body and no status."""
    body = "status" not in told and ("body" in told or isinstance(told.get("message"), str))
    return "inbound" if body or "receive_datetime" in told else bird.other(told)


def answer(request: Request, reading: Reading) -> Response:
    """The word that the vendor recommends."""
    return Response(200, b"OK")


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /messages``; without a reference there would be no reports."""
    content: dict[str, Any] = {
        "originator": message.sender.removeprefix("+"),
        "recipients": [message.to.removeprefix("+")],
        "body": message.text,
        "datacoding": "unicode" if message.unicode else "plain",
        "reference": message.reference,
    }
    if message.validity is not None:
        content["validity"] = min(max(message.validity, 1), MAX_VALIDITY)
    if message.callback_url:
        content["reportUrl"] = message.callback_url
    url = handover.address(settings, API, "/messages")
    answer = await handover.call(http, settings, "POST", url, headers=_key(settings), json=content)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _key(settings: Settings) -> dict[str, str]:
    key = handover.plain(settings.access_key)
    return {"Authorization": f"AccessKey {key}"}


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if errors := f.objects(told.get("errors")):
        return _refused(answer, errors[0])
    if answer.status >= 400:
        return handover.refused(answer)
    message_id = f.text(told, "id", limit=f.MAX_ID)
    items = f.objects(f.inner(told, "recipients").get("items"))
    if message_id is None:
        return Unsure("the answer contains no message")
    parts = tuple(_part(message_id, item) for item in items) or (SentPart(message_id),)
    if any(part.provider_message_id for part in parts):
        return Accepted(parts)
    return Refused(parts[0].reason or Reason.OTHER, parts[0].error_code, parts[0].detail)


def _refused(answer: HttpAnswer, error: f.Fields) -> Answer:
    code, words = f.text(error, "code", limit=64), f.text(error, "description", limit=300)
    meaning = SEND_ERRORS.get(code or "")
    if meaning is not None:
        return Refused(meaning.reason or Reason.OTHER, code, words or meaning.words)
    if answer.status >= 400:
        return handover.refused(answer, code, words)
    return Refused(Reason.OTHER, code, words)


def _part(message_id: str, item: f.Fields) -> SentPart:
    price = f.inner(item, "price")
    amount, currency = f.amount(price, "amount"), f.text(price, "currency", limit=8)
    why = f.text(item, "statusReason", limit=300)
    meaning = _meant(f.text(item, "status", limit=64), why)
    if meaning is None or meaning.status not in FAILURES:
        return SentPart(message_id, price=amount, currency=currency)
    code = f.text(item, "statusErrorCode", limit=64)
    _, reason, _ = refine(meaning, ERRORS.get(code or ""))
    return SentPart(None, Status.REJECTED, reason, code, why, amount, currency)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The message with the status of each of its recipients, of whom ours is taken."""
    path = "/messages/" + quote(sought.provider_message_id, safe="")
    url = handover.address(settings, API, path)
    answer = await handover.ask(http, settings, "GET", url, headers=_key(settings))
    if isinstance(answer, Unanswered):
        return answer
    if answer.status != 200:
        return Unanswered(f"HTTP {answer.status}")
    told = handover.fields(answer)
    for item in f.objects(f.inner(told, "recipients").get("items")):
        if f.number(item, "recipient") == phone.digits(sought.to):
            shared = {name: told.get(name) for name in ("originator", "reference")}
            own = {**item, **shared, "id": sought.provider_message_id}
            return _receipt(own, reading.zone(settings))
    return Unanswered("the answer does not name the recipient")
