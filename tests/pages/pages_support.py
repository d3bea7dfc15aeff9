"""A hub in a process of its own, and how to sign in to it."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from delivrd.config import load
from delivrd.store.ids import now_micros
from delivrd.store.open import open_store
from tests.history import Route, fill, messages
from tests.pages.pages_sink import Sink
from tests.support import run, soon

KEY = "a-key-of-the-pages-tests"
FILED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = "signature-of-pages-tests"
RULE = {"kind": "failure_rate", "by": ["account"], "over": "5 %", "at_least": 5}
ACCOUNT = '[accounts.main]\nprovider = "vonage"\nreceive_only = true\n'
_numbers = count(1)


def fill_hub(folder: Path, accounts: str, routes: Sequence[Route], days: float = 3) -> None:
    """Puts days of traffic into the database of a hub that is not served yet."""
    path = folder / "delivrd.toml"
    path.write_text(settings_of(folder, accounts), "utf-8")
    config = load(path, {})

    async def job() -> None:
        store = await open_store(config.database, config.configured)
        now = now_micros()
        try:
            await fill(store, messages(routes, now, days), now)
        finally:
            await store.close()

    run(job())


def settings_of(folder: Path, accounts: str) -> str:
    return f'database = "sqlite:///{folder}/hub.db"\nadmin_key = "{KEY}"\n{accounts}'


class PagesHub:
    """``delivrd serve`` on loopback, with a database of its own."""

    def __init__(self, folder: Path, accounts: str = "") -> None:
        config = folder / "delivrd.toml"
        config.write_text(settings_of(folder, accounts), "utf-8")
        self._log = folder / "hub.log"
        with self._log.open("w") as log:  # a file: a pipe that nobody reads would fill up
            self.process = subprocess.Popen(
                [sys.executable, "-m", "delivrd", "serve", "--config", str(config), "--port", "0"],
                stdout=log,
                stderr=log,
            )
        self.url = self._address()

    def _address(self) -> str:
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"dashboard\s+(http://\S+?)/?\s", self._log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.05)
        raise AssertionError(f"the hub does not serve: {self._log.read_text('utf-8')[-2000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, path: str, query: dict[str, str] | None = None) -> int:
        """A gateway's call; the status it was answered with."""
        address = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def receipt(self, status: str = "delivered", account: str = "main", **fields: str) -> str:
        """Lets a receipt come in, in Vonage's dialect; the gateway's id of its message."""
        number = next(_numbers)
        given = {
            "msisdn": f"4474000{number:05d}",
            "to": "Acme",
            "messageId": f"PAGES{number:05d}",
            "status": status,
            "err-code": "0" if status in ("delivered", "accepted", "buffered") else "1",
            "message-timestamp": "2026-01-02 03:04:05",
            **fields,
        }
        self.call(f"/webhooks/{account}", given)
        self.settle(given["messageId"])
        return given["messageId"]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the REST API; what it answers."""
        asked = urllib.request.Request(
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def page(self, path: str) -> str:
        """The markup of a page, as whoever has the key gets it."""
        asked = urllib.request.Request(
            f"{self.url}{path}", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(answer.read().decode())

    def endpoint(self, url: str, **fields: Any) -> Any:
        """An endpoint made by the API; its JSON, with the secret."""
        return self.api("POST", "/v1/endpoints", {"url": url, **fields})

    def delivery(self, endpoint: str, state: str) -> str:
        """The id of the newest delivery to an endpoint, once it is in that state."""

        def tried() -> str | None:
            found = self.api("GET", f"/v1/deliveries?endpoint={endpoint}&limit=1")["items"]
            if not found or found[0]["state"] != state:
                return None
            return str(found[0]["id"]) if found[0]["tries"] or state != "waiting" else None

        return str(soon(tried, 60))

    def settle(self, provider_message_id: str) -> None:
        """Returns when what was acknowledged shows: a read of one message waits for it, a while."""
        query = urlencode({"provider_message_id": provider_message_id})
        asked = urllib.request.Request(
            f"{self.url}/v1/messages?{query}", headers={"Authorization": f"Bearer {KEY}"}
        )
        for _ in range(20):  # on a slow disk the fold may take longer than a read waits
            with urllib.request.urlopen(asked, timeout=60) as answer:
                if json.load(answer)["items"]:
                    return


def failing(hub: PagesHub, sink: Sink, path: str) -> tuple[Any, str]:
    """An endpoint that takes nothing, and what waits for it; it hears nothing more."""
    endpoint = hub.endpoint(f"{sink.url}{path}", statuses=["rejected"])
    hub.receipt("rejected")
    waiting = hub.delivery(endpoint["id"], "waiting")
    hub.api("PATCH", f"/v1/endpoints/{endpoint['id']}", {"statuses": ["expired"]})
    return endpoint, waiting


def sign_in(page: Any, key: str = KEY, goal: str = "/messages") -> Any:
    page.goto(f"/sign-in?next={goal}")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**" + goal)
    return page


def look_again(page: Any) -> None:
    """Moves a page's time on until nobody has read for a while, and the next look is due."""
    page.clock.run_for(10_000)


def highest_bar(chart: Any) -> tuple[float, float]:
    """The middle of the highest bar of a chart that is drawn: bars move with the hour."""
    drawn = [path.bounding_box() for path in chart.locator("svg path").all()]
    bar = max((box for box in drawn if box and box["width"] < 100), key=lambda box: box["height"])
    return bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2


@contextmanager
def rule(hub: PagesHub, name: str) -> Iterator[None]:
    """A rule that somebody else makes meanwhile."""
    hub.api("POST", "/v1/alerts/rules", {"name": name, **RULE})
    try:
        yield
    finally:
        hub.api("DELETE", f"/v1/alerts/rules/{name}")
