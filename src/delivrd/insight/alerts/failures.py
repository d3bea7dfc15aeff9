"""Reports failures individually, up to a number an hour; the rest goes into a digest."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from delivrd.alert_settings import Rule
from delivrd.core.phone import shown_sender
from delivrd.core.units import HOUR_SECONDS
from delivrd.insight.alerts.data import Data, Failure, Place
from delivrd.insight.alerts.state import Evaluation, Reported, State, Update

REMEMBERED = 5000
"""Failures remembered, so that overlapping reads report none twice."""


def judge(rule: Rule, data: Data, state: State, suppressed: Callable[[Place], bool]) -> Evaluation:
    """Reports the failures since the last evaluation, except those at ``suppressed`` places."""
    reported, updates, firings = state.reported, list[Update](), state.firings
    if reported.hour != data.now // HOUR_SECONDS:
        digest = _digest(rule, reported, data.now, firings + 1)
        if reported.held and not suppressed(digest.place):
            firings += 1
            updates.append(digest)
        reported = Reported(hour=data.now // HOUR_SECONDS, seen=reported.seen)
    held, n, seen = Counter(reported.held), reported.n, dict.fromkeys(reported.seen)
    for failure in data.failures:
        if failure.event in seen or not matches(rule, failure):
            continue
        seen[failure.event] = None
        if suppressed(_place(failure)):
            continue
        if n < (rule.per_hour or 1):
            n, firings = n + 1, firings + 1
            updates.append(_single(failure, data.now, firings))
        else:
            held[f"{failure.account}: {failure.reason or failure.status}"] += 1
    kept = tuple(seen)[-REMEMBERED:]
    reported = Reported(hour=reported.hour, n=n, held=dict(held), seen=kept)
    return Evaluation(State(firings=firings, reported=reported), tuple(updates))


def matches(rule: Rule, failure: Failure) -> bool:
    """Whether the rule applies to this message."""
    for wanted, value in (
        (rule.accounts, failure.account),
        (rule.countries, failure.country),
        ([*map(shown_sender, rule.senders)], failure.sender),
    ):
        if wanted and value not in wanted:
            return False
    return all(failure.metadata.get(name) == value for name, value in rule.metadata.items())


def _single(failure: Failure, now: int, firing: int) -> Update:
    facts = {
        name: getattr(failure, name)
        for name in ("message", "account", "country", "to", "sender", "status", "reason", "code")
    }
    return Update(
        what="failure",
        at=now,
        firing=firing,
        place=_place(failure),
        since=failure.at,
        facts=facts,
    )


def _place(failure: Failure) -> Place:
    return (("account", failure.account), ("country", failure.country))


def _digest(rule: Rule, reported: Reported, now: int, firing: int) -> Update:
    facts: dict[str, Any] = {
        "n": sum(reported.held.values()),
        "told": reported.n,
        "held": reported.held,
    }
    if len(rule.senders) == 1:
        facts["sender"] = rule.senders[0]
    about = (("account", rule.accounts), ("country", rule.countries))
    place = tuple((name, only[0]) for name, only in about if len(only) == 1)
    return Update(
        what="digest",
        at=now,
        firing=firing,
        place=place,
        since=reported.hour * HOUR_SECONDS,
        facts=facts,
    )
