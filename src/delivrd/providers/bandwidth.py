"""Bandwidth: status events of its Messaging API v2; they come as an array.

Reports of its international API are told by their shape (see
:mod:`delivrd.providers.bandwidth_international`). Sources: dev.bandwidth.com/docs/messaging
(webhooks, errors); the vendor's SDK for the words.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import bandwidth_international as international
from delivrd.providers import code_tables, handover, reading
from delivrd.providers import fields as f
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Code,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    SentPart,
    Sought,
    Unanswered,
    Unsure,
    Word,
)

NAME = "bandwidth"
TITLE = "Bandwidth"
DOCS = "https://dev.bandwidth.com/docs/messaging/webhooks"
CHECKED = "2026-11-27"
API = "https://messaging.bandwidth.com"

NUMBER_IN_KEY = True  # a group has one id, and an event for each of its recipients
PATIENCE = 8.0  # it gives up after 10 seconds
TEXT_FIELDS = ("text",)

EVENTS = {
    "message-sending": Word(Status.PENDING, False),
    "message-sent": Word(Status.PENDING, False),
    "message-delivered": Word(Status.DELIVERED, True),
    "message-failed": Word(Status.UNDELIVERED, True),
    "message-read": Word(Status.DELIVERED, True),
}
LOOKED_UP = {
    "RECEIVED": Word(Status.PENDING, False),
    "QUEUED": Word(Status.PENDING, False),
    "SENDING": Word(Status.PENDING, False),
    "SENT": Word(Status.PENDING, False),
    "ACCEPTED": Word(Status.PENDING, False),
    "DELIVERED": Word(Status.DELIVERED, True),
    "UNDELIVERED": Word(Status.UNDELIVERED, True),
    "FAILED": Word(Status.UNDELIVERED, True),
}
"""The words of the answer to a look-up."""
STATUSES = EVENTS | LOOKED_UP | international.STATUSES

ERRORS = code_tables.load("bandwidth_codes") | international.ERRORS

UNPROVEN = Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)
PAIRS = {("message-failed", "9902"): UNPROVEN, ("failed", "9902"): UNPROVEN}
"""No receipt came in time: that is called a failure, and is none."""

INBOUND = {
    "message-received",
    "suggestion-response",
    "request-location-response",  # in the documentation
    "requested-location-response",  # in the vendor's SDK
}

SEND_ERRORS = {
    "request-validation": Code("The request is not valid", Reason.CONTENT_INVALID),
    "unauthorized": Code("The credentials are wrong", Reason.ACCOUNT_PROBLEM),
    "forbidden": Code("The user may not send messages", Reason.ACCOUNT_PROBLEM),
    "unsupported-content-type": Code("The type of content is wrong", Reason.CONTENT_INVALID),
    "max-message-queue-size-exceeded": Code("The account's queue is full", Reason.THROTTLED),
}
"""The ``type`` of a refusal."""
TRY_AGAIN = {"max-message-queue-size-exceeded"}

FIELDS = {
    "type": "The status word.",
    "time": "When it happened (ISO 8601).",
    "eventTime": "When it was read; taken where there is no time.",
    "to": "The recipient that this event is about.",
    "description": "The status or error in the vendor's words.",
    "errorCode": "The error code, of failures only.",
    "message.id": "The id of the message; of a group, that of all its recipients.",
    "message.from": "The sender.",
    "message.tag": "The reference that was sent along.",
    "message.text": "The text, often empty; cut before the request is kept.",
    "msgId, event, errorMessage (international)": "Id, status word and words of the error; "
    "`partNum` and `numParts` say which segment it is.",
}

SETUP = (
    "In the Bandwidth App, copy the account id, make API credentials, and make a messaging "
    "application for your numbers; copy its id.",
    'Put them in `delivrd.toml`: `[accounts.bandwidth]` with `provider = "bandwidth"`, '
    "`account_id`, `application_id`, `username` and `password` (or the variable "
    "`DELIVRD_ACCOUNTS__BANDWIDTH__PASSWORD_FILE`).",
    "Bandwidth signs nothing, but calls with a user and password: choose them (at least 12 random "
    'characters) and set `basic_auth = "user:password"`.',
    "In the application, set the status callback to `https://YOUR-HOST/webhooks/bandwidth`, with "
    "that user and password.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via bandwidth --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Bandwidth."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = (
        "account_id",
        "application_id",
        "username",
        "password",
    )

    provider: str = NAME
    account_id: str | None = Field(default=None, description="Account id, from the App.")
    application_id: str | None = Field(default=None, description="The messaging application's id.")
    username: str | None = Field(default=None, description="User of the API credentials.")
    password: SecretStr | None = Field(default=None, description="Password of the credentials.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in an array of events, or in a single one.

    Raises:
        Unreadable: there is one event, and no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        if international.is_one(told):
            return reading.receipt(STATUSES, ERRORS, **international.told(told))
        happened = f.text(told, "time", "eventTime")
        return _receipt(told, times.parse(happened, zone, now=request.received_at))

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    kind, message = f.text(told, "type"), f.inner(told, "message")
    from_handset = kind not in EVENTS and f.text(message, "direction") == "in"
    return "inbound" if kind in INBOUND or from_handset else None


def _receipt(told: f.Fields, occurred_at: datetime | None) -> Receipt:
    message = f.inner(told, "message")
    recipients = message.get("to")
    word, code = f.text(told, "type", limit=64), _code(told)
    return reading.receipt(
        STATUSES,
        ERRORS,
        pair=_pair(word, code),
        provider_message_id=f.message_id(message, "id"),
        provider_status=word,
        error_code=code,
        detail=f.text(told, "description"),
        to=f.number(told, "to") or _only(recipients),
        sender=f.text(message, "from", limit=64),
        occurred_at=occurred_at,
        reference=f.text(message, "tag"),
    )


def _code(told: f.Fields) -> str | None:
    code = f.text(told, "errorCode", limit=64)
    return None if code == "0" else code


def _pair(word: str | None, code: str | None) -> Word | None:
    return PAIRS.get(((word or "").lower(), code or ""))


def _only(recipients: Any) -> str | None:
    """The recipient of a message that has one."""
    alone = isinstance(recipients, list) and len(recipients) == 1
    return f.number({"to": recipients[0]}, "to") if alone else None


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST …/messages``; the tag carries the reference.

    Receipts go to the application's address; a message cannot name its own.
    """
    content: dict[str, Any] = {
        "applicationId": settings.application_id,
        "to": [message.to],
        "from": message.sender,
        "text": message.text,
        "tag": message.reference,
    }
    if message.validity is not None:
        ends = datetime.now(UTC) + timedelta(seconds=message.validity)
        content["expiration"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    url, auth = _messages(settings), _auth(settings)
    answer = await handover.call(http, settings, "POST", url, auth=auth, json=content)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _messages(settings: Settings) -> str:
    account = quote(settings.account_id or "", safe="")
    return handover.address(settings, API, f"/api/v2/users/{account}/messages")


def _auth(settings: Settings) -> tuple[str, str]:
    password = handover.plain(settings.password)
    return settings.username or "", password


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if answer.status >= 400:
        return _refused(answer, told)
    found = f.text(told, "id", limit=f.MAX_ID)
    return Accepted((SentPart(found),)) if found else Unsure("the answer contains no message id")


def _refused(answer: HttpAnswer, told: f.Fields) -> Refused | Later:
    code, listed = f.text(told, "type", limit=64), told.get("fieldErrors")
    errors = f.objects(listed)
    said = [f.text(each, "description", limit=300) for each in (told, *errors)]
    meaning, detail = SEND_ERRORS.get(code or ""), ": ".join(filter(None, said))[:300]
    if meaning is None:
        return handover.refused(answer, code, detail)
    if code in TRY_AGAIN:
        return Later(handover.retry_after(answer), detail or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, detail or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What the list of messages with this id says of the recipient."""
    params = {"messageId": sought.provider_message_id}
    url, auth = _messages(settings), _auth(settings)
    answer = await handover.ask(http, settings, "GET", url, auth=auth, params=params)
    if isinstance(answer, Unanswered):
        return answer
    for told in f.objects(handover.fields(answer).get("messages")):
        if _is_of(told, sought):
            return _looked_up(told)
    return Unanswered(f"HTTP {answer.status}: the message is not listed")


def _is_of(told: f.Fields, sought: Sought) -> bool:
    number = f.number(told, "destinationTn")
    same_message = f.text(told, "messageId", limit=f.MAX_ID) == sought.provider_message_id
    return same_message and number in (None, sought.to.removeprefix("+"))


def _looked_up(told: f.Fields) -> Receipt:
    """A listed message; its time is that of the send, not of the status."""
    word, code = f.text(told, "messageStatus", limit=64), _code(told)
    return reading.receipt(
        STATUSES,
        ERRORS,
        pair=_pair(word, code),
        provider_message_id=f.message_id(told, "messageId"),
        provider_status=word,
        error_code=code,
        to=f.number(told, "destinationTn"),
        sender=f.text(told, "sourceTn", limit=64),
    )
