"""A hub in a process that can be killed, and clients that record what was acknowledged."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.ports import free_port
from tests.support import until

ADMIN_KEY = "an-admin-key-of-some-length"
HEADERS = {"authorization": f"Bearer {ADMIN_KEY}"}


class Process:
    """`delivrd serve` in a process of its own, with all that it starts."""

    def __init__(
        self, folder: Path, database_url: str, accounts: str, *, before: tuple[str, ...] = (),
        workers: int = 1,
    ) -> None:  # fmt: skip
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = folder / "delivrd.toml"
        self.settings.write_text(
            f'database = "{database_url}"\nport = {self.port}\n'
            f'admin_key = "{ADMIN_KEY}"\n{accounts}'
        )
        self._log = folder / "hub.log"
        self._before, self._workers = before, workers
        self._process: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Process"]:
        """The process, once it answers; killed at the end, if it was not before."""
        self._start()
        try:
            await until(self._answers, 60, 0.05)
            yield self
        finally:
            self.kill()

    def _start(self) -> None:
        command = [sys.executable, "-m", "delivrd", "serve", "--config", str(self.settings)]
        if self._workers > 1:
            command += ["--workers", str(self._workers)]
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._before, *command], stdout=out, stderr=out, start_new_session=True
            )

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.url}/healthz") as got,
            ):
                return got.status == 200
        except aiohttp.ClientError:
            return False

    def kill_without_workers(self) -> None:
        """SIGKILL, to the process that started the workers alone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def kill(self) -> None:
        """SIGKILL, to it and to its workers: no handler runs, nothing is flushed."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)


async def post_until_refused(
    url: str, bodies: list[dict[str, str]], acknowledged: list[dict[str, str]], callers: int = 32
) -> None:
    """Posts the bodies from many concurrent clients; records those answered 200."""
    left = iter(bodies)

    async def call(session: aiohttp.ClientSession) -> None:
        for body in left:
            try:
                async with session.post(url, json=body) as answer:
                    if answer.status == 200:
                        acknowledged.append(body)
            except (aiohttp.ClientError, OSError):
                return

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(call(session) for _ in range(callers)))
