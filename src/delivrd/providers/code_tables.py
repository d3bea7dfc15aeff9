"""Tables of codes that are too large for a module: TOML files beside the adapters."""

import tomllib
from importlib import resources
from typing import Any

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers.base import Code


def load(name: str, section: str | None = None) -> dict[str, Code]:
    """The table in ``NAME.toml`` of this package, or one section of it.

    A line is ``code = [words, reason, status, permanent]``; values that are missing at its end, or
    empty strings, are None.
    """
    tables = _read(name)
    table = tables[section] if section else tables
    return {code: _code(*row) for code, row in table.items()}


def named(name: str) -> dict[str, str]:
    """The table of names in ``NAME.toml`` of this package; a line is ``name = "code"``."""
    return _read(name)


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _code(words: str, reason: str = "", status: str = "", permanent: bool | None = None) -> Code:
    return Code(
        words,
        Reason(reason) if reason else None,
        Status(status) if status else None,
        permanent,
    )
