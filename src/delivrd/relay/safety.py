"""No call reaches the inside of our own network (rule H6): the last check, at the socket.

What a URL shows is checked when it is given; what its name resolves to may change at any look-up.
So the address is judged where the socket for it is made: it is the very address that is connected
to, however it was written or resolved.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from delivrd.core.addresses import Network, callable_address

AddressInfo = tuple[Any, Any, int, str, Any]


class Forbidden(OSError):
    """The address may not be called."""


def guarded(allowed: Iterable[Network] = ()) -> Callable[[AddressInfo], socket.socket]:
    """Creates sockets, except to addresses that are neither public nor allowed."""
    networks = tuple(allowed)

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, where = info
        host = str(where[0]).partition("%")[0]
        if not callable_address(ip_address(host), networks):
            raise Forbidden(f"{host} is not a public address")
        return socket.socket(family, kind, protocol)

    return make
