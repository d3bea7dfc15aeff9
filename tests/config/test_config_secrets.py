"""Secrets of the settings: how long they must be, that they are all known, and never told."""

from base64 import b64encode
from pathlib import Path

import pytest

from delivrd.config import ConfigError, hide_password, load, secrets

CANARY = "canary-0123456789-canary"
RELAY = "whsec_" + b64encode(f"{CANARY}relay".encode()).decode()
VONAGE = 'provider = "vonage"\nreceive_only = true'

EVERYWHERE = f"""
database = "postgresql://user:{CANARY}db@localhost/x"
admin_key = "{CANARY}admin"
[relay]
secret = "{RELAY}"
[alerts.channels.ops]
url = "json://{CANARY}host/path"
[accounts.v]
provider = "vonage"
api_key = "key"
api_secret = "{CANARY}api"
signature_secret = ["{CANARY}sig0", "{CANARY}sig1"]
webhook_secret = "{CANARY}path"
basic_auth = "user:{CANARY}basic"
[accounts.s]
provider = "smspm"
hash = "{CANARY}hash"
token = "{CANARY}token"
[accounts.r]
provider = "ruach"
client_id = "id"
api_key = "{CANARY}key"
"""


def config_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "delivrd.toml"
    path.write_text(text)
    return path


def test_every_secret_is_enumerated_under_its_setting(tmp_path: Path) -> None:
    found = secrets(load(config_file(tmp_path, EVERYWHERE), {}))
    assert found == {
        "database.password": f"{CANARY}db",
        "admin_key": f"{CANARY}admin",
        "relay.secret": RELAY,
        "alerts.channels.ops.url": f"json://{CANARY}host/path",
        "accounts.v.api_secret": f"{CANARY}api",
        "accounts.v.signature_secret.0": f"{CANARY}sig0",
        "accounts.v.signature_secret.1": f"{CANARY}sig1",
        "accounts.v.webhook_secret.0": f"{CANARY}path",
        "accounts.v.basic_auth": f"user:{CANARY}basic",
        "accounts.v.basic_auth.password": f"{CANARY}basic",
        "accounts.s.hash": f"{CANARY}hash",
        "accounts.s.token": f"{CANARY}token",
        "accounts.r.api_key": f"{CANARY}key",
    }


def test_no_secret_shows_in_the_settings_own_text(tmp_path: Path) -> None:
    config = load(config_file(tmp_path, EVERYWHERE.replace(f"{CANARY}db", "x")), {})
    assert CANARY not in repr(config) + str(config) + config.model_dump_json()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('api_secret = "elevenchars"', "accounts.main.api_secret"),
        ('webhook_secret = ["0123456789ab", "elevenchars"]', "accounts.main.webhook_secret.1"),
        ('signature_secret = "short"', "accounts.main.signature_secret.0"),
        ('basic_auth = "a-long-user:elevenchars"', "accounts.main.basic_auth.password"),
        ('api_secret = ""', "accounts.main.api_secret"),
    ],
)
def test_a_secret_under_12_characters_is_refused_by_name(
    tmp_path: Path, line: str, key: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(
            config_file(tmp_path, f"[accounts.main]\n{VONAGE}\n{line}"),
            {},
        )
    assert f"line 4: {key}: a secret must have at least 12 characters" in str(raised.value)
    assert "elevenchars" not in str(raised.value)


@pytest.mark.parametrize("name", ["signature_secret", "webhook_secret"])
@pytest.mark.parametrize("written", ["", "            "])
def test_an_empty_secret_is_refused_and_switches_no_check_off(
    tmp_path: Path, name: str, written: str
) -> None:
    """Whether it is in the file, or a variable stands empty over a good one."""
    lines = f"[accounts.main]\n{VONAGE}\n"
    good = f'{lines}{name} = "a-good-secret-of-ours"'
    for text, environment in [
        (f'{lines}{name} = "{written}"', {}),
        (good, {f"DELIVRD_ACCOUNTS__MAIN__{name.upper()}": written}),
    ]:
        with pytest.raises(ConfigError, match="at least 12 characters, and this has 0"):
            load(config_file(tmp_path, text), environment)


def test_a_secret_of_12_characters_will_do(tmp_path: Path) -> None:
    text = f'[accounts.main]\n{VONAGE}\napi_secret = "twelve-chars"'
    assert secrets(load(config_file(tmp_path, text), {}))


def test_an_admin_key_has_24_characters(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(config_file(tmp_path, ""), {"DELIVRD_ADMIN_KEY": "k" * 23})
    assert "DELIVRD_ADMIN_KEY: must have at least 24 characters, but has 23" in str(raised.value)
    assert load(config_file(tmp_path, ""), {"DELIVRD_ADMIN_KEY": "k" * 24}).admin_key


@pytest.mark.parametrize(
    "text",
    [
        f'admin_key = ["{CANARY}"]',
        f'[accounts.main]\n{VONAGE}\napi_secret = {{ x = "{CANARY}" }}',
        f'[accounts.main]\n{VONAGE}\nwebhook_secret = [["{CANARY}"]]',
        f'admin_key = "{CANARY}',
        f"admin_key = {CANARY}",
        f'public_url = "https://user:{CANARY}@example.org"',
        f'database = "postgre://user:{CANARY}@example.org/x"',
    ],
)
def test_what_is_said_of_a_wrong_value_does_not_quote_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(config_file(tmp_path, text), {})
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_database_address_is_shown_without_its_password() -> None:
    assert hide_password("postgresql://u:p%40ss@h:5432/d") == "postgresql://u:***@h:5432/d"
    assert hide_password("sqlite:///delivrd.db") == "sqlite:///delivrd.db"
    assert (
        hide_password("postgresql://h/d?user=u&password=p&sslpassword=s&sslmode=require")
        == "postgresql://h/d?user=u&password=***&sslpassword=***&sslmode=require"
    )


def test_a_secret_that_cannot_sign_is_told_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(config_file(tmp_path, f'[relay]\nsecret = "{CANARY}"\n'), {})
    assert "relay.secret" in str(raised.value)
    assert "openssl rand -base64 32" in str(raised.value)
    assert CANARY not in str(raised.value)
