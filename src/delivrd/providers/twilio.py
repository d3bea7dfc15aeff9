"""Twilio: status callbacks of Programmable Messaging, and the message events of Event Streams.

Sources: twilio.com/docs (track-outbound-message-status, message resource, event types of outbound
messages, webhooks-security, error dictionary); twilio-python's request validator.
"""

import re
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import code_tables, handover, reading
from delivrd.providers import fields as f
from delivrd.providers import twilio_shapes as shapes
from delivrd.providers import twilio_signature as signature
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Authentic,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    Response,
    Secrets,
    Sought,
    Unanswered,
    Unreadable,
    Unsure,
    Word,
)

NAME = "twilio"
TITLE = "Twilio"
DOCS = "https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"
CHECKED = "2026-11-27"
API = "https://api.twilio.com"

CALLS_BACK = True
PATIENCE = 12.0  # callbacks wait 15 s and never come again; events wait 5 s, but do come again
MAX_VALIDITY = 36_000
TEXT_FIELDS = ("body",)

STATUSES = {
    "accepted": Word(Status.PENDING, False),
    "scheduled": Word(Status.PENDING, False),
    "queued": Word(Status.PENDING, False),
    "sending": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "read": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "failed": Word(Status.UNDELIVERED, True),
    "canceled": Word(Status.REJECTED, True, Reason.DELETED),
    "partially_delivered": Word(Status.UNKNOWN, False),
}


ERRORS = code_tables.load("twilio_codes", "receipts")
SEND_ERRORS = code_tables.load("twilio_codes", "answers") | {
    code: meaning for code, meaning in ERRORS.items() if code[:2] in ("14", "21", "57")
}
TRY_AGAIN = {"14107", "20429", "21611", "21730"}
"""Codes in answers with which the message was not taken, and may be tried again."""

FIELDS = {
    "MessageSid, SmsSid": "The id of the message, as in the answer to the send.",
    "MessageStatus, SmsStatus": "The status word.",
    "To": "The recipient's number; a channel's prefix (`whatsapp:`) is taken off.",
    "From": "The sender that was used.",
    "ErrorCode": "Why it failed, from Twilio's error dictionary.",
    "ErrorMessage, ChannelStatusMessage": "The same in words, now and then.",
    "RawDlrDoneDate": "The carrier's time (YYMMDDhhmm); taken as the time of the event, as UTC "
    "unless the account's `time_zone` says otherwise.",
    "type (Event Streams)": "The kind of the event: `com.twilio.messaging.message.…`, "
    "`com.twilio.comms-api.message.…` or `com.twilio.accountsecurity.verify.message.…`.",
    "data.messageSid, data.messageStatus, data.to, data.from, data.errorCode (Event Streams)": (
        "The same as above."
    ),
    "data.timestamp (Event Streams)": "When it happened.",
    "data.message_id, data.to.address, data.from.address, data.error_code (Communications API)": (
        "The same; the end of the type is the status word, `time` of the event its time."
    ),
    "data.attempt_sid, data.message_status, data.to, data.error_code (Verify)": "The same, of an "
    "attempt (VL…) to verify a number.",
    "ChannelMessageSid, Status, DateUpdated (Conversations)": "Id, status word and time in the "
    "event `onDeliveryUpdated`; Conversations' own `MessageSid` is none of a text.",
    "data.body (Event Streams)": "The text; cut before the request is kept.",
}

