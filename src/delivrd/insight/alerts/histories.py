"""Reads a week of outcomes from the rollups, and what is normal by them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, SECOND
from delivrd.insight.alerts.cells import FIELDS, key_of
from delivrd.insight.alerts.data import Key, Normal
from delivrd.insight.alerts.normal import DAYS, History, Hour, normals
from delivrd.insight.network_reports import never_reporting
from delivrd.store.accounts import Accounts
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Row, Tx


class Baseline:
    """What is normal on every route, valid for one hour; and the networks that never report."""

    def __init__(
        self, hour: int, networks: bool, normals: Mapping[Key, Normal],
        never_report: Set[Key] = frozenset(),
    ) -> None:  # fmt: skip
        self.hour, self.networks, self.normals = hour, networks, normals
        self.never_report = never_report

    def holds(self, now: int, networks: bool) -> bool:
        return self.hour == now // HOUR_SECONDS and self.networks == networks


class PastRows(NamedTuple):
    """The rows from which histories are computed, which is slow with thousands of routes."""

    accounts: Accounts
    networks: bool
    quarters: Sequence[Row]
    latencies: Sequence[Row]
    never_report: Set[tuple[int, str, str]] = frozenset()

    def histories(self) -> dict[Key, History]:
        """Hours and latencies of every route."""
        hours: dict[Key, dict[int, Hour]] = defaultdict(dict)
        for account_id, country, network, bucket, *four in self.quarters:
            key = key_of(self.accounts, (account_id, country, network), self.networks)
            delivered, fell, *_ = four
            hours[key][bucket // 4] = Hour(sum(four), fell, delivered + fell)
        ended: dict[Key, Counter[int]] = defaultdict(Counter)
        failed: dict[Key, Counter[int]] = defaultdict(Counter)
        for *route, status, step, n in self.latencies:
            key, kind = key_of(self.accounts, route, self.networks), FIELDS.get(status, 2)
            if kind < 2:
                ended[key][step] += n
            if kind == 1:
                failed[key][step] += n
        return {key: History(of, ended[key], failed[key]) for key, of in hours.items()}

    def baseline(self, now: int) -> Baseline:
        """What is normal at that moment."""
        never = frozenset(key_of(self.accounts, one, networks=True) for one in self.never_report)
        normal = normals(self.histories(), now)
        return Baseline(now // HOUR_SECONDS, self.networks, normal, never)


async def past(tx: Tx, accounts: Accounts, since: int, until: int, networks: bool) -> PastRows:
    """Reads outcomes between two moments, in seconds."""
    span = (since * SECOND, until * SECOND)
    quarters = await queries.outcomes(tx, *span, 4, networks=networks)
    latencies = await queries.latencies(tx, *span, networks=networks)
    return PastRows(accounts, networks, quarters, latencies)


async def week(tx: Tx, accounts: Accounts, now: int, networks: bool) -> PastRows:
    """Reads the last seven days of every route, and the day before them; and which networks never
    report."""
    rows = await past(tx, accounts, now - (DAYS + 1) * DAY_SECONDS, now, networks)
    return rows._replace(never_report=await never_reporting(tx, now * SECOND))
