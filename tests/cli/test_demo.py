"""`delivrd demo` and `simulate`: a whole hub, real sockets, and the proof at the end."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from delivrd.cli import demo as demo_command
from delivrd.cli.figures import PROOF
from delivrd.cli.output import Failure
from delivrd.cli.simulate import BLOCK
from delivrd.cli.traffic import Plan, Stage, gateways
from delivrd.config import load
from delivrd.simulator import SCENARIOS, blank_accounts, names
from tests.cli.served import serving, write_settings
from tests.ports import free_port
from tests.support import run, soon, until

QUICK = ("--rate", "60", "--speed", "200", "--port", "0", "--json")


def test_the_demo_ends_by_itself_and_proves_every_status(delivrd):
    ran = delivrd("demo", "--messages", "40", *QUICK)
    assert ran.code == 0, ran.err
    assert ran.json["messages"] == 40
    assert sum(ran.json["statuses"].values()) == 40
    assert ran.json["differences"] == ran.json["complaints"] == []
    assert ran.json["all_receipts_pushed"]
    assert ran.json["gateways"]["acknowledged"] >= 40
    assert ran.json["seconds_to_the_end"]["p50"] < 10
    assert f"✓ {PROOF} (40 messages)" in ran.err
    assert "✓ db verify" in ran.err
    assert "/sign-in?token=" in ran.err


@pytest.mark.parametrize("scenario", ["reordered", "duplicates", "unsigned"])
def test_the_demo_is_right_in_bad_weather(delivrd, scenario):
    ran = delivrd("demo", "--messages", "40", "--scenario", scenario, *QUICK)
    assert ran.code == 0, ran.err


def test_the_demo_leaves_nothing_behind_unless_told(delivrd, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert delivrd("demo", "--messages", "2", *QUICK).code == 0
    assert os.listdir(tmp_path / "temporary") == []
    assert os.listdir(tmp_path) == ["temporary"]
    assert delivrd("demo", "--messages", "2", "--keep", *QUICK).code == 0
    assert {"delivrd.toml", "delivrd.db", "hub.log"} <= set(os.listdir(tmp_path / "demo"))
    assert (tmp_path / "demo" / "delivrd.toml").stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_to_is_named(delivrd, tmp_path):
    (tmp_path / "demo").write_text("a file of this name")
    ran = delivrd("demo", "--keep", *QUICK)
    assert (ran.code, ran.err) == (1, "error: demo cannot be used\n  why: File exists\n")


def test_a_taken_port_is_evaded(delivrd):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        arguments = [*QUICK]
        arguments[arguments.index("--port") + 1] = port
        assert delivrd("demo", "--messages", "2", *arguments).code == 0


def kept_hub(folder):
    """The client of a demo's hub that was started there with --keep."""
    place = folder / "demo"
    return demo_command.Demo(place, load(place / "delivrd.toml", {})).hub


@contextmanager
def playing(folder):
    """A demo that runs on until it is interrupted."""
    arguments = [sys.executable, "-m", "delivrd", "demo", "--port", "0", "--rate", "40", "--keep"]
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    try:
        for line in process.stderr:
            if "Ctrl-C stops it" in line:
                break
        yield process
    finally:
        process.kill()
        process.wait()


def interrupted(process, number=signal.SIGINT):
    """What a demo says after an interrupt; it ends well."""
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_demo_with_the_proof(tmp_path, number):
    """SIGHUP: its terminal is closed."""
    with playing(tmp_path) as process:
        soon(lambda: kept_hub(tmp_path).get("/v1/messages?status=delivered")["items"])
        err = interrupted(process, number)
    assert PROOF in err
    assert "✓ db verify" in err


