"""Handing a message to a gateway as an account of the provider ``generic`` describes it."""

import re
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.text import short
from delivrd.providers import fields as f
from delivrd.providers import handover
from delivrd.providers.base import (
    Accepted,
    Answer,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    SentPart,
    Unreadable,
    Unsure,
)
from delivrd.providers.generic_settings import PLACEHOLDER, Sending, Settings, at


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over as the settings say."""
    how = settings.send
    if how is None:
        return Refused(Reason.OTHER, None, "the account's settings do not say how to send")
    values = _values(message, settings)
    url = urlsplit(PLACEHOLDER.sub(lambda p: quote(_plain(values[p[1]]), safe=""), how.url))
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    content = _filled(how.content, values)
    if how.format != "json":
        content = {name: _plain(value) for name, value in content.items()}
    sent: dict[str, Any] = {{"query": "params"}.get(how.format, how.format): content}
    sent["headers"] = {n: _plain(v) for n, v in _filled(how.headers, values).items()}
    if how.basic:
        sent["auth"] = (_plain(values["username"]), _plain(values["password"]))
    address = handover.address(settings, f"{url.scheme}://{url.netloc}", path)
    answer = await handover.call(http, settings, how.method, address, **sent)
    return _answer(answer, settings, how) if isinstance(answer, HttpAnswer) else answer


def _values(message: Outgoing, settings: Settings) -> dict[str, Any]:
    return {
        "to": message.to,
        "to_digits": message.to.removeprefix("+"),
        "from": message.sender,
        "text": message.text,
        "reference": message.reference,
        "callback_url": message.callback_url,
        "validity": message.validity,
        "segments": message.segments,
        "unicode": message.unicode,
        "username": settings.username,
        "password": _secret(settings.password),
        "token": _secret(settings.token),
    }


def _secret(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _filled(template: Any, values: dict[str, Any]) -> Any:
    """The template with its placeholders filled; an entry without a value is left out."""
    if isinstance(template, dict):
        filled = {name: _filled(value, values) for name, value in template.items()}
        return {name: value for name, value in filled.items() if value is not None}
    if isinstance(template, list):
        return [_filled(value, values) for value in template]
    if not isinstance(template, str):
        return template
    alone = PLACEHOLDER.fullmatch(template)
    if alone:
        return values[alone[1]]
    return PLACEHOLDER.sub(lambda placeholder: _plain(values[placeholder[1]]), template)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _answer(answer: HttpAnswer, settings: Settings, how: Sending) -> Answer:
    told = _told(answer)
    said = _plain(at(told, how.accepted)) if how.accepted else ""
    refused = answer.status >= 400 or (said and said not in how.accepted_values)
    if refused:
        return _refused(answer, told, settings, how)
    if how.accepted and not said:
        return Unsure(f"the answer contains no {how.accepted}")
    if not (how.id or how.id_pattern):
        return Accepted(())
    found = _message_id(answer, told, how)
    return Accepted((SentPart(found),)) if found else Unsure("the answer contains no id")


def _told(answer: HttpAnswer) -> Any:
    try:
        return f.of(Request("POST", body=answer.body))
    except Unreadable:
        return {}


def _message_id(answer: HttpAnswer, told: Any, how: Sending) -> str | None:
    if how.id:
        return f.text({"id": at(told, how.id)}, "id", limit=f.MAX_ID)
    found = re.search(how.id_pattern, answer.body.decode(errors="replace"))
    return f.text({"id": found[1]}, "id", limit=f.MAX_ID) if found else None


def _refused(answer: HttpAnswer, told: Any, settings: Settings, how: Sending) -> Answer:
    code = short(_plain(at(told, how.code)), 64) if how.code else ""
    detail = short(_plain(at(told, how.detail)), 300) if how.detail else ""
    meaning = settings.code_table.get(code)
    if meaning is not None and meaning.reason is Reason.THROTTLED:
        return Later(detail=detail or meaning.words or None)
    if meaning is not None and meaning.reason is not None:
        return Refused(meaning.reason, code, detail or meaning.words or None)
    if answer.status >= 400:
        return handover.refused(answer, code or None, detail or None)
    return Refused(Reason.OTHER, code or None, detail or None)
