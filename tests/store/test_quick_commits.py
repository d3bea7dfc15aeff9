"""Where SQLite's commits run: handing one to a thread costs more than a quick one takes."""

import threading

import pytest

from delivrd.store import schema
from delivrd.store.tx import Tx
from tests.filled import opened
from tests.support import run


@pytest.mark.parametrize(
    ("seconds", "background", "on_the_loop"),
    [(0.0008, False, True), (0.005, False, False), (0.0008, True, False)],
)
def test_a_commit_within_a_millisecond_runs_on_the_event_loop(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, seconds: float, *,
    background: bool, on_the_loop: bool,
) -> None:  # fmt: skip
    """Not that of a background job, which may have written hundreds of pages."""

    async def story() -> None:
        async with opened(sqlite_url) as store:
            threads: list[threading.Thread] = []
            loop_thread = threading.current_thread()
            commit = store._timed_commit

            def noted() -> float:
                threads.append(threading.current_thread())
                return commit()

            async def write(tx: Tx) -> None:
                row = (store.ids.next(), 1, "a", "b", "c")
                await tx.insert(schema.audit, ("id", "at", "actor", "action", "detail"), [row])

            monkeypatch.setattr(store, "_timed_commit", noted)
            store._commit_seconds = seconds
            await store.write(write, background=background)
            assert [one is loop_thread for one in threads] == [on_the_loop]

    run(story())
