"""Whatever the order in which things happen, the end is the same, and the counts are right (F1)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.core.units import HOUR
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from delivrd.store.fold import claim, disown_all, fold_slice
from delivrd.store.ids import born
from delivrd.store.pruning import messages
from delivrd.store.verify import verify
from tests.store.story import Story, receipt, reference, telling
from tests.support import run

NewDatabase = Callable[[], str]

few = settings(
    max_examples=12, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


class World:
    """What is there before: three messages just being handed over, one request not understood."""

    def __init__(self, story: Story) -> None:
        self.story = story

    async def begin(self) -> None:
        story = self.story
        _, self.long = await story.handing_over(text="ö" * 100)
        _, self.short = await story.handing_over()
        _, self.ruach = await story.handing_over("ruach")
        self.misread = await story.receive("main", at=1)


Step = Callable[[World], Awaitable[Any]]


def hears(name: str, part: str, status: str, at: int, **more: Any) -> Step:
    async def step(world: World) -> None:
        of = more.get("of")
        sent_along = reference(getattr(world, of)) if of else None
        told = {key: value for key, value in more.items() if key != "of"}
        await world.story.receive(name, receipt(part, status, reference=sent_along, **told), at=at)

    return step


STEPS: list[Step] = [
    lambda w: w.story.answer(w.long, "A1", "A2"),
    hears("main", "A1", "delivered", 11, of="long", network="23410", price="0.1"),
    hears("main", "A1", "delivered", 14, of="long", network="23410", price="0.1"),
    hears("second", "A2", "pending", 12, network="23415", price="0.2"),
    hears("main", "A2", "undelivered", 13, error_code="6", reason=Reason.BLOCKED_BY_CARRIER),
    lambda w: w.story.reread(w.misread, receipt("A2", provider_status="late")),
    lambda w: w.story.answer(w.short, "B1"),
    hears("main", "B1", "undelivered", 15, provider_status="failed"),
    hears("second", "B1", "expired", 16, of="short"),
    lambda w: w.story.answer(w.ruach, "R1"),
    hears("shared", "R1", "delivered", 17, sender="Acme"),
    lambda w: w.story.register("elsewhere", "E1", "E2", sender="Acme"),
    lambda w: w.story.register("elsewhere", "E2", "E3", sender="Acme"),
    hears("elsewhere", "E1", "delivered", 18),
    hears("elsewhere", "E2", "rejected", 19, reason=Reason.OTHER, permanent=True),
    hears("main", "U1", "delivered", 20),
    lambda w: w.story.time_out(),
    lambda w: w.story.fold(),
    lambda w: w.story.fold(),
    lambda w: w.story.fold(limit=1),
]


async def lived(url: str, order: list[int]) -> dict[str, Any]:
    """What is derived in the end, when the steps happen in this order."""
    async with telling(url) as story:
        world = World(story)
        await world.begin()
        for i in order:
            await STEPS[i](world)
        await story.fold()
        await story.time_out()
        await story.check()
        assert await verify(story.store) == []
        return await story.snapshot()


def test_the_fixed_order_ends_as_it_must(new_database: NewDatabase) -> None:
    """What the permutations below are compared with is right itself."""
    end = run(lived(new_database(), list(range(len(STEPS)))))
    shown = sorted((row[0], row[6], row[7]) for row in end["messages"])
    assert shown == [
        ("api", "delivered", True),
        ("api", "delivered", True),
        ("api", "undelivered", True),
        ("registered", "rejected", True),
    ]
    assert end["unmatched"] == ["1/U1"]
    assert next(row[14] for row in end["messages"] if row[13]) == "0.3"


@pytest.fixture(scope="session")
def right_end(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    url = f"sqlite:///{tmp_path_factory.mktemp('right') / 'delivrd.db'}"
    return run(lived(url, list(range(len(STEPS)))))


@few
@given(order=st.permutations(range(len(STEPS))))
@example(order=list(reversed(range(len(STEPS)))))
def test_every_order_of_the_same_steps_ends_the_same_on_both_stores(
    new_database: NewDatabase, right_end: dict[str, Any], order: list[int]
) -> None:
    """D1 to D5, D13, D21, D22."""
    assert run(lived(new_database(), order)) == right_end


# --- any history --------------------------------------------------------------------------------

part_ids = st.sampled_from(["P1", "P2", "P3", "P4"])
statuses = st.sampled_from(
    ["pending", "unknown", "expired", "undelivered", "rejected", "delivered"]
)
names = st.sampled_from(["main", "second", "elsewhere", "shared"])
told = st.builds(
    lambda part, status, final, network, price: receipt(
        part, status, final=final, network=network, price=price
    ),
    part_ids,
    statuses,
    st.booleans(),
    st.none() | st.sampled_from(["23410", "23415"]),
    st.none() | st.just("0.05"),
)
answers = st.sampled_from(
    [
        Accepted((SentPart("P1"),)),
        Accepted((SentPart("P2"), SentPart("P3"))),
        Accepted((SentPart("P4"), SentPart(None, Status.REJECTED, Reason.OTHER))),
        Refused(Reason.CONTENT_INVALID, "6"),
        Later(0.0),
        Unsure("no answer"),
    ]
)
events = st.one_of(
    st.tuples(st.just("hear"), names, st.lists(told, min_size=1, max_size=3)),
    st.tuples(st.just("hear of"), st.integers(0, 2), told),
    st.tuples(st.just("answer"), st.integers(0, 2), answers),
    st.tuples(st.just("register"), names, st.lists(part_ids, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("reread"), st.integers(0, 5), st.lists(told, max_size=2)),
    st.tuples(st.just("time out"), st.none(), st.none()),
)


class History:
    """Does what is drawn, and remembers what can be read again."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.requests: list[int] = []
        self.attempts: list[int] = []

    async def begin(self) -> None:
        for name in ("main", "main", "ruach"):
            self.attempts.append((await self.story.handing_over(name))[1])

    async def do(self, kind: str, one: Any, other: Any) -> None:
        story = self.story
        match kind:
            case "hear":
                self.requests.append(await story.hear(one, *other, at=len(self.requests)))
            case "hear of" if one < len(self.attempts):
                sent_along = reference(self.attempts[one])
                told = receipt(other.provider_message_id, other.status, reference=sent_along)
                self.requests.append(await story.hear("main", told, at=50))
            case "answer" if one < len(self.attempts):
                await story.answer(self.attempts[one], other)
            case "register":
                await story.register(one, *other)
            case "reread" if self.requests:
                request = self.requests[one % len(self.requests)]
                await story.reread(request, *other, force=True)
            case "time out":
                await story.time_out()
            case "receive":
                self.requests.append(await story.receive(one, *other, at=len(self.requests)))
            case "fold a slice":
                await self._fold_a_slice()
            case "prune":
                await self._prune(one)

    async def _fold_a_slice(self) -> None:
        """One receipt of the oldest request that waits; then the process dies."""
        write, parts = self.story.store.write, self.story._parts
        later = self.story.now + 10 * HOUR
        works = await write(lambda tx: claim(tx, later, 1))
        await write(lambda tx: fold_slice(tx, *parts, works, 1))
        await write(disown_all)

    async def _prune(self, limit: int) -> None:
        """Messages, and what was never matched, as if all were past its time."""
        write, parts = self.story.store.write, self.story._parts
        bound = born(self.story.store.ids.next())
        await write(lambda tx: messages.prune(tx, *parts, bound, limit))
        await write(lambda tx: messages.prune_unmatched(tx, parts[0], self.story.now, bound, limit))
        left = {row[0] for row in await self.story.rows("SELECT id FROM attempt")}
        self.attempts = [attempt for attempt in self.attempts if attempt in left]


