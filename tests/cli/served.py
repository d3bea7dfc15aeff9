"""A hub in a process of its own, as `delivrd serve` runs it."""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from delivrd.config import load
from tests.ports import free_port

ADMIN_KEY = "an-admin-key-of-some-length"


def write_settings(folder: Path, database_url: str, more: str = "") -> Path:
    """Settings on a free port."""
    path = folder / "delivrd.toml"
    path.write_text(
        f'database = "{database_url}"\nport = {free_port()}\nadmin_key = "{ADMIN_KEY}"\n{more}'
    )
    return path


def address(settings: Path) -> str:
    return f"http://127.0.0.1:{load(settings, {}).port}"


@contextmanager
def serving(settings: Path):
    """The process, once it answers; ended as an operator ends it."""
    arguments = [sys.executable, "-m", "delivrd", "serve", "--config", str(settings)]
    log = settings.with_name("hub.log")
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, cwd=settings.parent)
    try:
        _wait(address(settings), process, log)
        yield process
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()


def _wait(url, process, log):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urlopen(f"{url}/healthz", timeout=1).close()
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
