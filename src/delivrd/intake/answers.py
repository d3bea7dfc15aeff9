"""Sends answers, as ASGI messages or as bytes on the wire."""

from collections.abc import Mapping
from http import HTTPStatus

from delivrd.intake.call import Send
from delivrd.intake.head import Headers
from delivrd.providers.base import OK, Response

_OK_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"0")],
}
_OK_BODY = {"type": "http.response.body", "body": b""}


async def respond(send: Send, answer: Response, headers: Mapping[str, str]) -> None:
    """Sends an answer with these headers as ASGI messages."""
    if answer is OK:
        await send(_OK_START)
        await send(_OK_BODY)
        return
    lines = head_of(answer, headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})


class Wire:
    """Renders answers as bytes; caches the empty 200, which nearly all calls get."""

    def __init__(self) -> None:
        self._defaults: Headers = ()
        self._ok = b""

    def render(self, answer: Response, headers: Mapping[str, str], defaults: Headers) -> bytes:
        if answer is not OK:
            return _render(answer, headers, defaults)
        if defaults is not self._defaults:
            self._defaults, self._ok = defaults, _render(OK, headers, defaults)
        return self._ok


def _render(answer: Response, headers: Mapping[str, str], defaults: Headers) -> bytes:
    lines = [b"%s: %s\r\n" % line for line in (*defaults, *head_of(answer, headers))]
    phrase = HTTPStatus(answer.status).phrase.encode()
    start = b"HTTP/1.1 %d %s\r\n" % (answer.status, phrase)
    return b"".join([start, *lines, b"\r\n", answer.body])


def head_of(answer: Response, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer."""
    lines = [(b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        lines.append((b"content-type", answer.content_type.encode()))
    return lines + [(name.encode(), value.encode()) for name, value in headers.items()]
