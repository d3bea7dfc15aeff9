"""46elks: delivery reports as forms, with three fields.

Sources: 46elks.com/docs (send-sms, sms-delivery-reports, show-sms-id, receive-call).
"""

from decimal import Decimal
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import handover, reading
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Code,
    Http,
    HttpAnswer,
    Outgoing,
    Request,
    Sought,
    Unanswered,
    Unreadable,
    Unsure,
    Word,
)

NAME = "46elks"
TITLE = "46elks"
DOCS = "https://46elks.com/docs/sms-delivery-reports"
CHECKED = "2026-11-27"
API = "https://api.46elks.com"

CALLS_BACK = True

STATUSES = {
    "created": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "failed": Word(Status.UNDELIVERED, True),
}

ERRORS: dict[str, Code] = {}
"""Receipts carry no codes."""

FIELDS = {
    "id": "The id of the message, as in the answer to the send.",
    "status": "The status word.",
    "delivered": "When it was delivered (ISO 8601, UTC); of delivered messages only.",
}

SETUP = (
    "In the 46elks dashboard, under Account, copy the API username and password.",
    'Put them in `delivrd.toml`: `[accounts.elks]` with `provider = "46elks"`, `username` and '
    "`password` (or the variable `DELIVRD_ACCOUNTS__ELKS__PASSWORD_FILE`).",
    "46elks signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "Set `public_url` to where this hub is reached: every message then names its own address for "
    "receipts. For messages sent elsewhere, name `https://YOUR-HOST/webhooks/elks/SECRET` as "
    "`whendelivered`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via 46elks --wait 60`.',
)


class Settings(AccountSettings):
    """An account of 46elks."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("username", "password")

    provider: str = NAME
    username: str | None = Field(default=None, description="API username.")
    password: SecretStr | None = Field(default=None, description="API password.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a form (or in the JSON that a look-up answers).

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=f.message_id(told, "id"),
            provider_status=f.text(told, "status", limit=64),
            to=f.number(told, "to"),
            sender=f.text(told, "from", limit=64),
            price=_price(told),
            occurred_at=times.parse(f.text(told, "delivered"), zone, now=request.received_at),
        )

    return reading.read_each(request, one, _other)


def _other(told: f.Fields) -> str | None:
    """Texts from handsets and calls come with the same names, but without a status."""
    if "status" not in told and ("callid" in told or "state" in told):
        return "other"  # a call: as it starts, at each of its actions, and when it ends
    inbound = f.text(told, "direction") == "incoming"
    return "inbound" if inbound or ("message" in told and "status" not in told) else None


def _price(told: f.Fields) -> str | None:
    """The cost in the account's currency; told are its ten-thousandths."""
    cost = f.amount(told, "cost")
    return None if cost is None else format(Decimal(cost).scaleb(-4), "f")


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /a1/sms``; the receipts' address carries the reference."""
    form = {"from": message.sender, "to": message.to, "message": message.text}
    if message.callback_url:
        form["whendelivered"] = message.callback_url
    url = handover.address(settings, API, "/a1/sms")
    answer = await handover.call(http, settings, "POST", url, auth=_auth(settings), form=form)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _auth(settings: Settings) -> tuple[str, str]:
    password = handover.plain(settings.password)
    return settings.username or "", password


def _answer(answer: HttpAnswer) -> Answer:
    if answer.status >= 400:
        return handover.refused(answer)  # in plain words; there are no codes
    told = handover.fields(answer)
    found = f.text(told, "id", limit=f.MAX_ID)
    if found is None:
        return Unsure("the answer contains no message id")
    part = handover.part(found, reading.word(STATUSES, f.text(told, "status")))
    return Accepted((part._replace(price=_price(told)),))


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """What ``GET /a1/sms/{id}`` says."""
    path = f"/a1/sms/{quote(sought.provider_message_id, safe='')}"
    url = handover.address(settings, API, path)
    answer = await handover.ask(http, settings, "GET", url, auth=_auth(settings))
    if isinstance(answer, Unanswered):
        return answer
    if answer.status >= 400:
        return Unanswered(f"HTTP {answer.status}")
    try:
        found = read(Request("POST", body=answer.body), settings).receipts
    except Unreadable as error:
        return Unanswered(str(error))
    if len(found) == 1 and found[0].provider_message_id == sought.provider_message_id:
        return found[0]
    return Unanswered("the answer is of another message")
