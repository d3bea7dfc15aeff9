"""The customer's account at a simulated gateway: the base class of every dialect's ``Account``."""

from dataclasses import dataclass
from typing import Any


@dataclass(kw_only=True)
class Account:
    """``webhook`` is where receipts go if their message gives no URL. ``shape`` is one of the forms
    of the dialect's receipts (its ``SHAPES``), or ``mixed`` for all of them by their shares. A
    dialect's subclass adds credentials, which are checked if they are set."""

    webhook: str | None = None
    shape: str = "mixed"

    @property
    def signs(self) -> bool:
        """Whether receipts are signed, so that a hub must refuse one without a good signature."""
        return False


def plain(setting: Any) -> str | None:
    """A setting of a hub's account as text: a secret, or the first of several."""
    if isinstance(setting, list | tuple):
        setting = setting[0] if setting else None
    if setting is None:
        return None
    return str(getattr(setting, "get_secret_value", lambda: setting)())
