"""One of the team's own systems, in the process of the tests, that remembers its calls."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Call(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Sink:
    """Answers 200 but for paths that begin with /bad: these get 500 and a page in HTML."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                calls.append(Call(self.path, headers, body))
                bad = self.path.startswith("/bad")
                answer = b"<h1>out of order</h1>" if bad else b'{"taken": true}'
                self.send_response(500 if bad else 200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def at(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
