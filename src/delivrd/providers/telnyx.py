"""Telnyx: events of API v2, and the message detail records that webhooks of API v1 are.

Sources: developers.telnyx.com (receiving webhooks, message detail records, error codes, also of
API v1); the vendor's SDK for the signature.
"""

from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt
from delivrd.providers import code_tables, handover, reading
from delivrd.providers import fields as f
from delivrd.providers import telnyx_signature as ed25519
from delivrd.providers import telnyx_v1 as v1
from delivrd.providers import telnyx_v2 as v2
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Authentic,
    Code,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    Secrets,
    Sought,
    Unanswered,
    Unauthentic,
    Unreadable,
    Unsure,
)

NAME = "telnyx"
TITLE = "Telnyx"
DOCS = "https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks"
CHECKED = "2026-11-26"
API = "https://api.telnyx.com"

CALLS_BACK = True
NUMBER_IN_KEY = True  # a group has one id, and a status for each of its recipients
PATIENCE = 1.5  # it gives up after 2 seconds
REPLAY_BEHIND = 300  # every try is signed anew
TEXT_FIELDS = ("text", "body")
SECRET_FIELDS = ("custom_code",)  # what Verify sent, which is still good for a while

STATUSES = v2.STATUSES | v1.STATUSES
ERRORS = code_tables.load("telnyx_codes")

SEND_ERRORS = ERRORS | {
    "10001": Code("The number is not active", Reason.SENDER_NOT_ALLOWED),
    "10002": Code("The number is not valid", Reason.UNKNOWN_NUMBER),
    "10003": Code("An address is not valid", Reason.CONTENT_INVALID),
    "10004": Code("A parameter is missing", Reason.CONTENT_INVALID),
    "10005": Code("Not found", Reason.OTHER),
    "10006": Code("An id is not valid", Reason.CONTENT_INVALID),
    "10007": Code("An unexpected error", Reason.NETWORK_ERROR),
    "10009": Code("The API key is wrong", Reason.ACCOUNT_PROBLEM),
    "10010": Code("Not permitted", Reason.ACCOUNT_PROBLEM),
    "10011": Code("Too many requests", Reason.THROTTLED),
    "10015": Code("The request is not well-formed", Reason.CONTENT_INVALID),
    "10016": Code("The number is not in E.164", Reason.UNKNOWN_NUMBER),
    "20002": Code("The API key was revoked", Reason.ACCOUNT_PROBLEM),
    "20006": Code("The token has expired", Reason.ACCOUNT_PROBLEM),
    "20012": Code("The account is not active", Reason.ACCOUNT_PROBLEM),
    "20013": Code("The account is blocked", Reason.ACCOUNT_PROBLEM),
    "20014": Code("The account is not verified", Reason.ACCOUNT_PROBLEM),
    "20015": Code("The feature is not enabled", Reason.ACCOUNT_PROBLEM),
    "20016": Code("The account is not verified, level 1", Reason.ACCOUNT_PROBLEM),
    "20017": Code("The account is not verified, level 2", Reason.ACCOUNT_PROBLEM),
    "20100": Code("Not enough credit", Reason.ACCOUNT_PROBLEM),
}
TRY_AGAIN = {"10011", "40011", "40318"}
"""Codes of a refused send that only say: not now."""
SPENT = b'"40333"'
"""The code of a profile that has reached its spend limit, which comes with HTTP 429
(developers.telnyx.com/docs/messaging/messages/configurable-spend-limits)."""

FIELDS = v2.FIELDS | {f"{name} (API v1)": said for name, said in v1.FIELDS.items()}

