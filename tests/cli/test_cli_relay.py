"""`delivrd endpoints`, `deliveries` and `listen`, against a running hub on real sockets."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import pytest
from standardwebhooks import Webhook

from delivrd.cli import listen
from delivrd.cli.client import Hub
from delivrd.cli.output import until
from tests.cli.real_hub import Served
from tests.support import soon
from tests.web.web_support import ADMIN_KEY

URL = "https://app.example.org/sms"


class App:
    """The team's own system: keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                app.calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(app.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    @contextmanager
    def listening(self) -> Iterator["App"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


@pytest.fixture
def app() -> Iterator[App]:
    with App().listening() as app:
        yield app


def test_an_endpoint_is_created_changed_shown_and_deleted(delivrd, served) -> None:
    made = delivrd(
        *("endpoints", "create", URL, "--status", "delivered", "--final-only", "--ordered"),
        *("--country", "gb", "--rate-limit", "5", "--description", "Orders"),
    )
    assert made.code == 0, made.err
    name, secret = (row.split("\t")[1] for row in made.out.splitlines())
    assert (name[:3], secret[:6]) == ("ep_", "whsec_")
    ran = delivrd("endpoints", "update", name, "--clear", "countries", "--unordered", "--json")
    assert (ran.json["countries"], ran.json["ordered"], ran.json["rate_limit"]) == (None, False, 5)
    (listed,) = delivrd("endpoints", "list", "--json").json
    assert (listed["id"], listed["description"]) == (name, "Orders")
    assert f"{name}\t{URL}\tdelivrd\tok" in delivrd("endpoints", "list").out
    assert "last 24 h\t0 delivered, 0 failed" in delivrd("endpoints", "show", name).out
    assert "is disabled" in delivrd("endpoints", "disable", name).err
    assert "is enabled" in delivrd("endpoints", "enable", name).err
    assert delivrd("endpoints", "rotate-secret", name).out.startswith("whsec_")
    assert delivrd("endpoints", "delete", name).code == 0
    gone = delivrd("endpoints", "show", name)
    assert (gone.code, "There is no such endpoint" in gone.err) == (1, True)


def test_options_of_a_format_are_given_and_taken_out(delivrd, served) -> None:
    made = delivrd(
        *("endpoints", "create", URL, "--format", "vonage-json", "--json"),
        *("--option", "api_key=abcd1234", "--option", "signature_method=sha512"),
    ).json
    assert made["options"] == {"api_key": "abcd1234", "signature_method": "sha512"}
    ran = delivrd("endpoints", "update", made["id"], "--option", "signature_method", "--json")
    assert ran.json["options"] == {"api_key": "abcd1234"}


def test_a_refusal_names_the_nearest_format(delivrd, served) -> None:
    ran = delivrd("endpoints", "create", URL, "--format", "twillio")
    assert (ran.code, "Did you mean twilio?" in ran.err) == (2, True)


def test_a_test_reports_what_the_application_answered(delivrd, served, app) -> None:
    made = delivrd("endpoints", "create", app.url, "--json").json
    ran = delivrd("endpoints", "test", made["id"])
    assert (ran.code, "it answered 200" in ran.out) == (0, True)
    app.status = 404
    ran = delivrd("endpoints", "test", made["id"])
    assert ran.code == 1
    assert "it answered 404: there is nothing at this address" in ran.out


def test_deliveries_are_listed_shown_and_sent_again(delivrd, served, app) -> None:
    endpoint = delivrd("endpoints", "create", app.url, "--json").json["id"]
    for provider_id in ("id-1", "id-2"):
        served.receipt(provider_id)
    soon(lambda: len(app.calls) == 2)
    listed = soon(
        lambda: (
            (found := delivrd("deliveries", "list", "--state", "delivered", "--json").json)
            and len(found) == 2
            and found
        )
    )
    shown = delivrd("deliveries", "show", listed[0]["id"])
    assert f"POST {app.url}" in shown.out
    assert "it answered 200 (" in shown.out
    assert delivrd("deliveries", "replay", listed[0]["id"]).out == "1 is being sent again\n"
    soon(lambda: len(app.calls) == 3)

    since = ("--endpoint", endpoint, "--since", "1h")
    ran = delivrd("deliveries", "replay", *since, "--dry-run", "--json")
    assert ran.json == {"count": 2, "dry_run": True}
    ran = delivrd("deliveries", "replay", *since, "--missed", "--dry-run")
    assert ran.out == "0 would be sent again\n"
    soon(lambda: delivrd("deliveries", "replay", *since).out == "2 are being sent again\n")
    soon(lambda: len(app.calls) >= 5)


def test_an_endpoint_that_never_was_is_refused_with_those_that_are(delivrd, served) -> None:
    endpoint = delivrd("endpoints", "create", URL, "--json").json["id"]
    ran = delivrd("deliveries", "list", "--endpoint", "CRM")
    assert ran.code == 2
    assert "there is no endpoint 'CRM'" in ran.err
    assert f"{endpoint} (https://" in ran.err


def test_a_replay_of_what_cannot_be_sent_again_says_so(delivrd, served) -> None:
    ran = delivrd("deliveries", "replay", "dlv_0000000000000001", "--yes")
    assert ran.code == 1
    assert "nothing is sent again" in ran.err


def test_a_replay_of_nothing_is_wrong_usage(delivrd, served) -> None:
    assert delivrd("deliveries", "replay").code == 2
    assert delivrd("deliveries", "replay", "--endpoint", "ep_0000000000000001").code == 2


# --- verify ---------------------------------------------------------------------------------------

SECRET = "whsec_" + "c2VjcmV0" * 4


def signed(body: bytes = b'{"a":1}') -> dict[str, str]:

    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("evt_1", now, body.decode())
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "Webhook-Signature": signature,
    }


