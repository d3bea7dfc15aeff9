"""How many connections one source may have (rule H3)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from delivrd.config import Limits
from delivrd.intake.connection import connection_class
from tests.support import run


class Peer(asyncio.Transport):
    """The other side of a connection, at an address that no test can call from."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 40_000), "sockname": ("192.0.2.80", 80)})
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def connecting(limit: int) -> Callable[[str], Any]:
    """Makes connections of a server that takes so many of one source."""
    lane: Any = None  # nothing is sent
    kind: Any = connection_class(Limits(connections_per_source=limit), lane)
    config = uvicorn.Config(lambda: None, http=kind, ws="none", log_config=None)
    config.load()

    def connect(host: str) -> Any:
        connection = kind(config, ServerState(), {}, asyncio.get_running_loop())
        connection.connection_made(Peer(host))
        return connection

    return connect


def test_one_source_takes_no_more_connections_than_it_may() -> None:
    async def test() -> None:
        connect = connecting(2)
        mine = [connect("192.0.2.1") for _ in range(3)]
        assert [connection.transport.closed for connection in mine] == [False, False, True]
        assert not connect("192.0.2.2").transport.closed
        for connection in mine[1:]:
            connection.connection_lost(None)
        assert not connect("192.0.2.1").transport.closed

    run(test())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_on_loopback_there_is_no_limit(host: str) -> None:
    """A proxy on this machine makes all calls from there."""

    async def test() -> None:
        connect = connecting(1)
        assert not any(connect(host).transport.closed for _ in range(5))

    run(test())


def test_a_thousand_unless_the_settings_say_another_number() -> None:
    assert Limits().connections_per_source == 1000
