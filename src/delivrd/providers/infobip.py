"""Infobip: delivery reports of its SMS APIs (versions 1 to 3, and the two before), JSON or XML,
and of its Messages API.

Sources: infobip.com/docs/api (receive outbound SMS message report, send SMS message, logs),
/docs/developer-resources/api-fundamentals (message status codes, error code reference).
"""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import code_tables, handover, infobip_oneapi, infobip_xml, reading
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
    Unreadable,
    Unsure,
    Word,
)
from delivrd.providers.code_tables import Codes

NAME = "infobip"
TITLE = "Infobip"
DOCS = "https://www.infobip.com/docs/developer-resources/api-fundamentals/message-status-codes"
CHECKED = "2026-11-27"
API = "https://api.infobip.com"

CALLS_BACK = True
MAX_VALIDITY = DEFAULT_VALIDITY = 48 * 3600

P, U, R = Status.PENDING, Status.UNDELIVERED, Status.REJECTED
GROUPS = {
    "ACCEPTED": Word(P, False),
    "PENDING": Word(P, False),
    "UNDELIVERABLE": Word(U, True),
    "DELIVERED": Word(Status.DELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "REJECTED": Word(R, True),
}
GROUP_IDS = {str(number): name for number, name in enumerate(GROUPS)}

NAMES = {
    "0": ("MESSAGE_ACCEPTED", Word(P, False)),
    "1": ("PENDING_TIME_VIOLATION", Word(P, False)),
    "3": ("PENDING_WAITING_DELIVERY", Word(P, False)),
    "7": ("PENDING_ENROUTE", Word(P, False)),
    "26": ("PENDING_ACCEPTED", Word(P, False)),
    "4": ("UNDELIVERABLE_REJECTED_OPERATOR", Word(R, True)),
    "9": ("UNDELIVERABLE_NOT_DELIVERED", Word(U, True)),
    "31": ("UNDELIVERABLE_NOT_SENT", Word(U, True)),
    "96": ("NO_ANSWER", Word(U, True, Reason.UNREACHABLE)),
    "97": ("BUSY", Word(U, True, Reason.HANDSET_ERROR)),
    "98": ("CANCELLED", Word(U, True, Reason.DELETED)),
    # In the group of what is delivered, but the handset has not confirmed, and a report may follow.
    "2": ("DELIVERED_TO_OPERATOR", Word(P, False)),
    "5": ("DELIVERED_TO_HANDSET", Word(Status.DELIVERED, True)),
    "15": ("EXPIRED_EXPIRED", Word(Status.EXPIRED, True)),
    "22": ("EXPIRED_UNKNOWN", Word(Status.EXPIRED, True)),
    "29": ("EXPIRED_DLR_UNKNOWN", Word(Status.EXPIRED, True)),
    "87": ("SIGNALS_BLOCKED", Word(R, True, Reason.BLOCKED_BY_CARRIER)),
    "6": ("REJECTED_NETWORK", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "8": ("REJECTED_PREFIX_MISSING", Word(R, True, Reason.UNKNOWN_NUMBER)),
    "10": ("REJECTED_DND", Word(R, True, Reason.BLOCKED_BY_RECIPIENT)),
    "11": ("REJECTED_SOURCE", Word(R, True, Reason.SENDER_NOT_ALLOWED)),
    "12": ("REJECTED_NOT_ENOUGH_CREDITS", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "13": ("REJECTED_SENDER", Word(R, True, Reason.SENDER_NOT_ALLOWED)),
    "14": ("REJECTED_DESTINATION_BLOCKLISTED", Word(R, True, Reason.BLOCKED_BY_RECIPIENT)),
    "16": ("REJECTED_NOT_REACHABLE", Word(R, True, Reason.NETWORK_ERROR)),
    "17": ("REJECTED_PREPAID_PACKAGE_EXPIRED", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "18": ("REJECTED_DESTINATION_NOT_REGISTERED", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "19": ("REJECTED_ROUTE_NOT_AVAILABLE", Word(R, True, Reason.ACCOUNT_PROBLEM)),
    "20": ("REJECTED_FLOODING_FILTER", Word(R, True, Reason.THROTTLED)),
    "21": ("REJECTED_SYSTEM_ERROR", Word(R, True, Reason.NETWORK_ERROR)),
    "23": ("REJECTED_DUPLICATE_MESSAGE_ID", Word(R, True, Reason.CONTENT_INVALID)),
    "24": ("REJECTED_INVALID_UDH", Word(R, True, Reason.CONTENT_INVALID)),
    "25": ("REJECTED_MESSAGE_TOO_LONG", Word(R, True, Reason.CONTENT_INVALID)),
    "51": ("MISSING_TO", Word(R, True, Reason.CONTENT_INVALID)),
    "52": ("REJECTED_DESTINATION", Word(R, True, Reason.UNKNOWN_NUMBER)),
    "56": ("REJECTED_INVALID_NOTIFY_URL", Word(R, True, Reason.CONTENT_INVALID)),
    "77": ("REJECTED_MESSAGE_TEXT_TOO_LONG", Word(R, True, Reason.CONTENT_INVALID)),
    "99": ("REJECTED", Word(R, True)),
    "100": ("UNDELIVERABLE_REJECTED_PLATFORM", Word(R, True)),
}
"""The status ids with their names; id 99 has that of its group.

Ids 0, 1, 16 and 22 are in the documentation of version 1 alone.
"""

OLD = {
    "SENT": Word(P, False),
    "NOT_SENT": Word(U, True),
    "NOT_DELIVERED": Word(U, True),
    "NOT_ALLOWED": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "INVALID_DESTINATION_ADDRESS": Word(R, True, Reason.UNKNOWN_NUMBER),
    "INVALID_SOURCE_ADDRESS": Word(R, True, Reason.SENDER_NOT_ALLOWED),
    "INVALID_MESSAGE_FORMAT": Word(R, True, Reason.CONTENT_INVALID),
    "ROUTE_NOT_AVAILABLE": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "NOT_ENOUGH_CREDITS": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "REJECTED_INVALID_DESTINATION": Word(R, True, Reason.UNKNOWN_NUMBER),
}
"""Words of the API before version 1, beside DELIVERED and REJECTED; the last is of version 1."""

SEEN = {"SEEN": Word(Status.DELIVERED, True)}
"""Our word for a seen report (RCS and the like), which has a time and no status."""

STATUSES = GROUPS | dict(NAMES.values()) | OLD | infobip_oneapi.WORDS | SEEN
ERROR_NAMES = {
    name.replace("_", ""): code for name, code in code_tables.named("infobip_names").items()
}


def _numbered(code: str) -> tuple[str, ...]:
    """A code, or the one that has this name."""
    number = ERROR_NAMES.get(code.upper().replace("_", ""))
    return (code,) if number is None else (number,)


ERRORS = Codes(code_tables.load("infobip_codes"), _numbered)

INBOUND = ("receivedAt", "text", "message", "inboundSMSMessageList")
"""What only a text from a handset has."""

SEND_ERRORS = {
    name: Code(name.removeprefix("REJECTED_").replace("_", " ").capitalize(), word.reason)
    for name, word in NAMES.values()
    if word.status is R and word.reason
}
TRY_AGAIN = {"REJECTED_FLOODING_FILTER", "REJECTED_SYSTEM_ERROR"}

FIELDS = {
    "results": "The reports of the request, up to 100 (in XML: a `result`, or a `results`, each).",
    "messageId": "The id of the message, as in the answer to the send.",
    "to, destination": "The recipient's number.",
    "from, sender": "The sender.",
    "status": "`name` is the status word; where it is unknown, `id`, `groupName`, `groupId` tell.",
    "error": "`id` is the error code (0: none), else `name` tells; `permanent` whether the same "
    "would fail again.",
    "doneAt, sentAt": "When it ended, else when it was sent (ISO 8601 with an offset).",
    "seenAt": "When the recipient saw it, in a seen report; there it stands for the status.",
    "mccMnc, mccmnc": "MCC and MNC of the recipient's network.",
    "price": "`pricePerMessage` and `currency`.",
    "callbackData": "The reference that was sent along.",
    "DeliveryReport": "In the API before version 1 (XML): a `message` each, whose attributes `id`, "
    "`status`, `gsmerror`, `price` and `donedate` (zoneless) tell the same.",
    "deliveryInfoNotification": "In the OneAPI: `deliveryInfo` with `messageId`, `address`, "
    "`deliveryStatus` and `price`, and `callbackData`.",
    "smsCount, messageCount": "The number of parts; one id stands for all.",
}

SETUP = (
    "In the Infobip portal, under developer tools, create an API key that may send SMS, and copy "
    "your personal base URL.",
    'Put them in `delivrd.toml`: `[accounts.infobip]` with `provider = "infobip"`, `base_url` and '
    "`api_key` (or the variable `DELIVRD_ACCOUNTS__INFOBIP__API_KEY_FILE`).",
    "By default Infobip signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "Set `public_url` to where this hub is reached: every message then names its own address for "
    "reports. For messages sent elsewhere, subscribe to delivery reports (subscriptions "
    "management) with `https://YOUR-HOST/webhooks/infobip/SECRET`; Basic authentication works too "
    "(`basic_auth`).",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via infobip --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Infobip."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("api_key",)

    provider: str = NAME
    api_key: SecretStr | None = Field(default=None, description="API key that may send SMS.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in ``results``; in the wild, one report also comes by itself.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        status, error, price = (f.inner(told, name) for name in ("status", "error", "price"))
        price = price or {"pricePerMessage": told.get("price"), "currency": told.get("currency")}
        word, meaning = _status(status or {"name": _word(told)})
        code, why = _error(error)
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=meaning,
            permanent=None if code in (None, "0") else f.flag(error, "permanent"),
            provider_message_id=f.message_id(told, "messageId"),
            provider_status=word,
            error_code=code,
            detail=why,
            to=f.number(told, "to", "destination"),
            sender=f.text(told, "from", "sender", limit=64),
            network=_network(told),
            price=f.amount(price, "pricePerMessage"),
            currency=f.text(price, "currency", limit=8),
            occurred_at=times.parse(
                f.text(told, "seenAt", "doneAt", "sentAt"), zone, now=request.received_at
            ),
            reference=f.text(told, "callbackData"),
        )

    told = infobip_oneapi.told(infobip_xml.told(request))
    return reading.read_told(_alone(told), one, _other, _results)


def _word(told: f.Fields) -> Any:
    """The status of a report that has no object for it."""
    status = told.get("status")
    return "SEEN" if status is None and told.get("seenAt") is not None else status


def _status(status: f.Fields) -> tuple[str | None, Word | None]:
    """The most exact word of a status, and what it means: its name, its id, else its group.

    Ids 14 and 52 have both been called REJECTED_DESTINATION: an id that says more counts. Of a name
    that is too new for the table, and stands alone, the beginning is its group.
    """
    name, group = f.text(status, "name", limit=64), f.text(status, "groupName", limit=64)
    by_id = NAMES.get(f.text(status, "id") or "", (None, None))
    by_group = GROUP_IDS.get(f.text(status, "groupId") or "")
    more = name and by_id[0] and by_id[0].startswith(f"{name}_")
    meaning = (None if more else reading.word(STATUSES, name)) or by_id[1]
    groups = (group, by_group, (name or "").partition("_")[0])
    meaning = meaning or next(filter(None, (reading.word(GROUPS, word) for word in groups)), None)
    return name or by_id[0] or group or by_group, meaning


def _error(error: f.Fields) -> tuple[str | None, str | None]:
    """The error's id, and its words where it is one; some pass on its name alone."""
    code, why = f.text(error, "id", "name", limit=64), f.text(error, "description")
    return None if code == "NO_ERROR" else code, None if code in ("0", "NO_ERROR") else why


def _network(told: f.Fields) -> str | None:
    """MCC and MNC together; where nobody knows them, the word null stands there."""
    code = f.text(told, "mccMnc", "mccmnc", limit=16)
    return code if code and code.isdigit() else None


def _other(told: f.Fields) -> str | None:
    """Texts from handsets come in ``results`` too, and have no status; nor has a link's click,
    nor what the recipient deleted after it arrived."""
    if told.get("status") is not None:
        return None
    if "notificationType" in told or told.get("deletedAt") is not None:
        return "other"
    named = any(told.get(name) is not None for name in INBOUND)
    return "inbound" if named else None


def _alone(told: f.Fields | list[Any] | None) -> f.Fields | list[Any] | None:
    """The one result of a request that has no other, else all of it."""
    results = told.get("results") if isinstance(told, dict) else None
    if isinstance(results, dict):
        return results
    lone = f.objects(results)
    return lone[0] if len(lone) == 1 and results == lone else told


def _results(told: f.Fields) -> list[Any] | None:
    if "results" not in told:
        return None
    if not isinstance(told["results"], list):
        raise Unreadable("there is no list of results")
    return told["results"]


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /sms/3/messages``; one id stands for all parts."""
    webhooks: dict[str, Any] = {"callbackData": message.reference}
    if message.callback_url:
        webhooks |= {
            "delivery": {"url": message.callback_url},
            "contentType": "application/json",
        }
    content: dict[str, Any] = {
        "sender": message.sender.removeprefix("+"),
        "destinations": [{"to": message.to.removeprefix("+")}],
        "content": {"text": message.text},
        "webhooks": webhooks,
    }
    if message.validity is not None:
        seconds = min(max(message.validity, 1), MAX_VALIDITY)
        content["options"] = {"validityPeriod": {"amount": seconds, "timeUnit": "SECONDS"}}
    url = handover.address(settings, API, "/sms/3/messages")
    answer = await handover.call(
        http, settings, "POST", url, headers=_app(settings), json={"messages": [content]}
    )
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _app(settings: Settings) -> dict[str, str]:
    key = handover.plain(settings.api_key)
    return {"Authorization": f"App {key}", "Accept": "application/json"}


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if answer.status >= 400:
        # Version 2 folds its errors into requestError; version 3 says errorCode and description.
        error = f.inner(told, "requestError")
        folded = f.inner(error, "serviceException") or f.inner(error, "policyException") or told
        code = f.text(folded, "messageId", "errorCode", limit=64)
        return handover.refused(answer, code, f.text(folded, "text", "description", limit=300))
    elements = f.objects(told.get("messages"))
    parts = tuple(map(_part, elements))
    if any(part.provider_message_id for part in parts):
        return Accepted(parts)
    if not parts or any(part.status is not R for part in parts):
        return Unsure("the answer contains no message")
    if parts[0].error_code in TRY_AGAIN:
        return Later(detail=parts[0].detail)
    return Refused(parts[0].reason or Reason.OTHER, parts[0].error_code, parts[0].detail)


def _part(element: f.Fields) -> SentPart:
    word, meaning = _status(f.inner(element, "status"))
    if meaning is None or meaning.status not in (U, R):
        return SentPart(f.text(element, "messageId", limit=f.MAX_ID))
    detail = f.text(f.inner(element, "status"), "description", limit=300)
    return SentPart(None, R, meaning.reason or Reason.OTHER, word, detail)


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The message in the logs of the last 48 hours (reports themselves are given out only once)."""
    url = handover.address(settings, API, "/sms/3/logs")
    params = {"messageId": sought.provider_message_id}
    answer = await handover.ask(http, settings, "GET", url, headers=_app(settings), params=params)
    if isinstance(answer, Unanswered):
        return answer
    if answer.status != 200:
        return Unanswered(f"HTTP {answer.status}")
    try:
        found = read(Request("POST", body=answer.body), settings).receipts
    except Unreadable:
        return Unanswered("the answer holds no log")
    own = [r for r in found if r.provider_message_id == sought.provider_message_id]
    return own[0] if own else Unanswered("the logs do not hold the message")