def test_a_call_in_files_is_verified(delivrd, tmp_path) -> None:
    lines = "".join(f"{name}: {value}\n" for name, value in signed().items())
    (tmp_path / "headers").write_text(lines)
    (tmp_path / "body").write_bytes(b'{"a":1}')
    files = ("--headers", str(tmp_path / "headers"), "--body", str(tmp_path / "body"))
    ran = delivrd("endpoints", "verify", "--secret", SECRET, *files)
    assert (ran.code, ran.out.startswith("evt_1 is ours, signed ")) == (0, True)
    other = "whsec_" + "b2xkc2Vj" * 4
    ran = delivrd("endpoints", "verify", "--secret", other, *files)
    assert (ran.code, "another secret" in ran.err) == (1, True)
    both = ("--secret", other, "--secret", SECRET)
    ran = delivrd("endpoints", "verify", *both, *files, "--json")
    assert (ran.json["id"], ran.json["secret"]) == ("evt_1", 1)
    (tmp_path / "body").write_bytes(b'{"a":1}\n')
    ran = delivrd("endpoints", "verify", "--secret", SECRET, *files)
    assert "without the line break at its end" in ran.err
    ran = delivrd("endpoints", "verify", "--secret", SECRET, "--body", str(tmp_path / "none"))
    assert ran.code == 2


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_whole_call_on_standard_input_is_verified(end: bytes) -> None:
    head = [b"POST /events HTTP/1.1", b"host: app.example.org:443"]
    head += [f"{name}: {value}".encode() for name, value in signed().items()]
    call = end.join(head) + end * 2 + b'{"a":1}'
    command = [sys.executable, "-m", "delivrd", "endpoints", "verify", "--secret", SECRET]
    ran = subprocess.run(command, input=call, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(b"evt_1 is ours")


def test_a_signature_is_verified_as_at_its_time(delivrd, tmp_path) -> None:
    call = tmp_path / "call"
    lines = [f"{name}: {value}" for name, value in signed().items()]
    call.write_text("\n".join(lines) + '\n\n{"a":1}')
    at = str(int(time.time()) + 3600)
    asked = ("endpoints", "verify", "--secret", SECRET, "--body", str(call))
    assert "seconds old" in delivrd(*asked, "--at", at).err
    assert delivrd(*asked).code == 0


# --- listen ---------------------------------------------------------------------------------------


@contextmanager
def listening(*args: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, once it listens."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "delivrd", "listen", *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def noted(process: subprocess.Popen[str], words: str) -> str:
    """The line on standard error that holds these words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it never said {words!r}")


def test_an_event_of_a_simulator_is_marked() -> None:
    data = {"message_id": "m1", "to": "+372", "status": "delivered", "simulated": True}
    line = listen.line(listen.Heard("evt_1", "message.delivered", data), None)
    assert line.split()[-3:] == ["m1", "+372", "(simulated)"]


def test_a_forwarded_event_has_the_id_that_endpoints_get(served, app, delivrd) -> None:
    """So that who hears it twice knows it."""
    assert delivrd("endpoints", "create", app.url).code == 0
    with listening("--forward-to", app.url, "--limit", "1") as process:
        noted(process, "Listening")
        served.receipt("id-2")
        process.communicate(timeout=20)
    soon(lambda: len(app.calls) == 2)
    assert len({headers["webhook-id"] for headers, _ in app.calls}) == 1


def test_events_are_printed_and_forwarded_signed(served, app) -> None:
    with listening("--forward-to", app.url, "--limit", "1") as process:
        secret = re.search(r"whsec_\S+", noted(process, "Forwarding to"))[0]
        noted(process, "Listening")
        served.receipt("id-1")
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0
    assert "message.delivered" in out
    assert "→ 200" in out
    ((headers, body),) = app.calls
    told = Webhook(secret).verify(body, headers)
    assert (told["type"], told["data"]["status"]) == ("message.delivered", "delivered")
    assert headers["webhook-id"] == told["id"]
    assert "at" not in told["data"]


def test_an_application_that_is_away_is_told_of_and_costs_nothing(served) -> None:
    with App().listening() as app:
        url = app.url
    with listening("--forward-to", url, "--limit", "1", "--json", "--secret", SECRET) as process:
        noted(process, "Listening")
        served.receipt("id-1")
        out, _ = process.communicate(timeout=20)
    told = json.loads(out)
    assert (told["type"], "refused" in told["forwarded"]) == ("message.delivered", True)


def test_what_happened_while_the_hub_was_away_is_not_missed(sqlite_url: str, monkeypatch) -> None:
    """The stream is taken up after the last event that was heard."""
    notes: list[str] = []
    monkeypatch.setattr(listen, "PAUSES", (0.05,))
    monkeypatch.setattr(listen, "note", notes.append)
    found: list[listen.Heard] = []
    hub = Served(sqlite_url)
    with hub.running():
        port = int(hub.url.rpartition(":")[2])
        heard = islice(listen.events(Hub(hub.url, ADMIN_KEY)), 2)
        thread = threading.Thread(target=lambda: [found.append(event) for event in heard])
        thread.start()
        soon(lambda: notes)
        hub.receipt("id-1")
        soon(lambda: found)
    with hub.running(port):
        hub.receipt("id-2")
        thread.join(20)
        assert not thread.is_alive()
    assert [event.type for event in found] == ["message.delivered"] * 2
    assert int(found[0].id) < int(found[1].id)
    assert notes[0] == "Listening; Ctrl-C ends."


def test_a_hub_that_does_not_run_or_refuses_is_a_failure(delivrd, served, monkeypatch) -> None:
    monkeypatch.setenv("DELIVRD_KEY", "not-a-key-of-this-hub-at-all")
    ran = delivrd("listen")
    assert (ran.code, "`delivrd keys create` creates a key" in ran.err) == (1, True)
    monkeypatch.setenv("DELIVRD_URL", "http://127.0.0.1:9")
    assert delivrd("listen").code == 3
    ran = delivrd("listen", "--forward-to", "localhost:3000")
    assert ran.code == 2
    ran = delivrd("listen", "--forward-to", URL, "--secret", "short")
    assert (ran.code, "short" not in ran.err) == (2, True)


def test_a_try_that_is_due_is_now_and_not_in_the_past() -> None:
    now = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert until("2026-11-21T10:05:00Z", now) == "in 5m"
    assert until("2026-11-21T09:55:00Z", now) == "now"
    assert until(None, now) == ""
