"""Sinch: the SMS REST API; delivery receipts of the Conversation API are told by their shape.

Sources: developers.sinch.com/docs/sms/api-reference (webhooks, delivery reports, batches),
/docs/sms/smpp/error-codes, /docs/conversation/callbacks; the vendor's SDKs for signatures.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core import phone, times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import code_tables, handover, reading, signing
from delivrd.providers import fields as f
from delivrd.providers import sinch_reports as reports
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

NAME = "sinch"
TITLE = "Sinch"
DOCS = "https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports/"
CHECKED = "2026-11-27"
API = "https://us.sms.api.sinch.com"

CALLS_BACK = True
NUMBER_IN_KEY = True  # a batch has one id for all its recipients
REPLAY_BEHIND = 48 * 3600  # reports are pushed again for 45.5 hours; no word of a new signature
MAX_VALIDITY = DEFAULT_VALIDITY = 72 * 3600

UNPROVEN = Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)
PAIRS = {("FAILED", "DELIVERY_REPORT_TIME_OUT"): UNPROVEN}
"""No report came in time: that is called a failure, and is none."""

STATUSES = {
    "Queued": Word(Status.PENDING, False),
    "Dispatched": Word(Status.PENDING, False),
    "Delivered": Word(Status.DELIVERED, True),
    "Failed": Word(Status.UNDELIVERED, True),
    "Expired": Word(Status.EXPIRED, True),
    "Rejected": Word(Status.REJECTED, True),
    "Aborted": Word(Status.REJECTED, True),
    "Cancelled": Word(Status.REJECTED, True, Reason.DELETED),
    "Deleted": Word(Status.UNDELIVERED, True, Reason.DELETED),
    "Unknown": UNPROVEN,
    "QUEUED_ON_CHANNEL": Word(Status.PENDING, False),
    "SWITCHING_CHANNEL": Word(Status.PENDING, False),
    "READ": Word(Status.DELIVERED, True),
}

ERRORS = code_tables.load("sinch_codes")

SEND_ERRORS = {
    "syntax_invalid_json": Code("Invalid JSON", Reason.CONTENT_INVALID),
    "syntax_invalid_parameter_format": Code("Invalid parameter", Reason.CONTENT_INVALID),
    "syntax_constraint_violation": Code("Missing or too long", Reason.CONTENT_INVALID),
    "unknown_group": Code("There is no such group", Reason.CONTENT_INVALID),
    "unknown_campaign": Code("Campaign and sender do not fit", Reason.SENDER_NOT_ALLOWED),
    "missing_callback_url": Code("No address for receipts", Reason.CONTENT_INVALID),
    "illegal_number_type": Code("Sender's type barred in the region", Reason.SENDER_NOT_ALLOWED),
    "blocked_account": Code("The account is blocked", Reason.ACCOUNT_PROBLEM),
    "unauthorized": Code("Wrong service plan or token", Reason.ACCOUNT_PROBLEM),
}

FIELDS = {
    "batch_id": "The id in the answer to the send; one for all recipients of a batch.",
    "recipient": "The recipient's number, with or without plus; a public handler has it as `to`.",
    "status": "The status word.",
    "code": "The detailed code; 0 is delivered.",
    "at": "When the status came about (ISO 8601, UTC).",
    "operator_status_at": "The operator's time of it; taken where there is no other.",
    "operator": "MCC and MNC of the network, where the account is set up for it.",
    "applied_originator": "The sender that was chosen from a pool.",
    "client_reference": "The reference that was sent along.",
    "statuses": "In a batch's report: per status its `code` and, in full reports, its "
    "`recipients`. A summary of one status stands for the batch; of several, nobody knows whose.",
    "message_delivery_report (Conversation API)": "`message_id`, `status`, `reason` with its "
    "`code`, and `channel_identity` with the number; its `metadata`, or the `correlation_id` "
    "beside it, is taken as the reference.",
}

SETUP = (
    "In the Sinch dashboard, under SMS, service APIs, copy the service plan id and the API token.",
    'Put them in `delivrd.toml`: `[accounts.sinch]` with `provider = "sinch"`, `service_plan_id`, '
    "`api_token` (or the variable `DELIVRD_ACCOUNTS__SINCH__API_TOKEN_FILE`) and `region`.",
    "Set `public_url` to where this hub is reached: every message then asks for a report per "
    "recipient at its own address. For messages sent elsewhere, set the service plan's default "
    "callback URL to `https://YOUR-HOST/webhooks/sinch`.",
    "Ask Sinch's support to sign callbacks and put the secret in `signature_secret`; until then, "
    "set a `webhook_secret` and append it to the webhook's address.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via sinch --wait 60`.',
)


class Settings(AccountSettings):
    """A service plan of the Sinch SMS REST API."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("service_plan_id", "api_token")

    provider: str = NAME
    service_plan_id: str | None = Field(default=None, description="Id of the service plan.")
    api_token: SecretStr | None = Field(default=None, description="API token of that plan.")
    region: Literal["us", "eu", "au", "br", "ca"] = Field(
        default="us", description="Where the service plan lives."
    )
    signature_secret: Secrets = Field(
        default=(), description="Secret of signed callbacks, one or a list (rotation)."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The signature in the headers, over the body, a nonce and a time.

    Without a ``signature_secret`` in the settings there is nothing to check: None.

    Raises:
        Unauthentic: no signature, a wrong one, or one too old or from the future.
    """
    if not settings.signature_secret:
        return None
    given, algorithm, nonce, stamp = (
        request.header("x-sinch-webhook-signature" + name)
        for name in ("", "-algorithm", "-nonce", "-timestamp")
    )
    if not (given and nonce and stamp):
        raise Unauthentic("there is no signature (x-sinch-webhook-signature…)")
    if algorithm.lower() not in ("", "hmacsha256"):
        raise Unauthentic("it is not signed by HmacSHA256")
    signed = b".".join((request.body, nonce.encode(), stamp.encode()))
    for position, secret in enumerate(settings.signature_secret):
        key = secret.get_secret_value().encode()
        if key and same(given, base64.b64encode(hmac.digest(key, signed, "sha256"))):
            behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
            signing.check_age(stamp, request, behind)
            return Authentic("sha256", position, nonce)
    raise Unauthentic("the signature does not match")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a report per recipient, in a batch's report, or of the Conversation API.

    Raises:
        Unreadable: there is no id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        told = reports.plain(told)
        word, code = f.text(told, "status", limit=64), f.text(told, "code", limit=64)
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=PAIRS.get(((word or "").upper(), (code or "").upper())),
            provider_message_id=f.message_id(told, "batch_id"),
            provider_status=word,
            error_code=code,
            detail=f.text(told, "status_message"),
            to=f.number(told, "recipient", "to"),
            sender=f.text(told, "applied_originator", limit=64),
            network=f.text(told, "operator", limit=16),
            occurred_at=times.parse(
                f.text(told, "at", "operator_status_at"), zone, now=request.received_at
            ),
            reference=f.text(told, "client_reference"),
        )

    return reading.read_each(request, one, reports.other, reports.listed)


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over a batch of one; its receipts come per recipient, at each change."""
    content: dict[str, Any] = {
        "from": message.sender.removeprefix("+"),
        "to": [message.to.removeprefix("+")],
        "body": message.text,
        "delivery_report": "per_recipient",
        "client_reference": message.reference,
    }
    if message.validity is not None:
        seconds = min(max(message.validity, 1), MAX_VALIDITY)
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        content["expire_at"] = until.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if message.callback_url:
        content["callback_url"] = message.callback_url
    answer = await handover.call(
        http, settings, "POST", _url(settings), headers=_bearer(settings), json=content
    )
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _url(settings: Settings, path: str = "") -> str:
    api = API.replace("us.", settings.region + ".", 1)
    plan = quote(settings.service_plan_id or "", safe="")
    return handover.address(settings, api, f"/xms/v1/{plan}/batches{path}")


def _bearer(settings: Settings) -> dict[str, str]:
    token = handover.plain(settings.api_token)
    return {"Authorization": f"Bearer {token}"}


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    code, words = f.text(told, "code", limit=64), f.text(told, "text", limit=300)
    if answer.status >= 400:
        meaning = SEND_ERRORS.get(code or "")
        if meaning is None or meaning.reason is None:
            return handover.refused(answer, code, words)
        return Refused(meaning.reason, code, words or meaning.words)
    batch = f.text(told, "id", limit=f.MAX_ID)
    return Accepted((SentPart(batch),)) if batch else Unsure("the answer contains no batch")


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The report of one recipient of a batch."""
    batch = quote(sought.provider_message_id, safe="")
    url = _url(settings, f"/{batch}/delivery_report/{phone.digits(sought.to)}")
    answer = await handover.ask(http, settings, "GET", url, headers=_bearer(settings))
    if isinstance(answer, Unanswered):
        return answer
    if answer.status != 200:
        return Unanswered(f"HTTP {answer.status}")
    try:
        (receipt,) = read(Request("POST", body=answer.body), settings).receipts
    except (Unreadable, ValueError):
        return Unanswered("the answer holds no report")
    same_one = receipt.provider_message_id == sought.provider_message_id
    return receipt if same_one else Unanswered("the answer is about another batch")
