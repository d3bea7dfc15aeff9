"""A store driven by hand: each writer's step is one call, and nothing runs by itself."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from delivrd.config import Config
from delivrd.core.statement import Fault, Reading, Receipt, Status, micros
from delivrd.core.status import Outcome, fold_attempt, fold_message
from delivrd.core.units import HOUR, SECOND
from delivrd.providers import provider
from delivrd.providers.base import Accepted, Answer, SentPart
from delivrd.sending.submit import Order, submit
from delivrd.store import fold as folding
from delivrd.store import outbox
from delivrd.store.append import Entry, Nonce, append
from delivrd.store.base import Store
from delivrd.store.counts import TABLES, TIMED, latency_step, micro_units, spread
from delivrd.store.days import TABLES as DAYS
from delivrd.store.graph import Graph
from delivrd.store.latencies import STEPS
from delivrd.store.latencies import TABLES as LATENCIES
from delivrd.store.messages import reference_of
from delivrd.store.open import open_store
from delivrd.store.registration import Registration, register_parts
from delivrd.store.rereading import Difference, DryRun, supersede
from delivrd.store.tx import Tx
from tests.support import Looking, account, settings

NOON = datetime(2025, 3, 4, 12, tzinfo=UTC)
START = micros(NOON)

QUARTERS = [table for table in TABLES if table not in {"recent", *DAYS, *LATENCIES}]
"""The tables of counts by the quarter of an hour. The others are by the real clock, or sums."""

Key = tuple[int, Any, int, str, str, str]
"""Unit, quarter of an hour, account, country, network, status."""

TO = "447700900123"

ACCOUNTS: dict[str, Any] = {
    "main": account("vonage"),
    "second": account("vonage", ids_with="main"),
    "other": account("vonage"),
    "ruach": account("ruach"),
    "elsewhere": account("ruach", receive_only=True),
    "shared": account("ruach", receive_only=True, ids_with="ruach"),
    "hex": account("ruach", receive_only=True, id_format="hex"),
    "again": account("vonage", id_reuse_after=3600),
}


def receipt(part: str | None, status: str = "delivered", **more: Any) -> Receipt:
    """A receipt as an adapter makes it; final unless its status is pending."""
    more.setdefault("to", TO)
    more.setdefault("final", status != "pending")
    return Receipt(provider_message_id=part, status=Status(status), **more)


class Story(Looking):
    """See the module's docstring. ``now`` is the clock that every step goes by."""

    def __init__(self, store: Store, config: Config) -> None:
        super().__init__(store)
        self.config = config
        self.now = START

    @property
    def _parts(self) -> tuple[Any, Any, int]:
        return self.store.accounts, self.store.ids, self.now

    # --- receiving ------------------------------------------------------------------------------

    def entry(
        self, name: str, receipts: Sequence[Receipt], *, nonce: str | None = None,
        content: bytes = b"", at: int | None = None, body: bytes = b"",
        faults: Sequence[Fault] = (),
    ) -> Entry:  # fmt: skip
        received_at = self.now if at is None else START + at * SECOND
        return Entry(
            id=self.store.ids.next(), account_id=self.store.accounts.by_name[name].id,
            received_at=received_at, took_us=1, source="127.0.0.1", method="POST",
            path=f"/webhooks/{name}", query=b"", headers=b"", body=body, auth="none",
            reading=Reading(receipts=tuple(receipts), faults=tuple(faults)),
            nonce=nonce and Nonce(nonce, content.ljust(16), self.now + HOUR),
        )  # fmt: skip

    async def append(self, *entries: Entry, own: bool = False) -> set[int]:
        judged = await self.store.write(lambda tx: append(tx, self.store.ids, entries, own=own))
        return judged.refused

    async def receive(self, name: str, *receipts: Receipt, **more: Any) -> int:
        """Appends one request with these receipts; its id."""
        entry = self.entry(name, receipts, **more)
        await self.append(entry)
        return entry.id

    async def fold(self, limit: int = 1000) -> int:
        """Folds all that nobody holds, slice by slice; how many slices that took."""
        slices = 0
        while works := await self.store.write(lambda tx: folding.claim(tx, self.now, 100)):
            while works:
                await self._fold_slice(works, limit)
                left = [w._replace(done=w.done + limit) for w in works]
                works = [w for w in left if w.done < len(w.receipts)]
                slices += 1
        return slices

    async def _fold_slice(self, works: Sequence[folding.Work], limit: int) -> None:
        await self.store.write(lambda tx: folding.fold_slice(tx, *self._parts, works, limit))

    async def hear(self, name: str, *receipts: Receipt, **more: Any) -> int:
        """Receives and folds."""
        request_id = await self.receive(name, *receipts, **more)
        await self.fold()
        return request_id

    async def retry(self) -> folding.Retried:
        return await self.store.write(lambda tx: folding.retry_set_aside(tx, *self._parts))

    async def reread(
        self, request_id: int, *receipts: Receipt, dry_run: bool = False, force: bool = False,
        kind: str = "receipts", why: str | None = None, faults: Sequence[Fault] = (),
    ) -> Difference:  # fmt: skip
        """The request as if today's adapter read these receipts in it."""
        row = (await self.rows("SELECT account_id, received_at FROM request WHERE id = $1",
                               request_id))[0]  # fmt: skip
        reading = Reading(receipts=receipts, kind=kind, why=why, faults=tuple(faults))
        try:
            return await self.store.write(
                lambda tx: supersede(
                    tx, *self._parts, request_id, self.store.accounts.by_id[row[0]], row[1],
                    reading, dry_run=dry_run, force=force,
                )
            )  # fmt: skip
        except DryRun as done:
            return done.difference

    # --- sending --------------------------------------------------------------------------------

    async def submit(self, name: str = "main", **more: Any) -> str:
        """A message, queued; its id."""
        order = Order(f"+{TO}", "Acme", more.pop("text", "Hello"), (name,), **more)
        return (await submit(self.store, self.config, order)).uuid

    async def claim(self, name: str = "main", ahead: int = HOUR) -> list[int]:
        """Takes what is queued, as the worker does; the attempts' ids."""
        account_id = self.store.accounts.by_name[name].id
        due = micros(datetime.now(UTC)) + ahead
        taken = await self.store.write(lambda tx: outbox.claim(
            tx, self.store.accounts, self.store.ids, due, [account_id], 100
        ))  # fmt: skip
        return [handover.attempt_id for handover in taken]

    async def handing_over(self, name: str = "main", **more: Any) -> tuple[str, int]:
        """A message that is just being handed over: its id and its attempt's."""
        uuid = await self.submit(name, **more)
        (attempt,) = await self.claim(name, ahead=SECOND)
        await self.store.write(lambda tx: tx.execute(
            "UPDATE attempt SET handed_at = $1 WHERE id = $2", START, attempt
        ))  # fmt: skip
        await self.store.write(lambda tx: tx.execute(
            "UPDATE message SET sent_at = $1, created_at = $1 WHERE uuid = $2", START, uuid
        ))  # fmt: skip
        await self._refold(attempt)
        return uuid, attempt

    async def _refold(self, attempt: int) -> None:
        async def job(tx: Tx) -> None:
            graph = await Graph.load(tx, *self._parts, attempts=[attempt])
            await graph.save()

        await self.store.write(job)

    async def answer(
        self, attempt: int, answer: Answer | str, *more: str, expires_in: int = 100
    ) -> None:
        """The gateway's answer; words are the ids of an accepted message's parts."""
        if isinstance(answer, str):
            answer = Accepted(tuple(SentPart(part) for part in (answer, *more)))
        said = outbox.Answered(attempt, answer, START + SECOND, START + expires_in * SECOND)
        await self.store.write(lambda tx: outbox.store_answer(tx, *self._parts, said))

    async def sent(self, *parts: str, name: str = "main", **more: Any) -> tuple[str, int]:
        """A message that its gateway took under these ids."""
        uuid, attempt = await self.handing_over(name, **more)
        await self.answer(attempt, *parts)
        return uuid, attempt

    async def time_out(self, after: int = 1000) -> int:
        """The sweep, so many seconds after the start."""
        now = START + after * SECOND
        given_up: int = await self.store.write(
            lambda tx: outbox.time_out(tx, self.store.accounts, self.store.ids, now)
        )
        return given_up

    async def register(self, name: str, *parts: str, to: str = TO, **more: Any) -> str:
        told = Registration(
            self.store.accounts.by_name[name], parts, f"+{to}", "GB", more.get("sender"),
            more.get("preview"), more.get("sent_at", START), more.get("reference"),
            more.get("expires_at"), more.get("segments", 1),
        )  # fmt: skip
        uuid: str = await self.store.write(lambda tx: register_parts(tx, *self._parts, told))
        return uuid

    # --- looking --------------------------------------------------------------------------------

    async def status(self, uuid: str) -> str:
        return str(await self.one("SELECT status FROM message WHERE uuid = $1", uuid))

    async def events(self, uuid: str) -> list[dict[str, Any]]:
        rows = await self.rows(
            "SELECT e.type, e.data FROM event e JOIN message m ON m.id = e.message_id "
            "WHERE m.uuid = $1 ORDER BY e.id",
            uuid,
        )
        return [{"type": kind, **msgspec.json.decode(data)} for kind, data in rows]

    async def faults(self) -> int:
        return int(await self.one("SELECT count(*) FROM fault WHERE set_aside"))

    async def snapshot(self) -> dict[str, Any]:
        """All that was derived, without ids, and without what may depend on who came first."""
        graph = await self.graph()
        return {
            "messages": sorted(
                (_shown_message(message) for message in graph.messages.values()
                 if message.merged_into is None and not message.withdrawn), key=repr,
            ),
            "unmatched": sorted(key for key, part in graph.parts.items() if not part.attempt_id),
            "statements": sorted(
                (part.key, s.statement.receipt.status.value, s.statement.count,
                 s.statement.received_at if s.statement.kind == "receipt" else 0)
                for part in graph.parts.values() for s in part.statements if s.statement.count
            ),
            "counts": await self.counts(),
        }  # fmt: skip

    async def graph(self) -> Graph:
        """The whole store, read as the writers read it."""

        async def job(tx: Tx) -> Graph:
            ids = [row[0] for row in await tx.fetch("SELECT id FROM message")]
            names = [folding.PartName(row[0], row[1], row[2]) for row in await tx.fetch(
                "SELECT key, ns, provider_message_id FROM part")]  # fmt: skip
            return await Graph.load(tx, *self._parts, parts=names, messages=ids)

        graph: Graph = await self.store.write(job)
        return graph

    async def counts(self) -> dict[str, dict[Any, int]]:
        """The rollups, over all slots."""
        return {table: await self.counted(table) for table in QUARTERS}

    async def counted(self, table: str) -> dict[Any, int]:
        """The numbers of a table, and each of its histograms' under the key and the step."""
        names = ", ".join(TABLES[table])
        sums = "sum(n), sum(steps)" if table in TIMED else "sum(n), NULL"
        width = len(TABLES[table])

        async def job(tx: Tx) -> dict[Any, int]:
            found: dict[Any, int] = {}
            for row in await tx.fetch(f"SELECT {names}, {sums} FROM {table} GROUP BY {names}"):
                key, n, took = tuple(row[:width]), row[-2], row[-1]
                found |= {key: int(n)} if n else {}
                found |= {
                    (*key, STEPS, at): n for at, n in (tx.steps(took) if took else {}).items()
                }
            return found

        return await self.store.read(job)

    async def check(self) -> None:
        """Everything derived is what the statements give, and the rollups are what is there."""
        graph = await self.graph()
        found = {table: Counter[Any]() for table in QUARTERS}
        for message in graph.messages.values():
            outcomes = [
                fold_attempt(a.handover(), [p.outcome() for p in a.parts if not p.withdrawn])
                for a in message.attempts
            ]
            outcome = fold_message(outcomes)
            gone = message.merged_into is not None
            if not gone:
                assert (message.status, message.final) == (outcome.status, outcome.final)
                assert (message.price, message.network) == (outcome.price, outcome.network)
                assert message.finished_at == outcome.finished_at
            if gone or message.withdrawn:
                assert message.bucket is None
                continue
            heard = min((s.received_at for a in message.attempts for p in a.parts for s in p.live
                         if s.kind == "receipt"), default=message.created_at)  # fmt: skip
            for unit, account_id, row, result, since in [
                (0, 0, message, outcome, message.sent_at),
                *((1, a.account_id, a, o, a.handed_at or message.sent_at)
                  for a, o in zip(message.attempts, outcomes, strict=True)),
            ]:  # fmt: skip
                key = (unit, spread(since or heard), account_id, message.country or "",
                       result.network or "", result.status.value)  # fmt: skip
                step = latency_step(result, since)
                for table, place in _places(key, message.sender or "", result):
                    found[table][place] += 1
                    if step is not None:
                        found[table][*place, STEPS, step] += 1
                if result.price is not None:
                    for what, n in ((0, micro_units(result.price)), (1, 1)):
                        found["cost"][*key[:5], result.currency or "", what] += n
                        found["charge_quarter"][*key[:2], result.currency or "", what] += n
                assert row.status == result.status
        assert await self.counts() == {table: dict(counted) for table, counted in found.items()}


