"""The JSON of rules, firings, notices, channels and previews."""

from datetime import datetime
from typing import Any

import msgspec

from delivrd.alert_settings import Channel as Settings
from delivrd.core.statement import moment
from delivrd.core.units import SECOND
from delivrd.insight.alerts import preview as previews
from delivrd.insight.alerts.channels import shown, trouble
from delivrd.insight.alerts.evidence_page import messages
from delivrd.insight.alerts.rules import Named
from delivrd.insight.alerts.sentence import place, plain, sentence
from delivrd.insight.alerts.words import headline
from delivrd.store import alerts as stored
from delivrd.store.accounts import Accounts
from delivrd.store.names import firing_id
from delivrd.store.queries.views import at


class AlertRule(msgspec.Struct, kw_only=True):
    """A rule. ``source`` is ``file`` (the settings: read-only here), ``api`` or ``default``;
    ``sentence`` marks values that can be set with asterisks; ``firing`` is the number of its
    current firings.
    """

    name: str
    source: str
    sentence: str
    enabled: bool
    rule: dict[str, Any]
    firing: int
    evaluated_at: datetime | None
    snoozed_until: datetime | None


class AlertNotice(msgspec.Struct, kw_only=True):
    """A message to one channel; ``state`` is ``waiting``, ``sent`` or ``failed``."""

    channel: str
    what: str
    title: str
    state: str
    tries: int
    why: str | None
    created_at: datetime
    ended_at: datetime | None
    next_try_at: datetime | None


class AlertFiring(msgspec.Struct, kw_only=True):
    """A time in which a rule's condition held somewhere. ``state`` is ``firing``, ``recovered``,
    ``merged`` (into a wider firing), ``withdrawn`` (its rule is gone) or ``told`` (a single
    failure). ``simulated``: no handset is involved. ``beside`` is the firing of another rule that
    has already sent the notice. ``messages`` are the filters with which GET /v1/messages lists the
    evidence.
    """

    id: str
    rule: str
    kind: str
    sentence: str
    state: str
    place: dict[str, str]
    where: str
    headline: str
    simulated: bool
    since: datetime
    fired_at: datetime
    ended_at: datetime | None
    merged_into: int | None
    beside: str | None
    facts: dict[str, Any]
    causes: dict[str, Any] | None
    messages: dict[str, str] | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    snoozed_until: datetime | None
    notices: list[AlertNotice]


class AlertChannel(msgspec.Struct, kw_only=True):
    """A channel for notices. Only the service of its address is shown. ``state`` is ``ok``,
    ``failing`` (the last try failed; ``why``), ``unusable``, ``unused`` or ``disabled``.
    """

    name: str
    service: str
    enabled: bool
    state: str
    why: str | None
    sent_at: datetime | None
    failed_at: datetime | None
    waiting: int
    rules: list[str] | None


class AlertPeriod(msgspec.Struct, kw_only=True):
    """A time in which a rule would have fired; ``until`` is null if it lasts to the end.
    ``simulated``: no handset is involved.
    """

    place: dict[str, str]
    where: str
    headline: str
    simulated: bool
    since: datetime
    fired_at: datetime
    until: datetime | None
    facts: dict[str, Any]


class AlertPoint(msgspec.Struct, kw_only=True):
    """A point of the chart: ``k`` of ``n`` messages met the rule's condition."""

    at: datetime
    n: int
    k: int


class AlertPreview(msgspec.Struct, kw_only=True):
    """A rule evaluated on the past, by quarters of an hour. ``known_since`` is the time from which
    there is history to judge: later than ``since`` on a young hub, null if there is none.
    """

    sentence: str
    since: datetime
    until: datetime
    known_since: datetime | None
    firings: list[AlertPeriod]
    line: list[AlertPoint]


class AlertTest(msgspec.Struct, kw_only=True):
    """The result of a test of a channel."""

    channel: str
    sent: bool
    why: str | None


def rule(named: Named, memory: stored.Memory | None, firing: int) -> AlertRule:
    return AlertRule(
        name=named.name,
        source=named.source,
        sentence=sentence(named.rule),
        enabled=named.rule.enabled,
        rule=named.rule.model_dump(mode="json", exclude_none=True),
        firing=firing,
        evaluated_at=at(memory.evaluated_at) if memory else None,
        snoozed_until=at(memory.snoozed_until) if memory else None,
    )


def firing(one: stored.Firing, notices: list[stored.Notice], accounts: Accounts) -> AlertFiring:
    values = dict(one.place)
    where = one.facts.get("label") or place(one.place)
    until = None if one.facts.get("message") else at(one.ended_at)
    return AlertFiring(
        id=firing_id(one.id),
        rule=one.rule,
        kind=one.kind,
        sentence=one.sentence,
        state=one.state,
        place=values,
        where=where,
        headline=str(one.facts.get("headline") or where),
        simulated=accounts.simulated(values.get("account")),
        since=moment(one.since),
        fired_at=moment(one.fired_at),
        ended_at=at(one.ended_at),
        merged_into=one.merged_into,
        beside=None if one.beside is None else firing_id(one.beside),
        facts=one.facts,
        causes=one.causes,
        messages=messages(one.kind, values, one.facts, moment(one.since), until),
        acknowledged_at=at(one.acked_at),
        acknowledged_by=one.acked_by,
        snoozed_until=at(one.snoozed_until),
        notices=[_notice(each) for each in notices],
    )


def _notice(one: stored.Notice) -> AlertNotice:
    return AlertNotice(
        channel=one.channel,
        what=one.what,
        title=one.title,
        state=one.state,
        tries=one.tries,
        why=one.why,
        created_at=moment(one.created_at),
        ended_at=at(one.ended_at),
        next_try_at=at(one.next_at),
    )


def channel(name: str, settings: Settings, doing: stored.Doing) -> AlertChannel:
    unusable = trouble(settings)
    failing = doing.failing
    state = "ok" if doing.sent_at else "unused"
    if failing:
        state = "failing"
    if unusable:
        state = "unusable"
    return AlertChannel(
        name=name,
        service=shown(settings),
        enabled=settings.enabled,
        state=state if settings.enabled else "disabled",
        why=unusable or (doing.why if failing else None),
        sent_at=at(doing.sent_at),
        failed_at=at(doing.failed_at),
        waiting=doing.waiting,
        rules=None if settings.rules is None else list(settings.rules),
    )


def preview(named: Named, found: previews.Preview, accounts: Accounts) -> AlertPreview:
    return AlertPreview(
        sentence=plain(sentence(named.rule)),
        since=moment(found.since * SECOND),
        until=moment(found.until * SECOND),
        known_since=None if found.known_since is None else moment(found.known_since * SECOND),
        firings=[_period(named, one, accounts) for one in found.firings],
        line=[AlertPoint(at=moment(p.at * SECOND), n=p.n, k=p.k) for p in found.line],
    )


def _period(named: Named, one: previews.Period, accounts: Accounts) -> AlertPeriod:
    values = dict(one.place)
    return AlertPeriod(
        place=values,
        where=place(one.place),
        headline=headline(one.update, named.rule),
        simulated=accounts.simulated(values.get("account")),
        since=moment(one.since * SECOND),
        fired_at=moment(one.fired_at * SECOND),
        until=None if one.until is None else moment(one.until * SECOND),
        facts=one.update.facts,
    )


VIEWS = (AlertRule, AlertFiring, AlertChannel, AlertPreview, AlertTest)
