"""How a simulated gateway knows its customer: what every dialect's own ``Account`` starts from."""

from dataclasses import dataclass
from typing import Any


@dataclass(kw_only=True)
class Account:
    """``webhook`` is where receipts go that name no address of their own. ``shape`` is one of the
    forms in which the dialect's receipts come (its ``SHAPES``), or ``mixed`` for all in their
    shares. A dialect's own adds credentials, which are checked where they are given."""

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
