"""Clickatell: the One API, the Platform's REST API and the older Communicator ("classic").

Sources: docs.clickatell.com (One API message status table), guides.clickatell.com (callbacks, API
error codes), clickatell.com/developers (REST status callback), archive.clickatell.com (classic).
"""

from typing import ClassVar

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt
from delivrd.providers import clickatell_updates as updates
from delivrd.providers import fields as f
from delivrd.providers import handover, reading, xml_fields
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
)

NAME = "clickatell"
TITLE = "Clickatell"
DOCS = "https://docs.clickatell.com/channels/one-api/one-api-message-status-table/"
CHECKED = "2026-11-27"
API = "https://platform.clickatell.com"

SECRET_FIELDS = ("apiKey",)  # older callbacks of the Platform repeat the integration's key

STATUSES, ERRORS = updates.STATUSES, updates.ERRORS

SEND_ERRORS = {
    "1": Code("Invalid or missing API key", Reason.ACCOUNT_PROBLEM),
    "2": Code("The account is not active", Reason.ACCOUNT_PROBLEM),
    "3": Code("The integration is not active", Reason.ACCOUNT_PROBLEM),
    "7": Code("Not from an allowed IP address", Reason.ACCOUNT_PROBLEM),
    "18": Code("Internal error", Reason.NETWORK_ERROR),
    "19": Code("Internal error, to be tried again", Reason.NETWORK_ERROR),
    "20": Code("No credit left", Reason.ACCOUNT_PROBLEM),
    "21": Code("Malformed data", Reason.CONTENT_INVALID),
    "22": Code("Too many messages in one request", Reason.CONTENT_INVALID),
    "23": Code("Invalid or missing parameter", Reason.CONTENT_INVALID),
    "24": Code("The text is too long", Reason.CONTENT_INVALID),
    "25": Code("Invalid recipient's number", Reason.UNKNOWN_NUMBER),
    "26": Code("The recipient opted out", Reason.BLOCKED_BY_RECIPIENT),
    "27": Code("The recipient is not on this channel", Reason.UNREACHABLE),
    "28": Code("The recipient is not in the sandbox", Reason.ACCOUNT_PROBLEM),
    "30": Code("Content of a type that is not supported", Reason.CONTENT_INVALID),
    "31": Code("A media file is too large", Reason.CONTENT_INVALID),
    "32": Code("The media are too large", Reason.CONTENT_INVALID),
    "33": Code("A media item was not found", Reason.CONTENT_INVALID),
    "38": Code("The channel is not active for the integration", Reason.ACCOUNT_PROBLEM),
    "39": Code("The integration does not have the channel", Reason.ACCOUNT_PROBLEM),
    "40": Code("Character set not supported", Reason.CONTENT_INVALID),
    "41": Code("No such resource", Reason.OTHER),
    "42": Code("No such method", Reason.OTHER),
    "43": Code("Too many requests for now", Reason.THROTTLED),
    "44": Code("The sender's number is suspended", Reason.SENDER_NOT_ALLOWED),
    "45": Code("The sender's number is not the integration's", Reason.SENDER_NOT_ALLOWED),
    "46": Code("The demo has ended", Reason.ACCOUNT_PROBLEM),
    "100": Code("Too many parts", Reason.CONTENT_INVALID),
    "101": Code("No two-way messages to there", Reason.SENDER_NOT_ALLOWED),
    "110": Code("To the USA only from a two-way integration", Reason.SENDER_NOT_ALLOWED),
    "111": Code("To the USA only with STOP and SUBSCRIBE", Reason.SENDER_NOT_ALLOWED),
}
TRY_AGAIN = {"19", "43"}
"""These come before a message is accepted: it was not taken."""

FIELDS = {
    "messageId, apiMessageId, apiMsgId": "The id of the message, as in the answer to the send.",
    "event.messageStatusUpdate": "The envelope of the One API: a list of updates.",
    "status, messageStatus": "The status word of the One API; a classic code in older callbacks.",
    "statusCode": "The status as a number; an error of the One API from 20 upwards.",
    "statusDescription, error": "Its words.",
    "to, from": "The recipient's number and the sender (not in the One API).",
    "timestamp": "When it happened (seconds or milliseconds since 1970).",
    "charge": "What it cost, in credits (classic).",
    "clientMessageId, cliMsgId": "The reference that was sent along.",
}

