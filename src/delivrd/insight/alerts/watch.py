"""Evaluates all rules, in one process at a time, and stores firings and notices."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import msgspec
import structlog

from delivrd.config import Config
from delivrd.core.units import HOUR_SECONDS, SECOND
from delivrd.insight.alerts import read
from delivrd.insight.alerts.calendar import suppressed
from delivrd.insight.alerts.causes import find_causes
from delivrd.insight.alerts.data import Data, Place
from delivrd.insight.alerts.evaluate import evaluate
from delivrd.insight.alerts.histories import Baseline, week
from delivrd.insight.alerts.outlooks import OutlookInput, read_outlooks, with_outlooks
from delivrd.insight.alerts.places import within
from delivrd.insight.alerts.rules import Named, in_force, written
from delivrd.insight.alerts.sentence import sentence
from delivrd.insight.alerts.state import Evaluation, State, Update
from delivrd.insight.alerts.words import Causes, headline, notice_text
from delivrd.insight.settled import Settling
from delivrd.store import alerts as store_alerts
from delivrd.store.alerts import Firing, Memory
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.leases import give_lease_back, take_lease
from delivrd.store.names import firing_id
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

LEASE = "alerts"
LEASE_SECONDS = 90.0
EVERY_SECONDS = 30.0

FAMILIES = (frozenset({"change", "failure_rate", "settled_rate"}),
            frozenset({"no_receipts", "overdue"}))  # fmt: skip
"""Kinds that see the same incidents, as two rules of one kind do: only the first to fire sends a
notice."""


class NotOurs(Exception):
    """Another process holds the lease."""


class Outcome(NamedTuple):
    """The evaluation of one rule, with the likely causes of each update."""

    named: Named
    evaluation: Evaluation
    causes: Sequence[Causes]


class Watch:
    """Evaluates the rules every `EVERY_SECONDS`; their notices wait in the store to be sent."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._holder = str(uuid4())
        self._base: Baseline | None = None
        self._settling = Settling(store.accounts, clock)

    async def run(self) -> None:
        """Evaluates until cancelled."""
        try:
            while True:
                try:
                    await self.once()
                except NotOurs:
                    pass
                except StoreUnavailable as error:
                    log.warning("alerts not evaluated: store unavailable", error=str(error))
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        with suppress(StoreUnavailable):  # then the lease expires
            await self._store.write(lambda tx: give_lease_back(tx, LEASE, self._holder))

    async def once(self) -> list[Update]:
        """Evaluates every rule as of now; returns the updates.

        If one rule cannot be evaluated, the others are nevertheless.

        Raises:
            NotOurs: another process evaluates the rules.
            StoreUnavailable: nothing was written.
            Exception: the first other error, after what the other rules found was written.
        """
        now = self._clock() // SECOND
        await self._store.write(self._take, background=True)
        rules, memories = await self._store.read(self._rules)
        active = {name: one for name, one in rules.items() if one.rule.enabled}
        data = await self._known(active, memories, now)
        evaluations, failures = await asyncio.to_thread(self._judge, active, memories, data)
        outcomes = [await self._explained(named, evaluation) for named, evaluation in evaluations]
        await self._store.write(
            lambda tx: self._write(tx, active, memories, outcomes, now), background=True
        )
        if failures:
            raise failures[0]
        return [update for outcome in outcomes for update in outcome.evaluation.updates]

    async def _take(self, tx: Tx) -> None:
        if not await take_lease(tx, LEASE, self._holder, LEASE_SECONDS):
            raise NotOurs

    async def _rules(self, tx: Tx) -> tuple[dict[str, Named], dict[str, Memory]]:
        stored = await store_alerts.rules(tx)
        return in_force(self._config.alerts, stored), await store_alerts.memories(tx)

    async def _known(
        self, active: Mapping[str, Named], memories: Mapping[str, Memory], now: int
    ) -> Data:
        rules = [one.rule for one in active.values()]
        networks = read.wants_networks(rules)
        accounts = self._store.accounts
        if self._base is None or not self._base.holds(now, networks):
            rows = await self._store.read(lambda tx: week(tx, accounts, now, networks))
            self._base = await asyncio.to_thread(rows.baseline, now)
        base = self._base
        ats = [m.evaluated_at for m in memories.values() if m.evaluated_at]
        since = max(max(ats, default=now * SECOND) // SECOND, now - HOUR_SECONDS)

        async def reading(tx: Tx) -> tuple[read.Known, Mapping[int, OutlookInput]]:
            known = await read.known(tx, accounts, rules, base, now, since)
            return known, await read_outlooks(tx, self._settling, rules, now)

        known, seen = await self._store.read(reading)
        return await asyncio.to_thread(lambda: with_outlooks(known.data(), seen))

    def _judge(
        self, active: Mapping[str, Named], memories: Mapping[str, Memory], data: Data
    ) -> tuple[list[tuple[Named, Evaluation]], list[Exception]]:
        """The evaluations, and the errors of rules that cannot be evaluated."""
        judged: list[tuple[Named, Evaluation]] = []
        failures: list[Exception] = []
        for name, one in active.items():
            memory = memories.get(name)
            suppressed = partial(self._suppressed, name, memory, data.now)
            try:
                judged.append((one, evaluate(one.rule, data, state_of(memory, one), suppressed)))
            except Exception as error:
                log.exception("an alert rule cannot be evaluated", rule=name)
                failures.append(error)
        return judged, failures

    def _suppressed(self, name: str, memory: Memory | None, now: int, place: Place) -> bool:
        snoozed = memory is not None and (memory.snoozed_until or 0) > now * SECOND
        return snoozed or suppressed(self._config.alerts.maintenance.values(), name, place, now)

    async def _explained(self, named: Named, evaluation: Evaluation) -> Outcome:
        causes = [await self._causes(named, update) for update in evaluation.updates]
        return Outcome(named, evaluation, causes)

    async def _causes(self, named: Named, update: Update) -> Causes:
        """The likely causes; none if they cannot be found, as a notice must not wait for them."""
        try:
            return await find_causes(self._store, named.rule, update)
        except Exception:
            log.exception("causes of an alert not found", rule=named.name)
            return Causes()

    # --- writing ----------------------------------------------------------------------------------

    async def _write(
        self, tx: Tx, active: Mapping[str, Named], memories: Mapping[str, Memory],
        outcomes: Iterable[Outcome], now: int,
    ) -> None:  # fmt: skip
        await self._take(tx)
        await self._withdraw(tx, active, memories, now)
        for outcome in outcomes:
            await self._remember(tx, outcome, memories.get(outcome.named.name), active, now)

    async def _withdraw(
        self, tx: Tx, active: Mapping[str, Named], memories: Mapping[str, Memory], now: int
    ) -> None:
        """Ends the firings of rules that were removed or changed."""
        gone = {
            name
            for name, memory in memories.items()
            if memory.rule and (name not in active or memory.rule != written(active[name].rule))
        }
        for one in await store_alerts.open_firings(tx) if gone else []:
            if one.rule in gone:
                await store_alerts.change(tx, one.id, state="withdrawn", ended_at=now * SECOND)
        await store_alerts.forget(tx, [name for name in gone if name not in active])

    async def _remember(
        self, tx: Tx, outcome: Outcome, memory: Memory | None, active: Mapping[str, Named], now: int
    ) -> None:
        named, evaluation, causes = outcome
        state = evaluation.state
        if memory is None or memory.rule != written(named.rule):
            before = await store_alerts.last_number(tx, named.name)
            state, evaluation = renumbered(state, evaluation, before)
        for update, found in zip(evaluation.updates, causes, strict=True):
            await self._update(tx, named, update, found, active)
        data = msgspec.json.encode(state).decode()
        await store_alerts.remember(tx, named.name, written(named.rule), data, now * SECOND)

    async def _update(
        self, tx: Tx, named: Named, update: Update, causes: Causes, active: Mapping[str, Named]
    ) -> None:
        known = await store_alerts.numbered(tx, named.name, update.firing)
        if known is None:
            await self._begin(tx, named, update, causes, active)
            return
        fields, quiet = changed(known, named, update, causes), known.beside is not None
        if update.what == "widened":
            covering = await self._beside(tx, named, update, active)
            quiet = covering is not None or known.acked_at is not None
            fields["beside"] = known.beside and covering
        await store_alerts.change(tx, known.id, **fields)
        snoozed = (known.snoozed_until or 0) > update.at * SECOND
        if update.what in ("widened", "recovered") and not quiet and not snoozed:
            await self._post(tx, named, update, causes, known.id)

    async def _beside(
        self, tx: Tx, named: Named, update: Update, active: Mapping[str, Named]
    ) -> int | None:
        """The firing of another rule that told every channel of this one of the same incident."""
        others = await store_alerts.open_firings(tx)
        covering = [other for other in others if self._reaches(named, active.get(other.rule))]
        return covered_by(named.rule.kind, update.place, covering)

    async def _begin(
        self, tx: Tx, named: Named, update: Update, causes: Causes, active: Mapping[str, Named]
    ) -> None:
        fired = update.what == "fired"
        beside = await self._beside(tx, named, update, active) if fired else None
        single = update.what in ("failure", "digest")
        made = await store_alerts.begin(
            tx, self._store.ids, rule=named.name, number=update.firing, kind=named.rule.kind,
            sentence=sentence(named.rule), place=update.place, state="told" if single else "firing",
            since=update.since * SECOND, fired_at=update.at * SECOND,
            ended_at=update.at * SECOND if single else None, beside=beside,
            facts=stored_facts(update, named), causes=causes._asdict(),
        )  # fmt: skip
        if beside is None:
            await self._post(tx, named, update, causes, made.id)

    def _reaches(self, named: Named, other: Named | None) -> bool:
        """Whether every channel of one rule is also a channel of the other."""
        others = set() if other is None else set(channels_for(self._config, other))
        return set(channels_for(self._config, named)) <= others

    async def _post(
        self, tx: Tx, named: Named, update: Update, causes: Causes, row_id: int
    ) -> None:
        text = notice_text(
            update, named.name, named.rule, causes, self._config.url, firing_id(row_id),
            simulated=self._store.accounts.simulated(dict(update.place).get("account")),
        )  # fmt: skip
        channels = channels_for(self._config, named)
        now = self._clock()
        ids = self._store.ids
        await store_alerts.post(tx, ids, row_id, channels, update.what, text.title, text.body, now)
        log.warning("alert", what=update.what, rule=named.name, title=text.title)


def state_of(memory: Memory | None, named: Named) -> State:
    """What the rule remembers; empty if the rule has changed since."""
    if memory is None or not memory.data or memory.rule != written(named.rule):
        return State()
    return msgspec.json.decode(memory.data, type=State)


def renumbered(state: State, evaluation: Evaluation, before: int) -> tuple[State, Evaluation]:
    """The same, with firings numbered after the ``before`` earlier ones of a rule of that name."""
    replace = msgspec.structs.replace
    updates = tuple(replace(update, firing=update.firing + before) for update in evaluation.updates)
    spots = tuple(
        spot if spot.firing is None else replace(spot, firing=spot.firing + before)
        for spot in state.spots
    )
    state = replace(state, spots=spots, firings=state.firings + before)
    return state, Evaluation(state, updates)


def stored_facts(update: Update, named: Named) -> dict[str, object]:
    """The facts of a firing, with its headline."""
    return {**update.facts, "what": update.what, "headline": headline(update, named.rule)}


def changed(known: Firing, named: Named, update: Update, causes: Causes) -> dict[str, object]:
    """The changes to a stored firing."""
    match update.what:
        case "widened":
            facts = stored_facts(update, named)
            return {"place": update.place, "facts": facts, "causes": causes._asdict()}
        case "recovered":
            facts = {**known.facts, "recovered": update.facts}
            return {"state": "recovered", "ended_at": update.at * SECOND, "facts": facts}
        case "merged":
            return {"state": "merged", "ended_at": update.at * SECOND, "merged_into": update.into}
        case _:
            return {"state": "firing", "ended_at": None}


def covered_by(kind: str, place: Place, others: Iterable[Firing]) -> int | None:
    """The firing of another rule that covers the same incident, at this place or one around it."""
    family = next((f for f in FAMILIES if kind in f), frozenset({kind}))
    for other in others:
        if other.kind in family and other.beside is None and within(place, other.place):
            return other.id
    return None


def channels_for(config: Config, named: Named) -> list[str]:
    """The channels that get a rule's notices."""
    return [
        name
        for name, channel in config.alerts.channels.items()
        if channel.enabled
        and (named.rule.channels is None or name in named.rule.channels)
        and (channel.rules is None or named.name in channel.rules)
    ]
