"""Vonage (Nexmo): sends by the SMS API; its receipts and the Messages API's are told by shape.

Sources: developer.vonage.com/messaging/sms (delivery receipts, error codes, signed webhooks);
Nexmo/api-specification ``definitions/sms.yml``; …/verify and …/voice (webhooks); the vendor's SDKs
for signatures.
"""

import hashlib
import hmac
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import handover, reading, signing
from delivrd.providers import vonage_messages as messages
from delivrd.providers import vonage_sms as sms
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
    SentPart,
    Sought,
    Unanswered,
    Unauthentic,
    Unreadable,
    Unsure,
    same,
)

NAME = "vonage"
TITLE = "Vonage (Nexmo)"
DOCS = "https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts"
CHECKED = "2026-11-27"
API = "https://rest.nexmo.com"
REPORTS = "https://api.nexmo.com"

ID_PER_SEGMENT = True
CALLS_BACK = True
PATIENCE = 12.0  # it gives up after 15 seconds
REPLAY_BEHIND = 72 * 3600  # receipts are pushed again for 72 hours, with their first signature
MIN_VALIDITY = 20
MAX_VALIDITY = 604_800
DEFAULT_VALIDITY = 72 * 3600

IDS = {"messageId", messages.ID}
NO_MESSAGE = {"request_id", "conversation_uuid"}
"""The id of a verification, and that of a call: an application's other events hold one."""

STATUSES = sms.STATUSES | messages.STATUSES
ERRORS = sms.ERRORS | messages.ERRORS

SEND_ERRORS = {
    "1": Code("Throttled", Reason.THROTTLED),
    "2": Code("Missing parameters", Reason.CONTENT_INVALID),
    "3": Code("Invalid parameters", Reason.CONTENT_INVALID),
    "4": Code("Invalid credentials", Reason.ACCOUNT_PROBLEM),
    "5": Code("Internal error", Reason.NETWORK_ERROR),
    "6": Code("Invalid message", Reason.CONTENT_INVALID),
    "7": Code("Number barred", Reason.BLOCKED_BY_CARRIER),
    "8": Code("Partner account barred", Reason.ACCOUNT_PROBLEM),
    "9": Code("Partner quota violation", Reason.ACCOUNT_PROBLEM),
    "10": Code("Too many binds", Reason.THROTTLED),
    "11": Code("Account not enabled for HTTP", Reason.ACCOUNT_PROBLEM),
    "12": Code("Message too long", Reason.CONTENT_INVALID),
    "13": Code("Communication failed", Reason.NETWORK_ERROR),
    "14": Code("Invalid signature", Reason.ACCOUNT_PROBLEM),
    "15": Code("Invalid sender address", Reason.SENDER_NOT_ALLOWED),
    "16": Code("Invalid TTL", Reason.CONTENT_INVALID),
    "17": Code("Blocked by the provider", Reason.BLOCKED_BY_CARRIER),
    "19": Code("Facility not allowed", Reason.ACCOUNT_PROBLEM),
    "20": Code("Invalid message class", Reason.CONTENT_INVALID),
    "22": Code("Invalid network code", Reason.CONTENT_INVALID),
    "23": Code("Invalid callback URL", Reason.CONTENT_INVALID),
    "29": Code("Destination not on the trial account's list", Reason.ACCOUNT_PROBLEM),
    "32": Code("Signature and API secret together", Reason.ACCOUNT_PROBLEM),
    "33": Code("Number de-activated", Reason.UNKNOWN_NUMBER),
    "34": Code("Invalid or missing recipient", Reason.UNKNOWN_NUMBER),
    "101": Code("Invalid account for the campaign", Reason.ACCOUNT_PROBLEM),
}
"""By developer.vonage.com/api-errors/sms, and by its predecessors in Nexmo/nexmo-developer."""

TRY_AGAIN = {"1", "5", "10", "13"}
"""Send statuses that the vendor asks to try again, or with which the message was not submitted."""