SETUP = (
    "In the Twilio console, copy the Account SID and the auth token (webhooks are signed with it).",
    'Put them in `delivrd.toml`: `[accounts.twilio]` with `provider = "twilio"`, `account_sid` and '
    "`auth_token` (or the variable `DELIVRD_ACCOUNTS__TWILIO__AUTH_TOKEN_FILE`). To send with an "
    "API key, add `api_key` and `api_secret`; the token is then used for signatures alone.",
    "Set `public_url` to exactly what Twilio reaches this hub by, since the signature covers it: "
    "every message then names its own address for callbacks.",
    "For messages sent elsewhere, set the status callback of the messaging service (or of an Event "
    "Streams webhook sink) to `https://YOUR-HOST/webhooks/twilio`. A sender `MG…` is taken for a "
    "messaging service.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from +… --via twilio --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Twilio; it sends by its API key where it has one."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("account_sid", "auth_token")
    SIGNED_BY: ClassVar[tuple[str, ...]] = ("auth_token", "shared_key")

    provider: str = NAME
    account_sid: str | None = Field(default=None, description="Account SID, AC….")
    auth_token: Secrets | None = Field(
        default=None, description="Auth token, one or a list (rotation); it signs the webhooks too."
    )
    api_key: str | None = Field(default=None, description="API key to send with, SK….")
    api_secret: SecretStr | None = Field(default=None, description="The API key's secret.")
    shared_key: Secrets | None = Field(
        default=None, description="Secret of the shared key, where that signs the webhooks."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """``X-Twilio-Signature``, checked with each of the account's secrets.

    Without an ``auth_token`` (or a ``shared_key``) there is nothing to check: None.

    Raises:
        Unauthentic: no signature, or a wrong one.
    """
    secrets = (settings.auth_token or ()) + (settings.shared_key or ())
    if not secrets:
        return None
    return signature.check(request, secrets)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a callback (form, or GET), or in one or several events (JSON).

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        if shapes.other(told):
            raise Unreadable(_ANOTHER)
        return shapes.pushed(told, STATUSES, ERRORS, zone, request.received_at)

    found = reading.read_each(request, one, shapes.other)
    faults = tuple(fault for fault in found.faults if fault.why != _ANOTHER)
    if len(faults) == len(found.faults):
        return found
    kind = found.kind if found.receipts or faults else "other"
    return Reading(kind=kind, receipts=found.receipts, faults=faults)


_ANOTHER = "it is an event of another kind"


def answer(request: Request, reading: Reading) -> Response:
    """An empty document: to an inbound text, nothing is replied."""
    return Response(200, b"<Response/>", "text/xml; charset=utf-8")


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST …/Messages.json``; one id, whatever the length."""
    sender = "MessagingServiceSid" if _SERVICE.fullmatch(message.sender) else "From"
    form = {"To": message.to, sender: message.sender, "Body": message.text}
    if message.validity is not None:
        form["ValidityPeriod"] = str(min(max(message.validity, 1), MAX_VALIDITY))
    if message.callback_url:
        form["StatusCallback"] = message.callback_url
    url = _url(settings, "Messages.json")
    answer = await handover.call(http, settings, "POST", url, form=form, auth=_login(settings))
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


def _url(settings: Settings, path: str) -> str:
    account = f"/2010-04-01/Accounts/{settings.account_sid or ''}"
    return handover.address(settings, API, f"{account}/{path}")


def _login(settings: Settings) -> tuple[str, str]:
    if settings.api_key and settings.api_secret:
        return settings.api_key, settings.api_secret.get_secret_value()
    tokens = settings.auth_token or (SecretStr(""),)
    return settings.account_sid or "", tokens[0].get_secret_value()


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if answer.status < 400:
        sid = f.text(told, "sid", limit=f.MAX_ID)
        if sid is None:
            return Unsure("the answer contains no message id")
        code, why = f.text(told, "error_code", limit=64), f.text(told, "error_message", limit=300)
        word = reading.word(STATUSES, f.text(told, "status"))
        return Accepted((handover.part(sid, word, code, ERRORS.get(code or ""), why),))
    code, said = f.text(told, "code", limit=64), f.text(told, "message", limit=300)
    meaning = SEND_ERRORS.get(code or "")
    if meaning is None:
        return handover.refused(answer, code, said)
    if code in TRY_AGAIN:
        return Later(detail=said or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, said or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The message's status by ``GET …/Messages/{sid}.json``."""
    url = _url(settings, f"Messages/{quote(sought.provider_message_id, safe='')}.json")
    answer = await handover.ask(http, settings, "GET", url, auth=_login(settings))
    if isinstance(answer, Unanswered):
        return answer
    told = handover.fields(answer)
    if answer.status >= 400 or f.text(told, "sid") != sought.provider_message_id:
        return Unanswered(f.text(told, "message", limit=300) or f"HTTP {answer.status}")
    return shapes.looked_up(told, STATUSES, ERRORS)
