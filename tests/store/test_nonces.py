"""A nonce never comes again with other content, wherever it is written down (rule B3)."""

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd.store import nonces
from delivrd.store.base import Store
from delivrd.store.nonces import Nonce, Nonces, settle_all
from delivrd.store.tx import Tx
from tests.filled import opened, scalar
from tests.support import run

Told = tuple[int, str, bytes]
"""An account, a nonce, and the content that came with it."""

told = st.tuples(st.integers(1, 2), st.sampled_from("abcd"), st.sampled_from([b"1", b"2"]))
batches = st.lists(told, min_size=1, max_size=5)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["written", "lost"]), batches),
        st.tuples(st.just("settled"), st.integers(0, 3)),
        st.tuples(st.just("started again"), st.none()),
    ),
    max_size=12,
)


class Lost(Exception):
    """The transaction does not reach the disk."""


class Judge:
    """Nonces of one process, as the group commit and the fold use them."""

    def __init__(self, store: Store) -> None:
        self.store, self.nonces, self.last = store, Nonces(log=True), 0

    async def refused(self, batch: Sequence[Told], *, lost: bool = False) -> list[int]:
        """The places in the batch of those that are refused."""
        first = self.last + 1
        self.last += len(batch)
        told = [
            (first + place, account, Nonce(value, content, 9))
            for place, (account, value, content) in enumerate(batch)
        ]

        async def job(tx: Tx) -> object:
            judged = await self.nonces.judge(tx, told)
            if lost:
                raise Lost
            return judged

        try:
            judged = await self.store.write(job)
        except Lost:
            return []
        self.nonces.remember(judged)
        return sorted(entry - first for entry in judged.refused)

    async def settle(self, limit: int) -> None:
        self.nonces.forget(await self.store.write(lambda tx: self.nonces.settle(tx, limit)))

    async def start_again(self) -> None:
        self.nonces = Nonces(log=True)
        await self.store.write(settle_all)


def refused(seen: dict[tuple[int, str], bytes], batch: Sequence[Told]) -> list[int]:
    """What must be refused, by the rule."""
    return [
        place
        for place, (account, value, content) in enumerate(batch)
        if seen.setdefault((account, value), content) != content
    ]


@given(steps, st.sampled_from([0, 1, 3, 100]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_log_and_the_index_refuse_together_what_came_with_other_content(
    sqlite_url, monkeypatch, steps, room
):
    """Also where so many are remembered that there is no room for more."""
    monkeypatch.setattr(nonces, "ROOM", room)

    async def test():
        async with opened(sqlite_url) as store:
            await store.write(lambda tx: tx.execute("DELETE FROM nonce"))
            judge, seen = Judge(store), {}
            for step, what in steps:
                match step:
                    case "written":
                        assert await judge.refused(what) == refused(seen, what)
                    case "lost":
                        await judge.refused(what, lost=True)
                    case "settled":
                        await judge.settle(what)
                    case _:
                        await judge.start_again()

    run(test())


def test_nonces_beyond_those_that_fit_in_memory_go_to_the_index_at_once(sqlite_url, monkeypatch):
    monkeypatch.setattr(nonces, "ROOM", 1)

    async def test():
        async with opened(sqlite_url) as store:
            judge = Judge(store)
            for value in ("a", "b", "c"):
                assert await judge.refused([(1, value, b"1")]) == []
            assert await scalar(store, "SELECT count(*) FROM nonce_log") == 1
            assert await scalar(store, "SELECT count(*) FROM nonce") == 2

    run(test())


def test_the_next_start_moves_what_a_process_left_in_the_log_into_the_index(sqlite_url):
    async def test():
        async with opened(sqlite_url) as store:
            await Judge(store).refused([(1, "a", b"1"), (2, "a", b"2")])
            assert await scalar(store, "SELECT count(*) FROM nonce") == 0
        async with opened(sqlite_url) as store:
            assert await scalar(store, "SELECT count(*) FROM nonce_log") == 0
            assert await scalar(store, "SELECT content FROM nonce WHERE account_id = 2") == b"2"

    run(test())
