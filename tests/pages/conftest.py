"""A hub that is served, and a browser that looks at it."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.history import Route
from tests.pages.pages_sink import Sink
from tests.pages.pages_support import (
    ACCOUNT,
    FILED,
    SIGNED,
    PagesHub,
    failing,
    fill_hub,
    sign_in,
)
from tests.ports import free_port
from tests.support import soon

CHROMIUM = "chromium-headless-shell"
"""Chromium without its windows: opening a page takes half the processor time."""
PATIENCE = 60_000
"""Milliseconds until what a page does not show is missed: Playwright's own 5 s are too short for a
machine that has other work."""
ROUTES = (
    Route("main", "GB", per_hour=20, price="0.04"),
    Route("other", "GB", per_hour=20, delivered=0.9, median=30, price="0.03"),
    Route("main", "EE", per_hour=40, bad=(6, 0.5)),
    Route("other", "US", per_hour=10, silent=True),
    Route("other", "DE", per_hour=0.2),
    Route("main", "ES", per_hour=10, delivered=1.0, median=0.05),
)
FLAGS = ("--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesHub]:
    """A hub with an account that only receives, one that signs, and one whose gateway is away."""
    accounts = f"""
[relay]
allow_http = true
allow_networks = ["127.0.0.0/8"]

[endpoints.filed]
url = "http://127.0.0.1:{free_port()}/filed"
secret = "{FILED}"
statuses = ["expired"]

[accounts.main]
provider = "vonage"
receive_only = true

[accounts.signed]
provider = "vonage"
receive_only = true
signature_secret = "{SIGNED}"

[accounts.away]
provider = "vonage"
api_key = "abcd1234"
api_secret = "vonage-api-secret"
simulated = true
base_url = "http://127.0.0.1:{free_port()}"
"""
    made = PagesHub(tmp_path_factory.mktemp("hub"), accounts)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    """A system that is told: it takes calls on /ok, and none on /bad."""
    made = Sink()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def ones(hub: PagesHub, sink: Sink) -> dict[str, str]:
    """Pages of one: an endpoint that fails, what waits for it, and a call of each verdict."""
    endpoint, waiting = failing(hub, sink, "/bad-ones")
    hub.receipt("failed")
    hub.receipt(account="signed")
    hub.call("/webhooks/main", {"nonsense": "1"})

    def newest(verdict: str) -> str:
        asked = f"/v1/requests?verdict={verdict}&limit=1"
        return str(soon(lambda: hub.api("GET", asked)["items"])[0]["id"])

    calls = {
        verdict: f"/requests/{newest(verdict)}" for verdict in ("read", "refused", "unreadable")
    }
    return {
        "endpoint": f"/endpoints/{endpoint['id']}",
        "delivery": f"/deliveries/{waiting}",
        **calls,
    }


@pytest.fixture(scope="module")
def old_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesHub]:
    """A hub with days of traffic: one route went bad, one is silent, one too good to be true."""
    folder = tmp_path_factory.mktemp("old")
    settings = f"""
[alerts.channels.ops]
url = "json://127.0.0.1:{free_port()}/a-secret-of-the-channel"

[alerts.rules.gb-rate]
kind = "failure_rate"
countries = ["GB"]

[accounts.main]
provider = "vonage"
receive_only = true

[accounts.other]
provider = "vonage"
receive_only = true
"""
    fill_hub(folder, settings, ROUTES)
    made = PagesHub(folder, settings)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def old_session(old_hub: PagesHub, browser: Any) -> Any:
    """The cookies of somebody who has signed in there."""
    return _session(old_hub, browser)


@pytest.fixture
def old_page(old_hub: PagesHub, new_page: Callable[..., Any], old_session: Any) -> Any:
    """A page of that hub."""
    return new_page(old_hub.url, viewport={"width": 1280, "height": 900}, storage_state=old_session)


@pytest.fixture
def empty_hub(tmp_path: Path) -> Iterator[PagesHub]:
    """A hub that nobody ever called."""
    made = PagesHub(tmp_path, ACCOUNT)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def chromium(need: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a running browser is spoken to."""
    need("playwright")
    need(CHROMIUM, why=f"Debian's package {CHROMIUM}")
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _devtools(process)
    finally:  # by force: asked to close itself, it now and then never does
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """The browser; each module has its own connection, whose event loop other tests cannot bear."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright.chromium.connect_over_cdp(chromium)


def _devtools(process: subprocess.Popen[str]) -> str:
    """Where the browser is spoken to; it says so when it has started."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"DevTools listening on (ws://\S+)", line):
            Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop it
            return found[1]
    raise AssertionError(f"Chromium does not start: {''.join(said)[-2000:]}")


NO_FAULTS = (
    "Failed to load resource",  # an answer of 4xx
    "htmx: htmx:error: Failed to fetch",  # a hub that is away
)


@pytest.fixture
def new_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages that are closed at the end; what the browser complains of fails the test."""
    contexts, complaints = [], []

    def complain(message: Any) -> None:
        if message.type == "error" and not message.text.startswith(NO_FAULTS):
            complaints.append(message.text)

    def open_page(url: str, **options: Any) -> Any:
        context = browser.new_context(base_url=url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def signed_in(hub: PagesHub, browser: Any) -> Any:
    """The cookies of somebody who has signed in: ``storage_state`` of a new page."""
    return _session(hub, browser)


def _session(hub: PagesHub, browser: Any) -> Any:
    context = browser.new_context(base_url=hub.url)
    sign_in(context.new_page())
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(hub: PagesHub, new_page: Callable[..., Any], signed_in: Any) -> Any:
    """A page of somebody who has signed in."""
    return new_page(hub.url, viewport={"width": 1280, "height": 800}, storage_state=signed_in)


@pytest.fixture
def clocked(page: Any) -> Any:
    """A page whose time the test moves on."""
    page.clock.install()
    return page
