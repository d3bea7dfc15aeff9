"""The handler that tutorials show: FastAPI and an async SQLAlchemy session, on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from bench.rivals.model import Message, Receipt

engine = create_async_engine(os.environ["DATABASE_URL"])
app = FastAPI()


async def session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as opened:
        yield opened


Database = Annotated[AsyncSession, Depends(session)]


@app.post("/webhooks/bench")
async def receive(receipt: Receipt, database: Database) -> dict[str, bool]:
    query = select(Message).where(Message.provider_message_id == receipt.message_id)
    message = (await database.scalars(query)).one_or_none()
    if message is not None:
        receipt.update(message)
        await database.commit()
    return {"ok": True}


@app.get("/durability")
async def durability(database: Database) -> dict[str, Any]:
    """The settings as they stand on a connection of the pool."""
    names = ("fsync", "synchronous_commit", "full_page_writes")
    return {name: await database.scalar(text(f"SHOW {name}")) for name in names}
