"""What would be right, where something is refused."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any


def hint_of(details: Mapping[str, Any]) -> str:
    """The hint at what one of pydantic's errors would have accepted; empty if there is none.

    It is the ``hint`` of the exception behind it, or the closest of the values that are listed.
    """
    if details["type"] in ("enum", "literal_error"):
        return nearest(str(details["input"]), re.findall(r"'([^']*)'", details["ctx"]["expected"]))
    return str(getattr(details.get("ctx", {}).get("error"), "hint", ""))


def nearest(name: str, known: Iterable[str]) -> str:
    """ "Did you mean …?" with the known name that is closest, or an empty text."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else ""