@few
@given(history=st.lists(events, min_size=3, max_size=12))
def test_after_every_step_of_any_history_all_that_is_derived_follows_from_what_was_said(
    new_database: NewDatabase, history: list[tuple[str, Any, Any]]
) -> None:
    """D21: each prefix is looked at; statuses, counts and latencies are worked out again."""

    url = new_database()

    async def test() -> None:
        async with telling(url) as story:
            lived = History(story)
            await lived.begin()
            for step in history:
                await lived.do(*step)
                await story.check()
            assert await story.faults() == 0
            assert await verify(story.store) == []

    run(test())


@few
@given(history=st.lists(events, min_size=2, max_size=8))
def test_a_part_never_goes_back_in_any_history_without_re_readings(
    new_database: NewDatabase, history: list[tuple[str, Any, Any]]
) -> None:
    """D3, C6."""
    rank = ["pending", "unknown", "expired", "undelivered", "rejected", "delivered"]

    url = new_database()

    async def test() -> None:
        async with telling(url) as story:
            lived, before = History(story), {}
            await lived.begin()
            for step in history:
                if step[0] != "reread":
                    await lived.do(*step)
                for key, part in (await story.graph()).parts.items():
                    now = rank.index(part.outcome().status)
                    assert now >= before.get(key, 0)
                    before[key] = now

    run(test())


unfolded = st.one_of(
    events,
    st.tuples(st.just("receive"), names, st.lists(told, min_size=1, max_size=3)),
    st.tuples(st.just("fold a slice"), st.none(), st.none()),
    st.tuples(st.just("prune"), st.integers(1, 5), st.none()),
)


@few
@given(history=st.lists(unfolded, min_size=3, max_size=15))
def test_pruning_amid_any_history_leaves_no_difference(
    new_database: NewDatabase, history: list[tuple[str, Any, Any]]
) -> None:
    """F5: also between the slices of a request, and where one is read again later."""

    url = new_database()

    async def test() -> None:
        async with telling(url) as story:
            lived = History(story)
            await lived.begin()
            for step in history:
                await lived.do(*step)
                assert await verify(story.store) == []
            await story.fold()
            assert await story.faults() == 0
            assert await verify(story.store) == []

    run(test())
