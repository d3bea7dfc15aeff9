"""Queries run against the stores, from outside, after each round."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import asyncpg


@dataclass(frozen=True)
class Questions:
    """Each query counts; `shown` gets the provider ids as one JSON array."""

    shown: str
    backlog: str | None = None


TUTORIAL = Questions(
    "SELECT count(*) FROM {ids} JOIN messages m ON m.provider_message_id = ids.value"
    " WHERE m.status = 'delivered'"
)
DELIVRD = Questions(
    "SELECT count(*) FROM {ids} JOIN part p ON p.key = '1/' || ids.value"
    " JOIN attempt a ON a.id = p.attempt_id JOIN message m ON m.id = a.message_id"
    " WHERE m.status = 'delivered' AND m.final",
    backlog="SELECT count(*) FROM to_fold",
)
IDS = {
    "sqlite": "json_each(?) ids",
    "postgresql": "jsonb_array_elements_text($1::jsonb) ids(value)",
}


@dataclass(frozen=True)
class Store:
    """A row's database, asked from outside over a connection of its own."""

    url: str
    questions: Questions

    def lacking(self, ids: list[str]) -> int:
        """How many of these ids have a message that is not yet shown as delivered."""
        kind = self.url.split(":", 1)[0]
        return len(ids) - self._count(self.questions.shown.format(ids=IDS[kind]), json.dumps(ids))

    def backlog(self) -> int:
        """Acknowledged requests that are not folded yet; 0 for a store without a fold."""
        return self._count(self.questions.backlog) if self.questions.backlog else 0

    def bytes(self) -> int:
        """The store's size on disk, without its write-ahead log."""
        if self.url.startswith("sqlite"):
            pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            return self._count(pages)
        return self._count("SELECT pg_database_size(current_database())")

    def _count(self, query: str, *arguments: str) -> int:
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as database:
                return int(database.execute(query, arguments).fetchone()[0])
        return int(asyncio.run(fetchval(self.url, query, *arguments)))


async def fetchval(url: str, query: str, *arguments: str) -> Any:
    """The first value of a PostgreSQL statement, on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def execute(url: str, statement: str) -> None:
    """Run one PostgreSQL statement outside a transaction."""
    asyncio.run(fetchval(url, statement))
