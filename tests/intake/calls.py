"""A hub behind a real socket, and the calls that gateways and others make on it."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from delivrd import app
from delivrd.providers import vonage
from tests.support import Looking, account, open_hub, serving, settings, until

RECEIPT = {
    "msisdn": "12015555522", "to": "12025555511", "network-code": "310090",
    "messageId": "02000000FEA5EE9B", "price": "0.00570000", "status": "delivered",
    "scts": "1208121359", "err-code": "0", "message-timestamp": "2017-06-29 22:40:30",
}  # fmt: skip
"""The vendor's published example."""

SIGNATURE_SECRET = "vonage-signature-secret"
ELSEWHERE = {
    "vonage": account("vonage", receive_only=True),
    "ruach": account("ruach", receive_only=True),
    "smspm": account("smspm", receive_only=True),
}


class Caller(Looking):
    """Calls one hub, and looks into its store."""

    def __init__(self, hub: app.Hub, base: str, client: aiohttp.ClientSession) -> None:
        super().__init__(hub.store)
        self.hub, self.base, self.client = hub, base, client

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """Status and text of the answer."""
        async with self.client.request(method, f"{self.base}{path}", **more) as answer:
            return answer.status, await answer.text(errors="replace")

    async def status(self, method: str, path: str, **more: Any) -> int:
        return (await self.call(method, path, **more))[0]

    async def post(self, path: str, content: Any, **more: Any) -> int:
        return await self.status("POST", path, json=content, **more)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        url = urlsplit(self.base)
        return await asyncio.open_connection(url.hostname, url.port)

    async def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes until the hub is done, the connection closed after."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            async with asyncio.timeout(5):
                return await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()

    async def folded(self) -> None:
        """Waits until nothing waits for the fold."""

        async def done() -> bool:
            return not await self.one("SELECT count(*) FROM to_fold")

        await until(done)

    async def refused(self) -> list[Any]:
        """Path, status, why and admissible of the calls in the ring."""
        await self.hub.ring.flush()
        return await self.rows("SELECT path, status, why, admissible FROM ring ORDER BY id")


@asynccontextmanager
async def calling(database_url: str, **more: Any) -> AsyncGenerator[Caller]:
    """A hub that serves; receive-only accounts of all three dialects unless others are given."""
    more.setdefault("accounts", ELSEWHERE)
    async with (
        open_hub(settings(database_url, **more)) as hub,
        serving(hub) as base,
        aiohttp.ClientSession() as client,
    ):
        yield Caller(hub, base, client)


def signed(fields: Mapping[str, str], *, at: float = 0.0, nonce: str = "n-1") -> dict[str, str]:
    """The fields as Vonage signs them, so many seconds off our clock."""
    stamped = {**fields, "timestamp": str(int(time.time() + at)), "nonce": nonce}
    return {**stamped, "sig": vonage.signature(stamped, SIGNATURE_SECRET, "sha256")}


def signing_account(**more: Any) -> Any:
    return account(
        "vonage", receive_only=True, signature_secret=SIGNATURE_SECRET,
        signature_method="sha256", **more,
    )  # fmt: skip


def body(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode()
