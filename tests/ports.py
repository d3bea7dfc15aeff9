"""Free ports for programs that must be told theirs before they start."""

import random
import socket
from contextlib import ExitStack

OURS = range(15_000, 32_000)
"""Below those that the kernel gives to connections: one of these is not taken meanwhile."""

_chance = random.SystemRandom()  # other runs on this machine choose too


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """So many of them."""
    with ExitStack() as stack:
        return [_bind(stack.enter_context(socket.socket())) for _ in range(number)]


def _bind(made: socket.socket) -> int:
    while True:
        port = _chance.choice(OURS)
        try:
            made.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
