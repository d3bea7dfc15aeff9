"""GatewayAPI's two interfaces at one gateway: REST, and the newer messaging API.

https://gatewayapi.com/docs/apis/rest (send, notifications, their token; also
onlinecity/gatewayapi-docs, with the codes) and https://gatewayapi.com/docs/message/overview (the
messaging API, and its description in OpenAPI).
"""

import base64
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from delivrd.simulator import accounts, segments
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.signing import mark, signing_secret
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    digits,
    json_answer,
    post,
    utc,
    uuid_of,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "gatewayapi"
REST, MESSAGING = "rest", "messaging"
ROUTES = ("POST /rest/mtsms", "POST /mobile/single")
SHAPES = {REST: 0.7, MESSAGING: 0.3}

WORDS = {
    "BUFFERED": PENDING,
    "ENROUTE": PENDING,
    "ACCEPTED": PENDING,
    "DELIVERED": DELIVERED,
    "EXPIRED": EXPIRED,
    "UNDELIVERABLE": UNDELIVERED,
    "SKIPPED": UNDELIVERED,
    "REJECTED": REJECTED,
}

REPORTED_AS = {
    "taken": ("ENROUTE", ""),
    "waiting": ("BUFFERED", ""),
    "delivered": ("DELIVERED", ""),
    "expired": ("EXPIRED", ""),
    "undelivered": ("UNDELIVERABLE", "0x107E"),
    "absent": ("UNDELIVERABLE", "0x1013"),
    "gone": ("UNDELIVERABLE", "0x1021"),
    "unknown_number": ("UNDELIVERABLE", "0x1010"),
    "busy": ("UNDELIVERABLE", "0x1023"),
    "network": ("UNDELIVERABLE", "0x1027"),
    "unroutable": ("UNDELIVERABLE", "0x1050"),
    "general": ("SKIPPED", ""),
    "rejected": ("REJECTED", "0x1030"),
    "spam": ("REJECTED", "0x1035"),
    "spam_failed": ("UNDELIVERABLE", "0x1035"),
    "opted_out": ("UNDELIVERABLE", "0x103C"),
    "header_filter": ("REJECTED", "0x1033"),
    "unknown": ("ACCEPTED", ""),
}
REPORTED_AS_BY_SHAPE = {
    MESSAGING: {"waiting": ("ENROUTE", ""), "general": ("UNDELIVERABLE", "0x1053")}
}

FAILURES = {
    "0x1010": "Unknown subscriber",
    "0x1013": "Absent subscriber",
    "0x1021": "Absent subscriber, IMSI detached",
    "0x1023": "Subscriber busy for MT SMS",
    "0x1027": "System failure",
    "0x1030": "Screening block",
    "0x1033": "Error, originator blocked",
    "0x1035": "Error, keyword blocked",
    "0x103C": "Error, personal service barring, MT",
    "0x1050": "Internal routing error",
    "0x1053": "Message not deliver",
    "0x107E": "Request failed",
}
CODES = {code: REJECTED for code in FAILURES if code.startswith("0x103")}
"""The codes of the group SCREEN: the text was blocked."""

