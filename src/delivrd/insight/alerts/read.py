"""What is known at a moment, read from the store for the rules that want it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.cells import FIELDS, cells_of, key_of
from delivrd.insight.alerts.data import Data, Endpoint, Failure, Key, Mark, Normal, Route
from delivrd.insight.alerts.grid import HOUR, MINUTE, QUARTER
from delivrd.insight.alerts.normal import DAY, DAYS, History, Hour, normals
from delivrd.insight.latency import middle
from delivrd.log import mask_number
from delivrd.store.accounts import Accounts
from delivrd.store.counts import UNTOLD
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Row, Tx

MICROS = 1_000_000
OVERLAP = 120
"""Failures are read again for so long: a transaction may commit after a later one."""

ROUTES = frozenset(
    {"failure_rate", "settled_rate", "change", "latency", "no_receipts", "no_messages", "overdue"}
)
MARKS = frozenset({"rejected_signatures", "unmapped"})


def wants_networks(rules: Iterable[Rule]) -> bool:
    """Whether a rule tells networks apart; where none does, routes are account and country."""
    return any("network" in rule.by or rule.networks for rule in rules)


class Baseline:
    """What is usual on every route, as of an hour; it is read anew in the next."""

    def __init__(self, hour: int, networks: bool, normals: Mapping[Key, Normal]) -> None:
        self.hour, self.networks, self.normals = hour, networks, normals

    def holds(self, now: int, networks: bool) -> bool:
        return self.hour == now // HOUR and self.networks == networks


async def baseline(tx: Tx, accounts: Accounts, now: int, networks: bool) -> Baseline:
    """Seven days of every route, and the day before them."""
    since, until = (now - (DAYS + 1) * DAY) * MICROS, now * MICROS
    read = await histories(tx, accounts, since, until, networks)
    return Baseline(now // HOUR, networks, normals(read, now))


async def histories(
    tx: Tx, accounts: Accounts, since: int, until: int, networks: bool
) -> dict[Key, History]:
    """Hours and latencies of every route between two moments (microseconds)."""
    hours: dict[Key, dict[int, list[int]]] = defaultdict(dict)
    for *route, status, bucket, n in await queries.quarters(tx, since, until, 4):
        counts = hours[key_of(accounts, route, networks)].setdefault(bucket // 4, [0, 0, 0])
        kind = FIELDS.get(status, 2)
        counts[0] += n
        counts[1] += n if kind == 1 else 0
        counts[2] += n if kind < 2 else 0
    ended: dict[Key, Counter[int]] = defaultdict(Counter)
    failed: dict[Key, Counter[int]] = defaultdict(Counter)
    for *route, status, step, n in await queries.latencies(tx, since, until):
        key, kind = key_of(accounts, route, networks), FIELDS.get(status, 2)
        if kind < 2:
            ended[key][step] += n
        if kind == 1:
            failed[key][step] += n
    return {
        key: History({h: Hour(*counts) for h, counts in of.items()}, ended[key], failed[key])
        for key, of in hours.items()
    }


async def known(
    tx: Tx, accounts: Accounts, rules: Iterable[Rule], base: Baseline, now: int, since: int
) -> Data:
    """What these rules are judged by; failures are those since that moment."""
    rules = tuple(rules)
    kinds = {rule.kind for rule in rules}
    routes = await _routes(tx, accounts, rules, base, now) if kinds & ROUTES else ()
    found: dict[str, tuple[Mark, ...]] = {
        kind: await marks(tx, accounts, kind, _back(rules, kind, now)) for kind in kinds & MARKS
    }
    endpoints = await queries.failing_endpoints(tx) if "endpoint_failing" in kinds else []
    waiting = await queries.oldest_waiting(tx, now * MICROS) if "backlog" in kinds else {}
    missed: tuple[Failure, ...] = ()
    if "failure" in kinds:
        missed = await failures(tx, (since - OVERLAP) * MICROS)
    return Data(
        now,
        routes,
        found,
        {name: 0.0 if at is None else max(0.0, now - at / MICROS) for name, at in waiting.items()},
        tuple(_endpoint(row) for row in endpoints),
        missed,
    )


async def marks(tx: Tx, accounts: Accounts, kind: str, since: int) -> tuple[Mark, ...]:
    """Refused calls, or receipts that no table knows, since a moment (microseconds)."""
    if kind == "rejected_signatures":
        rows = await queries.refused(tx, since)
        return tuple(Mark(at * MINUTE, name, n) for name, at, n in rows)
    rows = await queries.unmapped(tx, since)
    return tuple(Mark(at * MINUTE, accounts.name(i), n) for i, at, n in rows)


async def failures(tx: Tx, since: int) -> tuple[Failure, ...]:
    """Messages that failed since a moment (microseconds), the oldest first."""
    return tuple(_failure(row) for row in await queries.failures(tx, since))


def _back(rules: Iterable[Rule], kind: str, now: int) -> int:
    """As far back as the rules of that kind look, in microseconds."""
    return (now - max(rule.within or HOUR for rule in rules if rule.kind == kind)) * MICROS


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(f"ep_{row[0]:016x}", row[1], (row[2] or 0) // MICROS, row[3] or "calls fail")


def _failure(row: Row) -> Failure:
    said = json.loads(row[2])
    metadata = said.get("metadata") or {}
    return Failure(
        event=row[0],
        at=row[1] // MICROS,
        message=said["message_id"],
        account=said["account"],
        country=said.get("country") or "",
        to=mask_number(said.get("to") or ""),
        sender=said.get("from") or "",
        metadata={k: str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
        status=said["status"],
        reason=said.get("reason") or "",
        code=said.get("error_code") or said.get("provider_status") or "",
    )


async def _routes(
    tx: Tx, accounts: Accounts, rules: tuple[Rule, ...], base: Baseline, now: int
) -> tuple[Route, ...]:
    cells = await cells_of(tx, accounts, base.networks, now)
    took: dict[Key, list[tuple[int, float, int]]] = defaultdict(list)
    if any(rule.kind == "latency" for rule in rules):
        rows = await queries.deliveries_took(tx, _back(rules, "latency", now))
        for *route, bucket, step, n in rows:
            if step != UNTOLD:
                key = key_of(accounts, route, base.networks)
                took[key].append((bucket * QUARTER, middle(step), n))
    none = Normal()
    return tuple(
        Route(key, tuple(cells.get(key, ())), base.normals.get(key, none), tuple(took[key]))
        for key in sorted(base.normals.keys() | cells.keys())
    )
