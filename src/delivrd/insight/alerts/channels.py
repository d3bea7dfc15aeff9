"""Sends notices through apprise's services. Their URLs are secrets, and are never shown."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from delivrd.alert_settings import Channel
from delivrd.core.escapes import escaped

if TYPE_CHECKING:
    from apprise import Apprise

TIMEOUT_SECONDS = 20.0
TYPES: Mapping[str, str] = {
    "recovered": "success",
    "failure": "warning",
    "digest": "warning",
    "test": "info",
}
"""Apprise's types of notices; all others are failures."""
MASK = "…"

_log = logging.getLogger("apprise")
_log.propagate = False  # a service's answer may contain its URL: we log it, masked
_log.addHandler(logging.NullHandler())


class Sent(NamedTuple):
    """The outcome of a try; ``why`` is the reason for a failure, None on success."""

    why: str | None

    @property
    def ok(self) -> bool:
        return self.why is None


async def send(channel: Channel, what: str, title: str, body: str) -> Sent:
    """Sends one notice in a thread; gives up after twice `TIMEOUT_SECONDS`."""
    try:
        async with asyncio.timeout(2 * TIMEOUT_SECONDS):
            return await asyncio.to_thread(_send, channel, what, title, body)
    except TimeoutError:
        return Sent(f"no answer within {2 * TIMEOUT_SECONDS:g} s")


def _send(channel: Channel, what: str, title: str, body: str) -> Sent:
    url = channel.url.get_secret_value()
    service = _service(url)
    if service is None:
        return Sent(_unknown(url))
    try:
        result = service.notify(
            body=body, title=title, notify_type=TYPES.get(what, "failure"), body_format="text",
        )  # fmt: skip
    except Exception as error:  # a bug in one service must not stop all notices
        return Sent(masked(f"{type(error).__name__}: {error}", url))
    if result:
        return Sent(None)
    logs = [entry.message for each in getattr(result, "results", ()) for entry in each.logs()]
    return Sent(masked(logs[-1] if logs else "the service did not accept it", url))


def _service(url: str) -> "Apprise | None":
    import apprise  # here, as it takes a tenth of the hub's start

    asset = apprise.AppriseAsset(
        app_id="delivrd", app_desc="delivrd", async_mode=False, secure_logging=True,
        service_timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    service = apprise.Apprise(asset=asset)
    try:
        return service if service.add(url) else None
    except Exception:  # its parsers are many, and one must not stop all notices
        return None


def _unknown(url: str) -> str:
    scheme = _scheme(url)
    return f"its url is not one that apprise knows{f' for {scheme}://' if scheme else ''}"


def _scheme(url: str) -> str:
    """The URL's scheme; empty where it does not look like one and may be part of a secret."""
    scheme = url.partition("://")[0] if "://" in url else ""
    return scheme if re.fullmatch(r"[a-z0-9]{2,20}", scheme) else ""


def trouble(channel: Channel) -> str | None:
    """Why the channel's URL cannot be used; None if it can."""
    url = channel.url.get_secret_value()
    return None if _service(url) is not None else _unknown(url)


def shown(channel: Channel) -> str:
    """The URL with everything but its scheme masked."""
    return f"{_scheme(channel.url.get_secret_value()) or MASK}://{MASK}"


def masked(text: str, url: str) -> str:
    """The text with every part of the URL masked, however the service escapes it."""
    rest = url.partition("://")[2]
    parts = {rest, *re.split(r"[/@:?&=,#]+", rest)}
    forms = {form for part in parts for form in (part, *escaped(unquote(part))) if len(form) > 3}
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(re.escape(form), MASK, text, flags=re.IGNORECASE)
    return " ".join(text.split())[:300].rstrip(". ")
