"""Reads the data that rules are evaluated on."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from delivrd.alert_settings import Rule
from delivrd.core.phone import shown_sender
from delivrd.core.units import HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS, SECOND
from delivrd.insight.alerts.cells import CellRows, key_of, read_cells
from delivrd.insight.alerts.data import Data, Endpoint, Failure, Key, Lag, Mark, Normal, Route
from delivrd.insight.alerts.histories import Baseline
from delivrd.insight.alerts.sentence import compares_networks
from delivrd.insight.latency import middle
from delivrd.insight.network_reports import by_country, last_day
from delivrd.log import mask_number
from delivrd.store.accounts import Accounts
from delivrd.store.counts import NO_LATENCY
from delivrd.store.names import endpoint_id
from delivrd.store.queries import alerts as queries
from delivrd.store.queries.networks import Reported
from delivrd.store.tx import Row, Tx

OVERLAP = 120
"""Seconds of failures that are read again, since a transaction may commit after a later one."""

ROUTES = frozenset(
    {"failure_rate", "settled_rate", "change", "latency", "no_receipts", "no_messages", "overdue"}
)
MARKS = frozenset({"rejected_signatures", "unmapped"})


def wants_networks(rules: Iterable[Rule]) -> bool:
    """Whether any rule uses networks; if none does, a route is an account and a country."""
    return any("network" in rule.by or rule.networks for rule in rules)


class Known(NamedTuple):
    """The rows read at a moment; `data` is slow with thousands of routes."""

    base: Baseline
    bare: Data
    """All but the routes."""
    cells: CellRows | None
    took: Sequence[Row]
    networks: Sequence[Reported] = ()

    def data(self) -> Data:
        """The input of rules."""
        if self.cells is None:
            return self.bare
        accounts = self.cells.accounts
        networks = {(accounts.name(i), c): of for (i, c), of in by_country(self.networks).items()}
        return self.bare._replace(
            routes=self._routes(), networks=networks, never_report=self.base.never_report
        )

    def _routes(self) -> tuple[Route, ...]:
        assert self.cells is not None
        cells, normals, none = self.cells.cells(), self.base.normals, Normal()
        took: dict[Key, list[tuple[int, float, int]]] = defaultdict(list)
        for *route, bucket, step, n in self.took:
            if step != NO_LATENCY:
                key = key_of(self.cells.accounts, route, self.base.networks)
                took[key].append((bucket * QUARTER_SECONDS, middle(step), n))
        return tuple(
            Route(key, tuple(cells.get(key, ())), normals.get(key, none), tuple(took[key]))
            for key in sorted(normals.keys() | cells.keys())
        )


async def known(
    tx: Tx, accounts: Accounts, rules: Iterable[Rule], base: Baseline, now: int, since: int
) -> Known:
    """Reads the data for these rules; failures from ``since`` (in seconds) on."""
    rules = tuple(rules)
    kinds = {rule.kind for rule in rules}
    cells = await read_cells(tx, accounts, base.networks, now) if kinds & ROUTES else None
    took: Sequence[Row] = ()
    if "latency" in kinds:
        took = await queries.deliveries_took(
            tx, _back(rules, "latency", now), networks=base.networks
        )
    found: dict[str, tuple[Mark, ...]] = {
        kind: await marks(tx, accounts, kind, _back(rules, kind, now)) for kind in kinds & MARKS
    }
    endpoints = await queries.failing_endpoints(tx) if "endpoint_failing" in kinds else []
    waiting = await queries.oldest_waiting(tx, now * SECOND) if "backlog" in kinds else {}
    missed: tuple[Failure, ...] = ()
    if "failure" in kinds:
        missed = await failures(tx, (since - OVERLAP) * SECOND)
    bare = Data(
        now,
        (),
        found,
        {name: _lag(one, now) for name, one in waiting.items()},
        tuple(_endpoint(row) for row in endpoints),
        missed,
    )
    networks = await last_day(tx, now * SECOND) if any(map(compares_networks, rules)) else []
    return Known(base, bare, cells, took, networks)


async def marks(tx: Tx, accounts: Accounts, kind: str, since: int) -> tuple[Mark, ...]:
    """Refused calls or unmapped receipts since a moment (microseconds), the oldest first."""
    if kind == "rejected_signatures":
        rows = await queries.refused(tx, since)
        return tuple(sorted(Mark(at * MINUTE_SECONDS, name, n) for name, at, n in rows))
    rows = await queries.unmapped(tx, since)
    return tuple(sorted(Mark(at * MINUTE_SECONDS, accounts.name(i), n) for i, at, n in rows))


async def failures(tx: Tx, since: int, most: int = queries.MAX_FAILURES) -> tuple[Failure, ...]:
    """Messages that failed since a moment (microseconds), the oldest first."""
    found: list[Failure] = []
    while len(found) < most:
        rows = await queries.failures(tx, since, found[-1].event if found else 0)
        found += map(_failure, rows)
        if len(rows) < queries.MAX_FAILURES:
            break
    return tuple(found[:most])


def _back(rules: Iterable[Rule], kind: str, now: int) -> int:
    """The earliest moment that the rules of that kind need, in microseconds."""
    return (now - max(rule.within or HOUR_SECONDS for rule in rules if rule.kind == kind)) * SECOND


def _endpoint(row: queries.Failing) -> Endpoint:
    label = queries.label(row.origin, row.called)
    return Endpoint(endpoint_id(row.id), label, row.since // SECOND, row.why or "", bool(row.off))


def _lag(waiting: queries.Waiting, now: int) -> Lag:
    seconds = 0.0 if waiting.since is None else max(0.0, now - waiting.since / SECOND)
    if waiting.endpoint is None:
        return Lag(seconds)
    label = queries.label(waiting.origin, waiting.called)
    return Lag(seconds, endpoint_id(waiting.endpoint), label)


def _failure(row: Row) -> Failure:
    said = json.loads(row[2])
    metadata = said.get("metadata") or {}
    return Failure(
        event=row[0],
        at=row[1] // SECOND,
        message=said["message_id"],
        account=said["account"],
        country=said.get("country") or "",
        to=mask_number(said.get("to") or ""),
        sender=shown_sender(said.get("from") or ""),
        metadata={k: str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
        status=said["status"],
        reason=said.get("reason") or "",
        code=said.get("error_code") or said.get("provider_status") or "",
    )
