"""Simulated incidents with a known start: how soon the rules see them, and how often they err.

The built-in rules are evaluated every minute by the function that runs live, over counts like those
of the rollups. They are compared with the plain rule that everybody begins with: over 5 % of what
ended within the last hour has failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from random import Random
from statistics import median
from typing import Any

from rich.console import Console

from bench.incidents import MINUTE, Change, Simulated, Truth, World
from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS
from delivrd.insight.alerts.data import Data, Route
from delivrd.insight.alerts.defaults import DEFAULTS
from delivrd.insight.alerts.evaluate import evaluate
from delivrd.insight.alerts.routes import TRACKS
from delivrd.insight.alerts.state import State, Update

NOON = 20_000 * DAY_SECONDS + 12 * HOUR_SECONDS
RULES = {n: r for n, r in DEFAULTS.items() if r.kind in TRACKS or r.kind == "failure_rate"}
COUNTRIES = ("GB", "DE", "FR", "US", "EE", "IN", "NG", "BR", "ES", "PL")
ACCOUNTS = 5
WARM_MINUTES = 24 * 60
LOOKED_BEFORE = 10
FOLLOWED = 20 * MINUTE
"""How long after the first firing notices are counted."""

SEED = 1000
"""Of the first run, and of the fleets. The bars were not set by these worlds."""

NEVER = "–"

INCIDENT_COLUMNS = ("incident", "seen after", "nine in ten", "at most", "missed", "too early",
                    "notices", "by", "plain rule")  # fmt: skip
QUIET_COLUMNS = ("rules", "false alarms", "a week")


@dataclass(frozen=True)
class Incident:
    """Something that breaks at noon. ``routes`` are those of one account, ``rate`` of all of them
    together, in messages an hour."""

    name: str
    rate: float
    routes: int
    broken: Change
    minutes: int
    aim: float | None = None


def _at_noon(**changes: Any) -> Change:
    return lambda truth, at: replace(truth, **changes) if at >= NOON else truth


INCIDENTS = (
    Incident("a route dies: all fails, 20 a minute", 1200, 1, _at_noon(failing=1.0), 60, 5),
    Incident("slow leak: 97 to 92 %, 300 an hour", 300, 1, _at_noon(failing=0.08), 480, 60),
    Incident("a route dies at night: all fails, 20 an hour", 20, 1, _at_noon(failing=1.0), 480),
    Incident("a carrier stops reporting, 20 a minute", 1200, 1, _at_noon(silent=1.0), 120),
    Incident("the same at night, 20 an hour", 20, 1, _at_noon(silent=1.0), 480),
    Incident(
        "one network of four stops reporting, 20 a minute", 1200, 1, _at_noon(silent_network=2), 240
    ),
    Incident(
        "the same, networks are known by receipts alone",
        1200,
        1,
        _at_noon(silent_network=2, named=False),
        240,
    ),
    Incident("a tenth of 60 an hour stops reporting", 60, 1, _at_noon(silent_network=3), 600),
    Incident("webhook URL broken: 10 countries, 20 a minute", 1200, 10, _at_noon(silent=1.0), 120),
    Incident("gateway out: 200 countries, 60 a minute", 3600, 200, _at_noon(failing=1.0), 60),
)


def fleet(seed: int) -> list[Simulated]:
    """Fifty routes of 600 to 26 messages an hour, with a daily cycle; each has its own failure
    rate, from 1 to 10 %."""
    random = Random(seed)
    return [
        Simulated(
            (f"account-{i % ACCOUNTS}", COUNTRIES[i // ACCOUNTS], ""),
            Truth(
                per_hour=600 / (i + 1) ** 0.8,
                failing=random.choice((0.01, 0.02, 0.03, 0.03, 0.04, 0.06, 0.1)),
                silent=random.choice((0.003, 0.01, 0.02)),
                median=random.choice((3.0, 6.0, 10.0)),
                day=0.7,
            ),
            Random(random.random()),
        )
        for i in range(50)
    ]


# --- incidents ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One seeded incident; times are minutes after its start, None if it was missed."""

    seen: float | None
    early: int
    notices: int
    rule: str
    plain: float | None


