"""Endpoints in `delivrd.toml`: the tables `[endpoints.NAME]`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr

from delivrd.core.signing_key import key
from delivrd.core.statement import Status
from delivrd.section import Section

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
OWN_FORMAT = "delivrd"
_MAKE_ONE = "Write whsec_ followed by what `openssl rand -base64 32` prints."


class EndpointSettings(Section):
    """An endpoint; the fields are those of the API, and the secret."""

    url: str = Field(description="Where events go.")
    description: str | None = Field(default=None, max_length=2000, description="A note for people.")
    format: str = Field(default=OWN_FORMAT, description="delivrd, or the dialect of a gateway.")
    options: dict[str, SecretStr] = Field(
        default_factory=dict, description="Options of the format."
    )
    secret: tuple[SecretStr, ...] = Field(
        default=(), description="Signs the calls; of several, the newest first, all sign."
    )
    statuses: tuple[Status, ...] = Field(default=(), description="Only these; default all.")
    accounts: tuple[str, ...] = Field(default=(), description="Only these; default all.")
    countries: tuple[str, ...] = Field(
        default=(), description="Only these, such as GB; default all."
    )
    final_only: bool = Field(default=False, description="Only events with a final status.")
    ordered: bool = Field(
        default=False, description="A message's next event waits for the one before."
    )
    operational: bool = Field(default=False, description="Also events about the hub itself.")
    rate_limit: int | None = Field(
        default=None, ge=1, le=10_000, description="Most calls per second."
    )
    batch_size: int = Field(default=1, ge=1, le=500, description="Most events per call.")
    batch_ms: int = Field(
        default=1000, ge=10, le=60_000, description="Longest wait for a full batch, in ms."
    )

    def given(self) -> dict[str, Any]:
        """Its fields as the relay checks and stores them, without secrets."""
        fields = self.model_dump(exclude={"secret", "options"})
        fields["options"] = {name: value.get_secret_value() for name, value in self.options.items()}
        countries = [country.upper() for country in self.countries]
        return {
            **fields,
            "statuses": list(self.statuses) or None,
            "accounts": list(self.accounts) or None,
            "countries": countries or None,
        }

    @property
    def secrets(self) -> list[str]:
        """The secrets that sign, the newest first."""
        return [secret.get_secret_value() for secret in self.secret]


def wrong(
    endpoints: Mapping[str, EndpointSettings], accounts: Iterable[str], relay: Any
) -> Iterator[tuple[str, str, str]]:
    """The errors of all endpoints: the setting's path, why, and what to do."""
    from delivrd.relay.endpoint_fields import InvalidField, checked

    known = sorted(accounts)
    for name, one in endpoints.items():
        path = f"endpoints.{name}"
        if not NAME.fullmatch(name):
            yield path, "not a name for an endpoint", "Use a-z, 0-9, - and _, as in shop-2."
        yield from _wrong_secrets(path, one)
        try:
            checked(relay, known, one.given())
        except InvalidField as error:
            yield f"{path}.{error.field}", error.why, error.hint


def _wrong_secrets(path: str, one: EndpointSettings) -> Iterator[tuple[str, str, str]]:
    if one.format == OWN_FORMAT and not one.secret:
        yield f"{path}.secret", "is missing, and calls in this format are signed", _MAKE_ONE
    for secret in one.secrets:
        try:
            key(secret)
        except ValueError as error:
            yield f"{path}.secret", str(error), _MAKE_ONE
