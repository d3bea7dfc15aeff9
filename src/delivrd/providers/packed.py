"""Fields inside other fields: JSON in a form's field, and objects by bracketed names."""

from typing import Any

from delivrd.providers import fields as f
from delivrd.providers.base import Request


def unpacked(told: f.Fields, name: str) -> f.Fields | list[Any] | None:
    """What a field holds as an object, an array or the JSON text of either; else None.

    Raises:
        Unreadable: it looks like JSON, but is not.
    """
    value = told.get(name)
    if isinstance(value, dict | list):
        return value
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None
    return f.of(Request("POST", body=value.encode(errors="replace")))


def bracketed(told: f.Fields, name: str) -> f.Fields:
    """The object in a field, as JSON text too, or in a form's fields ``name[key]``.

    Raises:
        Unreadable: the field looks like JSON, but is not.
    """
    head = f"{name}["
    found = {
        key[len(head) : -1].strip("'\""): value
        for key, value in told.items()
        if key.startswith(head) and key.endswith("]")
    }
    if found:
        return found
    inner = unpacked(told, name)
    return inner if isinstance(inner, dict) else {}