SETUP = (
    "In the Telnyx portal, under API keys, create an API key and copy the public key.",
    'Put them in `delivrd.toml`: `[accounts.telnyx]` with `provider = "telnyx"`, `public_key` and '
    "`api_key` (or the variable `DELIVRD_ACCOUNTS__TELNYX__API_KEY_FILE`); to send under a name, "
    "also `messaging_profile_id`.",
    "Set `public_url` to where this hub is reached: every message then names its own address for "
    "receipts. For messages sent elsewhere, set the messaging profile's webhook to "
    "`https://YOUR-HOST/webhooks/telnyx`, its API version to 2.",
    "Every webhook is signed, and checked with the public key; nothing else is needed.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via telnyx --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Telnyx."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("api_key",)
    SIGNED_BY: ClassVar[tuple[str, ...]] = ("public_key", "profile_secret")

    provider: str = NAME
    api_key: SecretStr | None = Field(default=None, description="API key, from the portal.")
    messaging_profile_id: str | None = Field(
        default=None, description="Messaging profile; needed to send under a name."
    )
    public_key: ed25519.PublicKeys = Field(
        default=(), description="Public key, from the portal, one or a list (rotation)."
    )
    profile_secret: Secrets = Field(
        default=(), description="Messaging profile's secret, for webhooks of API v1 only."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The request's Ed25519 signature, or API v1's HMAC where the account has a profile secret.

    Without a ``public_key`` or a ``profile_secret`` there is nothing to check: None.

    Raises:
        Unauthentic: no signature, a wrong one, or one too old or from the future.
    """
    if not (settings.public_key or settings.profile_secret):
        return None
    if request.method != "POST":  # the body is signed; a query could say something else
        raise Unauthentic("signed events come by POST")
    behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
    if settings.profile_secret and request.header(v1.SIGNATURE):
        return v1.authenticate(request, settings.profile_secret, behind)
    return ed25519.authenticate(request, settings.public_key, behind)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in an event: one for each recipient.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        receipt = v1.receipt if v1.ID in told else v2.receipt
        return receipt(told, ERRORS, zone, request.received_at)

    return reading.read_each(request, one, _other, v2.for_each)


def _other(told: f.Fields) -> str | None:
    return v1.other(told) if v1.ID in told else v2.other(told)


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /v2/messages``; one id, whatever the length."""
    content = {"from": message.sender, "to": message.to, "text": message.text}
    if settings.messaging_profile_id:
        content["messaging_profile_id"] = settings.messaging_profile_id
    if message.callback_url:
        content["webhook_url"] = message.callback_url
    url = handover.address(settings, API, "/v2/messages")
    answer = await handover.call(
        http, settings, "POST", url, never=SPENT, headers=_headers(settings), json=content
    )
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _headers(settings: Settings) -> dict[str, str]:
    key = handover.plain(settings.api_key)
    return {"authorization": f"Bearer {key}"}


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if answer.status >= 400:
        return _refused(answer, v2.first_error(told))
    message = f.inner(told, "data")
    found, cost = f.text(message, "id", limit=f.MAX_ID), f.inner(message, "cost")
    if found is None:
        return Unsure("the answer contains no message id")
    price, currency = f.amount(cost, "amount"), f.text(cost, "currency", limit=8)
    said = next((f.text(to, "status") for to in f.objects(message.get("to"))), None)
    error = v2.first_error(message) or v2.first_error(told)
    code, why = f.text(error, "code", limit=64), f.text(error, "detail", "title", limit=300)
    word = reading.word(v2.STATUSES, said)
    part = handover.part(found, word, code, ERRORS.get(code or ""), why)
    return Accepted((part._replace(price=price, currency=currency),))


def _refused(answer: HttpAnswer, error: f.Fields) -> Refused | Later:
    code = f.text(error, "code", limit=64)
    meaning = SEND_ERRORS.get(code or "")
    detail = f.text(error, "detail", "title", limit=300)
    if meaning is None:
        return handover.refused(answer, code, detail)
    if code in TRY_AGAIN:
        return Later(handover.retry_after(answer), detail or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, detail or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What ``GET /v2/messages/{id}`` says of the recipient."""
    path = f"/v2/messages/{quote(sought.provider_message_id, safe='')}"
    url = handover.address(settings, API, path)
    answer = await handover.ask(http, settings, "GET", url, headers=_headers(settings))
    if isinstance(answer, Unanswered):
        return answer
    if answer.status >= 400:
        return Unanswered(f"HTTP {answer.status}")
    body = Request("POST", body=answer.body)
    try:
        found = read(body, settings).receipts
    except Unreadable as error:
        return Unanswered(str(error))
    return next(
        (
            receipt
            for receipt in found
            if receipt.provider_message_id == sought.provider_message_id
            and receipt.to in (None, sought.to.removeprefix("+"))
        ),
        Unanswered("the answer is of another message"),
    )