def _places(key: Key, sender: str, result: Outcome) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """In which tables a message (unit 0) or an attempt (1) is counted, and under which keys."""
    unit, bucket, account_id, country, _, status = key
    reason, code = result.reason.value if result.reason else "", result.error_code
    yield "rollup", (*key, reason)
    yield "status_quarter", (unit, bucket, status)
    yield "account_reason", (unit, bucket, account_id, status, reason)
    if unit:
        yield "rollup_sender", (bucket, account_id, country, sender, status)
        yield "account_sender", (bucket, account_id, sender, status)
    if unit and code is not None:
        yield "rollup_code", (bucket, account_id, country, status, code)
        yield "account_code", (bucket, account_id, status, code)


def _shown_message(message: Any) -> tuple[Any, ...]:
    return (
        message.origin, message.to_number, message.sender, message.country, message.reference,
        message.sent_at, message.status, bool(message.final), message.reason,
        None if message.permanent is None else bool(message.permanent),
        message.error_code, message.provider_status, message.detail, message.network,
        message.price, message.currency, message.finished_at, message.delivered_at,
        sorted(
            (a.state, a.expected, a.status, bool(a.final), a.reason, a.network,
             sorted(part.key.rpartition("refused")[0] or part.key for part in a.parts))
            for a in message.attempts if message.origin == "api" or a.parts
        ),
    )  # fmt: skip


@asynccontextmanager
async def telling(database_url: str, **accounts: Any) -> AsyncGenerator[Story]:
    """A story on an open store."""
    config = settings(database_url, accounts=accounts or ACCOUNTS)
    configured = {n: (provider(s.provider), s) for n, s in config.accounts.items()}
    store = await open_store(database_url, configured)
    try:
        yield Story(store, config)
    finally:
        await store.close()


def reference(attempt: int) -> str:
    return reference_of(attempt)


def later(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)
