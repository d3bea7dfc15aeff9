"""Free ports for programs that must be told theirs before they start."""

import socket
from contextlib import ExitStack


def free_ports(number: int) -> list[int]:
    """So many ports of loopback that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
