"""The settings of a hub: their names, their types, and where each value came from.

Settings are in ``delivrd.toml``; environment variables override them (``DELIVRD_DATABASE``,
``DELIVRD_ACCOUNTS__MAIN__API_SECRET``), and a variable that ends in ``_FILE`` names a file that
holds the value. :func:`load` reads them all, and for each error names the key, its place and what
to do.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    Field,
    IPvAnyNetwork,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    SecretStr,
    SerializeAsAny,
)

from delivrd.alert_settings import Alerts
from delivrd.config_endpoints import EndpointSettings
from delivrd.core.addresses import is_local
from delivrd.providers import provider
from delivrd.providers.base import AccountSettings, Provider
from delivrd.providers.overrides import Overrides, overridden
from delivrd.section import Section

MIN_SECRET = 12
"""Shorter secrets cannot be told from ordinary words, and so could not be kept out of the store."""
MIN_ADMIN_KEY = 24
ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
OPTION = re.compile(r"endpoints\.[^.]+\.options\..+")
ID_FORMATS = ("hex", "decimal", "lower", "strip-zeros")


class Problem(NamedTuple):
    """One error: which setting, its place, what is wrong, what to do."""

    key: str
    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.what}" + (f"\n  {self.hint}" if self.hint else "")


class ConfigError(Exception):
    """The settings cannot be used. The text never contains a secret's value."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Source(NamedTuple):
    """Where a value comes from; ``name`` is the file's path or the variable's name."""

    kind: Literal["default", "file", "env"]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


DEFAULT = Source("default")


def web_address(value: str) -> bool:
    """Whether the text is a web address: http or https, and a host."""
    try:
        url = urlsplit(value)
    except ValueError:  # a bracket that is not closed
        return False
    return url.scheme in ("http", "https") and bool(url.hostname)


def _http_url(value: str) -> str:
    if not web_address(value):
        raise ValueError("must be an address like https://sms.example.org")
    url = urlsplit(value)
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must have no user name, query or fragment")
    return value.rstrip("/")


