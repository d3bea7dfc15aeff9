"""The lane: a fast path that processes complete calls with a known head in batches.

A gateway's calls differ in target and body, hardly in their head. The HTTP parser, a task per call
and ASGI's messages cost more than processing the call itself, mostly because between two system
calls the code drops out of the processor's caches. So calls that arrive at about the same time are
collected and processed together. The lane takes ordinary calls only. All others go through the
parser and :class:`Webhook` as an ASGI app, and only that path refuses calls.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import structlog

from delivrd.intake.answers import Wire
from delivrd.intake.call import Call
from delivrd.intake.head import Headers, Heads
from delivrd.intake.webhook import Webhook
from delivrd.providers.base import Response

log = structlog.get_logger(__name__)

_BEGINS = (b"POST /webhooks/", b"GET /webhooks/")
_LINE = re.compile(rb"(GET|POST) (/webhooks/[\w.~/-]+)(?:\?([!-\"$-~]*))? HTTP/1\.1")
"""A request line whose path has no escapes, which would have to be decoded."""

_NO_HEADERS: Mapping[str, str] = {}


class Caller(Protocol):
    """The connection on which a call arrived."""

    host: str

    def answer(self, content: bytes) -> None:
        """Sends the answer to a call that the lane took."""

    def use_parser(self, data: bytes) -> Headers | None:
        """Gives the data to the parser; returns the headers if it was one complete request."""

    def default_headers(self) -> Headers:
        """The headers that every answer has at the moment."""


class Lane:
    """Processes the ordinary calls of all connections of a process."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook, self.wire = webhook, Wire()
        self._arrived: list[_Turn] = []
        self.taken = 0

    def offer(self, caller: Caller, data: bytes) -> bool:
        """Takes data that looks like a call, and returns whether it does.

        Later ``caller.answer`` is called, or ``caller.use_parser`` if the lane cannot process it.
        """
        if not data.startswith(_BEGINS):
            return False
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._take_all)
        self._arrived.append(_Turn(self, caller, data))
        return True

    def _take_all(self) -> None:
        turns, self._arrived = self._arrived, []
        for turn in turns:
            self._parse(turn)
        self.webhook.process_together([turn for turn in turns if hasattr(turn, "call")])
        left = [turn for turn in turns if not turn.taken]
        self.taken += len(turns) - len(left)
        for turn in left:  # one by one, so that a failure affects no other
            asyncio.get_running_loop().call_soon(turn.use_parser)

    def _parse(self, turn: "_Turn") -> None:
        """Makes a call of the data if its head is known and its body is complete."""
        line, _, rest = turn.data.partition(b"\r\n")
        block, end, body = rest.partition(b"\r\n\r\n")
        found = _LINE.fullmatch(line)
        if found is None or not end:
            return
        path = found[2].decode()
        route = self.webhook.route(path)
        head = route.heads.plain.get(block)
        if not route.plain:
            return
        if head is None:
            turn.new_head = _NewHead(route.heads, block, len(body))
        elif head.length == len(body):
            method, query = found[1].decode(), found[3] or b""
            turn.call = self.webhook.call(route, method, path, query, head, turn.caller.host)
            turn.call.body = body


class _NewHead(NamedTuple):
    """An unknown head, and the length in bytes of the body that came with it."""

    heads: Heads
    block: bytes
    length: int

    def learn(self, headers: Headers) -> None:
        """Remembers how the parser split the head, if both found the same length of the body."""
        if self.heads.of(headers).length == self.length:
            self.heads.learn(self.block, headers)


class _Turn:
    """Data that arrived on a connection; a call made of it is resolved like a future."""

    __slots__ = ("_done", "_lane", "call", "caller", "data", "new_head", "taken")
    call: Call

    def __init__(self, lane: Lane, caller: Caller, data: bytes) -> None:
        self._lane, self.caller, self.data = lane, caller, data
        self.new_head: _NewHead | None = None
        self.taken = self._done = False

    def use_parser(self) -> None:
        headers = self.caller.use_parser(self.data)
        if headers is not None and self.new_head is not None:
            self.new_head.learn(headers)

    def done(self) -> bool:
        return self._done

    def set_result(self, result: None, /) -> None:
        self._respond(self.call.answer)

    def set_exception(self, exception: Exception, /) -> None:
        try:
            self._respond(*self._lane.webhook.ending(self.call, exception))
        except Exception:
            log.exception("a call failed")
            self._respond(Response(500, b"Internal Server Error"))

    def _respond(self, answer: Response, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self._done = True
        self._lane.webhook.bodies.release(self.call.body)
        defaults = self.caller.default_headers()
        self.caller.answer(self._lane.wire.render(answer, headers, defaults))
