"""Sinch's reports, each as one report per recipient in the SMS API's words.

A batch's report lists its recipients by status; the Conversation API has names of its own.
Sources: developers.sinch.com/docs/sms/api-reference (delivery reports), /docs/conversation
(callbacks, metadata).
"""

from collections.abc import Iterator
from typing import Any

from delivrd.providers import fields as f
from delivrd.providers.base import Unreadable


def plain(told: f.Fields) -> f.Fields:
    """A receipt of the Conversation API in the SMS API's words; any other as it is.

    What the sender gave with the message comes back as ``correlation_id`` and as the report's
    ``metadata``; the receipt's own ``message_metadata`` is the channel's.

    Raises:
        Unreadable: it is one entry of a summary, and nobody knows whose.
    """
    if "statuses" in told:
        raise Unreadable("the summary contains no recipient: ask for a full report")
    report = f.inner(told, "message_delivery_report")
    if not report:
        return told
    reason = f.inner(report, "reason")
    return {
        "batch_id": report.get("message_id"),
        "status": report.get("status"),
        "code": reason.get("code"),
        "status_message": reason.get("description"),
        "recipient": f.inner(report, "channel_identity").get("identity"),
        "at": told.get("event_time"),
        "client_reference": told.get("correlation_id") or report.get("metadata"),
    }


def other(told: f.Fields) -> str | None:
    """Texts from handsets come to the same address, as do other events of an app."""
    if str(told.get("type")).startswith("mo_") or "contact_message" in f.inner(told, "message"):
        return "inbound"
    return "other" if "app_id" in told and "message_delivery_report" not in told else None


def listed(told: f.Fields) -> list[Any] | None:
    """A batch's report as one report for each recipient."""
    if "statuses" not in told:
        return None
    f.message_id(told, "batch_id")
    entries = told["statuses"]
    if not isinstance(entries, list):
        raise Unreadable("there is no list of statuses")
    return [item for entry in entries for item in _recipients(told, entry, alone=len(entries) == 1)]


def _recipients(told: f.Fields, entry: Any, *, alone: bool) -> Iterator[Any]:
    if not isinstance(entry, dict):
        yield entry
        return
    shared = {name: value for name, value in told.items() if name != "statuses"} | entry
    listed = entry.get("recipients")
    if isinstance(listed, list) and listed:
        yield from ({**shared, "recipient": number} for number in listed)
    else:
        yield shared if alone else {**shared, "statuses": "of a summary"}
