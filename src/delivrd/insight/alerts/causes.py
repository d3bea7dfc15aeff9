"""Likely causes of a firing: reasons and codes of the failures there since, or what the gateways'
calls show."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from delivrd.alert_settings import Rule
from delivrd.core.units import SECOND
from delivrd.insight.alerts.missing_receipts import why_no_receipts
from delivrd.insight.alerts.state import Update
from delivrd.insight.alerts.words import Causes
from delivrd.insight.network_reports import in_words, newest_silences
from delivrd.store.base import Store
from delivrd.store.queries import alerts as queries
from delivrd.store.queries import diagnosis
from delivrd.store.tx import Tx


class _Place(NamedTuple):
    """Where it is bad, since when (microseconds since 1970), and the current time (seconds)."""

    store: Store
    account: str | None
    country: str | None
    since: int
    now: int
    networks: bool
    """Whether the firing names networks itself."""

    @property
    def account_id(self) -> int | None:
        return None if self.account is None else self.store.accounts.id_of(self.account)


async def find_causes(store: Store, rule: Rule, update: Update) -> Causes:
    """The likely causes; empty unless the firing has begun or widened.

    Raises:
        StoreUnavailable: the store did not answer.
    """
    ask = _ASK.get(rule.kind)
    if ask is None or update.what not in ("fired", "widened"):
        return Causes()
    values = dict(update.place)
    networks = "network" in values or "networks" in update.facts
    account, country = values.get("account"), values.get("country")
    at = _Place(store, account, country, update.since * SECOND, update.at, networks)
    return await store.read(lambda tx: ask(tx, at))


async def _failed(tx: Tx, at: _Place) -> Causes:
    return Causes(
        await queries.reasons(tx, at.account_id, at.country, at.since),
        await queries.codes(tx, at.account_id, at.country, at.since),
    )


async def _silent(tx: Tx, at: _Place) -> Causes:
    calls = await diagnosis.calls(tx, at.store.accounts, at.since)
    strays = await diagnosis.strays(tx, at.since)
    return Causes(also=[f"{why_no_receipts(at.account, calls, strays, at.now)}."])


async def _overdue(tx: Tx, at: _Place) -> Causes:
    causes = await _silent(tx, at)
    if at.networks or at.account_id is None or at.country is None:
        return causes
    found = await newest_silences(tx, at.account_id, at.country, at.now * SECOND)
    return Causes(
        also=[*causes.also, *(f"Network {one.network} {in_words(one)}." for one in found)]
    )


async def _refused(tx: Tx, at: _Place) -> Causes:
    reasons = await queries.refused_why(tx, at.account, at.since)
    words = "; ".join(f"{why} ({n})" for why, n in reasons)
    return Causes(also=[f"Why: {words}."] if reasons else [])


async def _unmapped(tx: Tx, at: _Place) -> Causes:
    found = [
        f"{' with code '.join(part for part in (word, code) if part)} ({n})"
        for word, code, n in await queries.unmapped_words(tx, at.account_id, at.since)
    ]
    return Causes(also=[f"They say: {', '.join(found)}."] if found else [])


_ASK: Mapping[str, Callable[[Tx, _Place], Awaitable[Causes]]] = {
    **dict.fromkeys(("change", "failure_rate", "settled_rate"), _failed),
    "no_receipts": _silent,
    "overdue": _overdue,
    "rejected_signatures": _refused,
    "unmapped": _unmapped,
}
