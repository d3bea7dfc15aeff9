"""Twilio's status callbacks by POST form, signed with the auth token.

Twilio has no word for ``unknown``. A rejected message is ``failed`` with a code for its reason. For
reasons without a code it is the code of filtered messages, which does not mark the number as bad.
Sources: twilio.com/docs (track-outbound-message-status, webhooks-security, error dictionary).
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

from msgspec.structs import replace

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats.base import (
    FORM,
    Option,
    StatusChange,
    address,
    known,
    status_change,
    word,
)

NAMES = {"twilio": "Twilio, by POST form"}
OPTIONS = {
    "auth_token": Option("Auth token that signs the callbacks; without it nothing is signed", True),
    "account_sid": Option("The AccountSid in the callbacks"),
}
BATCHES = False

VERSION = "2010-04-01"
WORDS = {
    Status.PENDING: "sent",
    Status.DELIVERED: "delivered",
    Status.UNDELIVERED: "undelivered",
    Status.REJECTED: "failed",
    Status.EXPIRED: "failed",
}
CANCELED = "canceled"

FAILED = {
    Reason.UNREACHABLE: "30003",
    Reason.ROAMING: "30003",
    Reason.HANDSET_ERROR: "30003",
    Reason.UNKNOWN_NUMBER: "30005",
    Reason.NOT_MOBILE: "30006",
    Reason.NETWORK_ERROR: "30500",
    Reason.THROTTLED: "30001",
}
REFUSED = {
    Reason.UNKNOWN_NUMBER: "21211",
    Reason.NOT_MOBILE: "21614",
    Reason.BLOCKED_BY_RECIPIENT: "21610",
    Reason.SENDER_NOT_ALLOWED: "30018",
    Reason.CONTENT_INVALID: "21618",
    Reason.ACCOUNT_PROBLEM: "30002",
    Reason.THROTTLED: "14107",
}
UNKNOWN_ERROR, FILTERED, TOO_LATE = "30008", "30007", "30036"
CODES: Mapping[Status, tuple[Mapping[Reason, str], str]] = {
    Status.UNDELIVERED: (FAILED, UNKNOWN_ERROR),
    Status.REJECTED: (REFUSED, FILTERED),
    Status.EXPIRED: ({}, TOO_LATE),
}
"""For each failure its codes by reason, and the code of all other reasons."""


def render(events: Sequence[Event], target: Target) -> Call:
    change = status_change(events)
    status = _word(change)
    fields = known(
        {
            "SmsSid": change.id,
            "SmsStatus": status,
            "MessageSid": change.id,
            "MessageStatus": status,
            "To": change.to,
            "From": change.sender,
            "AccountSid": target.options.get("account_sid"),
            "ApiVersion": VERSION,
            "ErrorCode": None if status == CANCELED else _code(change),
            "RawDlrDoneDate": _done(change),
        }
    )
    body = urlencode(fields).encode()
    return Call("POST", address(target.url), (("content-type", FORM),), body)


def _word(change: StatusChange) -> str:
    refused = change.status is Status.REJECTED
    return CANCELED if refused and change.reason is Reason.DELETED else word(WORDS, change)


def _code(change: StatusChange) -> str | None:
    if change.status not in FAILURES:
        return None
    if change.provider == "twilio" and change.code:
        return change.code
    codes, other = CODES[change.status]
    return codes.get(change.reason or Reason.OTHER, other)


def _done(change: StatusChange) -> str | None:
    """When the network finished; None if the status does not come from the network."""
    by_network = change.status in (Status.DELIVERED, Status.UNDELIVERED)
    return change.at.strftime("%y%m%d%H%M") if by_network else None


def sign(call: Call, target: Target, now: int) -> Call:
    """Adds ``X-Twilio-Signature`` of the URL and the fields, if there is a token."""
    token = target.options.get("auth_token")
    if not token:
        return call
    fields = sorted(parse_qsl(call.body.decode(), keep_blank_values=True))
    signed = call.url + "".join(name + value for name, value in fields)
    digest = hmac.digest(token.encode(), signed.encode(), "sha1")
    added = ("X-Twilio-Signature", base64.b64encode(digest).decode())
    return replace(call, headers=(*call.headers, added))
