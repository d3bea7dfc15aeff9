"""`db verify` finds every difference, and none in a store that is right (rule F5)."""

import asyncio

import pytest

from delivrd.store.migrations import LaterRelease
from delivrd.store.reader import NotUpgraded, open_reader
from delivrd.store.verify import verify
from tests.filled import execute, opened, receipt, receive, send
from tests.support import run


async def fill(store):
    """Messages of every kind: waiting, arrived, failed, corrected, in parts, unmatched, doubled."""
    await send(store)
    await send(store, "a")
    await receive(store, receipt("a"))
    await receive(store, receipt("a"))
    await send(store, "b", "c", "d")
    await receive(store, receipt("d"), receipt("c", "pending", final=False))
    await send(store, "e", country="IN")
    await receive(store, receipt("e", "undelivered", network="40401"))
    await receive(store, receipt("e", "delivered", price="0.1", currency="EUR"))
    await send(store, "f", country="IN", by="ruach")
    await receive(store, receipt("f", "expired"), by="ruach")
    await receive(store, receipt("nobody-sent-this"))
    await receive(store, receipt("z", "rejected", to="447400000001"), by="smspm")


def differences(url, spoil):
    """What verify finds after ``spoil`` (a statement, with arguments) ran on a filled store."""

    async def test():
        async with opened(url, smspm={"receive_only": True}) as store:
            await fill(store)
            assert await verify(store) == []
            assert await execute(store, *spoil) > 0
            return await verify(store)

    return run(test())


def test_a_store_that_is_right_has_no_difference_and_verify_reads_it_all(database_url):
    async def test():
        seen = set()
        async with opened(database_url, smspm={"receive_only": True}) as store:
            await fill(store)
            assert await verify(store, lambda what, done: seen.add(what)) == []
        assert seen == {"message", "statement", "request", "part", "attempt", "counts"}

    run(test())


@pytest.mark.parametrize(
    ("spoil", "what", "field"),
    [
        ("UPDATE message SET status = 'expired' WHERE status = 'delivered'", "message", "status"),
        ("UPDATE message SET price = NULL WHERE price IS NOT NULL", "message", "price"),
        ("UPDATE message SET finished_at = 1 WHERE finished_at > 1", "message", "finished_at"),
        ("UPDATE attempt SET final = NOT final WHERE status = 'delivered'", "attempt", "final"),
        ("UPDATE attempt SET network = 'x' WHERE network IS NOT NULL", "attempt", "network"),
        ("UPDATE message SET withdrawn = true WHERE origin = 'received'", "message", "withdrawn"),
        ("UPDATE statement SET status = 'rejected' WHERE status = 'expired'", "message", "status"),
        ("UPDATE statement SET count = 7 WHERE kind = 'receipt'", "statement", "count"),
        (
            "UPDATE statement SET received_at = received_at - 1 WHERE kind = 'receipt'",
            "statement",
            "received_at",
        ),
        ("DELETE FROM link", "statement", "count"),
        ("DELETE FROM link", "request", "receipts that stand somewhere"),
        ("DELETE FROM statement WHERE kind = 'receipt'", "request", "links to no statement"),
        ("DELETE FROM part WHERE attempt_id IS NULL", "statement", "part_id"),
        ("DELETE FROM attempt", "part", "attempt_id"),
        ("DELETE FROM message", "attempt", "message_id"),
        ("UPDATE rollup SET n = n + 1", "rollup", "n"),
        ("DELETE FROM rollup WHERE unit = 1", "rollup", "n"),
        ("UPDATE rollup SET steps = NULL", "rollup", "steps"),
        ("UPDATE rollup_sender_day SET steps = NULL", "rollup_sender_day", "steps"),
        ("DELETE FROM latency_half", "latency_half", "steps"),
        ("UPDATE cost SET n = n - 1", "cost", "n"),
        ("UPDATE rollup_sender SET sender = 'x'", "rollup_sender", "n"),
        ("DELETE FROM rollup_code", "rollup_code", "n"),
        ("UPDATE rollup_day SET n = n + 1", "rollup_day", "n"),
        ("UPDATE route_day SET n = n - 1, h00 = coalesce(h00, 0) - 1", "route_day", "h00"),
        ("UPDATE status_quarter SET bucket = bucket - 1", "status_quarter", "n"),
        ("UPDATE recent SET minute = minute - 1", "recent", "n"),
        ("UPDATE attempt SET second = second - 1", "attempt", "second"),
        ("UPDATE attempt SET price = '7' WHERE price IS NOT NULL", "attempt", "price"),
        ("UPDATE message SET bucket = bucket - 4", "rollup", "n"),
    ],
)
def test_whatever_does_not_follow_is_told(database_url, spoil, what, field):
    found = {(d.what, d.field.partition("[")[0]) for d in differences(database_url, [spoil])}
    assert (what, field) in found


def test_a_difference_names_the_row_the_field_and_both_values(database_url):
    spoil = ["UPDATE message SET status = 'pending' WHERE status = 'rejected'"]
    status = next(d for d in differences(database_url, spoil) if d.field == "status")
    assert (status.stored, status.derived) == ("pending", "rejected")
    assert status.id in str(status)
    assert "'rejected' would follow" in str(status)


def test_a_receipt_that_still_waits_for_the_fold_is_no_difference(database_url):
    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("a"))
            await execute(
                store,
                "INSERT INTO to_fold (id, account_id, received_at, data) "
                "SELECT id, account_id, received_at, $1 FROM request",
                b"",
            )
            await execute(store, "DELETE FROM link")
            await execute(store, "DELETE FROM statement")
            assert await verify(store) == []

    run(test())


def test_it_reads_from_beside_a_running_hub_and_writes_nothing(database_url):
    async def test():
        async with opened(database_url) as store:
            await fill(store)
            async with open_reader(database_url) as reader:
                assert await verify(reader) == []
                await receive(store, receipt("b"))
                assert await verify(reader) == []

    run(test())


@pytest.mark.parametrize(
    ("revision", "refusal"), [("0001", NotUpgraded), ("9999_later", LaterRelease)]
)
def test_tables_of_another_release_are_refused_with_their_revision(database_url, revision, refusal):
    async def test():
        async with opened(database_url) as store:
            await execute(store, f"UPDATE alembic_version SET version_num = '{revision}'")
        with pytest.raises(refusal, match=revision):
            async with open_reader(database_url):
                pass

    run(test())


def test_what_comes_while_it_reads_is_no_difference(database_url, monkeypatch):
    """Intake, sends and a sweep go on between the slices, and inside of them on PostgreSQL."""
    monkeypatch.setattr("delivrd.store.verify.SLICE", 3)

    rounds, looks, enough = [], [], asyncio.Event()

    async def busy(store):
        while not enough.is_set():
            number = len(rounds)
            await send(store, f"p{number}", f"q{number}")
            await receive(store, receipt(f"p{number}"), receipt(f"stray{number}"))
            await receive(store, receipt(f"q{number}", "undelivered"))
            await receive(store, receipt(f"q{number}", "delivered", network="23410"))
            rounds.append(number)

    async def test():
        async with opened(database_url) as store:
            await fill(store)
            traffic = asyncio.create_task(busy(store))
            while not traffic.done() and (len(looks) < 3 or len(rounds) < 25):
                looks.append(await verify(store))
                assert looks[-1] == []
            enough.set()
            await traffic
            assert await verify(store) == []

    run(test())
