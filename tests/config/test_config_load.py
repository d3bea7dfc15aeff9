"""Settings from the file, the environment and files named by it, and what is said of wrong ones."""

from pathlib import Path
from typing import Any

import pytest

from delivrd.config import Config, ConfigError, load

LONG = "0123456789abcdef0123456789abcdef"
VONAGE = 'provider = "vonage"\nreceive_only = true'
SMSPM = 'provider = "smspm"\nreceive_only = true'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str, name: str = "delivrd.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def refused(text: str = "", environ: dict[str, str] | None = None) -> str:
    """What is said of settings that cannot be used."""
    with pytest.raises(ConfigError) as raised:
        load(written(text), environ or {})
    return str(raised.value)


def test_a_byte_order_mark_before_a_file_is_no_part_of_it() -> None:
    """Editors on Windows write one."""
    secret = written("\ufeffout of the vault\r\n", "secret")
    config = load(
        written(f"\ufeffport = 8026\r\n[accounts.a]\r\n{VONAGE}\r\n"),
        {"DELIVRD_ACCOUNTS__A__API_SECRET_FILE": str(secret)},
    )
    kept: Any = config.accounts["a"]
    assert config.port == 8026
    assert kept.api_secret.get_secret_value() == "out of the vault"


def test_without_a_file_all_is_default() -> None:
    config = load(None, {})
    assert config == Config()
    assert (config.database, config.host, config.port) == (
        "sqlite:///delivrd.db",
        "127.0.0.1",
        8025,
    )
    assert {str(source) for source in config.sources.values()} == {"default"}


def test_the_default_file_is_read_from_the_working_directory() -> None:
    written("port = 9000")
    assert load(None, {}).port == 9000


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"other\.toml: .*no such file"):
        load(None, {"DELIVRD_CONFIG": "other.toml"})


def test_the_argument_wins_over_the_variable() -> None:
    here = written("port = 1", "a.toml")
    written("port = 2", "b.toml")
    assert load(here, {"DELIVRD_CONFIG": "b.toml"}).port == 1
    assert load(None, {"DELIVRD_CONFIG": "b.toml"}).port == 2


def test_variables_win_over_the_file_and_the_sources_tell() -> None:
    path = written('port = 1\nhost = "::1"\n[limits]\nmax_body = "1 MiB"')
    config = load(path, {"DELIVRD_PORT": "2", "DELIVRD_LIMITS__RECEIVE_SECONDS": "3"})
    assert (config.port, config.host, config.limits.receive_seconds) == (2, "::1", 3)
    assert config.limits.max_body == 1024**2
    assert str(config.sources["port"]) == "env DELIVRD_PORT"
    assert str(config.sources["host"]) == "file delivrd.toml"
    assert str(config.sources["limits.max_body"]) == "file delivrd.toml"
    assert str(config.sources["limits.body_budget"]) == "default"


def test_an_account_can_come_from_the_environment_alone() -> None:
    config = load(
        None,
        {
            "DELIVRD_ACCOUNTS__MAIN__PROVIDER": "vonage",
            "DELIVRD_ACCOUNTS__MAIN__API_KEY": "key",
            "DELIVRD_ACCOUNTS__MAIN__API_SECRET": LONG,
        },
    )
    account = config.accounts["main"]
    assert account.provider == "vonage"
    assert account.api_secret.get_secret_value() == LONG  # type: ignore[attr-defined]


def test_a_variable_finds_the_account_whose_name_has_dashes() -> None:
    path = written(f"[accounts.my-shop]\n{VONAGE}")
    config = load(path, {"DELIVRD_ACCOUNTS__MY_SHOP__API_KEY": "k"})
    assert set(config.accounts) == {"my-shop"}
    assert config.accounts["my-shop"].api_key == "k"  # type: ignore[attr-defined]


def test_a_secret_can_stand_in_a_file() -> None:
    secret = written(LONG + "\n", "secret")
    config = load(None, {"DELIVRD_ADMIN_KEY_FILE": str(secret)})
    assert config.admin_key is not None
    assert config.admin_key.get_secret_value() == LONG
    assert config.sources["admin_key"].name == "DELIVRD_ADMIN_KEY_FILE"


