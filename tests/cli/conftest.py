"""A command line run in this process, and a real server on loopback that answers as a hub does."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest

from delivrd.cli.main import run
from tests.cli.real_hub import Served
from tests.web.web_support import ADMIN_KEY


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class StubHub:
    """Answers each path with what it was told to, the last answer again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, method: str, path: str, *answers: Any, status: int = 200) -> None:
        raw = [a if isinstance(a, bytes) else json.dumps(a).encode() for a in answers]
        self.answers[method, path] = [(status, answer) for answer in raw]

    def _reply(self, asked: Asked) -> tuple[int, bytes]:
        self.asked.append(asked)
        queue = self.answers.get((asked.method, asked.path), [(404, b'{"title": "not there"}')])
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(url.query))
                told = json.loads(body) if body else None
                status, answer = hub._reply(Asked(self.command, url.path, query, headers, told))
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_DELETE = _do

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own settings."""

    for name in [name for name in os.environ if name.startswith("DELIVRD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def delivrd(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*args: str) -> Ran:
        capsys.readouterr()
        code = run(args)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    stub = StubHub()
    monkeypatch.setenv("DELIVRD_URL", stub.url)
    monkeypatch.setenv("DELIVRD_KEY", "a-key-of-twenty-four-characters")
    thread = threading.Thread(target=stub.server.serve_forever, args=(0.01,))
    thread.start()
    yield stub
    stub.server.shutdown()
    thread.join()
    stub.server.server_close()


@pytest.fixture
def served(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with Served(sqlite_url).running() as hub:
        monkeypatch.setenv("DELIVRD_URL", hub.url)
        monkeypatch.setenv("DELIVRD_KEY", ADMIN_KEY)
        yield hub
