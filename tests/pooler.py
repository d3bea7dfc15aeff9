"""PgBouncer before the tests' PostgreSQL, in either way of pooling; it can speak TLS."""

import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.ports import free_port
from tests.support import soon

SETTINGS = """
[databases]
* = host={socket} user=postgres pool_size=40
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
{more}
"""


@contextmanager
def pooler(url: str, mode: str, more: str = "", user: str | None = None) -> Generator[str]:
    """The address of the database at ``url`` by way of a pooler, which runs as ``user``."""
    port, server = free_port(), urlsplit(url)
    (behind,) = parse_qs(server.query)["host"]
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        if user:
            more += f"\nuser = {user}"
        file.write(SETTINGS.format(socket=behind, port=port, mode=mode, more=more))
        file.flush()
        Path(file.name).chmod(0o644)
        process = subprocess.Popen(["pgbouncer", "-q", file.name], stderr=subprocess.DEVNULL)
        try:
            soon(lambda: _listens(port))
            yield f"postgresql://postgres@127.0.0.1:{port}{server.path}"
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) == 0
