"""What would be right, where something is refused."""

from collections.abc import Mapping
from typing import Any


def hint_of(details: Mapping[str, Any]) -> str:
    """The ``hint`` of the exception behind one of pydantic's errors; empty if it has none."""
    return str(getattr(details.get("ctx", {}).get("error"), "hint", ""))
