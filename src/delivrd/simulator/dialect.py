"""What the three dialects share: the shape of a call in, of a text to send, and of an answer."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode

from delivrd.simulator.accounts import Account
from delivrd.simulator.journal import Call, Push, Submission

Complain = Callable[[str], None]
USER_AGENT = "delivrd-simulator"


class Inbound(NamedTuple):
    """A call as it came to a gateway."""

    method: str
    query: str
    content_type: str
    body: bytes

    def params(self) -> dict[str, Any]:
        """The parameters of the query, of a form or of a JSON object; later ones win.

        Raises:
            ValueError: the body is not what its content type says.
        """
        params: dict[str, Any] = dict(parse_qsl(self.query, keep_blank_values=True))
        if self.method != "POST" or not self.body:
            return params
        if "json" in self.content_type:
            decoded = json.loads(self.body)
            if not isinstance(decoded, dict):
                raise ValueError("the body is no JSON object")
            return params | decoded
        return params | dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Send(NamedTuple):
    """One text to one recipient (digits only), as a gateway understood the call."""

    to: str
    sender: str
    text: str
    shape: str
    reference: str | None = None
    callback: str | None = None
    validity: float | None = None
    """Seconds."""


class Answer(NamedTuple):
    """What a gateway says to a send."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Refusal(Exception):
    """The call as a whole is refused, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


class Dialect(Protocol):
    """A gateway's dialect: a module with these names."""

    NAME: str
    PATH: str
    RETRIES: bool
    """Whether a push that was not acknowledged comes again."""
    ID_PER_PART: bool
    REFUSAL: str
    """The code or the words of an ordinary refusal."""
    PARTIAL: str
    """The code with which one part among several is refused; empty where there are no parts."""
    SHAPES: Mapping[str, float]
    """The forms in which its receipts come, with their shares where the account says ``mixed``."""

    def new_id(self, digest: bytes) -> str: ...
    def read(self, call: Inbound, account: Any, complain: Complain) -> list[Send]: ...
    def answer(self, submissions: list[Submission], account: Any) -> Answer: ...
    def receipt(self, push: Push, account: Any, now: float) -> Call: ...


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def digits(number: object, complain: Complain, where: str) -> str:
    """A recipient as digits; the gateways want it without a plus and without spaces."""
    text = str(number).strip()
    if not text.isdigit():
        complain(f"{where}: the recipient should be digits only")
    return "".join(char for char in text if char.isdigit())


def address(push: Push, account: Account) -> str:
    """Where a receipt goes: the message's own address, else the account's.

    Raises:
        LookupError: there is neither.
    """
    target = push.submission.callback or account.webhook
    if not target:
        raise LookupError(f"nobody said where {push.submission.dialect}'s receipts go")
    return target


def get(url: str, params: Mapping[str, str]) -> Call:
    joint = "&" if "?" in url else "?"
    return Call("GET", f"{url}{joint}{urlencode(params)}", (("User-Agent", USER_AGENT),), b"")


def post(url: str, content_type: str, body: str) -> Call:
    headers = (("User-Agent", USER_AGENT), ("Content-Type", content_type))
    return Call("POST", url, headers, body.encode())


def utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
