"""Commands in surroundings that are not as they should be: each says what is wrong."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from delivrd.cli import output, receipts
from tests.cli.test_cli_hub import ID, PENDING, page, receipt


@pytest.mark.parametrize(
    "command",
    ["messages show", "endpoints show", "deliveries show", "alerts show", "requests show",
     "requests replay", "endpoints delete"],
)  # fmt: skip
def test_an_empty_id_is_wrong_usage_and_asks_for_nothing(delivrd, hub, command: str) -> None:
    """``"$ID"`` of a script where it was not set would be the list."""
    ran = delivrd(*command.split(), "")
    assert (ran.code, ran.out, hub.asked) == (2, "", [])
    assert "the id is empty" in ran.err


@pytest.mark.parametrize("told", [{}, [], "hello"], ids=repr)
def test_what_answers_but_is_no_hub_is_told(delivrd, hub, told) -> None:
    hub.answer("GET", "/v1/messages", told)
    ran = delivrd("messages", "list")
    assert ran.code == 1
    assert "did not answer as a hub does" in ran.err


@pytest.mark.parametrize(
    "address", ["http://a..b:80", f"http://{'a' * 64}.example", "http://ex ample/", "ftp://x"]
)
def test_an_address_that_cannot_be_one_is_wrong_usage(delivrd, hub, monkeypatch, address) -> None:
    monkeypatch.setenv("DELIVRD_URL", address)
    ran = delivrd("messages", "list")
    assert ran.code == 2
    assert f"DELIVRD_URL is not an address: {address}" in ran.err


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31"])
def test_a_time_that_no_message_has_is_wrong_usage(delivrd, hub, since) -> None:
    assert delivrd("messages", "list", "--since", since).code == 2


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "delivrd", "providers", "list"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[0] == "error: the output cannot be written"
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("letters", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_in_every_encoding(hub, letters: str) -> None:
    hub.answer("GET", "/v1/messages", {"items": [{**PENDING, "reference": "é😀"}]})
    for command in (["list", "--json"], ["export", "--json"]):
        ran = subprocess.run(
            [sys.executable, "-m", "delivrd", "messages", *command],
            env={**os.environ, "PYTHONIOENCODING": letters}, capture_output=True, check=True,
        )  # fmt: skip
        told = json.loads(ran.stdout.decode(letters))
        assert (told if isinstance(told, dict) else told[0])["reference"] == "é😀"


@pytest.mark.parametrize(
    ("name", "value", "plain"), [("NO_COLOR", "1", True), ("TERM", "dumb", True), ("X", "", False)]
)
def test_colours_are_for_those_who_want_them(monkeypatch, name, value, plain) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert (output.styled("✓", "green") == "✓") == plain


def test_tail_goes_on_when_the_hub_is_back(delivrd, hub) -> None:
    hub.answer("GET", "/v1/receipts", page(1), page(2, 1))
    hub.answers["GET", "/v1/receipts"].insert(1, (503, b'{"title": "Service Unavailable"}'))
    ran = delivrd("receipts", "tail", "--limit", "2", "--interval", "0.1", "--json")
    assert [json.loads(line) for line in ran.out.splitlines()] == [receipt(1), receipt(2)]
    assert "it is asked again" in ran.err


def test_an_id_is_whole_on_a_narrow_terminal_and_what_nobody_has_takes_no_room(
    delivrd, hub, monkeypatch
) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    hub.answer("GET", "/v1/messages", {"items": [{**PENDING, "reference": None}]})
    told = delivrd("messages", "list").out
    assert ID in told
    assert "account" in told
    assert "reference" not in told


def test_after_settings_elsewhere_the_next_commands_are_told_where(delivrd, tmp_path) -> None:
    assert "&&" not in delivrd("init").err
    ran = delivrd("init", "--config", "other place.toml")
    assert "export DELIVRD_CONFIG='other place.toml' && delivrd serve" in ran.err
    missing = delivrd("config", "show", "--config", "none.toml")
    assert "delivrd init --config none.toml" in missing.err


def test_quiet_is_data_and_errors_alone(delivrd, hub, monkeypatch) -> None:
    hub.answer("GET", "/v1/receipts", page(1))
    tail = ("receipts", "tail", "--limit", "1")
    monkeypatch.setattr(receipts, "on_terminal", lambda: True)
    assert "Ctrl-C ends" in delivrd(*tail).err
    assert delivrd("--quiet", *tail).err == ""
    assert "the id is empty" in delivrd("--quiet", "messages", "show", "").err


def show_bars(monkeypatch) -> None:
    """Makes standard error a terminal, and lets what takes time show it at once."""

    class AtOnce:
        def __init__(self, seconds: float, act: Callable[[], None]) -> None:
            self.start = act

        def cancel(self) -> None: ...

        def join(self) -> None: ...

    monkeypatch.setattr(output, "Timer", AtOnce)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")


LONG = [
    (("messages", "export"), "exporting messages: 2,"),
    (("messages", "export", "-o", "out.csv"), "exporting messages: 2,"),
    (("requests", "replay", "-"), "replaying requests: 2 of 2,"),
    (("deliveries", "replay", "--state", "parked"), "replaying deliveries: 2 of 2,"),
    (("deliveries", "replay", "--state", "parked", "--yes"), "replaying deliveries: 2,"),
]


@pytest.fixture
def long_work(hub, monkeypatch) -> None:
    hub.answer("GET", "/v1/messages", {"items": [PENDING, PENDING], "next_cursor": None})
    for number in (8, 9):
        hub.answer("POST", f"/v1/requests/{number}/replay", {"changed": False})
    hub.answer("POST", "/v1/deliveries/replay", {"count": 2, "next_cursor": None})
    monkeypatch.setattr("sys.stdin", io.StringIO("8\n9\n"))


@pytest.mark.parametrize(("command", "words"), LONG)
def test_long_work_shows_on_a_terminal_how_far_it_is(
    delivrd, long_work, monkeypatch, command, words
) -> None:
    show_bars(monkeypatch)
    assert words in delivrd(*command).err


@pytest.mark.parametrize("command", [command for command, _ in LONG])
def test_long_work_is_not_shown_under_quiet(delivrd, long_work, monkeypatch, command) -> None:
    show_bars(monkeypatch)
    assert delivrd("--quiet", *command).err == ""


@pytest.mark.parametrize("command", [command for command, _ in LONG])
def test_a_bar_changes_nothing_in_a_pipe(delivrd, long_work, monkeypatch, command) -> None:
    plain = delivrd(*command).out
    show_bars(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO("8\n9\n"))
    assert delivrd(*command).out == plain


def test_no_color_is_an_option_too(delivrd, hub, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setattr(receipts, "on_terminal", lambda: True)
    hub.answer("GET", "/v1/receipts", page(1))
    tail = ("receipts", "tail", "--limit", "1")
    assert "\x1b[" not in delivrd("--no-color", *tail).out


def test_the_help_tells_the_exit_codes(delivrd) -> None:
    assert "3 no hub answers" in delivrd("--help").out
