"""Jasmin: reports by HTTP on the answer to the submit (level 1) and on the receipt (level 2).

What a callback is shows in its fields: ``level`` says 3 now and then. ``connector`` holds an id of
the message centre in level 2, and no connector. Sources: docs.jasminsms.com (HTTP API, RESTful
API), Jasmin's source, callbacks of Jasmin 0.11.1.
"""

import re
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from delivrd.core import smpp_receipt
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.core.text import clean, short
from delivrd.providers import fields as f
from delivrd.providers import handover, reading, smpp_words
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
    Response,
    SentPart,
    Unsure,
    Word,
)

NAME = "jasmin"
TITLE = "Jasmin"
DOCS = "https://docs.jasminsms.com/en/latest/apis/http/index.html"
CHECKED = "2026-11-27"

CALLS_BACK = True
PATIENCE = 25.0
TEXT_FIELDS = ("text", "content")

ACCEPTED = "ESME_ROK"
STATUSES = {
    ACCEPTED: Word(Status.PENDING, False),
    **smpp_words.STATUSES,
    **smpp_words.REFUSALS,
}
"""Level 2 passes on the words of SMPP receipts, level 1 the command_status of the submit."""

ERRORS: dict[str, Code] = {}
"""``err`` is whatever the message centre wrote."""

CUT = {word[:7]: meaning for word, meaning in smpp_words.STATUSES.items()}
"""Of the word in a receipt's text, Jasmin passes on seven letters."""

NOT_TOLD = "ND"
"""The value of a field of level 2 that the receipt does not have."""

REFUSED = Word(Status.REJECTED, True)
"""Any other command_status: the message centre refused the submit."""

SEND_ERRORS = {
    "No route found": Code("There is no route to this number", Reason.NETWORK_ERROR),
    "Authentication failure": Code("Wrong user or password", Reason.ACCOUNT_PROBLEM),
    "Authorization failed": Code("The user may not do this", Reason.ACCOUNT_PROBLEM),
    "Value filter failed": Code("The user may not send this", Reason.ACCOUNT_PROBLEM),
    "Failover route has no bound": Code("No connector of the route is up", Reason.NETWORK_ERROR),
    "Cannot charge submit_sm": Code("Not enough credit", Reason.ACCOUNT_PROBLEM),
    "User throughput exceeded": Code("Too many messages at once", Reason.THROTTLED),
    "Mandatory argument": Code("A parameter is missing", Reason.CONTENT_INVALID),
    "Argument": Code("A parameter is wrong", Reason.CONTENT_INVALID),
}
"""How the words of a refusal begin."""
TRY_AGAIN = {"User throughput exceeded", "Failover route has no bound"}
"""Those with which nothing was taken, and that pass by themselves."""
_NOT_NOW = b"InterceptorPB not"
"""Words of a 503: the script that looks at each message first cannot be asked."""

FIELDS = {
    "id": "The id of the message, as in the answer to the send.",
    "message_status": "The word of the receipt, or the answer to the submit (`ESME_…`).",
    "err": "The message centre's code (level 2); there is no common table.",
    "donedate": "When it reached this status (YYMMDDhhmm); taken as the time of the event.",
    "dlvrd": "The number of parts delivered; taken, as is `err`, where there is no word.",
    "level, connector, id_smsc, subdate, sub": "Not used.",
    "text": "The beginning of the text; cut before the request is kept.",
}

SETUP = (
    "In Jasmin's console, make a user (its password 12 to 16 characters long) and a route; note "
    "where the HTTP API (port 1401) or the RESTful API (port 8080) listens. (Jasmin 0.11.1 of PyPI "
    "sends no receipts by HTTP because of a bug; 0.11.0 does.)",
    'Put them in `delivrd.toml`: `[accounts.jasmin]` with `provider = "jasmin"`, `base_url`, '
    "`username` and `password` (or the variable `DELIVRD_ACCOUNTS__JASMIN__PASSWORD_FILE`), and "
    '`api = "rest"` for the RESTful one.',
    "Jasmin signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "Set `public_url` to where Jasmin reaches this hub: every message then names its own address "
    "for receipts. For messages sent elsewhere, their `dlr-url` is "
    "`https://YOUR-HOST/webhooks/jasmin/SECRET`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via jasmin --wait 60`.',
)

_SUCCESS = re.compile(r'Success\s+\\*"([^"\\\s]{1,200})')
_ERROR = re.compile(r'Error\s+\\*"(.*?)\\*"', re.DOTALL)


