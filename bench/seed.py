"""Stores filled with sent messages, and with the receipts of those that are answered."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import asyncpg
from sqlalchemy import Dialect, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from bench.receipts import SENDER, Messages, body, headers, provider_id, recipient
from bench.rivals.model import Base
from bench.stores import fetchval
from delivrd.config import Config, load
from delivrd.core.status import State
from delivrd.intake.commit import GroupCommit, Written
from delivrd.intake.ring import Ring
from delivrd.intake.webhook import Webhook
from delivrd.keeping.sweep import Sweep
from delivrd.providers import provider
from delivrd.providers.base import Http
from delivrd.store import stream
from delivrd.store.append import Entry, append
from delivrd.store.base import Store
from delivrd.store.fan_out import fan_out
from delivrd.store.fold import Work, fold_slice
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import Ids, now_micros
from delivrd.store.messages import new_uuid
from delivrd.store.open import open_store
from delivrd.store.rows import AttemptRow, MessageRow
from delivrd.store.tx import Tx

_POSTGRES: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
COLUMNS = ("id", "provider_message_id", "recipient", "status", "created_at")
BATCH = 2000  # messages in one transaction
FOLDED_TOGETHER = 200
RECEIPT_AFTER = timedelta(seconds=12)


def fill_tutorial_sqlite(file: Path, messages: Messages) -> None:
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    engine.dispose()
    marks = ", ".join("?" * len(COLUMNS))
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        rows = ((*row, str(at)) for *row, at in _rows(messages))
        database.executemany(f"INSERT INTO messages ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
        database.commit()


def fill_tutorial_postgres(url: str, messages: Messages) -> None:
    asyncio.run(_copy(url, messages))


async def _copy(url: str, messages: Messages) -> None:
    connection = await asyncpg.connect(url)
    try:
        table = CreateTable(Base.metadata.tables["messages"])
        await connection.execute(str(table.compile(dialect=_POSTGRES)))
        await connection.copy_records_to_table("messages", columns=COLUMNS, records=_rows(messages))
        await connection.execute("VACUUM ANALYZE messages")
    finally:
        await connection.close()


def _rows(messages: Messages) -> Iterator[tuple[Any, ...]]:
    for number in range(messages.total):
        yield (
            number + 1,
            provider_id(number),
            recipient(number),
            "sent",
            messages.created_at(number),
        )


def fill_delivrd(config: Path, messages: Messages) -> None:
    """Write the messages as sent and accepted, each in one part, through delivrd's own store.

    Their receipts pass the webhook and the fold, all but the sockets between. In the end
    events are told and the sweep takes what is past its time, as in a hub that ran all the while.
    """
    asyncio.run(_fill(config, messages))


async def _fill(file: Path, messages: Messages) -> None:
    config = load(file, {})
    accounts = {name: (provider(one.provider), one) for name, one in config.accounts.items()}
    store = await open_store(config.database, accounts)
    sending = Sending(store, messages)
    receiving = Receiving(config, store, messages)
    try:
        for first in range(0, messages.total, BATCH):
            numbers = range(first, min(first + BATCH, messages.total))
            await store.write(partial(sending.write, numbers))
            if answered := [number for number in numbers if messages.is_answered(number)]:
                await store.write(partial(receiving.write, await receiving.entries(answered)))
        await _fan_out_all(store)
        await Sweep(store, config).once(pause=0)
    finally:
        await store.close()
    if store.dialect == "postgresql":
        await fetchval(config.database, "VACUUM ANALYZE")


async def _fan_out_all(store: Store) -> None:
    """Numbers and fans out the events, without endpoints, as a running hub would have done."""

    async def fan_out_some(tx: Tx) -> int:
        await stream.number_events(tx, BATCH)
        return (await fan_out(tx, store.ids, now_micros(), BATCH)).events

    while await store.write(fan_out_some):
        pass


class Receiving:
    """Receipts of the past, some seconds after their messages, as the webhook takes them in."""

    def __init__(self, config: Config, store: Store, messages: Messages) -> None:
        self.store, self.messages = store, messages
        self.taken: list[Entry] = []
        self.now = 0
        self.ids = Ids(store.ids.slot, clock=lambda: self.now)
        ring, http = cast(Ring, None), cast(Http, None)  # for calls that are not receipts
        self.webhook = Webhook(
            config, store.accounts, self.ids, cast(GroupCommit, self), ring, http
        )

    def append(self, entry: Entry, patience: float, written: Written) -> None:
        """What the webhook does at the end of a call, in place of the group commit."""
        self.taken.append(entry._replace(received_at=self.now))
        written.set_result(None)

    async def entries(self, numbers: list[int]) -> list[Entry]:
        self.taken = []
        for number in numbers:
            at = self.messages.created_at(number) + RECEIPT_AFTER
            self.now = int(at.timestamp() * 1_000_000)
            content = body(number, at, signed=False)
            await self.webhook(_scope(len(content)), partial(_receive, content), _send)
        return self.taken

    async def write(self, entries: list[Entry], tx: Tx) -> None:
        await append(tx, self.ids, entries, own=True)
        works = [Work(e.id, 0, e.account_id, e.received_at, e.reading.receipts) for e in entries]
        for first in range(0, len(works), FOLDED_TOGETHER):
            slice_ = works[first : first + FOLDED_TOGETHER]
            now = slice_[-1].received_at
            await fold_slice(tx, self.store.accounts, self.ids, now, slice_, FOLDED_TOGETHER)


def _scope(length: int) -> dict[str, Any]:
    lowered = [(name.lower(), value) for name, value in headers(length)]
    return {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/bench",
        "query_string": b"",
        "headers": lowered,
        "client": ("127.0.0.1", 0),
    }


async def _receive(content: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": False}


async def _send(event: Any) -> None:
    if event.get("status", 200) != 200:
        raise SystemExit(f"the webhook refused a receipt while filling: {event}")


class Sending:
    """Sends of the past: ids come from the clock of that time, so that rows lie as they would."""

    def __init__(self, store: Store, messages: Messages) -> None:
        self.accounts, self.messages = store.accounts, messages
        self.account = store.accounts.by_name["bench"]
        self.now = 0
        self.ids = Ids(store.ids.slot, clock=lambda: self.now)

    async def write(self, numbers: range, tx: Tx) -> None:
        self.now = self._at(numbers[0])
        names = {number: self._name(number) for number in numbers}
        graph = await Graph.load(tx, self.accounts, self.ids, self.now, parts=names.values())
        for number in numbers:
            self.now = self._at(number)
            message = graph.add(self._message(number))
            graph.attach(graph.parts[names[number].key], message.attempts[0])
        await graph.save()

    def _at(self, number: int) -> int:
        return int(self.messages.created_at(number).timestamp() * 1_000_000)

    def _name(self, number: int) -> PartName:
        name = provider_id(number)
        return PartName(self.account.part_key(name, recipient(number)), self.account.ns, name)

    def _message(self, number: int) -> MessageRow:
        message = MessageRow(
            id=self.ids.next(),
            uuid=new_uuid(),
            origin="api",
            account_id=self.account.id,
            to_number=f"+{recipient(number)}",
            sender=SENDER,
            country="GB",
            preview="Your code is 123456",
            created_at=self.now,
        )
        attempt = AttemptRow(
            id=self.ids.next(),
            message_id=message.id,
            seq=0,
            account_id=self.account.id,
            state=State.ACCEPTED.value,
            handed_at=self.now,
            answered_at=self.now,
        )
        message.attempts = [attempt]
        return message
