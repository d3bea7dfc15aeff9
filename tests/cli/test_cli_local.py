"""Commands that need no hub: help, init, config show, providers, parse."""

import io
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.models import CommandInfo

from delivrd.cli.main import COMMANDS
from delivrd.config import load
from delivrd.providers import names, provider
from tests.providers.provider_cases import DIALECTS


def test_help_names_every_command(delivrd) -> None:
    ran = delivrd("--help")
    assert ran.code == 0
    for entry in COMMANDS:
        assert re.search(rf"^  {entry.name} ", ran.out, re.MULTILINE)


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_of_the_table_can_be_called(delivrd, entry) -> None:
    ran = delivrd(entry.name, "--help")
    assert ran.code == 0
    assert f"delivrd {entry.name}" in ran.out


def _all_commands() -> list[tuple[str, ...]]:
    made = [(entry.name, import_module(f"delivrd.cli.{entry.module}")) for entry in COMMANDS]
    return [
        path
        for name, module in made
        for path in (
            [(name, _name(one)) for one in module.app.registered_commands]
            if hasattr(module, "app")
            else [(name,)]
        )
    ]


def _name(one: CommandInfo) -> str:
    return one.name or one.callback.__name__.rstrip("_").replace("_", "-")


@pytest.mark.parametrize("path", _all_commands(), ids=" ".join)
def test_every_help_has_an_example_of_its_own_command(delivrd, path: tuple[str, ...]) -> None:
    ran = delivrd(*path, "--help")
    assert ran.code == 0
    _, *rest = ran.out.splitlines()
    assert re.search(rf"^  (.* )?delivrd {' '.join(path)}\b", "\n".join(rest), re.MULTILINE)


READING = (
    *("messages list", "messages show", "messages export"),
    *("receipts tail", "receipts unmatched", "receipts unmapped"),
    *("requests list", "requests show", "providers list", "providers show"),
    *("endpoints list", "endpoints show", "alerts list", "alerts show", "alerts firings"),
    *("doctor", "keys list", "config show", "db verify"),
)
ACTING = (
    *("serve", "demo", "init", "send", "requests replay", "parse", "providers new", "simulate"),
    *("tunnel", "keys create", "keys revoke", "db upgrade", "db backup", "db prune"),
)
OPTIONS = (
    ("serve", "--host --port --config --workers --role"),
    ("keys create", "--scope --json"),
    ("requests replay", "--dry-run --force --admit"),
)


@pytest.mark.parametrize("path", [*READING, *ACTING])
def test_the_commands_that_scripts_rely_on_are_there(delivrd, path: str) -> None:
    ran = delivrd(*path.split(), "--help")
    assert ran.code == 0
    assert ("--json" in ran.out) or path in ACTING


@pytest.mark.parametrize(("path", "options"), OPTIONS)
def test_the_options_that_scripts_rely_on_are_there(delivrd, path: str, options: str) -> None:
    ran = delivrd(*path.split(), "--help")
    assert [option for option in options.split() if option not in ran.out] == []


def test_the_scenarios_are_listed_as_json_when_asked(delivrd) -> None:
    assert "happy" in [one["name"] for one in delivrd("simulate", "--list", "--json").json]


