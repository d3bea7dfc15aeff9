"""The picture of a rule on history: its line, its firings, and the share that it calls bad."""

from typing import Any

from delivrd.alert_settings import Rule
from delivrd.web.api.alert_views import AlertPreview
from delivrd.web.pages.alert_words import ALL, BAD, COUNTED


def shown(told: AlertPreview, rule: Rule) -> dict[str, Any]:
    """What the picture of a preview needs, and the same in words."""
    end, begun = told.until, told.known_since
    lasted = None if begun is None else (end - begun).total_seconds()
    return {
        "told": told,
        "points": [{"at": p.at.isoformat(), "n": p.n, "k": p.k} for p in told.line],
        "periods": [
            {"from": p.since.isoformat(), "fired": p.fired_at.isoformat(),
             "to": (p.until or end).isoformat()}
            for p in told.firings
        ],
        "all": ALL.get(rule.kind, "messages"),
        "bad": BAD.get(rule.kind, "failed"),
        "days": (end - told.since).days,
        "known": lasted,
        "whole": begun == told.since,
        "ratio": rule.kind not in COUNTED,
        "limit": limit(rule),
    }  # fmt: skip


def limit(rule: Rule) -> float | None:
    """The share from which the rule calls it bad, where it has one."""
    match rule.kind:
        case "failure_rate":
            return None if rule.over is None else rule.over / 100
        case "settled_rate":
            return None if rule.below is None else round(1 - rule.below / 100, 6)
        case "latency":
            return None if rule.share is None else round(1 - rule.share / 100, 6)
        case _:
            return None