def _database_url(value: str) -> str:
    value = re.sub(r"^postgres://", "postgresql://", value)
    if not value.startswith(("sqlite:///", "postgresql://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    if value in ("sqlite:///", "sqlite:///:memory:"):
        raise ValueError("must name a file, like sqlite:///delivrd.db")
    if value.startswith("postgresql:") and not _parts_are_told_apart(value):
        raise ValueError(
            "must be like postgresql://USER:PASSWORD@HOST:5432/NAME; in a password, "
            "write @ / ? # as %40 %2F %3F %23"
        )
    return value


def _parts_are_told_apart(url: str) -> bool:
    """They are not where a password has an ``@`` or ``/`` as it is: some of it seems the host."""
    _, at, hosts = urlsplit(url).netloc.rpartition("@")
    named = all(re.fullmatch(r"(\[[^]]*\]|[^][:]*)(:\d+)?", host) for host in hosts.split(","))
    return named and url.count("@") == len(at)


def _country(value: str) -> str:
    from delivrd.core.phone import checked_country  # its library is slow to load, for a mere help

    return checked_country(value)


def _admin_key(value: SecretStr) -> SecretStr:
    length = len(value.get_secret_value())
    if length < MIN_ADMIN_KEY:
        raise ValueError(f"must have at least {MIN_ADMIN_KEY} characters, but has {length}")
    return value


class Limits(Section):
    max_body: ByteSize = Field(
        default=ByteSize(4 * 1024**2), gt=0, description="Largest body of a webhook call."
    )
    body_budget: ByteSize = Field(
        default=ByteSize(64 * 1024**2), gt=0, description="Total size of all bodies in flight."
    )
    receive_seconds: PositiveFloat = Field(
        default=10.0, description="Time within which a call must have arrived completely."
    )
    connections_per_source: PositiveInt = Field(
        default=1000, description="Most connections from one address; no limit on loopback."
    )


class Privacy(Section):
    text: Literal["preview", "full", "none"] = Field(
        default="preview",
        description="What is kept of a text when it is no longer needed: 50 characters, all, none.",
    )


Days = Annotated[int, Field(ge=1, le=36_500)]
"""At most a century: a time that far back still is one."""


class Retention(Section):
    request_bodies_days: Days = Field(default=30, description="Bodies of webhook calls.")
    messages_days: Days | None = Field(
        default=None, description="Messages with their receipts; default for ever."
    )
    events_days: Days = Field(default=7, description="Events, for resuming a stream.")
    idempotency_hours: PositiveInt = Field(
        default=48, le=24 * 36_500, description="Idempotency keys."
    )
    deliveries_days: Days = Field(
        default=30,
        description="Finished deliveries and URLs that are gone; parked deliveries stay.",
    )
    ring_rows: PositiveInt = Field(default=10_000, le=10**9, description="Most refused calls kept.")
    ring_bytes: ByteSize = Field(
        default=ByteSize(64 * 1024**2), gt=0, description="Most bytes of refused calls kept."
    )
    low_disk_mb: NonNegativeInt = Field(
        default=512, description="With less free disk (MB), old bodies are dropped first."
    )


class Sending(Section):
    concurrency: PositiveInt = Field(
        default=32,
        description="Most hand-overs at once; where several accounts send, one takes at most "
        "three quarters of those that the others leave.",
    )
    rate: dict[str, PositiveFloat] = Field(
        default_factory=dict, description="Most messages per second, by account; default no limit."
    )
    look_up: bool = Field(
        default=True, description="Ask gateways that allow it for receipts that never came."
    )
    grace_seconds: NonNegativeInt = Field(
        default=6 * 3600,
        le=365 * 86_400,
        description="Wait after a validity expired before `unknown`.",
    )


class Relay(Section):
    secret: SecretStr | None = Field(
        default=None, description="Signs the calls of a message's `callback_url`."
    )
    allow_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="Private networks (CIDR) in which endpoints may be."
    )
    allow_http: bool = Field(default=False, description="Endpoints may be called without TLS.")
    concurrency: PositiveInt = Field(
        default=32, description="Most calls to one endpoint at once, in each process."
    )


class Insight(Section):
    healthy: float = Field(
        default=95.0, ge=0, le=100, description="Delivery rate in % from which a route is healthy."
    )
    investigate: float = Field(
        default=85.0, ge=0, le=100, description="Delivery rate in % below which to investigate."
    )


class Config(Section):
    """All settings of a hub."""

    FILE: ClassVar[str] = "delivrd.toml"

    database: Annotated[str, AfterValidator(_database_url)] = Field(
        default="sqlite:///delivrd.db",
        description="sqlite:///PATH, from the folder that delivrd is started in, or postgresql://…",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8025, ge=0, le=65535, description="Port to listen on.")
    public_url: Annotated[str, AfterValidator(_http_url)] | None = Field(
        default=None, description="Address that gateways call; signatures are checked against it."
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="Proxies (CIDR) whose forwarding headers are trusted."
    )
    admin_key: Annotated[SecretStr, AfterValidator(_admin_key)] | None = Field(
        default=None, description=f"A key with all rights, {MIN_ADMIN_KEY} characters or more."
    )
    default_region: Annotated[str, AfterValidator(_country)] | None = Field(
        default=None, description="Country of numbers written without a country code."
    )
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    retention: Retention = Retention()
    sending: Sending = Sending()
    relay: Relay = Relay()
    insight: Insight = Insight()
    alerts: Alerts = Alerts()
    accounts: dict[str, SerializeAsAny[AccountSettings]] = Field(default_factory=dict)
    endpoints: dict[str, EndpointSettings] = Field(default_factory=dict)
    overrides: dict[str, Overrides] = Field(
        default_factory=dict, description="By provider: your meanings of its words and codes."
    )

    _sources: Mapping[str, Source] = PrivateAttr(default_factory=dict)

    @property
    def sources(self) -> Mapping[str, Source]:
        """The source of each setting's value, by its dotted path."""
        return {path: self._sources.get(path, DEFAULT) for path, _ in settings(self)}

    @property
    def configured(self) -> dict[str, tuple[Provider, AccountSettings]]:
        """Each account's dialect, with the operator's overrides, and its settings."""
        return {
            name: (overridden(provider(a.provider), self.overrides.get(a.provider)), a)
            for name, a in self.accounts.items()
        }

    @property
    def local_url(self) -> str:
        """The hub's address on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The hub's address for everybody else: people, applications, gateways."""
        return self.public_url or self.local_url

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the hub."""
        return is_local(self.host) and self.public_url is None


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Reads ``path`` (else DELIVRD_CONFIG, else ./delivrd.toml) and the environment.

    Only the default file may be missing.

    Raises:
        ConfigError: lists every problem found.
    """
    from delivrd.config_check import check
    from delivrd.config_reader import read

    config, tree = read(path, environ)
    config._sources = tree.sources()
    problems = [tree.placed(problem) for problem in check(config)]
    if problems:
        raise ConfigError(*problems)
    return config


def settings(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting's dotted path and value, including those in tables."""
    for name in type(model).model_fields:
        value, path = getattr(model, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from settings(value, f"{path}.")
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, BaseModel):
                    yield from settings(item, f"{path}.{key}.")
                else:
                    yield f"{path}.{key}", item
        else:
            yield path, value


def secrets(config: Config) -> dict[str, str]:
    """The secrets to redact, by dotted path (items of a list are numbered from 0).

    Basic authentication is included twice: whole, and its password. The database's password and
    options of endpoints are included if they are long enough not to be an ordinary word.
    """
    found = {}
    for path, value in settings(config):
        many = isinstance(value, tuple)
        for position, secret in enumerate(value if many else (value,)):
            if isinstance(secret, SecretStr):
                found[f"{path}.{position}" if many else path] = secret.get_secret_value()
    for path in [path for path in found if OPTION.fullmatch(path)]:
        if len(found[path]) < MIN_SECRET:  # a choice of the format, such as "true"
            del found[path]
    for path in [path for path in found if path.endswith(".basic_auth")]:
        found[f"{path}.password"] = found[path].partition(":")[2]
    password = unquote(urlsplit(config.database).password or "")
    if len(password) >= MIN_SECRET:
        found["database.password"] = password
    return found


def hide_password(url: str) -> str:
    """A database's address without its password, and without that of a client's key."""
    url = re.sub(r"(?<=://)([^:/@]*):[^/]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", url)


def proofs(account: AccountSettings) -> list[str]:
    """The settings that authenticate calls of this account's webhook."""
    names = ("webhook_secret", "basic_auth", "allow_from", *account.SIGNED_BY)
    return [name for name in names if getattr(account, name, None)]


def exposure(config: Config) -> list[Problem]:
    """The accounts that would accept calls from anybody who can reach this hub (rule H2).

    On loopback without a public address there are none; `open = true` is the operator's decision.
    """
    if config.local:
        return []
    return [
        Problem(
            f"accounts.{name}",
            _where_open(config),
            "anybody could forge its receipts: nothing authenticates its webhook calls",
            f"Set its {_provers(account)}; or accept that with open = true.",
        )
        for name, account in config.accounts.items()
        if not account.open and not proofs(account)
    ]


def _provers(account: AccountSettings) -> str:
    signed = [name for name in account.SIGNED_BY if name in type(account).model_fields]
    return ", ".join([*signed, "webhook_secret", "basic_auth"]) + " or allow_from"


def _where_open(config: Config) -> str:
    return f"public_url {config.public_url}" if config.public_url else f"host {config.host}"