def test_a_secret_file_that_cannot_be_read_is_named() -> None:
    assert "DELIVRD_ADMIN_KEY_FILE: nowhere cannot be read" in refused(
        environ={"DELIVRD_ADMIN_KEY_FILE": "nowhere"}
    )


def test_a_variable_and_its_file_together_are_refused() -> None:
    said = refused(environ={"DELIVRD_ADMIN_KEY": LONG, "DELIVRD_ADMIN_KEY_FILE": "x"})
    assert "DELIVRD_ADMIN_KEY is set too" in said


def test_one_text_serves_as_a_list() -> None:
    path = written(
        f'[accounts.main]\n{VONAGE}\nwebhook_secret = "{LONG}"\n'
        f'[accounts.two]\n{VONAGE}\nwebhook_secret = ["{LONG}", "{LONG}2"]\n'
    )
    config = load(path, {"DELIVRD_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1"})
    assert [str(network) for network in config.trusted_proxies] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert len(config.accounts["main"].webhook_secret) == 1
    assert len(config.accounts["two"].webhook_secret) == 2


def test_a_secret_keeps_its_commas() -> None:
    environ = {
        "DELIVRD_ACCOUNTS__MAIN__PROVIDER": "vonage",
        "DELIVRD_ACCOUNTS__MAIN__RECEIVE_ONLY": "true",
        "DELIVRD_ACCOUNTS__MAIN__WEBHOOK_SECRET": "abc,def,ghi,jkl",
        "DELIVRD_ACCOUNTS__MAIN__SIGNATURE_SECRET": f'["{LONG}", "{LONG}2"]',
    }
    account = load(None, environ).accounts["main"]
    assert [s.get_secret_value() for s in account.webhook_secret] == ["abc,def,ghi,jkl"]
    assert len(account.signature_secret) == 2  # type: ignore[attr-defined]


