"""Rules with a fixed threshold on messages: a rate, a latency, or that nothing was sent."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import log

from delivrd.alert_settings import Rule
from delivrd.core.units import HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS
from delivrd.insight.alerts.bounds import binomial_tail, poisson_tail
from delivrd.insight.alerts.data import FLOOR, Data, Place, Route
from delivrd.insight.alerts.evidence import most_excess
from delivrd.insight.alerts.places import (
    Part,
    dimensions,
    explain,
    in_words,
    levels,
    place_of,
    with_parts,
    within,
)
from delivrd.insight.alerts.readings import BAD, GOOD, UNSURE, Facts, Findings, Reading
from delivrd.insight.alerts.routes import ENOUGH, chosen
from delivrd.insight.alerts.settled_rate import settled_rate
from delivrd.insight.rates import rate

PROVEN = 0.001
"""The p-value at which a share is over its bound."""

SUSPECT = 0.02
"""The p-value at which a part of a bad place is suspect, however few its messages."""

ABNORMAL = 1e-6
SLACK = 0.8
"""A place is good again below this part of the threshold: a hysteresis, so that a value that
hovers around the threshold is one firing."""


Judge = Callable[[Rule, Data, Place, list[Route], int], Reading]
"""Returns the state of a place, by its routes since a moment."""


def _facts(n: int, k: int, since: int, normal: float | None = None) -> Facts:
    facts: dict[str, int | float | str] = {"n": n, "k": k, "share": k / n if n else 0.0}
    return {**facts, "since": since, **({} if normal is None else {"normal": normal})}


def _quarter(moment: int) -> int:
    """From when on cells of a quarter of an hour count, for messages without a known hand-over:
    left out, a rule of a few minutes would see none of them."""
    return moment // QUARTER_SECONDS * QUARTER_SECONDS


def _normal(routes: Iterable[Route], usual: Callable[[Route], float]) -> float | None:
    known = [(route.normal.sent, usual(route)) for route in routes if route.normal.sent]
    total = sum(sent for sent, _ in known)
    return sum(sent * share for sent, share in known) / total if total else None


def _failure_rate(rule: Rule, data: Data, place: Place, routes: list[Route], since: int) -> Reading:
    n = k = known = 0
    usual, quarter = 0.0, _quarter(since)
    for route in routes:
        ended = failed = 0
        for at, seconds, delivered, fell, unknown, _ in reversed(route.cells):
            if at < quarter:
                break
            if at < since and seconds == MINUTE_SECONDS:
                continue
            ended += delivered + fell + unknown
            failed += fell
        n, k, known = n + ended, k + failed, known + route.normal.sent
        usual += ended * max(FLOOR, route.normal.failing)
    facts = _facts(n, k, since, _normal(routes, lambda r: r.normal.typical))
    over = _allowed(rule)
    judged = rule.unless_normal and known >= ENOUGH
    over_it = binomial_tail(k, n, over)
    odd = poisson_tail(k, usual) if judged else 0.0
    chance = max(over_it, odd)
    if n < (rule.at_least or 1):
        return Reading(place, UNSURE if n else GOOD, facts, chance)
    if over_it <= PROVEN:
        level = BAD if odd <= ABNORMAL else GOOD if k <= usual else UNSURE
        return Reading(place, level, facts, chance)
    return Reading(place, GOOD if k <= n * over * SLACK else UNSURE, facts, chance)


def _settled_rate(rule: Rule, data: Data, place: Place, routes: list[Route], since: int) -> Reading:
    estimate = settled_rate(rule, data, routes, since)
    if estimate.rate is None or estimate.high is None:
        # a route that stopped reporting is not recovered
        unsure = estimate.total or estimate.unreported
        return Reading(place, UNSURE if unsure else GOOD, {"n": estimate.total, "since": since})
    normal = _normal(routes, lambda r: 1 - r.normal.typical)
    facts = _facts(estimate.total, round(estimate.total * estimate.rate), since, normal)
    facts = {**facts, "share": estimate.rate}
    below = (rule.below or 0.0) / 100
    chance = binomial_tail(round(estimate.total * (1 - estimate.high)), estimate.total, 1 - below)
    if estimate.total < (rule.at_least or 1):
        return Reading(place, UNSURE, facts, chance)
    if _proven(estimate.high, estimate.total) < below:
        return Reading(place, BAD, facts, chance)
    good = estimate.rate > below + (1 - below) * (1 - SLACK)
    return Reading(place, GOOD if good else UNSURE, facts, chance)


def _proven(most: float, total: int) -> float:
    """The upper confidence limit of the share, if as many arrive as the estimate allows."""
    found = rate(round(most * total), total)
    return found.high if found else 1.0


def _latency(rule: Rule, data: Data, place: Place, routes: list[Route], since: int) -> Reading:
    took = [(s, n) for route in routes for at, s, n in route.took if at >= since]
    n = sum(count for _, count in took)
    k = sum(count for seconds, count in took if seconds > (rule.over or 0.0))
    allowed = _allowed(rule)
    facts = {**_facts(n, k, since), "seconds": _percentile(took, n, rule.share or 95.0)}
    chance = binomial_tail(k, n, allowed)
    if n < (rule.at_least or 1):
        return Reading(place, UNSURE if n else GOOD, facts, chance)
    usual = max((one.normal.slow for one in routes if one.normal.sent >= ENOUGH), default=0.0)
    facts = {**facts, **({"slow": usual} if usual else {})}
    if chance <= PROVEN:
        return Reading(place, BAD, facts, chance)
    return Reading(place, GOOD if k <= n * allowed * SLACK else UNSURE, facts, chance)


def _percentile(took: list[tuple[float, int]], n: int, share: float) -> float:
    seen = 0
    for seconds, count in sorted(took):
        seen += count
        if seen >= n * share / 100:
            return seconds
    return 0.0


def _no_messages(rule: Rule, data: Data, place: Place, routes: list[Route], since: int) -> Reading:
    quarter = _quarter(since)
    sent = sum(
        cell.sent
        for route in routes
        for cell in route.cells
        if cell.at >= (since if cell.seconds == MINUTE_SECONDS else quarter)
    )
    days = _usual_hours(rule, data.now, routes)
    last = max(
        (c.at + c.seconds for r in routes for c in r.cells if c.sent and c.at < since),
        default=since,
    )
    facts: Facts = {"n": sent, "since": min(last, since),
                    "usual": round(sum(days) / max(1, len(days)))}  # fmt: skip
    always = days and min(days) > 0 and sum(days) / len(days) >= (rule.at_least or 1)
    return Reading(place, GOOD if sent else BAD if always else UNSURE, facts)


def _usual_hours(rule: Rule, now: int, routes: Iterable[Route]) -> list[int]:
    """The messages usual in the time of a silence, by day: in the hour that is over, or in that
    part of this hour and of the one before that a shorter time covers."""
    normals = [route.normal for route in routes if route.normal.same_hours]
    this, before = (
        [sum(day) for day in zip(*hours, strict=True)]
        for hours in ([of.same_hours for of in normals], [of.hours_before for of in normals])
    )
    within = rule.within or HOUR_SECONDS
    if within >= HOUR_SECONDS:
        return before
    return this if within <= now % HOUR_SECONDS else [*map(min, this, before)]


def _ends(rule: Rule, route: Route) -> Iterator[tuple[int, int, int]]:
    """By span of time: its beginning, how many messages ended, and how many of them failed."""
    return ((cell.at, cell.ended, cell.failed) for cell in route.cells)


def _delays(rule: Rule, route: Route) -> Iterator[tuple[int, int, int]]:
    """By span of time: its beginning, how many were delivered, and how many of them too late."""
    return ((at, n, n if seconds > (rule.over or 0.0) else 0) for at, seconds, n in route.took)


_EVENTS: Mapping[str, Callable[[Rule, Route], Iterator[tuple[int, int, int]]]] = {
    "failure_rate": _ends,
    "latency": _delays,
}


def _beginning(rule: Rule, bad: Reading, routes: Iterable[Route], since: int) -> int:
    """Since when a place is bad: that is seldom since the first failure within the rule's time,
    because a few failures are normal."""
    if rule.kind not in _EVENTS:
        return since
    allowed = _allowed(rule)
    if rule.kind == "failure_rate":
        allowed = max(allowed, float(bad.facts.get("normal", 0.0)))
    sums: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for route in routes:
        for at, n, k in _EVENTS[rule.kind](rule, route):
            sums[at] = (sums[at][0] + n, sums[at][1] + k)
    steps = [(at, n, k, allowed * n) for at, (n, k) in sorted(sums.items()) if at >= since]
    return most_excess(steps).since or since


def _allowed(rule: Rule) -> float:
    """The share that a rule with a fixed limit allows to fail, or to be late."""
    if rule.kind == "latency":
        return 1 - (rule.share or 95.0) / 100
    return (rule.over or 0.0) / 100


JUDGES: Mapping[str, Judge] = {
    "failure_rate": _failure_rate,
    "settled_rate": _settled_rate,
    "latency": _latency,
    "no_messages": _no_messages,
}


def _grain(rule: Rule) -> int:
    """Of how many seconds the time that a rule looks back on begins at a multiple."""
    if rule.kind == "latency":  # its counts are by the quarter: a shorter span could be empty
        return QUARTER_SECONDS
    if rule.kind == "no_messages" and (rule.within or 0) >= HOUR_SECONDS:
        # usual are the messages of whole hours, often all of them sent in the first minute
        return HOUR_SECONDS
    return 1


def find(rule: Rule, data: Data, floors: Mapping[Place, int]) -> Findings:
    """The places where a rate, a latency or a silence is over its threshold."""
    since = data.now - (rule.within or HOUR_SECONDS)
    since -= since % _grain(rule)
    grouped: dict[Place, list[Route]] = defaultdict(list)
    by = dimensions(rule)
    for route in chosen(rule, data.routes):
        for some in levels(by):
            grouped[place_of(route.key, some)].append(route)
    judge = JUDGES[rule.kind]

    def floor(place: Place) -> int:
        return max([since, *(at for p, at in floors.items() if set(p) <= set(place))])

    def look(place: Place, fired: int) -> Reading:
        return judge(rule, data, place, grouped.get(place, []), floor(place))

    seen = {place: look(place, 0) for place in grouped}
    bad = {place: 10.0 for place, reading in seen.items() if reading.level == BAD}
    parts = {p: _part(seen[p], p in bad) for p in grouped if len(p) == len(by)}
    finest = [place for place in parts if place in bad]

    def begin(reading: Reading) -> int:
        return _beginning(rule, reading, grouped[reading.place], floor(reading.place))

    def told(reading: Reading) -> Reading:
        place, worst = reading.place, list[Place]()
        since = begin(reading)
        if reading.level != BAD:  # it stands for many parts
            inside = (part for part in finest if within(part, place))
            worst = sorted(inside, key=lambda part: seen[part].chance)
            since = min(begin(seen[part]) for part in worst)
        facts = judge(rule, data, place, grouped[place], since).facts
        facts = {**facts, **({"worst": in_words(worst[:5], place)} if worst else {})}
        return reading._replace(facts=facts, level=BAD)

    named = [_alone(seen[place], parts, seen) for place in explain(bad, parts)]
    return Findings(tuple(map(told, named)), with_parts(look, bad, finest))


def _part(reading: Reading, bad: bool) -> Part:
    n = int(reading.facts.get("n") or reading.facts.get("usual") or 0)
    nats = -log(max(reading.chance, 1e-9)) if reading.chance <= SUSPECT else 0.0
    return Part(max(nats, 10.0) if bad else nats, n)


def _alone(bad: Reading, parts: Mapping[Place, Part], seen: Mapping[Place, Reading]) -> Reading:
    """The bad place; or the single part that explains all of it, though it sends too little to be
    judged alone: naming the wider place would blame the other parts too."""
    suspects = [p for p, part in parts.items() if part.score and within(p, bad.place)]
    if len(suspects) == 1 and seen[suspects[0]].chance <= bad.chance:
        return seen[suspects[0]]._replace(level=BAD)
    return bad
