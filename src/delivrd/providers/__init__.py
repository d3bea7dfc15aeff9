"""The gateways' dialects, one module each, and how to find them.

A module of this package is a provider when it has a ``NAME``; other packages add theirs by the
entry point group ``delivrd.providers``. Each may be used by itself, as a library:
``from delivrd.providers import vonage``.
"""

import difflib
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any

from delivrd.providers.base import Provider

GROUP = "delivrd.providers"


class UnknownProvider(LookupError):
    """No provider has this name; ``hint`` names the nearest, or all."""

    def __init__(self, name: str, known: list[str]) -> None:
        close = difflib.get_close_matches(name.lower(), known, n=1)
        self.hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
        super().__init__(f"There is no provider {name[:40]!r}. {self.hint}")


def provider(name: str) -> Provider:
    """The provider of that name.

    Raises:
        UnknownProvider: there is none.
    """
    found = _all().get(name)
    if found is None:
        raise UnknownProvider(name, names())
    return found


def names() -> list[str]:
    """The names of all providers, sorted."""
    return sorted(_all())


@lru_cache(maxsize=1)
def _all() -> dict[str, Provider]:
    modules: list[Any] = [
        import_module(f"{__name__}.{found.name}")
        for found in iter_modules(__path__)
        if not found.name.startswith("_")
    ]
    modules += [entry.load() for entry in entry_points(group=GROUP)]
    return {module.NAME: Provider(module) for module in modules if hasattr(module, "NAME")}