def test_variables_that_kubernetes_sets_are_no_settings() -> None:
    environ = {
        "DELIVRD_SERVICE_HOST": "10.0.0.1",
        "DELIVRD_SERVICE_PORT_HTTP": "80",
        "DELIVRD_PORT": "tcp://10.0.0.1:80",
        "DELIVRD_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert load(None, environ) == Config()


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        ("\nprot = 1", {}, ["delivrd.toml, line 2: prot", "Did you mean port?"]),
        ("[limts]\nmax_body = 1", {}, ["line 1: limts", "Did you mean limits?"]),
        ("[limits]\nmaxbody = 1", {}, ["line 2: limits.maxbody", "limits.max_body?"]),
        ("max_body = 1", {}, ["line 1: max_body", "Did you mean limits.max_body?"]),
        ("[server]\nport = 1", {}, ["line 1: server", "see `delivrd config show`"]),
        ("", {"DELIVRD_PROT": "1"}, ["DELIVRD_PROT", "Did you mean DELIVRD_PORT?"]),
        ("", {"DELIVRD_LIMITS_MAX_BODY": "1"}, ["Did you mean DELIVRD_LIMITS__MAX_BODY?"]),
        (
            f'[accounts.main]\n{VONAGE}\napi_secrt = "x"',
            {},
            ["line 4: accounts.main.api_secrt", "Did you mean accounts.main.api_secret?"],
        ),
        (
            f"[accounts.main]\n{VONAGE}",
            {"DELIVRD_ACCOUNTS__MAIN__API_SECRT": "x"},
            ["Did you mean DELIVRD_ACCOUNTS__MAIN__API_SECRET?"],
        ),
        (
            f'[accounts.main]\n{VONAGE}\nusername = "x"',
            {},
            ["line 4: accounts.main.username: there is no such setting", "Known here: ", "api_key"],
        ),
        (
            '[accounts.main]\nprovider = "vonagee"',
            {},
            ["line 2: accounts.main.provider", "Did you mean vonage?"],
        ),
        (
            '[accounts.main]\nprovider = "vonage"\napi_key = "k"',
            {},
            ["accounts.main.api_secret: is missing", "API_SECRET_FILE", "receive_only = true"],
        ),
        ("[accounts.main]", {}, ["line 1: accounts.main.provider: is missing", "[accounts.main]"]),
        (
            '[accounts.main]\nprovider = "generic"\n[accounts.main.statuses.gone]\nreasn = "other"',
            {},
            [
                "line 3: accounts.main.statuses.gone.status: is missing",
                "line 4: accounts.main.statuses.gone.reasn: there is no such setting",
                "Did you mean accounts.main.statuses.gone.reason?",
            ],
        ),
        ("accounts = 3", {}, ["accounts: must be tables"]),
        ("[accounts]\nmain = 3", {}, ["accounts.main: must be a table"]),
        (
            '[overrides.vonage.words]\nqueued = "pending"',
            {},
            ["line 2: overrides.vonage.words.queued: must be a table", "status, final, reason"],
        ),
        ("limits = 3", {}, ["line 1: limits: must be a table", "max_body"]),
        ('port = "x"', {}, ["line 1: port"]),
        (
            'default_region = "UK"',
            {},
            ["line 1: default_region: there is no country 'UK'", "the United Kingdom is GB"],
        ),
        ("", {"DELIVRD_PORT": "70000"}, ["environment: DELIVRD_PORT"]),
        ('public_url = "sms.example.org"', {}, ["public_url: must be an address like https://"]),
        ('database = "sqlite:///"', {}, ["database: must name a file"]),
        ('database = "sqlite:///:memory:"', {}, ["database: must name a file"]),
        ('database = "mysql://x"', {}, ["database: must start with sqlite:/// or postgresql://"]),
        ('database = "postgresql://u:p@h:port/d"', {}, ["database: must be like postgresql://"]),
        ('trusted_proxies = ["10.0.0.1/8"]', {}, ["line 1: trusted_proxies"]),
        ("[limits]\nreceive_seconds = inf", {}, ["line 2: limits.receive_seconds"]),
        ("[sending.rate]\nmain = 3", {}, ["sending.rate.main: there is no account main"]),
        (
            '[alerts.rules.uk]\nkind = "failure_rate"\ncountries = ["UK"]\naccounts = ["main"]',
            {},
            ["line 3: alerts.rules.uk.countries: there is no country 'UK'", "no account 'main'"],
        ),
        (
            '[alerts.rules.words]\nkind = "unmapped"\nover = 10000',
            {},
            ["line 3: alerts.rules.words.over: must be under 10000", "newest 10000 are counted"],
        ),
        (
            '[alerts.rules.calls]\nkind = "rejected_signatures"\nover = 500\n'
            "[retention]\nring_rows = 500",
            {},
            ["line 3: alerts.rules.calls.over: must be under 500", "retention.ring_rows"],
        ),
        (
            '[alerts.maintenance.night]\ndaily = "02:00-04:00"\naccounts = ["main"]',
            {},
            ["line 3: alerts.maintenance.night.accounts: there is no account 'main'"],
        ),
        ('[privacy]\ntext = "ful"', {}, ["line 2: privacy.text", "Did you mean full?"]),
        (
            '[overrides.vonage.words]\nqueued = { status = "delivred", final = true }',
            {},
            ["line 2: overrides.vonage.words.queued.status: ", "Did you mean delivered?"],
        ),
        (
            '[overrides.vonage.words]\nqueued = { status = "pending", final = true }',
            {},
            ["words.queued.final: must be false, as the status is pending"],
        ),
        (
            '[overrides.vonage.codes]\n"777" = { reason = "portd" }',
            {},
            ["line 2: overrides.vonage.codes.777.reason: ", "Did you mean ported?"],
        ),
        ("[overrides.vonage.statuses]", {}, ["line 1: ", "Did you mean overrides.vonage.words?"]),
        ("[overrides.vonage.errors]", {}, ["line 1: ", "Did you mean overrides.vonage.codes?"]),
        (
            '[endpoints.a]\nurl = "https://example.org/"\nstatuses = ["delivred"]',
            {},
            ["line 3: endpoints.a.statuses.0: ", "Did you mean delivered?"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_the_nearest_right_name(
    text: str, environ: dict[str, str], said: list[str]
) -> None:
    message = refused(text, environ)
    assert all(words in message for words in said), message


def test_all_problems_are_told_at_once() -> None:
    said = refused(f'prot = 1\nhots = "x"\n[accounts.a]\n{VONAGE}\nopne = true')
    assert [word in said for word in ("prot", "hots", "accounts.a.opne")] == [True] * 3


def test_a_mistake_in_toml_is_told_with_its_line() -> None:
    said = refused("port = 1\nhost = localhost\n")
    assert "delivrd.toml, line 2" in said


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'host = "\xe4"'])
def test_a_file_that_is_not_utf8_is_refused(content: bytes) -> None:
    Path("delivrd.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(None, {})


@pytest.mark.parametrize("sign", "@/?#")
def test_a_database_whose_password_is_not_escaped_is_refused_and_not_shown(sign: str) -> None:
    """Some of the password would be taken for the host, and told as one that does not exist."""
    said = refused(f'database = "postgresql://u:12{sign}word@h/d"')
    assert "%40" in said
    assert "word@" not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40ss@h1:5432,h2/d?target_session_attrs=read-write",
        "postgresql://[::1]:5432/d",
        "postgresql:///d?host=/run/postgresql",
        "sqlite:///kept@home/delivrd.db",
    ],
)
def test_what_a_driver_can_use_is_a_database(url: str) -> None:
    assert load(None, {"DELIVRD_DATABASE": url}).database == url


