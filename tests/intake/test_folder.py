"""What the folder holds in memory, while its slices are written (rule A4)."""

from typing import Any

from delivrd.core.statement import Reading
from delivrd.intake.folder import Folder
from delivrd.store.append import Entry, append
from delivrd.store.base import Store
from delivrd.store.fold import Work
from delivrd.store.ids import now_micros
from delivrd.store.verify import verify
from tests.filled import opened, receipt
from tests.support import run


async def appended(store: Store, part: str) -> Work:
    """A request that is marked for this process's folder."""
    entry = Entry(
        id=store.ids.next(), account_id=1, received_at=now_micros(), took_us=1,
        source="127.0.0.1", method="POST", path="/webhooks/vonage", query=b"", headers=b"",
        body=b"", auth="none", reading=Reading(receipts=(receipt(part),)),
    )  # fmt: skip
    await store.write(lambda tx: append(tx, store.ids, [entry], own=True))
    return Work(entry.id, 0, 1, entry.received_at, entry.reading.receipts)


def test_what_is_offered_while_a_slice_is_written_is_folded_next(
    database_url: str, monkeypatch: Any
) -> None:
    """Taken for folded, it would wait until this process is taken for dead over it."""

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            folder.offer([await appended(store, "A")], own=True)
            late, write = await appended(store, "B"), store.write

            async def write_and_offer(job: Any, **how: Any) -> Any:
                result = await write(job, **how)
                folder.offer([late], own=True)
                return result

            monkeypatch.setattr(store, "write", write_and_offer)
            await folder._fold_slice()
            monkeypatch.undo()
            assert (folder.folded, folder.waiting) == (1, 1)
            await folder._fold_slice()
            assert (folder.folded, folder.waiting) == (2, 0)
            assert await verify(store) == []

    run(test())
