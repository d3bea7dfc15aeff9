"""The chart of a rule's preview: its line, its firings, and the limit."""

from typing import Any

from delivrd.alert_settings import Rule
from delivrd.web.api.alert_views import AlertPreview
from delivrd.web.pages.alert_words import ALL, BAD, COUNTED


def shown(preview: AlertPreview, rule: Rule) -> dict[str, Any]:
    """The values of the template of a preview."""
    end, begun = preview.until, preview.known_since
    lasted = None if begun is None else (end - begun).total_seconds()
    return {
        "result": preview,
        "points": [{"at": p.at.isoformat(), "n": p.n, "k": p.k} for p in preview.line],
        "periods": [
            {"from": p.since.isoformat(), "fired": p.fired_at.isoformat(),
             "to": (p.until or end).isoformat()}
            for p in preview.firings
        ],
        "all": ALL.get(rule.kind, "messages"),
        "bad": BAD.get(rule.kind, "failed"),
        "days": (end - preview.since).days,
        "known": lasted,
        "whole": begun == preview.since,
        "ratio": rule.kind not in COUNTED,
        "limit": limit(rule),
    }  # fmt: skip


def limit(rule: Rule) -> float | None:
    """The share of bad messages from which the rule fires; None for rules without one."""
    match rule.kind:
        case "failure_rate":
            return None if rule.over is None else rule.over / 100
        case "settled_rate":
            return None if rule.below is None else round(1 - rule.below / 100, 6)
        case "latency":
            return None if rule.share is None else round(1 - rule.share / 100, 6)
        case _:
            return None
