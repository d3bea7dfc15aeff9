"""The HTTP call of an event, and what a format needs to know about its endpoint."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Target(msgspec.Struct, frozen=True):
    """What a format needs to know about an endpoint."""

    url: str
    format: str
    secrets: tuple[str, ...] = ()
    """The newest first; both sign while one is being replaced."""
    options: Mapping[str, str] = {}
    """The values of the format's options, for instance the key of a dialect's signature."""

    def __repr__(self) -> str:  # without secrets: it may be logged
        return f"Target({self.format!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("format", self.format)]


class Call(msgspec.Struct, frozen=True):
    """One HTTP call, ready to be signed; its bytes stay the same at every try."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