def test_postgres_is_another_word_for_postgresql() -> None:
    assert load(None, {"DELIVRD_DATABASE": "postgres://u@h/d"}).database == "postgresql://u@h/d"


def test_settings_cannot_be_changed_afterwards() -> None:
    config = load(None, {})
    with pytest.raises(ValueError, match="frozen"):
        config.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('ids_with = "two"', "there is no account two"),
        ('ids_with = "other"', "other uses smspm, not vonage"),
        ('ids_with = "main"', "names its own account"),
        ('id_format = "hexx"', "must be one of hex, decimal, lower, strip-zeros"),
        ('time_zone = "Europe/Viena"', "no time zone"),
        ('time_zone = "../../etc/passwd"', "no time zone"),
        ('allow_from = ["192.0.2.0/33"]', "accounts.main.allow_from"),
        ('basic_auth = "withoutcolon"', 'must be "user:password"'),
        ('webhook_secret = "a/long-secret-word"', "must fit into a URL"),
        ('base_url = "ftp://127.0.0.1"', "must be an address like https://"),
        ('base_url = "http://[::1"', "must be an address like https://"),
        ("replay_window = -300", "greater than or equal to 1"),
        ("id_reuse_after = -1", "greater than or equal to 0"),
        ("id_reuse_after = 99999999999", "less than or equal to 3153600000"),
    ],
)
def test_an_account_is_checked_against_the_others_and_the_world(line: str, said: str) -> None:
    other = f"[accounts.other]\n{SMSPM}\n"
    message = refused(f"{other}[accounts.main]\n{VONAGE}\n{line}")
    assert said in message
    assert "delivrd.toml, line 7: accounts.main." in message


SENDS = """[accounts.main]
provider = "vonage"
api_key = "abcd1234"
api_secret = "vonage-api-secret"
"""
GENERIC = """[accounts.main]
provider = "generic"
fields = { id = "id", status = "status" }
statuses = { ok = "delivered" }
"""


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("base_url", SENDS),
        ("base_url", f'{SENDS}base_url = "https://rest.nexmo.com"'),
        ("base_url", f'{SENDS}base_url = "https://8.8.8.8:9101"'),
        ("send.url", f'{GENERIC}send = {{ url = "https://gateway.example/send", id = "id" }}'),
    ],
)
def test_a_simulated_account_never_sends_by_a_real_gateway(key: str, account: str) -> None:
    message = refused(f"{account}\nsimulated = true")
    assert f"accounts.main.{key}: the account is simulated" in message
    assert "http://127.0.0.1:9101" in message
    assert load(written(account), {}).accounts


