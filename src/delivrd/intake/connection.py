"""A client's connection: ordinary calls go through the lane, all others to uvicorn's parser."""

from collections import Counter
from typing import Any, ClassVar

from delivrd.config import Limits
from delivrd.intake.head import Headers
from delivrd.intake.lane import Lane
from delivrd.intake.protocol import LimitedProtocol


def connection_class(limits: Limits, lane: Lane) -> type[LimitedProtocol]:
    """A protocol class for uvicorn, whose connections share a lane and these limits."""
    shared = {"limits": limits, "sources": Counter(), "lane": lane}
    return type("Connections", (Connection,), shared)


class Connection(LimitedProtocol):
    """Offers each call to the lane first; data that arrives meanwhile waits for its answer."""

    lane: ClassVar[Lane]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._in_lane = False  # the lane has a call of ours that is not answered yet
        self._queued: list[bytes] = []  # data that arrived after it
        self._idle_since: float | None = None  # time of the lane's last answer
        self._ends = False  # it is closed after the answer in progress

    def data_received(self, data: bytes) -> None:
        self._idle_since = None
        if self._in_lane:
            self._queued.append(data)
            self.flow.pause_reading()
        elif self._is_between_calls() and self.lane.offer(self, data):
            self._in_lane, self._since = True, None
            self._unset_keepalive_if_required()
        else:
            super().data_received(data)

    def _is_between_calls(self) -> bool:
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self._whole is self.scope and not self.flow.write_paused

    def use_parser(self, data: bytes) -> Headers | None:
        """Gives the data to the parser; returns the headers if it was one complete request."""
        if self.transport.is_closing():
            return None
        try:
            super().data_received(data)
        except Exception:  # like asyncio, when a protocol raises
            self.transport.abort()
            raise
        headers = list(self.scope["headers"]) if self._whole is self.scope is not None else None
        if self._ends:
            super().shutdown()
        self._leave_lane()
        return headers

    def default_headers(self) -> Headers:
        """The headers that every answer has at the moment."""
        headers = self.server_state.default_headers
        return [*headers, (b"connection", b"close")] if self._ends else headers

    def answer(self, content: bytes) -> None:
        """Sends the answer to a call that the lane took."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.transport.write(content)
        self._idle_since = self.loop.time()
        if self._ends:
            self.transport.close()
        else:
            self._leave_lane()

    def _leave_lane(self) -> None:
        if self._queued:
            self.loop.call_soon(self._catch_up)
        else:
            self._in_lane = False

    def _catch_up(self) -> None:
        data = b"".join(self._queued)
        self._queued.clear()
        self._in_lane = False
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(data)

    def check_deadline(self, now: float) -> None:
        super().check_deadline(now)
        if self._idle_since is not None and now - self._idle_since > self.timeout_keep_alive:
            self.timeout_keep_alive_handler()

    def shutdown(self) -> None:
        if self._in_lane:
            self._ends = True
        else:
            super().shutdown()
