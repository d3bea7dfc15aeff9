"""The public ids of rows: the kind, and the row's id in hex; of some, the row's id alone."""

import re


def event_id(row_id: int) -> str:
    return f"evt_{row_id:016x}"


def endpoint_id(row_id: int) -> str:
    return f"ep_{row_id:016x}"


def delivery_id(row_id: int) -> str:
    return f"dlv_{row_id:016x}"


def firing_id(row_id: int) -> str:
    return f"fir_{row_id:016x}"


def row_of(name: str, kind: str) -> int | None:
    """The row id in a public id; None if it is not one of that kind."""
    prefix, _, digits = name.partition("_")
    return hex_id(digits) if prefix == kind else None


def hex_id(digits: str) -> int | None:
    """The row id that 16 hexadecimal digits name; None for any other text."""
    value = int(digits, 16) if re.fullmatch(r"[0-9a-fA-F]{16}", digits) else 1 << 63
    return value if value < 1 << 63 else None


def number_of(text: str) -> int | None:
    """The row id that decimal digits name; None if it cannot be one."""
    value = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else 1 << 63
    return value if value < 1 << 63 else None
