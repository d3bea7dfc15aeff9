"""The words of rules and firings: kinds, states, evidence, and the links to their messages."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from delivrd.alert_settings import Kind
from delivrd.insight.alerts import evidence_page as pages
from delivrd.insight.alerts.sentence import span
from delivrd.insight.alerts.words import reasons_in_words
from delivrd.store.queries.messages import NONE
from delivrd.web.api.alert_views import AlertFiring, AlertRule
from delivrd.web.pages.links import address
from delivrd.web.pages.show import number, percent

KINDS: Mapping[Kind, str] = {
    "failure_rate": "Failure rate above a limit",
    "change": "More failures than is normal there",
    "settled_rate": "Settled delivery rate below a limit",
    "latency": "Slow deliveries",
    "overdue": "More overdue messages than is normal there, or a network that reports nothing",
    "no_receipts": "Messages are sent and no receipts come back",
    "no_messages": "Nothing is sent in an hour that usually has messages",
    "failure": "Every failed message",
    "rejected_signatures": "Refused webhook calls",
    "unmapped": "Unknown status words or error codes",
    "endpoint_failing": "Failing endpoint",
    "backlog": "Backlog in the hub",
}

BAD: Mapping[str, str] = {
    "latency": "too slow",
    "overdue": "without a final status",
    "no_receipts": "without a final status",
    "rejected_signatures": "refused",
    "unmapped": "without a meaning",
}
"""What a preview counts as bad; ``failed`` for all other kinds."""

COUNTED = frozenset({"failure", "no_messages", "rejected_signatures", "unmapped"})
"""Kinds whose preview shows numbers instead of shares."""

ALL: Mapping[str, str] = {"rejected_signatures": "refused", "unmapped": "receipts"}

SOURCES = {"file": "settings file", "api": "created here", "default": "built in"}


class State(NamedTuple):
    """The state of a rule or firing in a word, and its tone, which selects colour and icon."""

    tone: str
    word: str


STATES: Mapping[str, State] = {
    "firing": State("bad", "firing"),
    "recovered": State("ok", "recovered"),
    "merged": State("idle", "merged into a wider one"),
    "withdrawn": State("idle", "rule changed"),
    "told": State("warn", "notified"),
}

CHANNELS: Mapping[str, State] = {
    "ok": State("ok", "working"),
    "failing": State("bad", "failing"),
    "unusable": State("bad", "cannot be used"),
    "unused": State("idle", "not used yet"),
    "disabled": State("idle", "off"),
}


def of_rule(rule: AlertRule, now: Any) -> State:
    """The state of a rule at ``now`` (an aware datetime)."""
    if not rule.enabled:
        return State("idle", "off")
    if rule.snoozed_until is not None and rule.snoozed_until > now:
        return State("warn", "snoozed")
    if rule.firing:
        return State("bad", f"firing ({rule.firing})" if rule.firing > 1 else "firing")
    return State("ok", "quiet")


def marked(sentence: str) -> Markup:
    """A sentence as HTML, with the values that can be set in bold."""
    pieces = sentence.split("*")
    return Markup("").join(
        Markup("<b>{}</b>").format(piece) if position % 2 else escape(piece)
        for position, piece in enumerate(pieces)
    )


def behind(firing: AlertFiring) -> str:
    """The link to the messages of a firing; empty if there is none."""
    return pages.evidence_page(
        firing.kind, firing.place, firing.facts, firing.since, firing.ended_at
    )


def reasons(firing: AlertFiring) -> list[tuple[str, str, int]]:
    """Why messages failed: in words, the link to these messages, and their number."""
    counted = (firing.causes or {}).get("reasons", ())
    return [
        (
            words.replace("_", " "),
            address(
                "/messages",
                {**(firing.messages or {}), "status": status, "reason": reason or NONE},
            ),
            n,
        )
        for words, (status, reason, n) in zip(reasons_in_words(counted), counted, strict=True)
    ]


_FACTS: Mapping[str, tuple[str, Any]] = {
    "k": ("Bad", number),
    "n": ("Of", number),
    "share": ("Share", percent),
    "normal": ("Normal there", percent),
    "seconds": ("Duration", lambda value: span(round(value))),
    "slow": ("90 % usually within", lambda value: span(round(value))),
    "usual": ("Usual at this hour", number),
    "part": ("Of all messages to the country", percent),
    "networks": ("Networks without receipts", str),
    "worst": ("Worst", str),
    "why": ("Why", str),
    "status": ("Status", str),
    "reason": ("Reason", str),
    "code": ("Code", str),
    "to": ("To", str),
    "sender": ("From", str),
}


def evidence(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts of a firing, as labels and values."""
    found = []
    alone = {"n": "How many"} if "k" not in facts else {}
    for name, (label, shown) in _FACTS.items():
        if facts.get(name) not in (None, ""):
            found.append((alone.get(name, label), shown(facts[name])))
    return found


SNOOZES = (("3600", "1 hour"), ("28800", "8 hours"), ("86400", "1 day"), ("604800", "7 days"))

HELPERS: Mapping[str, Any] = {
    "of_rule": of_rule,
    "marked": marked,
    "behind": behind,
    "behind_shows": pages.shown,
    "reasons_of": reasons,
    "evidence_of": evidence,
    "firing_states": STATES,
    "channel_states": CHANNELS,
    "rule_sources": SOURCES,
    "snoozes": SNOOZES,
}
"""The names that the templates of these pages use."""
