"""Kannel: the sender chooses the form of the receipts, by the escapes in ``dlr-url``.

The escapes' letters serve as names of fields here, beside those that people commonly choose; an
account's ``fields`` name others. Kannel answers a send without an id: what this hub sends is known
by its own reference, which travels in ``dlr-url``. Sources: Kannel's user guide (sendsms, delivery
reports), its source, and callbacks of Kannel 1.4.5.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import quote, unquote_plus

from pydantic import Field, SecretStr

from delivrd.core import smpp_receipt, times
from delivrd.core.reasons import Reason
from delivrd.core.smpp_receipt import SmppReceipt
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
    Outgoing,
    Refused,
    Request,
    SentPart,
    Unsure,
    Word,
)

NAME = "kannel"
TITLE = "Kannel"
DOCS = "https://www.kannel.org/download/kannel-userguide-snapshot/userguide.html"
CHECKED = "2026-11-23"

CALLS_BACK = True
REUSES_IDS = True

STATUSES = {
    "1": Word(Status.DELIVERED, True),
    "2": Word(Status.UNDELIVERED, True),
    "4": Word(Status.PENDING, False),
    "8": Word(Status.PENDING, False),
    "16": Word(Status.REJECTED, True),
    "32": Word(Status.PENDING, False),
}
"""The value of ``%d``; a callback has one, never the sum that dlr-mask may be."""

ANSWERS = {"ACK": STATUSES["8"], "NACK": STATUSES["16"]}
"""What a reply of Kannel's own says where no field has the value of ``%d``."""

OWN_WORDS = {
    "validity expired": Word(Status.EXPIRED, True),
    "Retries Exceeded": Word(Status.REJECTED, True, Reason.NETWORK_ERROR),
}
"""Words in ``NACK/words``, where the message waited in Kannel itself (gw/bb_smscconn.c)."""

ERRORS = smpp_words.REFUSAL_CODES
"""Codes in ``NACK/code/words``; those of a receipt's ``err:`` are each message centre's own."""

SEND_ERRORS = {
    "Authorization failed for sendsms": Code("Wrong user or password", Reason.ACCOUNT_PROBLEM),
    "Sender missing and no global set, rejected": Code(
        "The sender is missing", Reason.SENDER_NOT_ALLOWED
    ),
    "Number(s) has/have been denied by white- and/or black-lists": Code(
        "The number is on a list of those not to be called", Reason.BLOCKED_BY_RECIPIENT
    ),
    "Not routable. Do not try again": Code(
        "There is no route to this number", Reason.NETWORK_ERROR
    ),
    "Empty text not allowed, rejected": Code("The text is empty", Reason.CONTENT_INVALID),
}
"""The texts with which smsbox refuses a send."""

OURS = "delivrd"
"""The field in which this hub's reference travels."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("F", "foreignid", "fid", "smscmsgid", "messageid", "msgid", "id", "uuid",
           "myid", "smsid", "slid", "smslogid", "mid", "dlrid", "outboxid", "txid", "uniqid",
           "uniqueid", "sentid", "hashid", "extid", "smscprovidedid"),
    "status": ("d", "status", "type", "dlr", "dlrstatus", "dlrtype", "dlrvalue", "dlrmask",
               "dlrreport", "dlrevent", "dlrval", "statusid", "statuscd", "state", "report",
               "event", "delivery"),
    "reply": ("A", "answer", "reply", "dlrmsg", "smscreply", "response"),
    "to": ("p", "q", "to", "receiver", "recipient", "msisdn", "phone", "dest",
           "destination", "dst", "telephone", "mobile", "identity", "bni", "oa", "soa"),
    "sender": ("P", "Q", "from", "sender", "source", "ani", "da"),
    "code": ("B", "err", "error", "errcode", "errorcode", "dlrerr", "reason"),
    "time": ("T", "t", "unixtime", "time", "timestamp", "ts", "date", "sentat", "smsdate",
             "timedate", "tm", "updatedon", "datesent", "dtsent"),
    "reference": ("ref", "reference"),
    "ours": (OURS,),
}  # fmt: skip
"""What a field may be called: by its escape's letter, or by a word in any case and hyphenation.

