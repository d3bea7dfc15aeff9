"""Africa's Talking: bulk SMS and its delivery reports.

Reports have no time and no signature, and come as a form. Sources: the vendor's SMS documentation
(notifications, sending) and its SDKs; public handlers for failure reasons beyond its list.
"""

from typing import ClassVar

from pydantic import Field, SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
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
    SentPart,
    Unsure,
    Word,
)

NAME = "africastalking"
TITLE = "Africa's Talking"
DOCS = "https://developers.africastalking.com/docs/sms/notifications"
CHECKED = "2026-11-27"
API = "https://api.africastalking.com"

STATUSES = {
    "Queued": Word(Status.PENDING, False),
    "Sent": Word(Status.PENDING, False),
    "Submitted": Word(Status.PENDING, False),
    "Buffered": Word(Status.PENDING, False),
    "Success": Word(Status.DELIVERED, True),
    "Delivered": Word(Status.DELIVERED, True),
    "Rejected": Word(Status.REJECTED, True),
    "Failed": Word(Status.UNDELIVERED, True),
    "AbsentSubscriber": Word(Status.UNDELIVERED, True, Reason.UNREACHABLE),
    "Expired": Word(Status.EXPIRED, True),
}
"""The vendor's words; Queued and Delivered are not in its list, but in what its clients expect."""
_WORDS = {word.lower(): meaning for word, meaning in STATUSES.items()}

R = Status.REJECTED
ERRORS = {
    "InsufficientCredit": Code("The subscriber lacks airtime for a premium service", None, R),
    "InvalidLinkId": Code("Wrong link id of an on-demand service", Reason.CONTENT_INVALID, R),
    "UserIsInactive": Code("The subscriber is inactive", Reason.UNREACHABLE),
    "UserInBlackList": Code("The subscriber is blacklisted", Reason.BLOCKED_BY_RECIPIENT, R),
    "UserInBlacklist": Code("The subscriber is blacklisted", Reason.BLOCKED_BY_RECIPIENT, R),
    "UserAccountSuspended": Code("The network suspended the subscriber", Reason.UNREACHABLE),
    "NotNetworkSubcriber": Code("Not a subscriber of this network", Reason.PORTED),
    "NotNetworkSubscriber": Code("Not a subscriber of this network", Reason.PORTED),
    "UserNotSubscribedToProduct": Code(
        "Not subscribed to the product", Reason.BLOCKED_BY_RECIPIENT, R
    ),
    "UserDoesNotExist": Code("The number does not exist", Reason.UNKNOWN_NUMBER),
    "DeliveryFailure": Code("Failed for another reason, or none was given", Reason.OTHER),
    "DoNotDisturbRejection": Code("Do-not-disturb registry", Reason.BLOCKED_BY_RECIPIENT, R),
    "AbsentSubscriber": Code("Phone off or out of coverage", Reason.UNREACHABLE),
    "UserMemoryCapacityExceeded": Code("The handset's memory is full", Reason.HANDSET_ERROR),
    "InvalidPhoneNumber": Code("Invalid phone number", Reason.UNKNOWN_NUMBER, R),
    "InvalidSenderId": Code("Invalid sender id", Reason.SENDER_NOT_ALLOWED, R),
    "RejectedByGateway": Code("Rejected by the gateway", Reason.BLOCKED_BY_CARRIER, R),
}
"""The last five are not in the vendor's list of reasons, but in what handlers in use expect; three
of them are its words for refused sends."""
NO_REASON = {"None", "null"}
"""What is written where there is no failure reason, now and then."""

KINDS = (
    ("DND", Word(R, True, Reason.BLOCKED_BY_RECIPIENT)),
    ("DONOTDISTURB", Word(R, True, Reason.BLOCKED_BY_RECIPIENT)),
    ("BLACKLIST", Word(R, True, Reason.BLOCKED_BY_RECIPIENT)),
    ("INSUFFICIENT", Word(R, True, Reason.ACCOUNT_PROBLEM)),
)
"""What is in further failure reasons; their full list is not published."""

SEND_ERRORS = {
    "401": Code("Held for risk", Reason.ACCOUNT_PROBLEM),
    "402": Code("Invalid sender id", Reason.SENDER_NOT_ALLOWED),
    "403": Code("Invalid phone number", Reason.UNKNOWN_NUMBER),
    "404": Code("Unsupported number type", Reason.NOT_MOBILE),
    "405": Code("Insufficient balance", Reason.ACCOUNT_PROBLEM),
    "406": Code("The subscriber is blacklisted", Reason.BLOCKED_BY_RECIPIENT),
    "407": Code("Could not route", Reason.NETWORK_ERROR),
    "409": Code("Do-not-disturb registry", Reason.BLOCKED_BY_RECIPIENT),
    "500": Code("Internal server error", Reason.NETWORK_ERROR),
    "501": Code("Gateway error", Reason.NETWORK_ERROR),
    "502": Code("Rejected by the gateway", Reason.BLOCKED_BY_CARRIER),
}
TAKEN = {"100", "101", "102"}
NOT_SURE = {"500", "501"}
WHOLE = {"invalidsenderid": "402", "insufficientbalance": "405"}
"""Refusals of the whole request: a word in ``Message``, and no recipients."""

