"""The HTTP call of an event, and what a format needs to know about its endpoint."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Target(msgspec.Struct, frozen=True):
    """An endpoint, as formats see it."""

    url: str
    format: str
    secrets: tuple[str, ...] = ()
    """The newest first; both sign while one is being replaced."""
    options: Mapping[str, str] = {}
    """For instance the credentials of a dialect's signature, or the template of a URL."""

    def __repr__(self) -> str:  # it may stand in a log
        return f"Target({self.format!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("format", self.format)]


class Call(msgspec.Struct, frozen=True):
    """One HTTP call, ready to be signed; its bytes stay the same at every try."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