@pytest.mark.parametrize(
    "account",
    [
        f'{SENDS}base_url = "http://127.0.0.1:9101"',
        f'{SENDS}base_url = "http://gateways.staging.internal:9101"',
        f"{SENDS}receive_only = true",
        f"{GENERIC}receive_only = true",
        f'{GENERIC}send = {{ url = "http://10.0.0.7/send", id = "id" }}',
    ],
)
def test_a_simulated_account_has_its_gateway_in_a_network_of_ones_own(account: str) -> None:
    assert load(written(f"{account}\nsimulated = true"), {}).accounts["main"].simulated


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("retention", "request_bodies_days"),
        ("retention", "messages_days"),
        ("retention", "events_days"),
        ("retention", "deliveries_days"),
        ("retention", "idempotency_hours"),
        ("retention", "ring_rows"),
        ("sending", "grace_seconds"),
    ],
)
def test_a_time_or_a_number_beyond_reason_is_refused(table: str, key: str) -> None:
    """It would be outside of what dates and databases can hold."""
    message = refused(f"[{table}]\n{key} = 99999999999")
    assert f"delivrd.toml, line 2: {table}.{key}: input should be less than or equal" in message


def test_accounts_of_one_login_may_share_their_ids() -> None:
    path = written(f'[accounts.a]\n{VONAGE}\n[accounts.b]\n{VONAGE}\nids_with = "a"')
    assert load(path, {}).accounts["b"].ids_with == "a"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"a": 'ids_with = "b"', "b": 'ids_with = "c"', "c": ""}, 'Write ids_with = "c"'),
        ({"a": 'ids_with = "b"\nid_format = "hex"', "b": ""}, "is not that of b"),
    ],
    ids=["a chain", "two formats"],
)
def test_accounts_that_share_their_ids_compare_them_in_one_way(
    lines: dict[str, str], said: str
) -> None:
    accounts = "\n".join(f"[accounts.{name}]\n{VONAGE}\n{line}" for name, line in lines.items())
    assert said in refused(accounts)


@pytest.mark.parametrize("name", ["Main", "-main", "ma in", "ä"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name: str) -> None:
    assert "not a name for an account" in refused(f'[accounts."{name}"]\n{VONAGE}')


def test_an_override_of_an_unknown_provider_names_the_nearest(tmp_path):
    path = tmp_path / "delivrd.toml"
    path.write_text('[overrides.vonnage.codes]\n"777" = { reason = "ported" }\n')
    with pytest.raises(ConfigError) as error:
        load(path, {})
    assert "overrides.vonnage" in str(error.value)
    assert "Did you mean vonage?" in str(error.value)


def test_a_misspelt_provider_is_named_and_not_only_missed() -> None:
    said = refused('[accounts.main]\nprovdier = "vonage"\napi_key = "k"')
    assert "delivrd.toml, line 2: accounts.main.provdier" in said
    assert "Did you mean provider?" in said


def test_an_account_without_a_provider_is_told_what_is_missing() -> None:
    assert "accounts.main.provider: is missing" in refused('[accounts.main]\napi_key = "k"')


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", "http://127.0.0.1:8025"),
        ("0.0.0.0", "http://127.0.0.1:8025"),
        ("::", "http://[::1]:8025"),
        ("::1", "http://[::1]:8025"),
        ("fd00::7", "http://[fd00::7]:8025"),
    ],
)
def test_the_hub_is_found_at_its_host_unless_it_has_a_public_address(host: str, local: str) -> None:
    assert Config(host=host).url == local
    public = Config(host=host, public_url="https://sms.example.org/")
    assert (public.local_url, public.url) == (local, "https://sms.example.org")


def test_an_empty_variable_names_no_file() -> None:
    assert load(None, {"DELIVRD_CONFIG": ""}).port == load(None, {}).port
