"""Vonage's SMS API: delivery receipts by POST JSON, POST form or GET; signed if there is a secret.

Sources: developer.vonage.com/messaging/sms (delivery receipts, error codes, signed webhooks).
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import msgspec
from msgspec.structs import replace

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status
from delivrd.core.units import SECOND
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats.base import (
    FORM,
    JSON,
    Option,
    StatusChange,
    address,
    digits,
    known,
    status_change,
    with_query,
    word,
)

NAMES = {
    "vonage-json": "Vonage (Nexmo), by POST JSON",
    "vonage-form": "Vonage (Nexmo), by POST form",
    "vonage-get": "Vonage (Nexmo), by GET",
}
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")
OPTIONS = {
    "api_key": Option("The api-key in the receipts"),
    "signature_secret": Option("Secret of signed webhooks; without it nothing is signed", True),
    "signature_method": Option("How they are signed; sha256 by default", choices=METHODS),
}
BATCHES = False

WORDS = {
    Status.PENDING: "accepted",
    Status.DELIVERED: "delivered",
    Status.UNDELIVERED: "failed",
    Status.REJECTED: "rejected",
    Status.EXPIRED: "expired",
    Status.UNKNOWN: "unknown",
}

NO_FAILURE = {Status.PENDING: "0", Status.DELIVERED: "0", Status.UNKNOWN: "1"}
GENERAL = "99"
FAILED = {
    Reason.UNREACHABLE: "2",
    Reason.UNKNOWN_NUMBER: "3",
    Reason.NOT_MOBILE: "3",
    Reason.BLOCKED_BY_RECIPIENT: "4",
    Reason.HANDSET_ERROR: "7",
    Reason.NETWORK_ERROR: "8",
    Reason.ROAMING: "8",
    Reason.PORTED: "5",
}
"""Codes that do not change the meaning of ``failed``; GENERAL is for all other reasons."""
REFUSED = FAILED | {
    Reason.BLOCKED_BY_RECIPIENT: "9",
    Reason.BLOCKED_BY_CARRIER: "6",
    Reason.SENDER_NOT_ALLOWED: "51",
    Reason.CONTENT_INVALID: "10",
    Reason.ACCOUNT_PROBLEM: "16",
    Reason.THROTTLED: "16",
}
OWN = {str(code) for code in (*range(17), *range(50, 55), 99)}
"""The codes of Vonage's own receipts, which are passed on unchanged."""


def render(events: Sequence[Event], target: Target) -> Call:
    fields = _fields(status_change(events), target)
    url = address(target.url)
    if target.format == "vonage-get":
        return Call("GET", with_query(url, fields), (), b"")
    if target.format == "vonage-form":
        return Call("POST", url, (("content-type", FORM),), _form(fields))
    return Call("POST", url, (("content-type", JSON),), msgspec.json.encode(fields))


def _fields(change: StatusChange, target: Target) -> dict[str, str]:
    """All values are strings. Unknown ones are left out: receivers differ on how to sign blanks."""
    return known(
        {
            "msisdn": digits(change.to) or None,
            "to": digits(change.sender) or None,
            "network-code": change.network,
            "messageId": change.id,
            "price": change.price,
            "status": word(WORDS, change),
            "scts": change.at.strftime("%y%m%d%H%M"),
            "err-code": _code(change),
            "api-key": target.options.get("api_key"),
            "message-timestamp": change.at.strftime("%Y-%m-%d %H:%M:%S"),
            "client-ref": change.reference,
        }
    )


def _code(change: StatusChange) -> str:
    if change.status not in FAILURES:
        return NO_FAILURE[change.status]
    if change.provider == "vonage" and change.code in OWN:
        return change.code
    codes = REFUSED if change.status is Status.REJECTED else FAILED
    return codes.get(change.reason or Reason.OTHER, GENERAL)


def _form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def sign(call: Call, target: Target, now: int) -> Call:
    """Appends time, nonce and ``sig`` to the fields, if there is a secret.

    They are new in each try, so that receivers that accept only recent times accept a late retry.
    """
    secret = target.options.get("signature_secret")
    if not secret:
        return call
    added = {"timestamp": str(now // SECOND), "nonce": _nonce(call, now)}
    method = target.options.get("signature_method", "sha256")
    added["sig"] = signature(_fields_of(call) | added, secret, method)
    if call.method == "GET":
        return replace(call, url=with_query(call.url, added))
    if call.body.startswith(b"{"):
        return replace(call, body=call.body[:-1] + b"," + msgspec.json.encode(added)[1:])
    return replace(call, body=call.body + b"&" + _form(added))


def _nonce(call: Call, now: int) -> str:
    seen = f"{now} {call.url} ".encode() + call.body
    return str(UUID(bytes=hashlib.sha256(seen).digest()[:16]))


def _fields_of(call: Call) -> dict[str, str]:
    if call.body.startswith(b"{"):
        return msgspec.json.decode(call.body, type=dict[str, str])
    text = urlsplit(call.url).query if call.method == "GET" else call.body.decode()
    return dict(parse_qsl(text, keep_blank_values=True))


def signature(fields: Mapping[str, str], secret: str, method: str) -> str:
    """The ``sig`` of these fields, in lower-case hex.

    They are signed in the order of their names, with ``&`` and ``=`` in values replaced by ``_``.
    """
    plain = {name: fields[name].replace("&", "_").replace("=", "_") for name in sorted(fields)}
    base = "".join(f"&{name}={value}" for name, value in plain.items()).encode()
    if method == "md5hash":
        return hashlib.md5(base + secret.encode(), usedforsecurity=False).hexdigest()
    return hmac.digest(secret.encode(), base, method).hex()