def incident(number: int, seed: int) -> Run:
    """One incident, among the fifty routes of the fleet: all that they expect raises the bar."""
    of = INCIDENTS[number]
    random = Random(seed)
    rate = of.rate / of.routes
    routes = [
        Simulated(("hit", f"C{i:03}", ""), Truth(rate), Random(random.random()), of.broken)
        for i in range(of.routes)
    ]
    world = World(routes, NOON - WARM_MINUTES * MINUTE)
    world.warm(WARM_MINUTES - LOOKED_BEFORE)
    updates: list[Update] = []
    plain, rules = None, dict[int, str]()
    states = {name: State() for name in RULES}
    for data in world.minutes(LOOKED_BEFORE + of.minutes):
        if plain is None and data.now > NOON and any(map(over_5_percent, data.routes)):
            plain = (data.now - NOON) / MINUTE
        if any(NOON < update.at < data.now - FOLLOWED for update in updates):
            if plain is not None or data.now > NOON + HOUR_SECONDS:
                break
            continue
        whole = data._replace(routes=(*data.routes, *others()))
        for name, rule in RULES.items():
            evaluation = evaluate(rule, whole, states[name])
            states[name] = evaluation.state
            updates += evaluation.updates
            for update in evaluation.updates:
                rules.setdefault(update.at, name)
    fired = [update for update in updates if update.what == "fired"]
    after = [update.at for update in fired if update.at > NOON]
    first = min(after, default=None)
    notices = sum(update.what in ("fired", "widened") and update.at > NOON for update in updates)
    return Run(
        None if first is None else (first - NOON) / MINUTE,
        sum(update.at <= NOON for update in fired),
        notices,
        rules[first] if first is not None else NEVER,
        plain,
    )


@cache
def others() -> tuple[Route, ...]:
    """The fleet without traffic of its own: what it expects is part of the bar."""
    return tuple(Route(key, (), n) for key, n in World(fleet(1), NOON).normals.items())


def over_5_percent(route: Route) -> bool:
    """The plain rule, without minimum or significance test: over 5 % of ends in an hour failed."""
    now = max(cell.at for cell in route.cells) + MINUTE if route.cells else 0
    cells = [cell for cell in route.cells if cell.at >= now - HOUR_SECONDS]
    ended = sum(cell.ended for cell in cells)
    return ended > 0 and sum(cell.failed for cell in cells) / ended > 0.05


def incident_line(of: Incident, runs: list[Run]) -> list[str]:
    seen = sorted(run.seen for run in runs if run.seen is not None)
    plain = [run.plain if run.plain is not None else 1e9 for run in runs]
    rule = Counter(run.rule for run in runs).most_common(1)[0][0]
    aim = "" if of.aim is None else f" (aim {of.aim:g})"
    return [
        of.name,
        f"{minutes(median(seen)) if seen else NEVER}{aim}",
        minutes(seen[int(len(seen) * 0.9)] if seen else None),
        minutes(seen[-1] if seen else None),
        str(sum(run.seen is None for run in runs)),
        str(sum(run.early for run in runs)),
        f"{median(run.notices for run in runs):g}",
        rule,
        minutes(median(plain)),
    ]


def minutes(value: float | None) -> str:
    return NEVER if value is None or value >= 1e8 else f"{value:.3g} min"


# --- false alarms ---------------------------------------------------------------------------------


def quiet(seed: int, days: int) -> Counter[str]:
    """Days without incidents: how often each rule, and the plain one, fires falsely."""
    found: Counter[str] = Counter(dict.fromkeys(RULES, 0))
    states = {name: State() for name in RULES}
    over: dict[object, int] = {}
    for data in _days(seed, days):
        for name, rule in RULES.items():
            evaluation = evaluate(rule, data, states[name])
            states[name] = evaluation.state
            found[name] += sum(update.what == "fired" for update in evaluation.updates)
        found["plain"] += _plain(data, over)
    return found


def _days(seed: int, days: int) -> Iterator[Data]:
    yield from World(fleet(seed), NOON).minutes(days * DAY_SECONDS // MINUTE)


def _plain(data: Data, over: dict[object, int]) -> int:
    """How many routes exceed 5 % now that did not in the half hour before."""
    begun = 0
    for route in data.routes:
        if over_5_percent(route):
            begun += data.now - over.get(route.key, 0) > 1800
            over[route.key] = data.now
    return begun


def quiet_lines(found: Counter[str], days: int) -> list[list[str]]:
    own = sum(n for name, n in found.items() if name != "plain")
    lines = [[name, str(found[name]), f"{found[name] * 7 / days:.2f}"] for name in RULES]
    whole = ["**all rules together** (aim: under 1 a week)", str(own), f"{own * 7 / days:.2f}"]
    plain = ["plain rule: over 5 % in 1 h", str(found["plain"]), f"{found['plain'] * 7 / days:.0f}"]
    return [*lines, whole, plain]


def run(
    runs: int, days: int, console: Console, seed: int = SEED
) -> tuple[list[list[str]], list[list[str]]]:
    """The lines of both tables; days without incidents are counted in two halves, by two fleets."""
    halves = [(seed, days - days // 2), (seed + 1, days // 2)]
    lines, found = [], Counter[str]()
    with ProcessPoolExecutor(3) as pool:
        alarms = [pool.submit(quiet, half, part) for half, part in halves if part]
        for number, of in enumerate(INCIDENTS):
            runs_of = pool.map(partial(incident, number), range(seed, seed + runs))
            lines.append(incident_line(of, list(runs_of)))
            console.print(" · ".join(lines[-1]), highlight=False)
        for half in alarms:
            found.update(half.result())
    return lines, quiet_lines(found, days) if days else []
