"""The handler that tutorials show: FastAPI and a SQLAlchemy session, on SQLite.

Durable, so that the comparison is fair: WAL with synchronous=FULL syncs at every commit, and the
answer goes out after the commit. The lock wait is long enough that nobody is turned away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.orm import Session

from bench.rivals.model import Message, Receipt

engine = create_engine(os.environ["DATABASE_URL"], connect_args={"timeout": 30})
app = FastAPI()


@event.listens_for(engine, "connect")
def _durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def session() -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


Database = Annotated[Session, Depends(session)]


@app.post("/webhooks/bench")
def receive(receipt: Receipt, database: Database) -> dict[str, bool]:
    query = select(Message).where(Message.provider_message_id == receipt.message_id)
    message = database.scalars(query).one_or_none()
    if message is not None:
        receipt.update(message)
        database.commit()
    return {"ok": True}


@app.get("/durability")
def durability(database: Database) -> dict[str, Any]:
    """The settings as they stand on a connection of the pool."""
    names = ("journal_mode", "synchronous")
    return {name: database.scalar(text(f"PRAGMA {name}")) for name in names}
