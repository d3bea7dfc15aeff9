"""BulkSMS: the JSON REST API with its webhooks, and the older EAPI's push of status reports.

Sources: bulksms.com/developer (webhooks, JSON API, EAPI http_push and get_report).
"""

from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt
from delivrd.providers import bulksms_eapi as eapi
from delivrd.providers import bulksms_webhook as webhook
from delivrd.providers import fields as f
from delivrd.providers import handover, reading
from delivrd.providers.base import (
    FAILURES,
    Accepted,
    AccountSettings,
    Answer,
    Code,
    Http,
    HttpAnswer,
    Outgoing,
    Refused,
    Request,
    Response,
    SentPart,
    Sought,
    Unanswered,
    Unreadable,
    Unsure,
    refine,
)

NAME = "bulksms"
TITLE = "BulkSMS"
DOCS = "https://www.bulksms.com/developer/json/v1/"
CHECKED = "2026-11-27"
API = "https://api.bulksms.com"

NUMBER_IN_KEY = True  # the EAPI's batch_id stands for all recipients of a batch
SECRET_FIELDS = ("pass",)
TEXT_FIELDS = ("body", "value")
MAX_REFERENCE = 20
"""Characters of a ``userSuppliedId``."""

STATUSES = webhook.STATUSES | eapi.STATUSES
ERRORS = webhook.ERRORS

SEND_ERRORS = {
    "bad-request": Code("Bad request", Reason.CONTENT_INVALID),
    "insufficient-credits": Code("Insufficient credits", Reason.ACCOUNT_PROBLEM),
    "not-found": Code("Not found", Reason.OTHER),
}
"""By the last part of the error's ``type``."""

FIELDS = webhook.FIELDS | {f"{name} (EAPI)": said for name, said in eapi.FIELDS.items()}

SETUP = (
    "In the BulkSMS web app, under advanced settings, create an API token; copy its id and secret.",
    'Put them in `delivrd.toml`: `[accounts.bulksms]` with `provider = "bulksms"`, `token_id` and '
    "`token_secret` (or the variable `DELIVRD_ACCOUNTS__BULKSMS__TOKEN_SECRET_FILE`).",
    "BulkSMS signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "While the hub runs, create a webhook for SENT messages in the web app (it is called at once "
    "to test it): `https://YOUR-HOST/webhooks/bulksms/SECRET`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via bulksms --wait 60`.',
)


class Settings(AccountSettings):
    """An account of BulkSMS."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("token_id", "token_secret")

    provider: str = NAME
    token_id: str | None = Field(default=None, description="The API token's id.")
    token_secret: SecretStr | None = Field(default=None, description="The API token's secret.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a webhook's POST (a JSON array), or the receipt in a push by the EAPI (GET).

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        if eapi.is_report(told):
            return eapi.receipt(told, zone, request.received_at)
        made = f.text(webhook.state(told), "date")
        return webhook.receipt(told, times.parse(made, zone, now=request.received_at))

    if request.header("x-bulksms-event") == "incoming-message":
        return Reading(kind="inbound")
    found = reading.read_each(request, one, _other)
    if found.kind == "receipts" and not found.receipts and not found.faults:
        return reading.PROBE  # the empty array with which a new webhook is tested
    return found


def _other(told: f.Fields) -> str | None:
    """An inbound text is RECEIVED, or answers one that was sent; else it has no status, but a text
    or (in the EAPI) a sender."""
    text = "status" not in told and ("body" in told or "sender" in told)
    answers = told.get("relatedSentMessageId")
    return "inbound" if text or answers or told.get("type") == "RECEIVED" else None


def answer(request: Request, reading: Reading) -> Response:
    """At least one character, or the EAPI pushes the report again."""
    return Response(200, b"OK")


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /v1/messages``; one id, whatever the length."""
    content: dict[str, Any] = {
        "to": message.to,
        "from": message.sender,
        "body": message.text,
        "encoding": "UNICODE" if message.unicode else "TEXT",
        "longMessageMaxParts": max(message.segments, 1),
    }
    if len(message.reference) <= MAX_REFERENCE:
        content["userSuppliedId"] = message.reference
    url = handover.address(settings, API, "/v1/messages")
    answer = await handover.call(
        http, settings, "POST", url, json=[content], auth=_credentials(settings)
    )
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _credentials(settings: Settings) -> tuple[str, str]:
    secret = handover.plain(settings.token_secret)
    return settings.token_id or "", secret


def _answer(answer: HttpAnswer) -> Answer:
    try:
        listed = f.of(Request("POST", body=answer.body))
    except Unreadable:
        listed = None
    parts = tuple(part for part in map(_part, f.objects(listed)) if part.provider_message_id)
    if parts:
        return Accepted(parts)
    if answer.status >= 400:
        return _refused(answer)
    return Unsure("the answer contains no message")


def _part(element: f.Fields) -> SentPart:
    state = f.inner(element, "status")
    word = webhook.meaning(state)
    code = f.text(state, "subtype", limit=64)
    found = f.text(element, "id", limit=f.MAX_ID)
    if word is None or word.status not in FAILURES:
        return SentPart(found)
    meaning, reason, _ = refine(word, ERRORS.get(code or ""))
    return SentPart(found, meaning.status, reason, code)


def _refused(answer: HttpAnswer) -> Refused:
    told = handover.fields(answer)
    kind = (f.text(told, "type") or "").rpartition("#")[2]
    words = f.text(told, "detail", "title", limit=300)
    meaning = SEND_ERRORS.get(kind)
    if meaning is None or meaning.reason is None:
        return handover.refused(answer, detail=words)
    return Refused(meaning.reason, kind, words or meaning.words)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The message's status, by ``GET /v1/messages/{id}``."""
    url = handover.address(
        settings, API, "/v1/messages/" + quote(sought.provider_message_id, safe="")
    )
    answer = await handover.ask(http, settings, "GET", url, auth=_credentials(settings))
    if isinstance(answer, Unanswered):
        return answer
    told = handover.fields(answer)
    if answer.status >= 400 or f.text(told, "id") != sought.provider_message_id:
        return Unanswered(f"HTTP {answer.status}, without the message")
    return webhook.receipt(told, None)