class Settings(AccountSettings):
    """An account of a Jasmin gateway."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("base_url", "username", "password")

    provider: str = NAME
    base_url: str | None = Field(
        default=None, description="Where the API listens.", examples=['"http://localhost:1401"']
    )
    username: str | None = Field(default=None, description="User name.")
    password: SecretStr | None = Field(default=None, description="Its password.")
    api: Literal["http", "rest"] = Field(
        default="http", description="The API that `base_url` leads to: http or rest."
    )


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by GET or POST, of any level.

    Raises:
        Unreadable: there is no id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        status = f.text(told, "message_status", limit=64)
        done = f.text(told, "donedate")
        return reading.receipt(
            STATUSES,
            ERRORS,
            pair=_meaning(status) if "message_status" in told else _counted(told),
            provider_message_id=f.message_id(told, "id"),
            provider_status=status,
            error_code=_told(told, "err"),
            occurred_at=smpp_receipt.date(done, zone, now=request.received_at),
        )

    return reading.read_each(request, one, _kind)


def _told(told: f.Fields, name: str) -> str | None:
    value = f.text(told, name, limit=64)
    return None if value == NOT_TOLD else value


def _meaning(status: str | None) -> Word | None:
    found = reading.word(STATUSES, status) or reading.word(CUT, status)
    return REFUSED if found is None and (status or "").upper().startswith("ESME_") else found


def _counted(told: f.Fields) -> Word | None:
    """The status of a callback without a word, which some send: parts delivered, or an error."""
    delivered, error = (_told(told, name) or "0" for name in ("dlvrd", "err"))
    if delivered.isdigit() and int(delivered):
        return STATUSES["DELIVRD"]
    return STATUSES["UNDELIV"] if error.strip("0") else None


def _kind(told: f.Fields) -> str | None:
    """A text from a handset, and the progress of a batch, may come to the same address."""
    if "message_status" in told:
        return None
    if "batchId" in told:
        return "other"
    return "inbound" if "content" in told or "origin-connector" in told else None


def answer(request: Request, reading: Reading) -> Response:
    """The answer that Jasmin expects; after any other it calls again."""
    return Response(200, b"ACK/Jasmin")


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /send`` (a form), or by ``POST /secure/send`` of the RESTful API.

    The last part's id stands for the whole message.
    """
    password = handover.plain(settings.password)
    if settings.api == "rest":
        url = handover.address(settings, "", "/secure/send")
        call = handover.call(
            http, settings, "POST", url,
            json=_content(message), auth=(settings.username or "", password), not_now=_NOT_NOW,
        )  # fmt: skip
    else:
        url = handover.address(settings, "", "/send")
        form = {"username": settings.username or "", "password": password, **_content(message)}
        call = handover.call(http, settings, "POST", url, form=form, not_now=_NOT_NOW)
    answer = await call
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _content(message: Outgoing) -> dict[str, str]:
    # Jasmin passes numbers on unchanged, and SMPP's are digits: the type of number means the plus.
    to, sender = message.to.removeprefix("+"), message.sender.removeprefix("+")
    content = {"to": to, "from": sender, "dlr": "no"}
    if message.unicode:
        content |= {"coding": "8", "hex-content": message.text.encode("utf-16-be").hex()}
    else:
        content |= {"coding": "0", "content": message.text}
    if message.validity:
        content["validity-period"] = str(max(1, message.validity // 60))
    if message.callback_url:
        content |= {"dlr": "yes", "dlr-url": message.callback_url}
        content |= {"dlr-level": "3", "dlr-method": "POST"}
    return content


def _answer(answer: HttpAnswer) -> Answer:
    said = clean(answer.body.decode(errors="replace"))
    taken, refused = _SUCCESS.search(said), _ERROR.search(said)
    if taken and answer.status < 300:
        return Accepted((SentPart(taken[1]),))
    if refused is None:
        if answer.status < 300:
            return Unsure("the answer says neither Success nor Error")
        return handover.refused(answer)
    words = short(refused[1].strip(), 300)
    known = next((start for start in SEND_ERRORS if words.startswith(start)), None)
    if known is None:
        return handover.refused(answer, detail=words)
    if known in TRY_AGAIN:
        return Later(detail=words)
    return Refused(SEND_ERRORS[known].reason or Reason.OTHER, str(answer.status), words)
