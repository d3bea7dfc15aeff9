"""The page of the dashboard that shows the evidence of a firing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

STATUS: Mapping[str, str] = {
    **dict.fromkeys(("failure_rate", "change", "settled_rate", "failure"), "failed"),
    **dict.fromkeys(("overdue", "no_receipts"), "pending"),
    "latency": "delivered",
}
"""By kind of rule, the status of the messages that are its evidence."""


_NO_MESSAGES = frozenset({"endpoint_failing", "backlog", "rejected_signatures"})
"""Kinds that are about something else."""

_SHOWN: Mapping[str, str] = {
    "endpoint_failing": "Endpoint",
    "backlog": "Deliveries",
    "rejected_signatures": "Requests",
    "no_messages": "The last messages",
}


def shown(kind: str) -> str:
    """What that page shows for a firing of this kind, in words."""
    return _SHOWN.get(kind, "Messages")


def behind(
    kind: str, place: Mapping[str, str], facts: Mapping[str, Any], since: datetime,
    until: datetime | None = None,
) -> str:  # fmt: skip
    """The path of that page, which shows the same whenever it is opened; empty if there is none."""
    match kind:
        case "failure" if facts.get("message"):
            return f"/messages/{facts['message']}"
        case "endpoint_failing":
            return f"/endpoints/{place.get('endpoint', '')}"
        case "backlog":
            given = {"endpoint": str(facts.get("endpoint", "")), "state": "waiting"}
            return _address("/deliveries", given) if place.get("queue") == "relay" else ""
        case "rejected_signatures":
            given = {"verdict": "refused", "account": place.get("account", "")}
            return _address("/requests", given)
    return _address("/messages", messages(kind, place, since, until) or {})


def _address(path: str, given: Mapping[str, str]) -> str:
    return f"{path}?{urlencode({name: value for name, value in given.items() if value})}"


def messages(
    kind: str, place: Mapping[str, str], since: datetime, until: datetime | None = None
) -> dict[str, str] | None:
    """The filters of the list of messages, on the page as in the API; None where no message is
    behind it."""
    if kind in _NO_MESSAGES:
        return None
    given = {name: place.get(name, "") for name in ("account", "country")}
    if kind == "no_messages":  # the last that there were
        given["until"] = _moment(since)
    else:
        given |= {"status": STATUS.get(kind, ""), "since": _moment(since)}
        given["until"] = "" if until is None else _moment(until)
    return {name: value for name, value in given.items() if value}


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
