"""HTTP helpers of the dialects: an inbound call, the text to send, an answer, an outbound call."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from delivrd.simulator.accounts import Account
from delivrd.simulator.journal import Call, Push

Complain = Callable[[str], None]
USER_AGENT = "delivrd-simulator"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Inbound(NamedTuple):
    """A call that a gateway received. ``headers`` have lower-case names; ``match`` holds the values
    of the path's placeholders."""

    method: str
    query: str
    content_type: str
    body: bytes
    headers: Mapping[str, str] = _NOTHING
    match: Mapping[str, str] = _NOTHING

    def params(self) -> dict[str, Any]:
        """The parameters of the query, of a form or of a JSON object; later ones win.

        Raises:
            ValueError: the body does not match its content type.
        """
        params: dict[str, Any] = dict(parse_qsl(self.query, keep_blank_values=True))
        if self.method != "POST" or not self.body:
            return params
        if "json" in self.content_type:
            decoded = json.loads(self.body)
            if not isinstance(decoded, dict):
                raise ValueError("the body is not a JSON object")
            return params | decoded
        return params | dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def form(self) -> dict[str, str]:
        """The fields of a form; none of any other body. For gateways that accept only forms."""
        if "form" not in self.content_type:
            return {}
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    def basic(self) -> tuple[str, str]:
        """User and password of HTTP basic authentication; empty if there are none."""
        scheme, _, coded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return user, password


class Send(NamedTuple):
    """One text to one recipient (digits only), as a gateway read the call.

    ``reference`` and ``callback`` are set only if the receipts use them: a hub can then tell by
    them which message a receipt is about.
    """

    to: str
    sender: str
    text: str
    reference: str | None = None
    callback: str | None = None
    validity: float | None = None
    """Seconds."""
    shape: str | None = None
    """The form of its receipts, if the call decides it and not the account."""
    id: str | None = None
    """Its id, if the call sets it."""
    extra: Mapping[str, str] = _NOTHING
    """Other values of the call that the answer or the receipts repeat; empty in a recording."""


class Answer(NamedTuple):
    """A gateway's answer to a send."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Refusal(Exception):
    """The call as a whole is refused, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def digits(number: object, complain: Complain, where: str) -> str:
    """A recipient as digits; for gateways that require it without a plus and spaces."""
    text = str(number).strip()
    if not text.isdigit():
        complain(f"{where}: the recipient should be digits only")
    return "".join(char for char in text if char.isdigit())


def e164(number: object, complain: Complain, where: str) -> str:
    """A recipient as digits; for gateways that require E.164 with a plus."""
    text = str(number)
    if not (text.startswith("+") and text[1:].isdigit()):
        complain(f"{where}: the recipient should be in E.164, with a plus")
    return "".join(char for char in text if char.isdigit())


def address(push: Push, account: Account) -> str:
    """The URL that a receipt goes to: the message's own, else the account's.

    Raises:
        LookupError: there is neither.
    """
    target = push.submission.callback or account.webhook
    if not target:
        raise LookupError(f"no URL is set for {push.submission.dialect}'s receipts")
    return target


def get(url: str, params: Mapping[str, str], headers: Mapping[str, str] = _NOTHING) -> Call:
    joint = "&" if "?" in url else "?"
    return _call("GET", f"{url}{joint}{urlencode(params)}", "", headers)


def post(url: str, content_type: str, body: str, headers: Mapping[str, str] = _NOTHING) -> Call:
    return _call("POST", url, body, {"Content-Type": content_type, **headers})


def post_json(url: str, value: object, headers: Mapping[str, str] = _NOTHING) -> Call:
    return post(url, "application/json", json.dumps(value, ensure_ascii=False), headers)


def _call(method: str, url: str, body: str, headers: Mapping[str, str]) -> Call:
    return Call(method, url, (("User-Agent", USER_AGENT), *headers.items()), body.encode())


def utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def uuid_of(digest: bytes) -> str:
    return str(UUID(bytes=digest[:16], version=4))
