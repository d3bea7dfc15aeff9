"""The whole app of one process, called without a socket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx2

from delivrd import app
from delivrd.config import Config
from delivrd.store.base import Store
from delivrd.web.app import create
from delivrd.web.context import Context
from tests.support import account, open_hub, settings, until

ADMIN_KEY = "an-admin-key-of-many-characters"


class Web(NamedTuple):
    """A hub, its API called as an admin, and a way to call it as somebody else."""

    hub: app.Hub
    context: Context
    client: httpx2.AsyncClient
    app: Any

    @property
    def store(self) -> Store:
        return self.hub.store

    def somebody(self, **headers: str) -> httpx2.AsyncClient:
        return _client(self.app, headers)

    async def get(self, path: str, expect: int = 200, /, **params: Any) -> Any:
        answer = await self.client.get(path, params=params or None)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, expect: int = 200, /, **headers: str) -> Any:
        answer = await self.client.post(path, json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def items(self, path: str, /, **params: Any) -> list[Any]:
        """All items, page after page."""
        found: list[Any] = []
        while True:
            page = await self.get(path, **params)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            params["cursor"] = page["next_cursor"]

    async def receipt(self, account: str = "main", **fields: str) -> None:
        """A gateway pushes a receipt (Vonage); returns once it is folded."""
        given = {"messageId": "id-1", "msisdn": "12015555522", "to": "Acme", **fields}
        answer = await self.client.get(f"/webhooks/{account}", params=given)
        assert answer.status_code == 200, answer.text
        await until(self.folded)

    async def folded(self) -> bool:
        async def left(tx: Any) -> bool:
            return not await tx.fetch("SELECT 1 FROM to_fold LIMIT 1")

        return await self.store.read(left)


def _client(asgi: Any, headers: dict[str, str]) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=asgi)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


def web_settings(database_url: str, **more: Any) -> Config:
    """One account that sends (``main``) and one that only receives (``inbox``), both Vonage."""
    more.setdefault(
        "accounts",
        {"main": account("vonage"), "inbox": account("vonage", receive_only=True)},
    )
    more.setdefault("admin_key", ADMIN_KEY)
    return settings(database_url, **more)


@asynccontextmanager
async def web(
    database_url: str, roles: tuple[str, ...] = ("intake", "web"), **more: Any
) -> AsyncGenerator[Web]:
    """A hub that receives and answers, and sends nothing unless ``roles`` has ``work``."""
    async with open_hub(web_settings(database_url, **more), roles=roles) as hub:
        context = Context(
            config=hub.config,
            store=hub.store,
            waiting=hub.waiting,
            folder=hub.folder,
            commit=hub.commit,
            lane=hub.lane,
            ring=hub.ring,
            parts=hub.parts,
            metrics=hub.metrics,
        )
        streams = asyncio.create_task(context.streams.run())
        asgi = app.front(hub.webhook, create(context))
        try:
            async with _client(asgi, {"authorization": f"Bearer {ADMIN_KEY}"}) as client:
                yield Web(hub, context, client, asgi)
        finally:
            streams.cancel()
            await asyncio.gather(streams, return_exceptions=True)


NEW = {"to": "+12015555522", "from": "Acme", "text": "Hello", "via": ["main"]}
"""A message that is taken."""