ERRORS = {
    "0x0216": (403, "Insufficient credit"),
    "0x0222": (400, "Missing required parameter %1"),
    "0x0223": (401, "Invalid Consumer Key"),
    "0x0308": (400, "Invalid argument"),
}
MAX_VALIDITY = 432_000


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Receipts are signed when there is a ``signature_secret``, the token of the webhook."""

    token: str | None = None
    signature_secret: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.signature_secret)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        token=plain(settings.token),
        signature_secret=plain(settings.signature_secret),
    )


def new_id(digest: bytes) -> str:
    return str(10**9 + int.from_bytes(digest[:4]))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number; of several, all would have the same id."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme == "Token":
        return [_read_messaging(call, token, account, complain)]
    return [_read_rest(call, account, complain)]


def _read_rest(call: Inbound, account: Account, complain: Complain) -> Send:
    token, password = call.basic()
    if not token or password or (account.token and token != account.token):
        raise _refusal("0x0223")
    try:
        params = call.params()
    except ValueError:
        raise _detail_error(422, "Invalid JSON") from None
    for name in ("message", "recipients"):
        if not params.get(name):
            raise _refusal("0x0222", name)
    sender, text, validity = _sender(params), str(params["message"]), params.get("validity_period")
    if not sender or not isinstance(validity, int | None):
        raise _refusal("0x0308")
    if params.get("encoding", "UTF8") != "UCS2" and not segments.is_gsm(text):
        complain("gatewayapi: a text outside GSM 7-bit was sent without UCS2 and is garbled")
    return Send(
        to=digits(_recipient(params["recipients"]), complain, NAME),
        sender=sender,
        text=text,
        reference=params.get("userref") or None,
        callback=params.get("callback_url") or None,
        validity=validity,
        shape=REST,
    )


def _recipient(listed: Any) -> Any:
    """The number of the only recipient; several in one call are refused."""
    try:
        [recipient] = listed
        return recipient["msisdn"]
    except (TypeError, ValueError, KeyError):
        raise _refusal("0x0308") from None


def _sender(params: dict[str, Any]) -> str:
    """Up to 11 characters, or 12 to 15 digits; empty if it is neither."""
    sender = str(params.get("sender") or "ExampleSMS")
    return sender if len(sender) <= 11 or re.fullmatch(r"\d{12,15}", sender) else ""


def _read_messaging(call: Inbound, token: str, account: Account, complain: Complain) -> Send:
    if not token or (account.token and token != account.token):
        raise _detail_error(401, "Invalid token")
    try:
        params = call.params()
    except ValueError:
        raise _detail_error(422, "JSON decode error") from None
    for name in ("sender", "recipient", "message"):
        if not params.get(name):
            raise _detail_error(422, "Field required")
    if not isinstance(params["recipient"], int) or not _sender(params):
        raise _detail_error(422, "Input should be valid")
    return Send(
        to=digits(params["recipient"], complain, NAME),
        sender=str(params["sender"]),
        text=str(params["message"]),
        reference=params.get("reference") or None,
        validity=_expiration(params.get("expiration")),
        shape=MESSAGING,
    )


def _expiration(duration: Any) -> float | None:
    """The seconds of an ISO 8601 duration; only ``PT…S`` is accepted here."""
    if duration is None:
        return None
    seconds = re.fullmatch(r"PT(\d+)S", str(duration))
    if not seconds or int(seconds[1]) > MAX_VALIDITY:
        raise _detail_error(422, "Input should be a valid duration")
    return float(seconds[1])


def _refusal(code: str, *variables: str) -> Refusal:
    status, message = ERRORS[code]
    body = {"code": code, "incident_uuid": uuid_of(code.encode() * 3), "message": message}
    return Refusal(json_answer(body | ({"variables": variables} if variables else {}), status))


def _detail_error(status: int, message: str) -> Refusal:
    """An error of the messaging API, or one without a code."""
    listed = [{"loc": ["body"], "msg": message, "type": "value_error"}]
    return Refusal(json_answer({"detail": listed if status == 422 else message}, status))


def answer(submissions: list[Submission]) -> Answer:
    [submission] = submissions
    if submission.outcome == "later":
        return _detail_error(429, "Too many requests").answer
    if submission.outcome == "refused":
        messaging = submission.shape == MESSAGING
        return (_detail_error(403, "Forbidden") if messaging else _refusal("0x0216")).answer
    part = submission.parts[0]
    if submission.shape == MESSAGING:
        return json_answer(
            {
                "msg_id": part.id,
                "recipient": int(submission.to),
                "reference": submission.reference,
            },
            202,
        )
    count = segments.count(submission.text)
    cost = round(float(submission.price) * count, 5)
    usage = {"countries": {"DK": count}, "currency": "EUR", "total_cost": cost}
    return json_answer({"ids": [int(part.id or 0)], "usage": usage})


def receipt(push: Push, account: Account, now: float) -> Call:
    """A notification with a JSON web token of its content, or an event with an HMAC of its body."""
    messaging = push.submission.shape == MESSAGING
    report = _event(push, now) if messaging else _notification(push, now)
    body, headers = json.dumps(report, separators=(",", ":")), {}
    if secret := signing_secret(push, account.signature_secret):
        if messaging:
            headers["Signature"] = f"v1={_hmac(secret, body).hex()}"
        else:
            headers["X-Gwapi-Signature"] = token_of(body, secret)
    return post(address(push, account), "application/json", body, headers)


def _notification(push: Push, now: float) -> dict[str, Any]:
    return {
        "id": int(push.part.id or 0),
        "msisdn": int(push.submission.to),
        "time": int(now),
        "status": push.word,
        "error": FAILURES.get(push.code),
        "code": push.code or None,
        "userref": push.submission.reference,
        "callback_url": push.submission.callback,
        "api": 4,
    }


def _event(push: Push, now: float) -> dict[str, Any]:
    error = {"hex_code": push.code, "details": FAILURES[push.code]} if push.code else None
    return {
        "event_id": uuid_of(mark(push)),
        "timestamp": utc(now).isoformat(),
        "event_type": "message.status.sms",
        "event": {
            "msg_id": push.part.id,
            "recipient": int(push.submission.to),
            "reference": push.submission.reference,
            "status": push.word,
            "status_at": utc(now).isoformat(),
            "error": error,
        },
    }


def token_of(claims: str, secret: str) -> str:
    """The JSON web token of these claims (HS256)."""
    header = json.dumps({"typ": "JWT", "alg": "HS256"}, separators=(",", ":"))
    text = f"{_coded(header.encode())}.{_coded(claims.encode())}"
    return f"{text}.{_coded(_hmac(secret, text))}"


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _hmac(secret: str, text: str) -> bytes:
    return hmac.digest(secret.encode(), text.encode(), "sha256")
