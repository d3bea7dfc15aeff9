"""GatewayAPI (OnlineCity): the REST, messaging and legacy APIs, told apart by their shapes.

Sources: gatewayapi.com/docs (REST, error codes, webhooks); onlinecity/gatewayapi-docs.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.core.text import short
from delivrd.providers import code_tables, handover, reading, signing
from delivrd.providers import fields as f
from delivrd.providers import gatewayapi_legacy as legacy
from delivrd.providers import gatewayapi_messaging as messaging
from delivrd.providers import gatewayapi_rest as rest
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
)
from delivrd.providers.code_tables import Codes

NAME = "gatewayapi"
TITLE = "GatewayAPI"
DOCS = "https://gatewayapi.com/docs/apis/rest/"
CHECKED = "2026-11-23"
API = rest.API

CALLS_BACK = True
NUMBER_IN_KEY = True  # one id for all recipients of a send
PATIENCE = 4.0  # the newer platform gives up after 5 seconds, the older one after 15
MAX_VALIDITY = messaging.MAX_EXPIRATION  # the REST API tells none
DEFAULT_VALIDITY = MAX_VALIDITY

TOKEN = "x-gwapi-signature"

STATUSES = {
    "UNKNOWN": Word(Status.UNKNOWN, False),
    "SCHEDULED": Word(Status.PENDING, False),
    "BUFFERED": Word(Status.PENDING, False),
    "ENROUTE": Word(Status.PENDING, False),
    "DELIVERED": Word(Status.DELIVERED, True),
    "READ": Word(Status.DELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "DELETED": Word(Status.UNDELIVERED, True, Reason.DELETED),
    "UNDELIVERABLE": Word(Status.UNDELIVERED, True),
    "ACCEPTED": Word(Status.PENDING, False),  # by the network, not by the handset
    "REJECTED": Word(Status.REJECTED, True),
    "SKIPPED": Word(Status.UNDELIVERED, True),
} | legacy.STATUSES


def _in_hex(code: str) -> Iterator[str]:
    """A code without 0x, in any case; one of two digits also comes with an origin before them: 01
    to 10, since the messaging API's (19) have meanings of their own."""
    digits = code.lower().removeprefix("0x").upper()
    yield f"0x{digits}"
    if len(digits) == 4 and digits[:2] <= "10":
        yield f"0x{digits[2:]}"


GENERAL = code_tables.load("gatewayapi_codes", "general")
RECEIPTS = code_tables.load("gatewayapi_codes", "receipts")
ERRORS = Codes(GENERAL | RECEIPTS, _in_hex)

SEND_ERRORS = Codes(
    GENERAL
    | {
        "0x03": Code("Not permitted", Reason.ACCOUNT_PROBLEM),
        "0x07": Code("Permission denied", Reason.ACCOUNT_PROBLEM),
        "0x0210": Code("The username is wrong", Reason.ACCOUNT_PROBLEM),
        "0x0211": Code("The password is wrong", Reason.ACCOUNT_PROBLEM),
        "0x0212": Code("The IP address is not valid", Reason.ACCOUNT_PROBLEM),
        "0x0213": Code("The IP address is not allowed", Reason.ACCOUNT_PROBLEM),
        "0x0214": Code("The same text went to this number just now", Reason.THROTTLED),
        "0x0215": Code("The number is barred", Reason.BLOCKED_BY_RECIPIENT),
        "0x0216": Code("Not enough credit", Reason.ACCOUNT_PROBLEM),
        "0x0217": Code("The country is not allowed", Reason.ACCOUNT_PROBLEM),
        "0x0218": Code("The message class is not known", Reason.CONTENT_INVALID),
        "0x0219": Code("E-mail is not enabled", Reason.ACCOUNT_PROBLEM),
        "0x021A": Code("HLR is not enabled", Reason.ACCOUNT_PROBLEM),
        "0x021B": Code("The phone book is not enabled", Reason.ACCOUNT_PROBLEM),
        "0x021C": Code("MMS is not enabled", Reason.ACCOUNT_PROBLEM),
        "0x021D": Code("SMS is not enabled", Reason.ACCOUNT_PROBLEM),
        "0x021E": Code("The message class is not set up", Reason.ACCOUNT_PROBLEM),
        "0x021F": Code("The operator is not allowed", Reason.ACCOUNT_PROBLEM),
        "0x0220": Code("A parameter is not supported", Reason.CONTENT_INVALID),
        "0x0221": Code("The signature's method is not supported", Reason.ACCOUNT_PROBLEM),
        "0x0222": Code("A parameter is missing", Reason.CONTENT_INVALID),
        "0x0223": Code("The key is not valid", Reason.ACCOUNT_PROBLEM),
        "0x0224": Code("The signature is not valid", Reason.ACCOUNT_PROBLEM),
        "0x0225": Code("The timestamp is too old", Reason.ACCOUNT_PROBLEM),
        "0x0226": Code("The nonce was used", Reason.ACCOUNT_PROBLEM),
        "0x0227": Code("There are no push settings", Reason.ACCOUNT_PROBLEM),
        "0x0228": Code("There is no push setting for this service", Reason.ACCOUNT_PROBLEM),
        "0x0310": Code("A recipient is named twice", Reason.CONTENT_INVALID),
        "0x0311": Code("The priority is not available", Reason.ACCOUNT_PROBLEM),
    },
    _in_hex,
)