PROBLEM = ("error-code-label", "error_title", "detail", "title")
"""Where an answer without messages says what is wrong: the last two are those of RFC 7807."""

FIELDS = sms.FIELDS | {f"{name} (Messages API)": said for name, said in messages.FIELDS.items()}

SETUP = (
    "In the Vonage dashboard, under API settings, copy the API key and the API secret.",
    'Put them in `delivrd.toml`: `[accounts.vonage]` with `provider = "vonage"`, `api_key` and '
    "`api_secret` (or the variable `DELIVRD_ACCOUNTS__VONAGE__API_SECRET_FILE`).",
    "Under SMS settings, set the webhook for delivery receipts to "
    "`https://YOUR-HOST/webhooks/vonage` and its method to POST-JSON (GET and POST work too).",
    "Ask Vonage's support to sign webhooks, choose a method (SHA-256 or better) and put the "
    "signature secret in `signature_secret` and its method in `signature_method`; until then, set "
    "a `webhook_secret` and append it to the webhook's address.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via vonage --wait 60`.',
)


class Settings(AccountSettings):
    """An account of the Vonage SMS API."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("api_key", "api_secret")

    provider: str = NAME
    api_key: str | None = Field(default=None, description="API key, from the dashboard.")
    api_secret: SecretStr | None = Field(default=None, description="API secret.")
    signature_secret: Secrets = Field(
        default=(), description="Signature secret of signed webhooks, one or a list (rotation)."
    )
    signature_method: Literal["md5hash", "md5", "sha1", "sha256", "sha512"] = Field(
        default="md5hash", description="How webhooks are signed, as set in the dashboard."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The receipt's signature (or its token), checked with each of the account's secrets.

    Without a ``signature_secret`` in the settings there is nothing to check: None.

    Raises:
        Unauthentic: no signature, a wrong one, or one too old or from the future.
    """
    if not settings.signature_secret:
        return None
    try:
        told = f.of(request)
    except Unreadable as error:
        raise Unauthentic(str(error)) from None
    if isinstance(told, dict) and messages.ID in told:
        return messages.authenticate(request, settings.signature_secret, settings.replay_window)
    if not isinstance(told, dict) or not (given := f.text(told, "sig")):
        raise Unauthentic("there is no signature (sig)")
    secret = _signed_by(told, given, settings)
    behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
    signing.check_age(f.text(told, "timestamp"), request, behind)
    return Authentic(settings.signature_method, secret, f.text(told, "nonce"))


def _signed_by(told: f.Fields, given: str, settings: Settings) -> int:
    method, lower = settings.signature_method, given.lower()
    for position, secret in enumerate(settings.signature_secret):
        key = secret.get_secret_value()
        if key and (
            same(lower, signature(told, key, method))
            or same(lower, signature(_filled(told), key, method))
        ):
            return position
    if len(given) != len(signature({}, "-", method)):
        raise Unauthentic(f"the signature is not of the method {method}: check signature_method")
    raise Unauthentic("the signature does not match")


def _filled(told: f.Fields) -> f.Fields:
    """The fields without blank ones: some of the vendor's SDKs sign them, Java's does not.

    Spaces alone are blank to it, too (``RequestSigning``).
    """
    return {name: value for name, value in told.items() if _literal(value).strip()}


def signature(fields: f.Fields, secret: str, method: str) -> str:
    """The ``sig`` of these fields, in lower-case hex.

    What is signed are all fields but ``sig`` by name; what would part them is replaced in values.
    In names it is not, so a name that holds it could pass for several fields: such are refused.

    Raises:
        Unauthentic: the name of a field contains & or =.
    """
    names = sorted(fields.keys() - {"sig"})
    try:
        base = "&" + "&".join([name + "=" + fields[name] for name in names])
    except TypeError:  # not each of them is a text
        base = ""
    if not base.count("&") == base.count("=") == len(names):
        base = _parted(names, fields)
    signed, key = base.encode(errors="replace"), secret.encode()
    if method == "md5hash":
        return hashlib.md5(signed + key, usedforsecurity=False).hexdigest()
    return hmac.digest(key, signed, method).hex()


