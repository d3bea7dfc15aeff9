"""What seven's API answers: to a send, and to a look-up.

Sources: docs.seven.io (endpoints sms and status); the vendor's JavaScript client for the codes.
"""

import re

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import fields as f
from delivrd.providers import handover
from delivrd.providers.base import (
    Accepted,
    Answer,
    Code,
    HttpAnswer,
    Refused,
    Request,
    SentPart,
    Unreadable,
    Unsure,
)

SEND_ERRORS = {
    "201": Code("Invalid sender", Reason.SENDER_NOT_ALLOWED),
    "202": Code("Invalid recipient", Reason.UNKNOWN_NUMBER),
    "300": Code("Credentials missing", Reason.ACCOUNT_PROBLEM),
    "301": Code("Recipient missing", Reason.CONTENT_INVALID),
    "304": Code("Type missing", Reason.CONTENT_INVALID),
    "305": Code("Text missing", Reason.CONTENT_INVALID),
    "306": Code("Invalid sender", Reason.SENDER_NOT_ALLOWED),
    "307": Code("URL missing", Reason.CONTENT_INVALID),
    "400": Code("Invalid type", Reason.CONTENT_INVALID),
    "401": Code("Text too long", Reason.CONTENT_INVALID),
    "402": Code("The same text was sent to this number a moment ago", Reason.OTHER),
    "403": Code("The limit for this number is reached", Reason.THROTTLED),
    "500": Code("Not enough credit", Reason.ACCOUNT_PROBLEM),
    "600": Code("The carrier failed", Reason.NETWORK_ERROR),
    "700": Code("Unknown error", Reason.OTHER),
    "801": Code("Logo missing", Reason.CONTENT_INVALID),
    "802": Code("Logo does not exist", Reason.CONTENT_INVALID),
    "803": Code("Ring tone missing", Reason.CONTENT_INVALID),
    "900": Code("Wrong API key", Reason.ACCOUNT_PROBLEM),
    "901": Code("Wrong message id", Reason.CONTENT_INVALID),
    "902": Code("The API is switched off, or the key may not use it", Reason.ACCOUNT_PROBLEM),
    "903": Code("This address may not use the API", Reason.ACCOUNT_PROBLEM),
}
PERHAPS_TAKEN = {"600", "700"}
"""Codes that do not say whether the message went out."""


def of_send(answer: HttpAnswer) -> Answer:
    """What became of a send; the whole answer may be a code alone, and that with HTTP 200."""
    told = handover.fields(answer)
    elements = f.objects(told.get("messages"))
    parts = tuple(map(_part, elements))
    taken = [part for part in parts if part.status is Status.PENDING]
    if taken and answer.status < 400:
        named = all(part.provider_message_id for part in taken)
        return Accepted(parts) if named else Unsure("the answer accepts, but contains no id")
    failed = next((part for part in parts if part.error_code), None)
    if failed:
        return _refused(failed.error_code or "", failed.detail)
    code = _code(answer, told)
    if code in SEND_ERRORS:
        return _refused(code, None)
    if answer.status >= 400:
        return handover.refused(answer)
    return Unsure("the answer contains neither an id nor an error")


def _part(element: f.Fields) -> SentPart:
    code = f.text(element, "error", limit=64)
    if code is None and element.get("success") is not False:
        return SentPart(f.text(element, "id", limit=f.MAX_ID), price=f.amount(element, "price"))
    meaning = SEND_ERRORS.get(code or "", Code("Refused", Reason.OTHER))
    detail = f.text(element, "error_text", limit=300) or meaning.words
    return SentPart(None, Status.REJECTED, meaning.reason, code, detail)


def _code(answer: HttpAnswer, told: f.Fields) -> str:
    """The code of the whole answer, which may be all that it says: ``900``."""
    alone = re.fullmatch(rb'\s*"?(\d{3})"?\s*', answer.body)
    return alone[1].decode() if alone else f.text(told, "success", limit=64) or ""


def _refused(code: str, detail: str | None) -> Refused | Unsure:
    meaning = SEND_ERRORS.get(code, Code("Refused", Reason.OTHER))
    if code in PERHAPS_TAKEN:
        return Unsure(detail or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, detail or meaning.words)


def of_status(answer: HttpAnswer, sought: str) -> tuple[str | None, str | None]:
    """The status and its time: from JSON, or from two lines of text, as older keys get them."""
    if not answer.body.lstrip().startswith((b"{", b"[")):
        lines = answer.body.decode(errors="replace").strip().splitlines()
        word, when = [*lines, None, None][:2]
        return (None if word is None else word.strip('" ')[:64]), when
    try:
        told = f.of(Request("POST", body=answer.body))
    except Unreadable:
        return None, None
    for element in told if isinstance(told, list) else (told,):
        if isinstance(element, dict) and f.text(element, "id", "msg_id") in (None, sought):
            return f.text(element, "status", limit=64), f.text(element, "status_time")
    return None, None
