"""A small client for the REST interface of a running hub.

Where the hub is comes from DELIVRD_URL, else from the settings' host and port; the key from
DELIVRD_KEY, else from the settings' admin key.
"""

import http.client
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import typer

from delivrd.cli.output import FAILED, UNREACHABLE, USAGE, Failure
from delivrd.config import Config, load

TIMEOUT = 30.0

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file [default: delivrd.toml].")
]


def same_settings(config: Path | None) -> str:
    """What lets the next commands read these settings; nothing if they do anyway."""
    usual = config is None or config == Path(Config.FILE)
    return "" if usual else f"export DELIVRD_CONFIG={shlex.quote(str(config))}"


def connect(path: Path | None, environ: Mapping[str, str] | None = None) -> "Hub":
    """The client for the hub of these settings.

    Raises:
        ConfigError: the settings cannot be used.
        Failure: there is no key, or no such address.
    """
    environ = os.environ if environ is None else environ
    url, key = environ.get("DELIVRD_URL"), given_key(environ)
    if not url or not key:
        config = load(path, environ)
        url = url or config.local_url
        key = key or (config.admin_key.get_secret_value() if config.admin_key else None)
    if not key:
        raise Failure(
            "no API key",
            "the hub answers nobody without one",
            "set DELIVRD_KEY, or admin_key in delivrd.toml (`delivrd init` writes one)",
            USAGE,
        )
    return Hub(url, key)


def given_key(environ: Mapping[str, str]) -> str | None:
    """The key that the environment gives."""
    file = environ.get("DELIVRD_KEY_FILE")
    if environ.get("DELIVRD_KEY") or not file:
        return environ.get("DELIVRD_KEY")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("DELIVRD_KEY_FILE cannot be read", str(error), code=USAGE) from None


class Hub:
    """One hub, called with one key. Every method raises :class:`Failure`."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self.key = key
        parts = web_parts(self.url)
        if parts is None:
            why = "an address looks like http://127.0.0.1:8025"
            raise Failure(f"DELIVRD_URL is not an address: {url}", why, code=USAGE)
        if not re.fullmatch("[!-~]*", key):
            why = "it holds more than letters, digits and signs: a blank, or the end of a line"
            raise Failure("the API key cannot be one", why, "check DELIVRD_KEY", USAGE)
        self._parts = parts

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, timeout: float = TIMEOUT
    ) -> Any:
        return self.call("GET", path, query=query, timeout=timeout)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        return self.call("POST", path, body=body, headers=headers)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def items(
        self, path: str, query: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> Iterator[Any]:
        """The items of a list, page after page, at most ``limit`` of them."""
        left = limit
        cursor = None
        while left is None or left > 0:
            size = 200 if left is None else min(left, 200)
            page = self.get(path, {**(query or {}), "limit": size, "cursor": cursor})
            if not isinstance(page.get("items"), list):
                raise self._no_hub("the answer is no list")
            yield from page["items"][:size]
            left = None if left is None else left - len(page["items"])
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        """What the hub answers, read from JSON; None where the answer is empty."""
        sent = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        connection = self.connection(timeout)
        try:
            connection.connect()
        except OSError as error:
            raise self.unreachable(error) from None
        try:
            target = self._parts.path + path + _query(query or {})
            connection.request(method, target, payload, {**sent, **(headers or {})})
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken_off(error) from None
        finally:
            connection.close()
        return self.read(status, text)

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A connection to the hub, which is not made yet."""
        return connection_to(self._parts, timeout)

    def _broken_off(self, error: Exception) -> Failure:
        return Failure(
            f"the hub at {self.url} gave no whole answer",
            str(error) or type(error).__name__,
            "what was asked may be done or not: look before you ask again",
            UNREACHABLE,
        )

    def unreachable(self, error: Exception) -> Failure:
        """What to say where no connection to the hub came about."""
        refused = isinstance(error, ConnectionRefusedError)
        return Failure(
            f"no hub answers at {self.url}",
            "nothing listens there" if refused else str(error) or type(error).__name__,
            "start it by `delivrd serve`, or set DELIVRD_URL to where it runs",
            UNREACHABLE,
        )

    def read(self, status: int, text: bytes) -> Any:
        """The JSON of an answer.

        Raises:
            Failure: the answer is an error, or no hub's.
        """
        try:
            answer = json.loads(text) if text else None
        except ValueError:
            answer = None
            if status < 400:
                raise self._no_hub("the answer is not JSON") from None
        if not 200 <= status < 300:
            raise problem(status, answer)
        if text and not isinstance(answer, dict):
            raise self._no_hub("the answer is no object")
        return answer

    def _no_hub(self, why: str) -> Failure:
        return Failure(f"{self.url} did not answer as a hub does", why, "check DELIVRD_URL")


def problem(status: int, answer: Any) -> Failure:
    """The failure that a problem in JSON (RFC 9457), or any other answer, tells."""
    told: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    hints = {
        401: "check DELIVRD_KEY; `delivrd keys create` makes a new key",
        403: "use a key with the scope that this needs",
    }
    what = told.get("title") or http.client.responses.get(status, "the hub refused")
    why = told.get("detail") or f"HTTP {status}"
    hint = in_commands(str(told.get("hint") or hints.get(status, "")))
    return Failure(str(what), str(why), hint, USAGE if status == 422 else FAILED, status)


COMMANDS = {
    "/v1/messages": "messages list",
    "/v1/messages/ID": "messages show",
    "/v1/requests": "requests list",
    "/v1/endpoints": "endpoints list",
    "/v1/deliveries": "deliveries list",
    "/v1/keys": "keys list",
    "/v1/alerts/rules": "alerts list",
    "/v1/alerts/firings": "alerts firings",
    "/v1/alerts/channels": "alerts channels",
    "/v1/stats/delivery": "stats delivery",
}
"""The commands that ask the routes which the hub's hints name."""


def in_commands(hint: str) -> str:
    """A hint of the hub with the commands in the place of the routes that they ask."""

    def command(found: re.Match[str]) -> str:
        path, one = found[1], found[2] or ""
        name = COMMANDS.get(f"{path}/ID" if one else path)
        return f"`delivrd {name} {one}".rstrip() + "`" if name else found[0]

    return re.sub(r"GET (/v1/[a-z/]*[a-z])(?:/([0-9a-f-]{36}))?", command, hint)


def _query(query: Mapping[str, Any]) -> str:
    given = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
        if value is not None and value != []
    }
    return "?" + urlencode(given, doseq=True, errors="replace") if given else ""


def web_parts(url: str) -> SplitResult | None:
    """The parts of a web address; None where it is none."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname
        usable = named and parts.port != 0 and url.isascii() and not re.search(r"\s", url)
        (parts.hostname or "").encode("idna")
    except ValueError:  # a bracket that is not closed, a port over 65535, a label without letters
        return None
    return parts if usable else None


def connection_to(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """A connection to the host of a web address, which is not made yet."""
    https = parts.scheme == "https"
    kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)


def segment(text: str) -> str:
    """Text as one segment of a path.

    Raises:
        Failure: it is empty, as a variable of a script that was not set.
    """
    if not text:
        raise Failure("the id is empty", "nothing stands between the quotes", code=USAGE)
    return quote(text, safe="", errors="replace")
