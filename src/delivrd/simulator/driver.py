"""Sends generated traffic through a hub's REST API, and reads the resulting messages back."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp

from delivrd.simulator.texts import Text

TRIES = 6
CONNECTIONS = 32
_PAUSE, _LONGEST = 0.2, 6.4
"""Seconds before the second try, and the maximum; it doubles with each try."""
KEY_REFUSED = (401, 403)
_PASSING = (408, 429, 500, 502, 503, 504)


class Sent(NamedTuple):
    """The hub's answer to one message: ``status`` is None if it never answered."""

    text: Text
    status: int | None
    body: Any

    @property
    def accepted(self) -> bool:
        return self.status == 202


class Progress(NamedTuple):
    """How far the sending has come."""

    sent: int
    accepted: int
    failed: int


class Fetched(NamedTuple):
    """The hub's messages as its REST API returns them, and the ids that it does not know."""

    messages: list[dict[str, Any]]
    missing: list[str]


async def send_traffic(
    hub: str,
    key: str,
    texts: Iterable[Text],
    *,
    accounts: Mapping[str, str] | None = None,
    rate: float = 20.0,
    run: str = "",
    tries: int = TRIES,
    progress: Callable[[Progress], None] | None = None,
) -> list[Sent]:
    """Send ``rate`` texts a real second to ``hub`` (its base URL) with the API key ``key``.

    ``accounts`` gives the hub's account for each gateway's dialect; by default they have the same
    names. With a ``run``, each text has an idempotency key made of it and of its reference, and the
    call is repeated while the hub is away, up to ``tries`` times; without one, it is sent once.
    ``progress`` is called after each text. Endless ``texts`` are sent until the task is cancelled;
    none more is once the hub refuses the key.
    """
    names = accounts or {}
    results: list[Sent] = []
    slots = asyncio.Semaphore(CONNECTIONS)
    loop = asyncio.get_running_loop()
    start = loop.time()
    accepted = 0
    refused = False

    async def send(text: Text) -> None:
        nonlocal accepted, refused
        try:
            account = names.get(text.gateway, text.gateway)
            sent = await _send(client, text, account, run, tries)
        finally:
            slots.release()
        results.append(sent)
        accepted += sent.accepted
        refused = refused or sent.status in KEY_REFUSED
        if progress:
            progress(Progress(len(results), accepted, len(results) - accepted))

    async with _client(hub, key) as client, asyncio.TaskGroup() as group:
        for index, text in enumerate(texts):
            await asyncio.sleep(max(0.0, start + index / rate - loop.time()))
            await slots.acquire()
            if refused:
                break
            group.create_task(send(text))
    return results


async def fetch_messages(hub: str, key: str, ids: Sequence[str]) -> Fetched:
    """The hub's messages with these ids, in the same order.

    Raises:
        aiohttp.ClientError: the hub is away, or answers with an error.
    """
    slots = asyncio.Semaphore(16)

    async def fetch(message_id: str) -> dict[str, Any] | None:
        async with slots, client.get(f"v1/messages/{message_id}") as response:
            if response.status == 404:
                return None
            response.raise_for_status()
            message: dict[str, Any] = await response.json(content_type=None)
            return message

    async with _client(hub, key) as client:
        found = await asyncio.gather(*map(fetch, ids))
    missing = [id_ for id_, message in zip(ids, found, strict=True) if message is None]
    return Fetched([message for message in found if message is not None], missing)


async def find_ids(hub: str, key: str, numbers: Iterable[str]) -> list[str]:
    """The ids of the hub's newest messages to each of these numbers, in E.164 without the plus.

    Raises:
        aiohttp.ClientError: the hub is away, or answers with an error.
    """
    found: list[str] = []
    async with _client(hub, key) as client:
        for number in numbers:
            async with client.get("v1/messages", params={"to": f"+{number}"}) as response:
                response.raise_for_status()
                page = await response.json(content_type=None)
                found += [message["id"] for message in page["items"]]
    return found


def _client(hub: str, key: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        base_url=hub.rstrip("/") + "/",
        headers={"Authorization": f"Bearer {key}"},
        timeout=aiohttp.ClientTimeout(total=30),
    )


async def _send(
    client: aiohttp.ClientSession, text: Text, account: str, run: str, tries: int
) -> Sent:
    message = {
        "to": text.to,
        "from": text.sender,
        "text": text.text,
        "via": [account],
        "reference": text.reference,
    }
    if not run:
        return await _ask(client, text, message, {})
    for number in range(tries):
        sent = await _ask(client, text, message, {"Idempotency-Key": f"{run}-{text.reference}"})
        if sent.status is not None and sent.status not in _PASSING:
            break
        await asyncio.sleep(min(_PAUSE * 2**number, _LONGEST))
    return sent


async def _ask(
    client: aiohttp.ClientSession,
    text: Text,
    message: Mapping[str, Any],
    headers: Mapping[str, str],
) -> Sent:
    try:
        async with client.post("v1/messages", json=message, headers=headers) as response:
            return Sent(text, response.status, await response.json(content_type=None))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Sent(text, None, None)
