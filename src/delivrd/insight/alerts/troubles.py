"""Rules with a fixed threshold on the hub's own problems: refused calls, unmapped words and codes,
failing endpoints, and queues whose items wait too long."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from delivrd.alert_settings import Rule
from delivrd.core.units import HOUR_SECONDS
from delivrd.insight.alerts.data import Data, Endpoint, Lag, Mark, Place
from delivrd.insight.alerts.places import dimensions
from delivrd.insight.alerts.readings import BAD, GOOD, UNSURE, Facts, Findings, Reading
from delivrd.insight.alerts.thresholds import SLACK

QUEUES: Mapping[str, str] = {"fold": "Receipts in the hub", "relay": "Deliveries to endpoints"}
"""The queues, in words."""


def find_marks(rule: Rule, data: Data, floors: Mapping[Place, int]) -> Findings:
    """Accounts with too many refused calls or unmapped receipts."""
    since = data.now - (rule.within or HOUR_SECONDS)
    seen: dict[Place, list[Mark]] = defaultdict(list)
    for mark in data.marks.get(rule.kind, ()):
        if mark.at >= since and (not rule.accounts or mark.account in rule.accounts):
            seen[(("account", mark.account),) if dimensions(rule) else ()].append(mark)
    over = rule.over or 0.0

    def look(place: Place, fired: int) -> Reading:
        n, first = sum(m.n for m in seen[place]), min((m.at for m in seen[place]), default=since)
        level = BAD if n > over else GOOD if n <= over * SLACK else UNSURE
        return Reading(place, level, {"n": n, "since": first if level == BAD else since})

    return _found(look, tuple(seen))


def find_endpoints(rule: Rule, data: Data, floors: Mapping[Place, int]) -> Findings:
    """Endpoints whose calls have failed for too long, or that were disabled because of that."""
    failing: dict[Place, Endpoint] = {(("endpoint", one.id),): one for one in data.endpoints}

    def look(place: Place, fired: int) -> Reading:
        one = failing.get(place)
        if one is None:
            return Reading(place, GOOD)
        facts: Facts = {"since": one.failing_since, "label": one.label, "why": one.why,
                        "off": int(one.off)}  # fmt: skip
        over = data.now - one.failing_since >= (rule.over or 0.0)
        return Reading(place, BAD if over else UNSURE, facts)

    return _found(look, failing)


def find_lags(rule: Rule, data: Data, floors: Mapping[Place, int]) -> Findings:
    """Queues of the hub in which items wait for too long."""

    def look(place: Place, fired: int) -> Reading:
        queue = dict(place)["queue"]
        lag, over = data.lags.get(queue, Lag()), rule.over or 0.0
        age = lag.seconds
        level = BAD if age > over else GOOD if age <= over * SLACK else UNSURE
        facts: Facts = {"seconds": round(age), "since": data.now - round(age)}
        about = {"endpoint": lag.endpoint, "worst": lag.label} if lag.endpoint else {}
        return Reading(place, level, {**facts, "label": QUEUES[queue], **about})

    return _found(look, [(("queue", name),) for name in data.lags])


def _found(look: Callable[[Place, int], Reading], places: Iterable[Place]) -> Findings:
    readings = (look(place, 0) for place in places)
    return Findings(tuple(one for one in readings if one.level == BAD), look)
