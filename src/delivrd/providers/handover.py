"""Handing a message to a gateway: what every dialect does in the same way.

What matters is whether the gateway has the message. If that is not certain, the result is
:class:`Unsure`, and only a receipt settles it: a text sent twice costs trust and money.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import SecretStr

from delivrd.core.escapes import escaped
from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES
from delivrd.core.text import short
from delivrd.providers import fields as f
from delivrd.providers.base import (
    AccountSettings,
    Code,
    Http,
    HttpAnswer,
    Later,
    NotSent,
    Refused,
    Request,
    SentPart,
    Unanswered,
    Unreadable,
    Unsure,
    Word,
    refine,
)

MAX_WAIT = 3600.0
"""The longest Retry-After that is respected, in seconds."""

_JSON = (("content-type", "application/json"),)


def address(settings: AccountSettings, api: str, path: str) -> str:
    """The URL of a call: ``base_url`` takes the place of the gateway's own scheme and host."""
    return (settings.base_url or api).rstrip("/") + path


def plain(secret: SecretStr | None) -> str:
    """A secret in plain text; an account that only receives may have none."""
    return secret.get_secret_value() if secret else ""


async def call(
    http: Http,
    settings: AccountSettings,
    method: str,
    url: str,
    *,
    not_now: bytes = b"",
    never: bytes = b"",
    **content: Any,
) -> HttpAnswer | Refused | Later | Unsure:
    """The gateway's answer if it can be read (2xx, 4xx), else the result of having none.

    ``not_now`` are the words of a 503 that, by the gateway's documentation, mean "not accepted",
    ``never`` those of a 429 that no waiting mends: its answer is read.
    The account's secrets are removed from the answer, as some gateways repeat them.
    """
    try:
        answer = await http.request(method, url, **content)
    except NotSent as error:
        return Later(detail=_said(error))
    except OSError as error:
        return Unsure(_said(error))
    if answer.status == 429 and not (never and never in answer.body):
        return Later(retry_after(answer), "the gateway answered HTTP 429, too many requests")
    if answer.status == 503 and not_now and not_now in answer.body:
        return Later(retry_after(answer), "the gateway answered HTTP 503, try again later")
    if answer.status >= 500 or answer.status == 408:
        return Unsure(f"the gateway answered HTTP {answer.status}")
    if not 200 <= answer.status < 300 and answer.status < 400:
        return Refused(Reason.OTHER, str(answer.status), "the gateway's address redirects")
    secrets = _secrets(settings, content.get("auth"))
    return answer._replace(body=_without(answer.body, secrets))


async def ask(
    http: Http, settings: AccountSettings, method: str, url: str, **content: Any
) -> HttpAnswer | Unanswered:
    """The answer to a look-up (2xx, 4xx), or why there is none."""
    answer = await call(http, settings, method, url, **content)
    if isinstance(answer, HttpAnswer):
        return answer
    after = answer.after if isinstance(answer, Later) else None
    return Unanswered(answer.detail or "no answer", after)


def _secrets(settings: AccountSettings, auth: tuple[str, str] | None) -> Iterator[str]:
    """What a call may reveal: the account's secrets, and what Basic makes of two of them."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for secret in value if isinstance(value, tuple) else (value,):
            if isinstance(secret, SecretStr) and secret.get_secret_value():
                yield secret.get_secret_value()
    if auth is not None:
        yield base64.b64encode(":".join(auth).encode()).decode()


def _without(body: bytes, secrets: Iterable[str]) -> bytes:
    """The body without the secrets, in whichever form it repeats them."""
    forms = {form.encode() for secret in secrets for form in escaped(secret)}
    for form in sorted(forms, key=len, reverse=True):
        body = body.replace(form, b"***")
    return body


def _said(error: Exception) -> str:
    return short(str(error) or type(error).__name__, 300)


def retry_after(answer: HttpAnswer) -> float | None:
    """The seconds of Retry-After, which may be a date (RFC 9110, 10.2.3); at most an hour."""
    told = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after", "")
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", told.strip()):
        return min(float(told), MAX_WAIT)
    try:
        left = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # a date without a zone, or none
        return None
    return min(max(left, 0.0), MAX_WAIT)


def part(
    message_id: str, word: Word | None, code: str | None = None, meaning: Code | None = None,
    detail: str | None = None,
) -> SentPart:  # fmt: skip
    """The part with this id; failed, where the answer that gives the id says so at once."""
    if word is None or word.status not in FAILURES:
        return SentPart(message_id)
    refined, reason, _ = refine(word, meaning)
    return SentPart(message_id, refined.status, reason, code, detail)


def fields(answer: HttpAnswer) -> f.Fields:
    """The fields of a JSON answer, numbers as text; none if it is not a JSON object."""
    try:
        told = f.of(Request("POST", body=answer.body, headers=_JSON))
    except Unreadable:
        return {}
    return told if isinstance(told, dict) else {}


def refused(answer: HttpAnswer, code: str | None = None, detail: str | None = None) -> Refused:
    """The refusal for a 4xx that the dialect's tables do not explain."""
    reason = Reason.ACCOUNT_PROBLEM if answer.status in (401, 402, 403) else Reason.OTHER
    said = detail or short(answer.body.decode(errors="replace").strip(), 200)
    detail = f"HTTP {answer.status}: {said}" if said else f"HTTP {answer.status}"
    return Refused(reason, code or str(answer.status), detail)
