"""Ways into a hub: by key, by session, and by a call as the server passes it on."""

import asyncio

import httpx2
from starlette.types import Message

from tests.web.web_support import Web


def bearer(hub: Web, key: str) -> httpx2.AsyncClient:
    return hub.somebody(authorization=f"Bearer {key}")


async def make_key(hub: Web, *scopes: str) -> str:
    made = await hub.post("/v1/keys", {"name": "x", "scopes": list(scopes)}, 201)
    return str(made["key"])


async def raw_status(
    hub: Web, method: str, path: str, headers: list[tuple[bytes, bytes]], *received: Message
) -> int:
    """The status of the answer to a call as the server passes it on, as soon as it begins."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    coming = iter(received)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.set_result(message["status"])

    async def receive() -> Message:
        for message in coming:
            return message
        return await asyncio.Future()  # the caller stays

    scope = {"type": "http", "method": method, "path": path, "query_string": b"",
             "headers": headers}  # fmt: skip
    answering = asyncio.create_task(hub.app(scope, receive, send))
    try:
        return await begun
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def sign_in(hub: Web, **form: str) -> tuple[httpx2.AsyncClient, httpx2.Response]:
    browser = hub.somebody()
    return browser, await browser.post("/sign-in", data=form)


async def link_token(hub: Web) -> str:
    made = await hub.post("/v1/sign-in-links", None, 201)
    return str(made["url"]).rpartition("token=")[2]


async def csrf(browser: httpx2.AsyncClient) -> str:
    """The token that a page of this session carries."""
    page = (await browser.get("/send")).text
    return page.partition('name="csrf" value="')[2].partition('"')[0]
