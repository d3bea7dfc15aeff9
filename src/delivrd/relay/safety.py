"""Keeps calls out of our own network (rule H6): the last check, when the socket is created.

A URL is checked when it is given, but its name may resolve to another address at any time. The
socket is created for the very address that is connected to, so the check cannot be bypassed.
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