def test_help_imports_no_command_and_no_framework() -> None:
    code = (
        "import sys; from delivrd.cli.main import run; run(['--help']); "
        "print(sorted(m for m in sys.modules if m in ('fastapi', 'sqlalchemy', 'aiohttp', "
        "'uvicorn', 'phonenumbers') or m.startswith('delivrd.cli.')), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "['delivrd.cli.main', 'delivrd.cli.output']"


def test_the_installed_command_returns_the_exit_code() -> None:
    command = Path(sys.executable).with_name("delivrd")
    ran = subprocess.run([command, "parse", "vonagee"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "Did you mean vonage?" in ran.stderr


def test_an_unknown_command_is_wrong_usage_and_the_nearest_is_named(delivrd) -> None:
    ran = delivrd("mesages", "list")
    assert ran.code == 2
    assert "'messages'" in ran.err


def test_init_writes_settings_that_load(delivrd, tmp_path: Path) -> None:
    assert delivrd("init").code == 0
    config = load(None, {})
    assert config.admin_key is not None
    assert len(config.admin_key.get_secret_value()) >= 24
    assert (tmp_path / "delivrd.toml").stat().st_mode & 0o777 == 0o600


def test_init_has_an_account_of_every_provider_to_uncomment(delivrd, tmp_path: Path) -> None:
    delivrd("init")
    path = tmp_path / "delivrd.toml"
    head, accounts = re.split(r"(?m)^(?=# .*\n# \[accounts\.)", path.read_text(), maxsplit=1)
    told = re.sub(r"(?m)^# (?![^=\n]*: http)", "", accounts)
    path.write_text(head + told)
    config = load(None, {})
    assert sorted(config.accounts) == names()
    webhook_secrets = [a.webhook_secret[0].get_secret_value() for a in config.accounts.values()]
    assert len(set(webhook_secrets)) == len(names())


def test_init_writes_the_accounts_that_were_asked_for(delivrd, tmp_path: Path) -> None:
    delivrd("init", "vonage", "ruach")
    text = (tmp_path / "delivrd.toml").read_text()
    assert re.findall(r"\[accounts\.(\w+)\]", text) == ["vonage", "ruach"]
    ran = delivrd("init", "vonagee", "--config", "b.toml")
    assert ran.code == 2
    assert "Did you mean vonage?" in ran.err


def test_init_makes_other_secrets_each_time(delivrd, tmp_path: Path) -> None:
    delivrd("init", "--config", "a.toml")
    delivrd("init", "--config", "b.toml")
    keys = [tomllib.loads(Path(name).read_text())["admin_key"] for name in ("a.toml", "b.toml")]
    assert keys[0] != keys[1]


def test_init_never_overwrites_unless_told(delivrd, tmp_path: Path) -> None:
    path = tmp_path / "delivrd.toml"
    path.write_text("port = 1")
    ran = delivrd("init")
    assert ran.code == 1
    assert "--force" in ran.err
    assert path.read_text() == "port = 1"
    assert delivrd("init", "--force").code == 0
    assert "admin_key" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_config_show_prints_values_and_sources(delivrd, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "delivrd.toml").write_text('host = "::1"\ntrusted_proxies = ["10.0.0.0/8"]')
    monkeypatch.setenv("DELIVRD_PORT", "9999")
    told = delivrd("config", "show", "--source", "--json").json
    assert told["port"] == {"value": 9999, "source": "env", "from": "DELIVRD_PORT"}
    assert told["host"] == {"value": "::1", "source": "file", "from": "delivrd.toml"}
    assert told["trusted_proxies"]["value"] == ["10.0.0.0/8"]
    assert told["limits.max_body"] == {"value": 4194304, "source": "default", "from": None}
    lines = delivrd("config", "show", "--source").out.splitlines()
    assert lines[0] == "setting\tvalue\tsource"
    assert "port\t9999\tenv DELIVRD_PORT" in lines


def test_config_show_hides_every_secret(delivrd, tmp_path: Path) -> None:
    canary = "canary-0123456789-canary"
    (tmp_path / "delivrd.toml").write_text(
        f'database = "postgresql://u:{canary}@h/d"\nadmin_key = "{canary}"\n'
        f'[accounts.a]\nprovider = "vonage"\napi_key = "k"\napi_secret = "{canary}"\n'
        f'webhook_secret = "{canary}"\nbasic_auth = "u:{canary}"\n'
    )
    for args in (("--json",), (), ("--source",)):
        ran = delivrd("config", "show", *args)
        assert ran.code == 0
        assert "accounts.a.api_secret" in ran.out
        assert canary not in ran.out + ran.err


def test_wrong_settings_exit_with_2_and_say_where(delivrd, tmp_path: Path) -> None:
    (tmp_path / "delivrd.toml").write_text("prot = 1")
    ran = delivrd("config", "show")
    assert ran.code == 2
    assert "delivrd.toml, line 1: prot" in ran.err
    assert "Did you mean port?" in ran.err
    assert ran.out == ""


def test_providers_list_names_them_all(delivrd) -> None:
    assert [row["name"] for row in delivrd("providers", "list", "--json").json] == names()
    assert [line.split("\t")[0] for line in delivrd("providers", "list").out.splitlines()] == [
        "name",
        *names(),
    ]


def test_providers_show_prints_settings_words_and_codes(delivrd) -> None:
    told = delivrd("providers", "show", "vonage", "--json").json
    settings = {row["name"]: row for row in told["settings"]}
    assert settings["api_secret"]["secret"]
    assert {"word": "delivered", "status": "delivered", "final": True} in told["statuses"]
    assert told["errors"]
    assert told["send_errors"]
    assert {row["step"] for row in told["set_up"]} == {1, 2, 3, 4, 5}
    assert "messageId" in {row["field"] for row in told["fields"]}
    assert "# Status words" in delivrd("providers", "show", "vonage").out


UNDELIVERED = [d for d in DIALECTS if d.statuses.get(d.failing, [""])[0] == "undelivered"]


@pytest.mark.parametrize("dialect", UNDELIVERED, ids=repr)
def test_a_code_is_called_permanent_as_its_receipts_are(delivrd, dialect) -> None:
    ran = delivrd("providers", "show", dialect.provider, "--json")
    told = {row["code"]: row["permanent"] for row in ran.json["errors"]}
    for code in dialect.codes:
        call = dialect.shapes[0](dialect.fields(status=dialect.failing, code=code))
        (receipt,) = provider(dialect.provider).read(call, None).receipts
        assert told[code] in (receipt.permanent, None), code


def test_providers_show_of_an_unknown_one_names_the_nearest(delivrd) -> None:
    ran = delivrd("providers", "show", "vonagee")
    assert ran.code == 2
    assert "Did you mean vonage?" in ran.err


def parse(delivrd, monkeypatch, provider: str, captured: bytes) -> tuple[int, list[dict]]:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(captured)))
    ran = delivrd("parse", provider)
    return ran.code, [json.loads(line) for line in ran.out.splitlines()]


def test_parse_prints_one_reading_for_each_request(delivrd, monkeypatch) -> None:
    request = {"method": "GET", "query": "messageId=0A1&status=delivered&msisdn=12015555522"}
    lines = (json.dumps(request) + "\n") * 2
    code, readings = parse(delivrd, monkeypatch, "vonage", lines.encode())
    assert code == 0
    assert [r["receipts"][0]["provider_message_id"] for r in readings] == ["0A1", "0A1"]
    assert readings[0]["receipts"][0]["status"] == "delivered"
    assert readings[0]["faults"] == []


@pytest.mark.parametrize(
    "bad",
    [
        b"no json",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'"\\ud800"',
        b'{"method": 3, "body": {"\\ud800": "\\ud800"}}',
        b"[" * 100_000,
        b'{"query": "messageId=%00&status=%ff"}',
        b'{"headers": 7}',
    ],
)
def test_a_bad_line_is_answered_and_stops_nothing(delivrd, monkeypatch, bad: bytes) -> None:
    good = b'{"query": "messageId=0A1&status=delivered"}'
    code, readings = parse(delivrd, monkeypatch, "vonage", b"\n".join((good, bad, b"", good)))
    assert code == 0
    assert len(readings) == 3
    assert [r["receipts"][0]["status"] for r in (readings[0], readings[2])] == ["delivered"] * 2
    assert "error" in readings[1] or "receipts" in readings[1]


def test_parse_needs_no_settings(delivrd, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "delivrd.toml").write_text("wrong")
    assert parse(delivrd, monkeypatch, "vonage", b"") == (0, [])


def test_parse_prints_each_reading_at_once() -> None:
    command = [sys.executable, "-m", "delivrd", "parse", "vonage"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=env) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write('{"query": "messageId=ä&status=delivered"}\n'.encode())
        process.stdin.flush()
        reading = json.loads(process.stdout.readline())
        process.stdin.close()
    assert reading["receipts"][0]["provider_message_id"] == "ä"
    assert process.returncode == 0