FIELDS = (
    rest.FIELDS
    | {f"{name} (messaging API)": said for name, said in messaging.FIELDS.items()}
    | {f"{name} (legacy API)": said for name, said in legacy.FIELDS.items()}
)

SETUP = (
    "In the GatewayAPI dashboard, under API keys, create an API token.",
    'Put it in `delivrd.toml`: `[accounts.gatewayapi]` with `provider = "gatewayapi"` and `token` '
    "(or the variable `DELIVRD_ACCOUNTS__GATEWAYAPI__TOKEN_FILE`). On the European platform, set "
    '`base_url = "https://gatewayapi.eu"`; for the messaging API, `api = "messaging"` (and there '
    '`base_url = "https://messaging.gatewayapi.eu"`).',
    "Under API, Webhooks, add one to `https://YOUR-HOST/webhooks/gatewayapi`, make it the default "
    "for delivery status notifications, and give it a token of at least 12 random characters.",
    "Put that token in `signature_secret`: every notification is signed with it.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via gatewayapi --wait 60`.',
)


class Settings(AccountSettings):
    """An account of GatewayAPI."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("token",)

    provider: str = NAME
    token: SecretStr | None = Field(default=None, description="API token, from the dashboard.")
    api: Literal["rest", "messaging"] = Field(
        default="rest", description="The API to send by; receipts of either are read."
    )
    signature_secret: Secrets = Field(
        default=(), description="The webhook's token, one or a list (rotation)."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The token that repeats the notification, or the messaging API's signature of the body.

    Neither has a time. Without a ``signature_secret`` there is nothing to check: None.

    Raises:
        Unauthentic: there is neither, or it does not match.
    """
    if not settings.signature_secret:
        return None
    if request.header(messaging.SIGNATURE):
        return messaging.authenticate(request, settings.signature_secret)
    token = request.header(TOKEN)
    if not token:
        raise Unauthentic("there is no signature (X-Gwapi-Signature or Signature)")
    claims, secret = signing.signed_token(token, settings.signature_secret, signing.HMACS)
    if not _says(request, claims):
        raise Unauthentic("the token is not for this notification")
    return Authentic("jwt", secret)


def _says(request: Request, claims: Mapping[str, Any]) -> bool:
    """Whether the request says what was signed; compared is what would be read of either."""
    try:
        return _told(request) == f.of(Request("POST", body=json.dumps(claims).encode()))
    except Unreadable:
        return False


def _told(request: Request) -> f.Fields | list[Any] | None:
    """What the request says: where it has no body, the token, which is the notification too."""
    token = request.header(TOKEN)
    if request.body or request.method != "POST" or not token:
        return f.of(request)
    return f.of(Request("POST", body=signing.payload(token)))


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a notification of the REST or legacy API, or in a messaging API's event.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return _receipt(_api(told).told(told), zone, request.received_at)

    return reading.read_told(_told(request), one, lambda told: _api(told).other(told))


def _api(told: f.Fields) -> Any:
    """The module of the API that a call comes from."""
    if messaging.EVENT in told:
        return messaging
    return legacy if legacy.ID in told else rest


def _receipt(told: dict[str, Any], zone: tzinfo, now: datetime | None) -> Receipt:
    happened = times.parse(told.pop("occurred_at", None), zone, now=now)
    return reading.receipt(STATUSES, ERRORS, occurred_at=happened, **told)


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by the API of the settings; one id, whatever the length."""
    hand_over = messaging.hand_over if settings.api == "messaging" else rest.hand_over
    answer = await hand_over(message, settings, _token(settings), http)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _token(settings: Settings) -> str:
    return handover.plain(settings.token)


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if answer.status >= 400:
        return _refused(answer, told)
    ids, usage = told.get("ids"), f.inner(told, "usage")
    first = {"id": ids[0]} if isinstance(ids, list) and ids else {"id": told.get("msg_id")}
    found = f.text(first, "id", limit=f.MAX_ID)
    if found is None:
        return Unsure("the answer contains no message id")
    price, currency = f.amount(usage, "total_cost"), f.text(usage, "currency", limit=8)
    return Accepted((SentPart(found, price=price, currency=currency),))


def _refused(answer: HttpAnswer, told: f.Fields) -> Refused:
    code, detail = f.text(told, "code", limit=64), f.text(told, "message", limit=300)
    variables = told.get("variables")
    for position, value in enumerate(variables if isinstance(variables, list) else (), 1):
        detail = detail and short(detail.replace(f"%{position}", str(value)), 300)
    meaning: Code | None = SEND_ERRORS.get(code or "")
    if meaning is None:
        return handover.refused(answer, code, detail or messaging.complaint(told))
    return Refused(meaning.reason or Reason.OTHER, code, detail or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What ``GET /rest/mtsms/{id}`` says of the recipient; the messaging API has no look-up."""
    if settings.api == "messaging":
        return Unanswered("the messaging API has no look-up")
    path = f"/rest/mtsms/{quote(sought.provider_message_id, safe='')}"
    url, auth = handover.address(settings, API, path), (_token(settings), "")
    answer = await handover.ask(http, settings, "GET", url, auth=auth)
    if isinstance(answer, Unanswered):
        return answer
    if answer.status >= 400:
        return Unanswered(f"HTTP {answer.status}")
    for recipient in rest.recipients(answer, sought.provider_message_id):
        if f.number(recipient, "msisdn") == sought.to.removeprefix("+"):
            told = rest.looked_up(recipient, sought.provider_message_id)
            return _receipt(told, reading.zone(settings), None)
    return Unanswered("the answer contains no such recipient")
