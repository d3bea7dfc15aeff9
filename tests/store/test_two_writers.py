"""Two processes write about the same 50 messages, held open between the steps of rule G1."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest

from delivrd.providers.base import Accepted, SentPart
from delivrd.store import fold, outbox
from delivrd.store.registration import Registration, register_parts
from delivrd.store.rereading import supersede
from delivrd.store.tx import PostgresTx, Tx
from delivrd.store.verify import verify
from tests.store.story import SECOND, START, TO, Story, receipt, reference, telling
from tests.support import run, until

MESSAGES = 50
OPEN = range(25)
"""Those that are just being handed over; the gateway took the others already."""

HOLDS = (("parts", None), ("messages", None), ("messages", "parts"), ("end", None))
"""Where the first is held, and where the second. (While the first holds the parts, the second
cannot have them.)"""


class Gate:
    """Holds a transaction open once it has come to a point: it has the locks of the parts, those
    of the messages, or has written everything."""

    def __init__(self, point: str | None) -> None:
        self.point = point
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def at(self, point: str) -> None:
        if point == self.point:
            self.reached.set()
            await self.open.wait()


class Held(PostgresTx):
    """A transaction that stops at the gate."""

    def __init__(self, tx: Tx, gate: Gate) -> None:
        assert isinstance(tx, PostgresTx)
        super().__init__(tx.connection, tx.slot)
        self.gate, self.changed = gate, tx.changed

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        rows = await super().fetch(sql, *args)
        if "FOR UPDATE" in sql and " FROM part " in sql:
            await self.gate.at("parts")
        if "FOR UPDATE" in sql and " FROM message " in sql:
            await self.gate.at("messages")
        return rows


class World:
    """The ids of what is in the database before the two writers come."""

    attempts: dict[int, int]
    read_before: int
    waiting: list[fold.Work]


Writer = Callable[[Story, World, Gate], Awaitable[None]]


async def write(story: Story, gate: Gate, job: Callable[[Tx], Awaitable[Any]]) -> None:
    async def held(tx: Tx) -> None:
        inside = Held(tx, gate)
        await job(inside)
        await gate.at("end")

    await story.store.write(held)


def folds(number: int) -> Writer:
    async def writer(story: Story, world: World, gate: Gate) -> None:
        work = world.waiting[number]

        async def job(tx: Tx) -> None:
            await fold.mark(tx, START, [work])
            await fold.fold_slice(tx, *story._parts, [work], 1000)

        await write(story, gate, job)

    return writer


async def answers(story: Story, world: World, gate: Gate) -> None:
    for number in OPEN:
        said = outbox.Answered(
            world.attempts[number], Accepted((SentPart(f"P{number}"),)), START, START + 100
        )
        here = gate if number == 12 else Gate(None)
        await write(story, here, lambda tx: outbox.store_answer(tx, *story._parts, said))  # noqa: B023


async def times_out(story: Story, world: World, gate: Gate) -> None:
    later = START + 10**12
    await write(
        story, gate, lambda tx: outbox.time_out(tx, story.store.accounts, story.store.ids, later)
    )


async def registers(story: Story, world: World, gate: Gate) -> None:
    account = story.store.accounts.by_name["ruach"]
    for number in range(MESSAGES):
        told = Registration(account, (f"P{number}",), f"+{TO}", "GB", "Acme", None, START, None)
        here = gate if number in (12, 37) else Gate(None)
        await write(story, here, lambda tx: register_parts(tx, *story._parts, told))  # noqa: B023


async def rereads(story: Story, world: World, gate: Gate) -> None:
    reading = fold.Reading(receipts=tuple(receipt(f"P{i}", "expired") for i in range(MESSAGES)))
    await write(
        story, gate,
        lambda tx: supersede(
            tx, *story._parts, world.read_before, story.store.accounts.by_name["shared"], START,
            reading, dry_run=False, force=False,
        ),
    )  # fmt: skip


WRITERS: dict[str, tuple[Writer, Writer]] = {
    "fold": (folds(0), folds(1)),
    "answer": (answers, answers),
    "time-out": (times_out, times_out),
    "registration": (registers, registers),
    "re-reading": (rereads, rereads),
}


@pytest.fixture(scope="module")
def before(postgres: Any) -> tuple[str, World]:
    """The 50 messages, and what waits for the writers."""
    url = postgres.create()
    world = World()

    async def fill() -> None:
        async with telling(url) as story:
            world.attempts = {}
            for number in range(MESSAGES):
                _, attempt = await story.handing_over("ruach")
                world.attempts[number] = attempt
                if number not in OPEN:
                    await story.answer(attempt, f"P{number}")
            early = [receipt(f"P{i}", "pending") for i in range(MESSAGES)]
            world.read_before = await story.hear("shared", *early, at=1)
            first = [
                receipt(f"P{i}", "undelivered" if i % 3 else "delivered",
                        reference=reference(world.attempts[i]) if i % 2 else None)
                for i in range(MESSAGES)
            ]  # fmt: skip
            second = [receipt(f"P{i}", "rejected") for i in reversed(OPEN)]
            world.waiting = [
                fold.Work(await story.receive(name, *told, at=at), 0,
                          story.store.accounts.by_name[name].id, START + at * SECOND, told)
                for name, told, at in (("ruach", first, 2), ("shared", second, 3))
            ]  # fmt: skip

    run(fill())
    return url, world


async def settle(story: Story) -> dict[str, Any]:
    """What is derived in the end, when the sweep has come once more; checked on the way."""
    await times_out(story, World(), Gate(None))
    await story.check()
    assert await verify(story.store) == []
    assert await story.faults() == 0
    return await story.snapshot()


async def one_by_one(url: str, world: World, one: Writer, other: Writer) -> dict[str, Any]:
    async with telling(url) as story:
        await one(story, world, Gate(None))
        await other(story, world, Gate(None))
        return await settle(story)


InTurn = Callable[[Writer, Writer], dict[str, Any]]


@pytest.fixture(scope="module")
def in_turn(postgres: Any, before: tuple[str, World]) -> InTurn:
    """How it ends when the second comes after the first; found out once for each two."""
    url, world = before

    @cache
    def end(one: Writer, other: Writer) -> dict[str, Any]:
        copy = postgres.create(url)
        try:
            return run(one_by_one(copy, world, one, other))
        finally:
            postgres.drop(copy)

    return end


async def at_once(
    url: str, world: World, one: Writer, other: Writer, point: str, second: str | None
) -> dict[str, Any]:
    """One is held at its point while the other goes on as far as the locks let it."""
    async with AsyncExitStack() as stack:
        story = await stack.enter_async_context(telling(url))
        rival = await stack.enter_async_context(telling(url))
        gate, later = Gate(point), Gate(second)
        first = asyncio.create_task(one(story, world, gate))
        await until(lambda: gate.reached.is_set() or first.done())
        then = asyncio.create_task(other(rival, world, later))
        await until(lambda: then.done() or later.reached.is_set() or blocked(story))
        gate.open.set()
        await until(lambda: first.done() or blocked(story))
        later.open.set()
        await asyncio.gather(first, then)
        return await settle(story)


async def blocked(story: Story) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(await story.rows(f"{waiting} AND datname = current_database()"))


@pytest.mark.parametrize(("one", "other"), list(combinations(WRITERS, 2)))
def test_which_of_two_writers_comes_first_changes_nothing(
    in_turn: InTurn, one: str, other: str
) -> None:
    first, second = WRITERS[one][0], WRITERS[other][1]
    assert in_turn(first, second) == in_turn(second, first)


@pytest.mark.parametrize(("one", "other"), list(product(WRITERS, WRITERS)))
def test_two_writers_at_once_end_as_one_after_the_other(
    postgres: Any, before: tuple[str, World], in_turn: InTurn, one: str, other: str
) -> None:
    """No deadlock escapes, nothing is lost or counted twice, in any interleaving (D2, D6, D25)."""
    url, world = before
    first, second = WRITERS[one][0], WRITERS[other][1]
    right = in_turn(first, second)
    for point, held in HOLDS:
        copy = postgres.create(url)
        assert run(at_once(copy, world, first, second, point, held)) == right, (point, held)
        postgres.drop(copy)