def test_what_somebody_sends_during_a_demo_is_no_difference(tmp_path):
    with playing(tmp_path) as process:
        hub = kept_hub(tmp_path)
        order = {"to": "+12015555522", "from": "Me", "text": "Is it there?", "via": ["smspm"]}
        made = hub.post("/v1/messages", order)
        soon(lambda: hub.get(f"/v1/messages/{made['id']}")["final"])
        assert PROOF in interrupted(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_impatient_end_leaves_no_hub_behind(tmp_path, number):
    arguments = [sys.executable, "-m", "delivrd", "demo", "--port", "0", "--keep"]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        for line in process.stderr:
            if "The demo runs at http" in line:
                port = int(line.partition("127.0.0.1:")[2].partition(".")[0])
            if "Ctrl-C stops it" in line:
                break
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_a_hub_that_dies_ends_the_demo_with_its_last_words(tmp_path):
    demo = demo_command.prepare(tmp_path, 0)

    async def sent():
        with suppress(Failure):
            return (await asyncio.to_thread(demo.hub.get, "/v1/messages"))["items"]

    async def story(process):
        playing = asyncio.create_task(demo_command.play(demo, process, Plan()))
        await until(sent)
        process.kill()
        demo.log.write_text("no space left on device")
        await playing

    with demo_command.child(demo) as process, pytest.raises(Failure) as ended:
        run(story(process))
    assert ended.value.what == "the hub ended before the demo did"
    assert "no space left on device" in ended.value.why


def test_simulate_plays_the_gateways_of_the_settings(delivrd, tmp_path):
    demo = demo_command.prepare(tmp_path, 0)
    with serving(demo.settings):
        ran = delivrd(
            "simulate", "--messages", "30", "--rate", "60", "--speed", "200", "--json",
            "--config", str(demo.settings),
        )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["messages"] == 30
    assert PROOF in ran.err


@pytest.mark.parametrize("many", [(), ("--messages", "1000000")])
def test_simulate_ends_after_the_given_time_and_proves_what_was_sent(delivrd, tmp_path, many):
    demo = demo_command.prepare(tmp_path, 0)
    with serving(demo.settings):
        ran = delivrd(
            "simulate", "--for", "1s", "--rate", "60", "--speed", "200", "--json", *many,
            "--config", str(demo.settings),
        )  # fmt: skip
    assert ran.code == 0, ran.err
    assert PROOF in ran.err


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_a_time_to_stop_after_that_is_none_is_wrong_usage(delivrd, command):
    ran = delivrd(command, "--for", "long")
    assert ran.code == 2
    assert '"10 min"' in ran.err


def simulated(delivrd, settings, *more):
    """A few messages through the gateways of these settings."""
    return delivrd("simulate", "--messages", "3", "--config", str(settings), *more)


def test_simulate_ends_where_the_hub_refuses_the_key(delivrd, tmp_path):
    demo = demo_command.prepare(tmp_path, 0)
    with serving(demo.settings):
        reading = demo.hub.post("/v1/keys", {"name": "reader", "scopes": ["read"]})["key"]
        for key, said in (("a-key-of-nobody", "unknown or revoked"), (reading, "scope send")):
            ran = simulated(delivrd, demo.settings, "--key", key)
            assert ran.code == 1
            assert said in ran.err
            assert PROOF not in ran.err


def test_nothing_is_proven_by_a_hub_that_accepts_nothing(delivrd, hub, tmp_path):
    hub.answer("GET", "/healthz", {})
    hub.answer("POST", "/v1/messages", {"detail": "no such number"}, status=422)
    ran = simulated(delivrd, demo_command.prepare(tmp_path, 0).settings)
    assert ran.code == 1
    assert "✗ not proven: the hub accepted no message, and answered no such number" in ran.err


def test_a_message_that_the_hub_has_lost_is_a_difference(delivrd, hub, tmp_path):
    hub.answer("GET", "/healthz", {})
    hub.answer("POST", "/v1/messages", {"id": "1"}, status=202)
    settings = demo_command.prepare(tmp_path, 0).settings
    ran = simulated(delivrd, settings, "--within", "0")
    assert ran.code == 1
    assert "✗ 1: the hub took it, and does not know it any more" in ran.err


def test_nothing_is_proven_by_a_hub_that_hands_nothing_over(delivrd, hub, tmp_path):
    message = {"id": "1", "to": "+372", "status": "pending", "final": False, "attempts": []}
    hub.answer("GET", "/healthz", {})
    hub.answer("POST", "/v1/messages", message, status=202)
    hub.answer("GET", "/v1/messages/1", {**message, "sent_at": None, "finished_at": None})
    settings = demo_command.prepare(tmp_path, 0).settings
    ran = simulated(delivrd, settings, "--within", "0")
    assert ran.code == 1
    assert "✗ 1 to +372: no gateway received it" in ran.err


def test_simulate_without_a_simulated_account_says_what_to_write(delivrd, hub):
    hub.answer("GET", "/healthz", {})
    ran = delivrd("simulate")
    assert ran.code == 2
    said = ran.err.partition("restart the hub:\n")[2]
    assert tomllib.loads(said)["accounts"]["demo-vonage"]["simulated"] is True


@pytest.mark.parametrize(
    "address", ["http://10.0.0.7:9101", "http://127.0.0.1", "http://127.0.0.1:0"]
)
def test_simulate_refuses_an_account_that_is_called_elsewhere(delivrd, hub, tmp_path, address):
    hub.answer("GET", "/healthz", {})
    settings = demo_command.prepare(tmp_path, 0).settings
    text = re.sub(r'base_url = ".*"', f'base_url = "{address}"', settings.read_text(), count=1)
    settings.write_text(text)
    ran = delivrd("simulate", "--messages", "1", "--config", str(settings))
    assert ran.code == 2
    assert f"its base_url is {address}" in ran.err


def test_simulate_names_an_account_that_gets_no_gateway(delivrd, hub, tmp_path):
    hub.answer("GET", "/healthz", {})
    settings = demo_command.prepare(tmp_path, 0).settings
    text = settings.read_text()
    second = text.partition("[accounts.smspm]")[2]
    settings.write_text(f"{text}[accounts.second]{second}")
    ran = simulated(delivrd, settings)
    assert "! no gateway for second: there is one of each kind, here that of smspm" in ran.err


def stage(*accounts):
    """Simulated gateways of these dialects, without secrets."""
    return Stage("http://127.0.0.1:1", "key", {}, blank_accounts(accounts), {})


def test_an_outage_is_of_a_gateway_that_is_there():
    def down(*accounts):
        return gateways(stage(*accounts), Plan("outage")).scenario.outage_of

    assert down("smspm", "vonage") == "vonage"
    assert down("smspm") == "smspm"


def test_missing_signatures_are_refused_where_nothing_is_signed():
    with pytest.raises(Failure, match="the scenario unsigned changes nothing here"):
        gateways(stage("ruach", "vonage"), Plan("unsigned"))


def test_the_page_of_the_simulator_runs_as_written(tmp_path, sqlite_url):
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")
    (accounts,), (example,) = (
        re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("toml", "python")
    )
    assert accounts.strip() == BLOCK.strip()
    for each in SCENARIOS.values():
        assert f"| `{each.name}` | {each.about} |" in page
    assert ", ".join(f"`{name}`" for name in names()) in page
    here = accounts.replace("9101", str(free_port()))
    scope = {}
    exec(example, scope)
    with serving(write_settings(tmp_path, sqlite_url, here)):
        scope["test_every_message_ends_as_its_gateway_said"]()


def test_simulate_lists_the_scenarios(delivrd):
    out = delivrd("simulate", "--list").out
    for name in ("happy", "outage", "duplicates", "reordered", "burst", "silent-carrier"):
        assert name in out


@pytest.mark.parametrize(
    "words",
    [("demo", "--port", "99999"), ("demo", "--port", "-1")]
    + [(name, "--speed", speed) for name in ("demo", "simulate") for speed in ("inf", "nan", "0")],
)
def test_a_port_or_a_speed_beyond_reason_is_wrong_usage(delivrd, words):
    ran = delivrd(*words)
    assert ran.code == 2
    assert words[1] in ran.err


def test_an_unknown_scenario_is_refused_with_those_there_are(delivrd):
    for command in ("simulate", "demo"):
        ran = delivrd(command, "--scenario", "sunny")
        assert ran.code == 2
        assert "reordered" in ran.err
