"""Programs that run beside a test, each with a log; every one is ended by its own id."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support import until


@contextmanager
def logs(name: str) -> Generator[Path]:
    """A folder for the files of programs and their logs; it stays only if the test fails."""
    folder = Path(tempfile.mkdtemp(prefix=f"delivrd-{name}-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class running:
    """``with running("smsbox", "-v", "4", folder=folder) as process``; it logs into the folder."""

    def __init__(self, *command: str, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self._log = (folder / f"{Path(command[0]).name}.log").open("w")
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env={**os.environ, **(env or {})}
        )

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


async def listens(port: int) -> bool:
    """Whether somebody takes connections at this port of loopback."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def up(process: "subprocess.Popen[bytes]", port: int, seconds: float) -> None:
    """Waits until a program listens; if it dies before, there is nothing to wait for."""

    async def told() -> bool:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        return await listens(port)

    await until(told, seconds, 0.05)
