"""Tables of codes that are too large for a module (TOML files beside the adapters), and those whose
codes are written in several ways."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers.base import Code


class Codes(dict[str, Code]):
    """A table of codes that are found in other spellings, too.

    ``spellings`` gives those under which the table may have a code, the likeliest first.
    """

    def __init__(
        self, table: Mapping[str, Code], spellings: Callable[[str], Iterable[str]]
    ) -> None:
        super().__init__(table)
        self._spellings = spellings

    def get(self, code: str, default: Any = None) -> Any:
        return next((self[way] for way in self._spellings(code) if way in self), default)


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
