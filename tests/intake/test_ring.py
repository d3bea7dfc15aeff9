"""The ring of refused calls: what it keeps of each, and of how many (rule B2)."""

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from delivrd.intake.ring import BODY, MAX_WAITING, PER_SOURCE, Refusal, Ring
from delivrd.store.base import StoreUnavailable
from tests.intake.calls import calling
from tests.support import run


def refusal(source: str = "192.0.2.7", **more: Any) -> Refusal:
    told: dict[str, Any] = {
        "account": None, "source": source, "method": "POST", "path": "/webhooks/x", "query": b"",
        "headers": b"", "body": b"", "status": 404, "why": "there is no such webhook",
    }  # fmt: skip
    return Refusal(**{**told, **more})


@pytest.mark.parametrize(("admissible", "kept"), [(False, BODY), (True, 5000)])
def test_only_a_call_that_may_be_admitted_is_kept_whole(
    sqlite_url: str, admissible: bool, kept: int
) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            long = b"x" * 5000
            hub.hub.ring.note(refusal(query=long, body=long, admissible=admissible))
            await hub.hub.ring.flush()
            ((query, body),) = await hub.rows("SELECT query, body FROM ring")
            assert (len(query), len(body)) == (kept, kept)

    run(test())


def test_calls_from_any_number_of_sources_wait_only_so_many_at_a_time() -> None:
    numbers = count(1)
    store: Any = SimpleNamespace(ids=SimpleNamespace(next=lambda: next(numbers)))
    ring = Ring(store, rows=10, size=1000)
    for number in range(MAX_WAITING + 5):
        ring.note(refusal(f"source {number}"))
    assert ring.dropped == 5
    assert ring.noted.total() == MAX_WAITING + 5


def test_a_source_is_heard_again_after_each_flush(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            ring = Ring(hub.hub.store, rows=1000, size=1_000_000)
            for _ in range(2):
                for _ in range(PER_SOURCE + 1):
                    ring.note(refusal())
                await ring.flush()
            assert ring.dropped == 2
            assert await hub.one("SELECT count(*) FROM ring") == 2 * PER_SOURCE

    run(test())


def test_calls_that_could_not_be_stored_are_counted() -> None:
    async def away(job: Any, *, background: bool) -> None:
        raise StoreUnavailable("it is away")

    store: Any = SimpleNamespace(ids=SimpleNamespace(next=lambda: 1), write=away)
    ring = Ring(store, rows=10, size=1000)
    ring.note(refusal())
    with pytest.raises(StoreUnavailable):
        run(ring.flush())
    assert ring.dropped == 1


def test_the_newest_calls_displace_the_oldest(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            ring = Ring(hub.hub.store, rows=3, size=1_000_000)
            for number in range(5):
                ring.note(refusal(path=f"/webhooks/{number}"))
                await ring.flush()
            kept = await hub.rows("SELECT path FROM ring ORDER BY id")
            assert kept == [(f"/webhooks/{number}",) for number in (2, 3, 4)]

    run(test())
