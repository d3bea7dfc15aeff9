"""The dashboard page that shows the evidence of a firing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from delivrd.store.queries.messages import NONE

STATUS: Mapping[str, str] = {
    **dict.fromkeys(("failure_rate", "change", "settled_rate", "failure"), "failed"),
    **dict.fromkeys(("overdue", "no_receipts"), "pending"),
    "latency": "delivered",
}
"""By kind of rule, the status of the messages that are its evidence."""


_NO_MESSAGES = frozenset({"endpoint_failing", "backlog", "rejected_signatures"})
"""Kinds whose evidence is not messages."""

_SHOWN: Mapping[str, str] = {
    "endpoint_failing": "Endpoint",
    "backlog": "Deliveries",
    "rejected_signatures": "Requests",
    "no_messages": "The last messages",
}


def shown(kind: str) -> str:
    """The label of the link to that page, for a kind of rule."""
    return _SHOWN.get(kind, "Messages")


def evidence_page(
    kind: str, place: Mapping[str, str], facts: Mapping[str, Any], since: datetime,
    until: datetime | None = None,
) -> str:  # fmt: skip
    """The path of that page, for a fixed span of time; empty where there is none."""
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
    return _address("/messages", messages(kind, place, facts, since, until) or {})


def _address(path: str, given: Mapping[str, str]) -> str:
    return f"{path}?{urlencode({name: value for name, value in given.items() if value})}"


def messages(
    kind: str, place: Mapping[str, str], facts: Mapping[str, Any], since: datetime,
    until: datetime | None = None,
) -> dict[str, str] | None:  # fmt: skip
    """The filters of the message list, for the page and the API; None for `_NO_MESSAGES`."""
    if kind in _NO_MESSAGES:
        return None
    given = {name: place.get(name, "") for name in ("account", "country", "network")}
    if not facts.get("named", True):  # the missing receipts would have named the network
        given["network"] = NONE
    if kind == "failure":
        given["from"] = facts.get("sender", "")
    if kind == "no_messages":  # the last ones before the silence
        given["until"] = _moment(since)
    else:
        given |= {"status": STATUS.get(kind, ""), "since": _moment(since)}
        given["until"] = "" if until is None else _moment(until)
    return {name: value for name, value in given.items() if value}


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
