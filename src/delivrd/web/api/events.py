"""``/v1/events/stream``: events as they happen (server-sent events)."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Response
from starlette.responses import StreamingResponse

from delivrd.core.statement import moment
from delivrd.store.keys import Scope
from delivrd.store.names import event_id
from delivrd.store.stream import Event
from delivrd.web.api.common import PROBLEM, Params
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.stream import Behind, Expired, Streams

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"
RESET = b"event: reset\ndata: {}\n\n"


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["events"], dependencies=[Depends(needs(Scope.READ))])

    @routes.get(
        "/events/stream",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Events, without an end",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **dict.fromkeys((401, 403, 422, 503), PROBLEM),
        },
    )
    async def stream(
        params: Annotated[Params, Query()],
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> Response:
        """Changes of messages; the event name is the type, such as `message.delivered`.

        With `Last-Event-ID` the stream continues after that event. A new stream begins with an `id`
        alone, so that it can be resumed from its beginning. If events after the given id may be
        gone, the first event is `reset`: reload what you show, then follow the stream.
        """
        return StreamingResponse(
            events(context.streams, last_event_id), media_type="text/event-stream"
        )

    return routes


async def events(streams: Streams, last_event_id: str | None) -> AsyncIterator[bytes]:
    """The stream's bytes, until the listener disconnects or falls behind (it reconnects and
    resumes).
    """
    after = None
    if last_event_id:
        after = position(last_event_id)
        if after is None:
            yield RESET
    try:
        async for chunk in _from(streams, after):
            yield chunk
    except Expired:
        yield RESET
        async for chunk in _from(streams, None):
            yield chunk


async def _from(streams: Streams, after: int | None) -> AsyncIterator[bytes]:
    async with streams.listen(after) as listener:
        if after is None:  # an id alone: where to resume, also before the first event
            yield b"id: %d\n\n" % listener.position
        yield HEARTBEAT
        while True:
            try:
                event = await listener.next(HEARTBEAT_SECONDS)
            except Behind:
                return
            yield HEARTBEAT if event is None else written(event)


def position(text: str) -> int | None:
    """The position that a Last-Event-ID names; None if it names none."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def written(event: Event) -> bytes:
    """One event in the wire format of server-sent events."""
    head = {"id": event_id(event.id), "type": event.type, "at": moment(event.created_at)}
    data = msgspec.json.encode({**head, **msgspec.json.decode(event.data)})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.type.encode(), data)