def _parted(names: list[str], fields: f.Fields) -> str:
    """What is signed, where a field holds what parts them or is no text."""
    if any("&" in name or "=" in name for name in names):
        raise Unauthentic("a field's name contains & or =")
    return "".join([f"&{name}={_literal(fields[name])}" for name in names])


def _literal(value: object) -> str:
    text = value if isinstance(value, str) else _CONSTANTS.get(str(value), "")
    return text.replace("&", "_").replace("=", "_")


_CONSTANTS = {"True": "true", "False": "false"}


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by GET, POST form or POST JSON (or an array of them).

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        receipt = messages.receipt if messages.ID in told else sms.receipt
        return receipt(told, zone, request.received_at)

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    if sms.is_inbound(told) or messages.is_inbound(told):
        return "inbound"
    return "other" if NO_MESSAGE & told.keys() and not IDS & told.keys() else None


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /sms/json``; each part of a long text has its own id."""
    form = {
        "api_key": settings.api_key or "",
        "api_secret": handover.plain(settings.api_secret),
        "from": message.sender.removeprefix("+"),
        "to": message.to.removeprefix("+"),
        "text": message.text,
        "type": "unicode" if message.unicode else "text",
        "client-ref": message.reference,
    }
    if message.validity is not None:
        seconds = min(max(message.validity, MIN_VALIDITY), MAX_VALIDITY)
        form["ttl"] = str(seconds * 1000)
    if message.callback_url:
        form["callback"] = message.callback_url
    url = handover.address(settings, API, "/sms/json")
    answer = await handover.call(http, settings, "POST", url, form=form)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    elements = f.objects(told.get("messages"))
    if not elements:
        if answer.status >= 400:
            return handover.refused(answer, detail=f.text(told, *PROBLEM))
        return Unsure("the answer contains no message")
    if not all(f.text(element, "status") for element in elements):
        return Unsure("the answer does not say whether the message was accepted")
    parts = tuple(map(_part, elements))
    if any(part.status is Status.PENDING for part in parts):
        nameless = any(p.status is Status.PENDING and not p.provider_message_id for p in parts)
        return Unsure("the answer accepts, but contains no id") if nameless else Accepted(parts)
    again = next((part for part in parts if part.error_code in TRY_AGAIN), None)
    if again:
        return Later(detail=again.detail)
    return Refused(parts[0].reason or Reason.OTHER, parts[0].error_code, parts[0].detail)


def _part(element: f.Fields) -> SentPart:
    status = f.text(element, "status", limit=64)
    network, price = f.text(element, "network", limit=16), f.amount(element, "message-price")
    if status == "0":
        return SentPart(f.text(element, "message-id", limit=f.MAX_ID), price=price, network=network)
    meaning = SEND_ERRORS.get(status or "", Code("Refused", Reason.OTHER))
    detail = f.text(element, "error-text", limit=300) or meaning.words
    return SentPart(None, Status.REJECTED, meaning.reason, status, detail, price, None, network)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What the Reports API knows of a part: `GET /v2/reports/records` by its id.

    https://developer.vonage.com/en/api/reports
    """
    secret = handover.plain(settings.api_secret)
    key = settings.api_key or ""
    query = {"account_id": key, "product": "SMS", "id": sought.provider_message_id}
    url = handover.address(settings, REPORTS, "/v2/reports/records")
    answer = await handover.ask(
        http, settings, "GET", url, params=query | {"direction": "outbound"}, auth=(key, secret)
    )
    if isinstance(answer, Unanswered):
        return answer
    known = f.objects(handover.fields(answer).get("records"))
    if not known:
        return Unanswered(f"HTTP {answer.status}: the report names no such message")
    return sms.reported(known[0], sought.provider_message_id)
