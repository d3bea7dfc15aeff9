"""Twilio's Programmable Messaging.

https://www.twilio.com/docs/messaging/api/message-resource (send),
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status (status callbacks) and
https://www.twilio.com/docs/usage/webhooks/webhooks-security (their signature).
"""

import base64
import hmac
import re
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from delivrd.simulator import accounts, segments
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.signing import signing_secret
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    e164,
    json_answer,
    post,
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "twilio"
ROUTES = ("POST /2010-04-01/Accounts/{account}/Messages.json",)
RETRIES = False
"""An answer other than 2xx is only logged in the customer's console."""

WORDS = {
    "sent": PENDING,
    "delivered": DELIVERED,
    "undelivered": UNDELIVERED,
    "failed": UNDELIVERED,
}
CODES = dict.fromkeys(("21610", "30002", "30004", "30007", "30018", "30034"), REJECTED) | {
    "30036": EXPIRED
}

REPORTED_AS = {
    "taken": ("sent", ""),
    "delivered": ("delivered", ""),
    "expired": ("failed", "30036"),
    "undelivered": ("undelivered", "30008"),
    "absent": ("undelivered", "30003"),
    "unknown_number": ("undelivered", "30005"),
    "ported": ("undelivered", "30006"),
    "network": ("failed", "30500"),
    "unroutable": ("undelivered", "30006"),
    "no_credit": ("failed", "30002"),
    "rejected": ("undelivered", "30007"),
    "opted_out": ("failed", "21610"),
    "carrier_block": ("undelivered", "30004"),
    "header_filter": ("failed", "30018"),
    "consent_filter": ("failed", "30034"),
    "unknown": ("sent", ""),
}

ERRORS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    21211: (400, "Invalid 'To' Phone Number: {}"),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' "
        "number: {}",
    ),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
}
MAX_CHARACTERS, MAX_SECONDS = 1600, 36_000


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Callbacks are signed when there is an ``auth_token``."""

    account_sid: str | None = None
    auth_token: str | None = None
    api_key: str | None = None
    api_secret: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.auth_token)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        account_sid=settings.account_sid,
        auth_token=plain(settings.auth_token),
        api_key=settings.api_key,
        api_secret=plain(settings.api_secret),
    )


def new_id(digest: bytes) -> str:
    return "SM" + digest[:16].hex()


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number."""
    _check_credentials(call, account)
    params = call.form()
    for code, names in (
        (21604, ("To",)), (21603, ("From", "MessagingServiceSid")), (21602, ("Body",))
    ):  # fmt: skip
        if not any(params.get(name) for name in names):
            raise _refusal(code)
    if not re.fullmatch(r"\+?[1-9]\d{6,14}", params["To"]):
        raise _refusal(21211, params["To"])
    if len(params["Body"]) > MAX_CHARACTERS:
        raise _refusal(21617)
    seconds = params.get("ValidityPeriod", str(MAX_SECONDS))
    if not (seconds.isdigit() and 1 <= int(seconds) <= MAX_SECONDS):
        complain(f"twilio: a ValidityPeriod of {seconds} is not between 1 and {MAX_SECONDS} s")
    return [
        Send(
            to=e164(params["To"], complain, NAME),
            sender=params.get("From") or params["MessagingServiceSid"],
            text=params["Body"],
            callback=params.get("StatusCallback") or None,
            validity=int(seconds) if seconds.isdigit() else None,
            extra={"account": call.match["account"]},
        )
    ]


def _check_credentials(call: Inbound, account: Account) -> None:
    """Accepts the account's own token or its API key."""
    given = call.basic()
    known = [(account.account_sid, account.auth_token), (account.api_key, account.api_secret)]
    if not all(given) or (account.auth_token and given not in known):
        raise _refusal(20003)
    if account.account_sid and call.match["account"] != account.account_sid:
        raise _refusal(20404)


def _refusal(code: int, *values: str) -> Refusal:
    status, message = ERRORS[code]
    return Refusal(
        json_answer(
            {
                "code": code,
                "message": message.format(*values),
                "more_info": f"https://www.twilio.com/docs/errors/{code}",
                "status": status,
            },
            status,
        )
    )


def answer(submissions: list[Submission]) -> Answer:
    """The message's resource; its price and outcome are not known yet."""
    [submission] = submissions
    if submission.outcome == "later":
        return _refusal(20429).answer
    if submission.outcome == "refused":
        return _refusal(21408, f"+{submission.to}").answer
    sid, owner = submission.parts[0].id, submission.extra["account"]
    service = submission.sender.startswith("MG")
    time = format_datetime(utc(submission.taken_at))
    return json_answer(
        {
            "sid": sid,
            "account_sid": owner,
            "api_version": "2010-04-01",
            "body": submission.text,
            "date_created": time,
            "date_sent": None,
            "date_updated": time,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": None if service else submission.sender,
            "messaging_service_sid": submission.sender if service else None,
            "num_media": "0",
            "num_segments": "0" if service else str(segments.count(submission.text)),
            "price": None,
            "price_unit": "USD",
            "status": "accepted" if service else "queued",
            "to": f"+{submission.to}",
            "uri": f"/2010-04-01/Accounts/{owner}/Messages/{sid}.json",
        },
        201,
    )


def receipt(push: Push, account: Account, now: float) -> Call:
    submission, sid = push.submission, push.part.id or ""
    sender = "MessagingServiceSid" if submission.sender.startswith("MG") else "From"
    fields = {
        "SmsSid": sid,
        "SmsStatus": push.word,
        "MessageStatus": push.word,
        "To": f"+{submission.to}",
        "MessageSid": sid,
        "AccountSid": submission.extra.get("account") or account.account_sid or "AC" + "0" * 32,
        sender: submission.sender,
        "ApiVersion": "2010-04-01",
    }
    if push.code:
        fields["ErrorCode"] = push.code
    if push.meaning is DELIVERED:
        fields["RawDlrDoneDate"] = utc(now).strftime("%y%m%d%H%M")
    url, headers = address(push, account), {}
    if secret := signing_secret(push, account.auth_token):
        headers["X-Twilio-Signature"] = sign(url, fields, secret)
    content_type = "application/x-www-form-urlencoded; charset=UTF-8"
    return post(url, content_type, urlencode(fields), headers)


def sign(url: str, fields: dict[str, str], secret: str) -> str:
    """The signature of the whole URL, followed by the form's fields sorted by name."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