SETUP = (
    "In the Clickatell portal, create an SMS integration of the One API and copy its API key.",
    'Put it in `delivrd.toml`: `[accounts.clickatell]` with `provider = "clickatell"` and '
    "`api_key` (or the variable `DELIVRD_ACCOUNTS__CLICKATELL__API_KEY_FILE`).",
    "Clickatell signs nothing: set a `webhook_secret` of at least 12 random characters (or "
    "`basic_auth`, which callbacks can send).",
    "In the integration's settings, set the status notification URL to "
    "`https://YOUR-HOST/webhooks/clickatell/SECRET` (older APIs: POST or GET, any format).",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via clickatell --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Clickatell."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("api_key",)

    provider: str = NAME
    api_key: SecretStr | None = Field(default=None, description="The integration's API key.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a request by POST (JSON, form or XML) or GET, of any generation.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        update = updates.fields(told)
        stamp = f.text(update, "timestamp")
        return updates.receipt(
            update,
            updates.in_envelope(told) or "channel" in update,
            provider_message_id=f.message_id(update, *updates.IDS),
            to=f.number(update, "to"),
            sender=f.text(update, "from", limit=64),
            price=f.amount(update, "charge"),
            occurred_at=times.parse(stamp, zone, now=request.received_at),
            reference=f.text(update, "clientmessageid", "climsgid"),
        )

    return reading.read_each(xml_fields.as_json(request), one, updates.other, updates.items)


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by the One API, ``POST /v1/message``; one id, whatever the length."""
    content = {
        "channel": "sms",
        "to": message.to.removeprefix("+"),
        "from": message.sender.removeprefix("+"),
        "content": message.text,
        "clientMessageId": message.reference,
    }
    url = handover.address(settings, API, "/v1/message")
    answer = await handover.call(
        http, settings, "POST", url, headers=_key(settings), json={"messages": [content]}
    )
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _key(settings: Settings) -> dict[str, str]:
    return {"Authorization": handover.plain(settings.api_key)}


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    elements = f.objects(told.get("messages"))
    for element in elements:
        found = f.text(element, "apiMessageId", limit=f.MAX_ID)
        if found and element.get("accepted") is not False:
            return Accepted((SentPart(found),))
    for element in [*elements, dict(told)]:
        code, words = _error(element)
        if code or words:
            return _refused(answer, code, words)
    return handover.refused(answer) if answer.status >= 400 else Unsure("the answer contains no id")


def _error(element: f.Fields) -> tuple[str | None, str | None]:
    inside = f.inner(element, "error") or element
    code = f.text(inside, "code", "errorCode", limit=64)
    said = f.text(inside, "errorDescription", "description", "error", limit=300)
    return (said, None) if code is None and said in SEND_ERRORS else (code, said)


def _refused(answer: HttpAnswer, code: str | None, words: str | None) -> Answer:
    meaning = SEND_ERRORS.get(code or "")
    if meaning is None and answer.status >= 400:
        return handover.refused(answer, code, words)
    meaning = meaning or Code("Refused", Reason.OTHER)
    if code in TRY_AGAIN:
        return Later(detail=words or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, words or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The message's status, by its word alone: a number could be of either table."""
    url = handover.address(settings, API, "/public-client/message/status")
    params = {"messageId": sought.provider_message_id}
    answer = await handover.ask(http, settings, "GET", url, params=params, headers=_key(settings))
    if isinstance(answer, Unanswered):
        return answer
    told = updates.fields(handover.fields(answer))
    code = updates.CODES.get((f.text(told, *updates.WORDS, limit=64) or "").upper())
    if answer.status >= 400 or code is None:
        return Unanswered(f"HTTP {answer.status}, without a known status")
    return updates.receipt(
        {**told, updates.CODE: code},
        True,
        provider_message_id=sought.provider_message_id,
        occurred_at=times.parse(f.text(told, "timestamp")),
    )
