"""Checks across settings: whether they fit each other and the environment."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from delivrd.alert_settings import RULE_NAME, Maintenance, Rule
from delivrd.config import (
    ACCOUNT_NAME,
    ID_FORMATS,
    MIN_SECRET,
    Config,
    Problem,
    Relay,
    secrets,
    web_address,
)
from delivrd.config_alerts import ineffective
from delivrd.config_endpoints import wrong
from delivrd.core.addresses import private_host
from delivrd.core.hints import nearest
from delivrd.core.signing_key import key
from delivrd.providers import UnknownProvider, provider
from delivrd.providers.base import AccountSettings
from delivrd.providers.generic_settings import Settings as GenericSettings


def check(config: Config) -> Iterator[Problem]:
    """Each problem of settings that are valid one by one."""
    for path, value in secrets(config).items():
        if len(value) < MIN_SECRET:
            yield _problem(
                path,
                f"a secret must have at least {MIN_SECRET} characters, and this has {len(value)}",
                "Shorter ones cannot be redacted reliably from stored requests and logs. Use a "
                "longer one (if the gateway chose it, change it in the gateway's settings).",
            )
    for name, account in config.accounts.items():
        yield from _check_account(config, name, account)
    yield from _check_relay(config.relay)
    if config.insight.investigate > config.insight.healthy:
        hint = "A rate to investigate cannot be healthy: set it lower."
        yield _problem("insight.investigate", "is above insight.healthy", hint)
    yield from _check_alerts(config)
    for path, why, hint in wrong(config.endpoints, config.accounts, config.relay):
        yield _problem(path, why, hint)
    for name in config.overrides:
        try:
            provider(name)
        except UnknownProvider as error:
            yield _problem(f"overrides.{name}", "there is no such provider", error.hint)
    for name in config.sending.rate:
        if name not in config.accounts:
            yield _unknown_account(config, f"sending.rate.{name}", name)


def _check_relay(relay: Relay) -> Iterator[Problem]:
    try:
        if relay.secret is not None:
            key(relay.secret.get_secret_value())
    except ValueError as error:
        hint = "Write whsec_ followed by what `openssl rand -base64 32` prints."
        yield _problem("relay.secret", str(error), hint)


def _check_alerts(config: Config) -> Iterator[Problem]:
    alerts = config.alerts
    for table, names in (("rules", alerts.rules), ("channels", alerts.channels)):
        for name in names:
            if not RULE_NAME.fullmatch(name):
                hint = "Use a-z, 0-9, - and _, as in gone-bad."
                yield _problem(f"alerts.{table}.{name}", "not a name", hint)
    known = (config.accounts, alerts.channels, config.retention.ring_rows)
    of: Mapping[str, Mapping[str, Rule | Maintenance]]
    of = {"rules": alerts.rules, "maintenance": alerts.maintenance}
    for table, some in of.items():
        for name, one in some.items():
            for field, what, hint in ineffective(one, *known):
                yield _problem(f"alerts.{table}.{name}.{field}", what, hint)


def _check_account(config: Config, name: str, account: AccountSettings) -> Iterator[Problem]:
    prefix = f"accounts.{name}"
    if not ACCOUNT_NAME.fullmatch(name):
        yield _problem(prefix, "not a name for an account", "Use a-z, 0-9, - and _, as in main-2.")
    if account.basic_auth and ":" not in account.basic_auth.get_secret_value():
        yield _problem(f"{prefix}.basic_auth", 'must be "user:password"')
    for secret in account.webhook_secret:
        if not re.fullmatch(r"[^\s/?#%]*", secret.get_secret_value()):
            hint = "Use letters, digits, - and _, as `openssl rand -hex 16` prints."
            why = "contains white space or one of / ? # %, and must fit into a URL"
            yield _problem(f"{prefix}.webhook_secret", why, hint)
    if account.base_url is not None and not web_address(account.base_url):
        why = "must be an address like https://api.example.org"
        yield _problem(f"{prefix}.base_url", why)
    for network in account.allow_from:
        try:
            ip_network(network)
        except ValueError as error:
            yield _problem(f"{prefix}.allow_from", str(error), "Write 192.0.2.0/24.")
    if account.id_format is not None and account.id_format not in ID_FORMATS:
        choices = ", ".join(ID_FORMATS)
        yield _problem(f"{prefix}.id_format", f"must be one of {choices}")
    if account.simulated:
        yield from _check_simulated(prefix, account)
    yield from _check_zone(prefix, account.time_zone)
    yield from _check_ids_with(config, name, account)


def _check_simulated(prefix: str, account: AccountSettings) -> Iterator[Problem]:
    """What is taken for simulated must not be sent, and charged, by a real gateway."""
    sends = provider(account.provider).send is not None and not account.receive_only
    key, url = "base_url", account.base_url
    if isinstance(account, GenericSettings):
        key, url = "send.url", account.send.url if account.send else None
    if not sends or (url is not None and not web_address(url)):
        return
    if url is None or not private_host(urlsplit(url).hostname or ""):
        yield _problem(
            f"{prefix}.{key}",
            "the account is simulated, and its messages would go to a real gateway",
            "Name the simulator's address, as http://127.0.0.1:9101 (what `delivrd simulate` "
            "needs); or remove simulated = true.",
        )


def _check_zone(prefix: str, zone: str | None) -> Iterator[Problem]:
    try:
        ZoneInfo(zone or "UTC")
    except (ValueError, OSError, KeyError):
        yield _problem(
            f"{prefix}.time_zone",
            f"there is no time zone {zone!r}",
            "Write one like Europe/Vienna.",
        )


def _check_ids_with(config: Config, name: str, account: AccountSettings) -> Iterator[Problem]:
    other = account.ids_with
    if other is None:
        return
    key = f"accounts.{name}.ids_with"
    if other == name:
        yield _problem(key, "names its own account", "Name the other one, or remove it.")
    elif other not in config.accounts:
        yield _unknown_account(config, key, other)
    elif config.accounts[other].provider != account.provider:
        yield _problem(
            key,
            f"{other} uses {config.accounts[other].provider}, not {account.provider}",
            "Only accounts of one login at the same gateway share ids.",
        )
    elif (head := config.accounts[other].ids_with) is not None:
        why = f"{other} shares its ids with another account itself"
        yield _problem(key, why, f'Write ids_with = "{head}".')
    elif account.id_format not in (None, config.accounts[other].id_format):
        yield _problem(
            f"accounts.{name}.id_format",
            f"is not that of {other}, whose ids it shares",
            f"Remove it: the id_format of {other} holds for both.",
        )


def _unknown_account(config: Config, key: str, name: str) -> Problem:
    hint = nearest(name, config.accounts) or f"Accounts: {', '.join(config.accounts) or 'none'}."
    return _problem(key, f"there is no account {name}", hint)


def _problem(key: str, what: str, hint: str = "") -> Problem:
    """A problem of the settings as a whole: the value may come from several places."""
    return Problem(key, "settings", what, hint)