A receipt's ``%p`` is the recipient, ``%P`` the sender.
"""

TEXTS = {"text", "message", "msg", "content", "body"}
"""What the text of an inbound message may be called, in a ``get-url``."""

TEXT_FIELDS = ("a", "b", *sorted(TEXTS))
RECEIPT_FIELDS = NAMES["reply"]

ESCAPES = "d=%d&A=%A&F=%F&p=%p&P=%P&T=%T"
HEADERS = {"x-kannel-from": "p", "x-kannel-to": "P", "x-kannel-time": "t"}
DLR_MASK = "31"
_NOT_NOW = b"Temporal failure, try again later"
_REFUSED, _INTERMEDIATE = "16", "32"
_NO_VALUE = re.compile(r"\s*(?:%(?:[A-Za-z]|#.*#)|id:[^\s+]*)\s*")
"""An escape that Kannel did not know, and ``%k``: of a reply, its first word."""
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_NACK = re.compile(r"\s*NACK/(?:(0x[0-9A-F]{1,8}|\d{1,10})(?:/|$))?(.*)", re.DOTALL | re.IGNORECASE)
_REFUSAL = re.compile(r"0x[0-9A-F]{1,8}|[0-9]{1,10}", re.IGNORECASE)
_CODE = re.compile(r"[0-9A-Fa-f]{1,8}")
_REPLY = re.compile(r"\bstat(:|%3A)|^\s*N?ACK(/|%2F)", re.IGNORECASE)
"""What tells a reply from other values, whatever its field is called."""
_ANSWER = re.compile(r"\s*(N?ACK)/", re.IGNORECASE)
_NAME, _NUMBER = re.compile(r"[^\d*]+"), re.compile(r"\s*\+?\d+\s*")
_SHORT_CODE, _LONG_NUMBER = re.compile(r"\s*\d{3,6}\s*"), re.compile(r"\s*\+?\d{9,}\s*")
_TAKEN = re.compile(r"[03]: |Sent\.")
"""Accepted or queued; old versions say "Sent."."""

FIELDS = {
    "delivrd": "This hub's reference: the id of what it sent.",
    "F": "`%F`, the message centre's id: the id of what others sent.",
    "d": "`%d`, the kind of report.",
    "A": "`%A`, the message centre's own reply; a `stat:` in it says more than `%d`.",
    "p, P": "`%p` and `%P`, recipient and sender.",
    "B": "`%B`; the error code of the reply, in some builds; taken where the reply has none.",
    "T, t": "`%T` (seconds) or `%t` (date), when Kannel made the report (UTC).",
    "a, b, text, message, msg, content, body": "The text (`%a`, `%b`); cut before the request is "
    "kept.",
}

SETUP = (
    "In Kannel's configuration, take the `username` and `password` of a group `sendsms-user` (of "
    "at least 12 characters), and note where smsbox listens.",
    'Put them in `delivrd.toml`: `[accounts.kannel]` with `provider = "kannel"`, `base_url`, '
    "`username` and `password` (or the variable `DELIVRD_ACCOUNTS__KANNEL__PASSWORD_FILE`).",
    "Kannel signs nothing: set a `webhook_secret` of at least 12 random characters. Every message "
    "names its own address for receipts, made of `public_url`.",
    "In the group `smsbox`, set `http-request-retry = 5` or more: by default a receipt that cannot "
    "be handed over is lost. For messages sent elsewhere, `dlr-url` is your webhook, followed by "
    f"`?{ESCAPES}`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via kannel --wait 60`.',
)


class Settings(AccountSettings):
    """An account of a Kannel smsbox."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("base_url", "username", "password")

    provider: str = NAME
    base_url: str | None = Field(
        default=None, description="Where smsbox listens.", examples=['"http://localhost:13013"']
    )
    username: str | None = Field(default=None, description="User name of a sendsms-user.")
    password: SecretStr | None = Field(default=None, description="Its password.")
    smsc: str | None = Field(default=None, description="The smsc-id to send through.")
    fields: dict[
        Literal["id", "status", "reply", "code", "to", "sender", "time", "reference"], str
    ] = Field(default_factory=dict, description="What the fields of your own dlr-url are called.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by GET or POST.

    A submit that the message centre refused comes without its id: then there is none, unless the
    report bears a reference.

    Raises:
        Unreadable: there is no id in it.
    """
    zone = reading.zone(settings)
    own = settings.fields if isinstance(settings, Settings) else {}

    def one(told: f.Fields) -> Receipt:
        said = _named({**_around(request), **told}, own)
        reply = _reply(said, request)
        text, nack = smpp_receipt.parse(reply), _NACK.fullmatch(reply)
        answered = _ANSWER.match(reply)
        kind = f.text(said, "status", limit=64)
        word = kind or text.stat or (answered and answered[1])
        return reading.receipt(
            STATUSES,
            _table(nack),
            pair=_own(nack) or _meaning(word, text.stat),
            provider_message_id=_id(said, text, refused=bool(nack) or kind == _REFUSED),
            provider_status=word,
            error_code=nack[1] if nack else clean(text.err or "")[:64] or _code(said),
            detail=_detail(text, nack, kind),
            to=f.number(said, "to"),
            sender=f.text(said, "sender"),
            occurred_at=times.parse(f.text(said, "time"), zone, now=request.received_at)
            or smpp_receipt.date(text.done_date, zone, now=request.received_at),
            reference=f.text(said, "ours", "reference"),
        )

    def other(told: f.Fields) -> str | None:
        """A text with a number, and with no word of a delivery, is an inbound one."""
        said = _named({**_around(request), **told}, own)
        text = TEXTS & {_plain(name) for name in told} and (said["sender"] or said["to"])
        return "inbound" if text and not (said["status"] or said["reply"]) else None

    return reading.read_each(request, one, other)


def _around(request: Request) -> dict[str, str]:
    """The fields of a POST besides its body: its headers, and the escapes in its query."""
    told = ((HEADERS.get(name.lower()), value) for name, value in request.headers)
    headers = {name: value for name, value in told if name is not None}
    return headers | f.form(request.query.decode(errors="replace"))


def _named(told: f.Fields, own: Mapping[Any, str]) -> dict[str, Any]:
    """The values by our own names, without what is no value.

    A reply is told by its form where no field has its name, even in a field for the status. Of
    several fields for the status, the first with a value of ``%d`` counts. Where a name or a short
    code is the recipient and a number the sender, the two are called as in an inbound message.
    """
    known = {_plain(name): value for name, value in told.items() if _holds(value)}
    replies = {name: known.pop(name) for name in list(known) if _REPLY.search(known[name])}
    values = {name: value for name, value in known.items() if value.strip() in STATUSES}
    chosen = {name: _first(known, _plain(own.get(name, ""))) for name in NAMES}
    chosen["status"] = chosen["status"] or _first(values, *NAMES["status"])
    said = {name: chosen[name] or _first(known, *names) for name, names in NAMES.items()}
    reply = _first(replies, _plain(own.get("reply", "")), *NAMES["reply"], *NAMES["status"])
    if not reply and said["status"]:
        reply = next(iter(replies.values()), None)
    if _are_swapped(said["to"] or "", said["sender"] or ""):
        said["to"], said["sender"] = said["sender"], said["to"]
    return said | {"reply": reply or said["reply"]}


def _are_swapped(to: str, sender: str) -> bool:
    """Whether the recipient cannot be one, and the sender can."""
    short = _SHORT_CODE.fullmatch(to) and _LONG_NUMBER.fullmatch(sender)
    return bool(short or (_NAME.fullmatch(to) and _NUMBER.fullmatch(sender)))


def _first(known: Mapping[str, str], *names: str) -> str | None:
    """The first of these fields that there is."""
    return next((known[name] for name in names if name in known), None)


def _plain(name: str) -> str:
    """A field's name as a word; a letter is an escape, whose case matters."""
    return name if len(name) < 2 else name.lower().replace("_", "").replace("-", "")


def _holds(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not _NO_VALUE.fullmatch(value)


def _reply(said: f.Fields, request: Request) -> str:
    """The message centre's reply, however often it was encoded; some builds post it as the body."""
    reply = f.text(said, "reply", limit=4000) or ""
    if not reply and request.body[:1] not in (b"{", b"["):
        reply = clean(smpp_receipt.decode(request.body[:4000]))
    encoded = _ENCODED.search(reply) or ("+" in reply and " " not in reply)
    return unquote_plus(reply) if encoded else reply


def _meaning(kind: str | None, stat: str | None) -> Word | None:
    """The report's status: the word in the reply is more exact than Kannel's own value."""
    by_reply = reading.word(smpp_words.STATUSES, stat)
    if by_reply and by_reply.final and kind == _INTERMEDIATE:
        return smpp_words.ON_ITS_WAY
    return by_reply or _by_kind(kind)


def _by_kind(kind: str | None) -> Word | None:
    """What the field for the status says; gateways of Kannel's kind write SMPP's words there."""
    return reading.word(STATUSES | ANSWERS, kind) or reading.word(smpp_words.STATUSES, kind)


def _own(nack: re.Match[str] | None) -> Word | None:
    """What Kannel's own words for a refusal mean."""
    return reading.word(OWN_WORDS, nack[2].strip()) if nack else None


def _table(nack: re.Match[str] | None) -> Mapping[str, Code]:
    """The codes of refusals, with this one as it is written: in either base, of any length."""
    if not nack or not nack[1]:
        return {}
    known = _refusal(nack[1])
    return {**ERRORS, nack[1]: known} if known else ERRORS


def _refusal(code: str) -> Code | None:
    base = 16 if code.lower().startswith("0x") else 10
    return ERRORS.get(f"0x{int(code, base):08x}")


def meaning_of_code(code: str, reason: str | None) -> Code | None:
    """The meaning of a refusal's code, in either base.

    A receipt's ``err:`` may look alike: the code counts only where it gave the reason.
    """
    known = _refusal(code) if _REFUSAL.fullmatch(code) else None
    return known if known and known.reason == reason else None


def _id(said: f.Fields, text: SmppReceipt, *, refused: bool) -> str | None:
    found = {"id": f.text(said, "ours", "id", "reference", limit=f.MAX_ID + 1) or text.id}
    return None if not found["id"] and refused else f.message_id(found, "id")


def _code(said: f.Fields) -> str | None:
    """The code beside the reply; some builds put it where others have billing information."""
    code = f.text(said, "code", limit=64)
    return code if code and _CODE.fullmatch(code) else None


def _detail(text: SmppReceipt, nack: re.Match[str] | None, kind: str | None) -> str | None:
    """The words of a refusal, or the reply's word where Kannel's value says something else."""
    if nack:
        return short(nack[2].strip(), 255) or None
    if kind is None:
        return None
    by_kind, by_reply = _by_kind(kind), reading.word(smpp_words.STATUSES, text.stat)
    agree = by_reply is None or (by_kind is not None and by_kind.status is by_reply.status)
    return None if agree else f"stat:{text.stat}"


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``GET /cgi-bin/sendsms``; of a long text Kannel reports its first segment.

    The answer holds no id, so the reference is the id; without an address for receipts, none comes.
    """
    params = {
        "username": settings.username or "",
        "password": handover.plain(settings.password),
        "from": message.sender,
        "to": message.to,
        "text": message.text,
        "charset": "UTF-8",
        "coding": "2" if message.unicode else "0",
    }
    if settings.smsc:
        params["smsc"] = settings.smsc
    if message.validity:
        params["validity"] = str(max(1, message.validity // 60))
    if message.callback_url:
        params["dlr-mask"] = DLR_MASK
        params["dlr-url"] = _dlr_url(message.callback_url, message.reference)
    url = handover.address(settings, "", "/cgi-bin/sendsms")
    answer = await handover.call(http, settings, "GET", url, params=params, not_now=_NOT_NOW)
    return _answer(answer, message.reference) if isinstance(answer, HttpAnswer) else answer


def _dlr_url(callback_url: str, reference: str) -> str:
    """The address with Kannel's escapes; a percent sign of its own is doubled for Kannel."""
    return f"{callback_url.replace('%', '%%')}?{ESCAPES}&{OURS}={quote(reference)}"


def _answer(answer: HttpAnswer, reference: str) -> Answer:
    said = short(answer.body.decode(errors="replace").strip(), 200)
    if answer.status < 300:
        if _TAKEN.match(said):
            return Accepted((SentPart(reference),))
        return Unsure("the answer does not say that it was accepted")
    meaning = SEND_ERRORS.get(said.rstrip("."))
    if meaning is None or meaning.reason is None:
        return handover.refused(answer)
    return Refused(meaning.reason, str(answer.status), said)