FIELDS = {
    "id, messageId": "The id of the message, as in the answer to the send.",
    "status": "The status word.",
    "phoneNumber": "The recipient's number.",
    "networkCode": "The recipient's network (MCC and MNC).",
    "failureReason": "Why it failed; taken as the error code.",
    "retryCount": "How often a premium message was tried again; not used.",
}

SETUP = (
    "In the Africa's Talking dashboard, copy your username and create an API key.",
    'Put them in `delivrd.toml`: `[accounts.africastalking]` with `provider = "africastalking"`, '
    "`username` and `api_key` (or the variable "
    "`DELIVRD_ACCOUNTS__AFRICASTALKING__API_KEY_FILE`). For the sandbox, set `base_url` to "
    "`https://api.sandbox.africastalking.com`.",
    "Africa's Talking signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "Under SMS, SMS callback URLs, set the one for delivery reports to "
    "`https://YOUR-HOST/webhooks/africastalking/SECRET`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via africastalking --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Africa's Talking."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("username", "api_key")

    provider: str = NAME
    username: str | None = Field(default=None, description="The application's username.")
    api_key: SecretStr | None = Field(default=None, description="API key, from the dashboard.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by POST (GET is read too).

    Raises:
        Unreadable: there is no message id in it.
    """

    def one(told: f.Fields) -> Receipt:
        word = f.text(told, "status", limit=64)
        code = f.text(told, "failureReason", limit=64)
        code = None if code in NO_REASON else code
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=_exact(word, code),
            provider_message_id=f.message_id(told, "id", "messageId"),
            provider_status=word,
            error_code=code,
            to=f.number(told, "phoneNumber"),
            network=f.text(told, "networkCode", limit=16),
        )

    return reading.read_each(request, one, _other)


def _exact(said: str | None, code: str | None) -> Word | None:
    """What a word means with the failure's reason, which may stand in its place."""
    word = _WORDS.get((said or "").lower())
    if word is None:
        failure = reading.meant(ERRORS, said or "")
        return failure and Word(failure.status or Status.UNDELIVERED, True, failure.reason)
    if word.status not in FAILURES or reading.meant(ERRORS, code or ""):
        return word
    return reading.held(KINDS, code) or word


def _other(told: f.Fields) -> str | None:
    """Texts, opt-outs and subscriptions have no status; airtime, calls and USSD have other ids."""
    named = "id" in told or "messageId" in told
    if not named and ("requestId" in told or "sessionId" in told):
        return "other"
    if "status" in told:
        return None
    if "text" in told and "from" in told:
        return "inbound"
    return "other" if "phoneNumber" in told and not named else None


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /version1/messaging``; nothing of ours travels along."""
    form = {
        "username": settings.username or "",
        "to": message.to,
        "message": message.text,
        "from": message.sender.removeprefix("+"),
    }
    key = handover.plain(settings.api_key)
    answer = await handover.call(
        http,
        settings,
        "POST",
        handover.address(settings, API, "/version1/messaging"),
        headers={"apiKey": key, "Accept": "application/json"},  # else it answers in XML
        form=form,
    )
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _answer(answer: HttpAnswer) -> Answer:
    told = f.inner(handover.fields(answer), "SMSMessageData")
    elements = f.objects(told.get("Recipients"))
    said = f.text(told, "Message", limit=300)
    if elements:
        return _one(elements[0])
    code = WHOLE.get((said or "").lower())
    if code:
        return Refused(SEND_ERRORS[code].reason or Reason.OTHER, code, said)
    if answer.status >= 400:
        return handover.refused(answer, detail=said)
    return Unsure(said or "the answer contains no recipient")


def _one(element: f.Fields) -> Answer:
    code = f.text(element, "statusCode", limit=64)
    found = f.text(element, "messageId", limit=f.MAX_ID)
    said = f.text(element, "status", limit=300)
    if code in TAKEN:
        if found in (None, "None"):
            return Unsure("the answer accepts, but contains no id")
        currency, _, price = (f.text(element, "cost", limit=48) or "").partition(" ")
        price_told = f.amount({"price": price}, "price")
        return Accepted((SentPart(found, price=price_told, currency=price_told and currency[:8]),))
    if code is None or code in NOT_SURE:
        return Unsure(said or "the answer contains no status")
    meaning = SEND_ERRORS.get(code, Code("Refused", Reason.OTHER))
    return Refused(meaning.reason or Reason.OTHER, code, said or meaning.words)
