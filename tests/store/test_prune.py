"""What goes after its time, what stays, and what is left of it (rule F5, `[retention]`)."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from delivrd.config import Retention
from delivrd.core.statement import Reading
from delivrd.core.units import DAY, HOUR, MINUTE, SECOND
from delivrd.keeping import sweep as keeping
from delivrd.keeping.sweep import NotOurs, Sweep
from delivrd.store import schema, tombstones
from delivrd.store.append import Entry, append
from delivrd.store.counts import BUCKET
from delivrd.store.fold import Work, claim, fold_slice, set_aside_work
from delivrd.store.ids import born, floor, now_micros
from delivrd.store.leases import take_lease
from delivrd.store.pruning import aged, bodies, messages
from delivrd.store.pruning.vacuum import vacuum
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.stats import counts
from delivrd.store.sessions import create_session, find_session
from delivrd.store.sqlite import connect
from delivrd.store.tx import SqliteTx, ends
from delivrd.store.verify import verify
from tests.filled import execute, opened, receipt, receive, scalar, send
from tests.support import run, settings


@pytest.mark.parametrize("rows", [10, 10_000])
def test_the_ends_of_a_table_take_as_little_work_with_many_rows_as_with_few(rows):
    async def test():
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE some (id INTEGER PRIMARY KEY)")
            numbers = [(n,) for n in range(5, 5 + rows)]
            connection.executemany("INSERT INTO some VALUES (?)", numbers)
            steps = []
            connection.set_progress_handler(lambda: steps.append(1), 1)
            assert await ends(SqliteTx(connection), "some") == (5, 4 + rows)
            assert len(steps) < 50

    run(test())


def sweep(store, url, *, later=0, **retention):
    """A sweep whose clock stands ``later`` microseconds ahead."""
    config = settings(url, retention=Retention(**retention))
    return Sweep(store, config, clock=lambda: now_micros() + later)


async def totals(store):
    """All that is counted, whatever slot it stands in."""
    found = await store.read(lambda tx: counts(tx, store.accounts, ("account",), Filters()))
    return {account: dict(value) for (account,), value in found.items()}


# --- request bodies -----------------------------------------------------------------------------


def test_bodies_go_after_their_time_and_the_receipts_stay(database_url):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            request = await receive(store, receipt("a"))
            taken = await sweep(store, database_url, later=31 * DAY).once(pause=0)
            assert taken["request_bodies"] == 1
            for column in ("body", "query", "headers"):  # a GET has all it says in its query
                left = await scalar(store, f"SELECT {column} FROM request WHERE id = $1", request)
                assert left is None, column
            assert await scalar(store, "SELECT status FROM message") == "delivered"
            assert await verify(store, now=now_micros() + 31 * DAY) == []

    run(test())


def test_what_a_fault_quotes_of_a_body_goes_with_it(database_url):
    async def test():
        async with opened(database_url) as store:
            request = await receive(store, receipt("p1"))
            columns = ("id", "request_id", "reading_no", "position", "why", "raw")
            fault = (store.ids.next(), request, 0, 0, "no status", "447700900123")
            await store.write(lambda tx: tx.insert(schema.fault, columns, [fault]))
            await sweep(store, database_url, later=31 * DAY).once(pause=0)
            assert await scalar(store, "SELECT raw FROM fault") is None
            assert await scalar(store, "SELECT why FROM fault") == "no status"

    run(test())


def test_a_body_within_its_time_stays(database_url):
    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("a"))
            assert "request_bodies" not in await sweep(store, database_url).once(pause=0)
            taken = await sweep(store, database_url, later=29 * DAY).once(pause=0)
            assert "request_bodies" not in taken
            assert bytes(await scalar(store, "SELECT body FROM request")) == b"x"

    run(test())


def test_what_is_kept_for_the_longest_time_stays(database_url):
    century = dict.fromkeys(
        ("request_bodies_days", "messages_days", "events_days", "deliveries_days"), 36_500
    )

    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("a"))
            longest = sweep(store, database_url, later=365 * DAY, **century, ring_rows=10**9)
            assert await longest.once(pause=0) == {}

    run(test())


@pytest.mark.parametrize("gone", range(8))
def test_the_oldest_body_is_found_however_many_are_gone(sqlite_url, gone):
    async def test():
        async with opened(sqlite_url) as store:
            made = [await receive(store, receipt(f"p{i}")) for i in range(7)]
            for request in made[:gone]:
                await execute(store, "UPDATE request SET body = NULL WHERE id = $1", request)
            expected = made[gone] if gone < len(made) else None
            assert await store.read(bodies.oldest) == expected

    run(test())


def test_under_the_low_disk_mark_the_oldest_bodies_go_first(sqlite_url, monkeypatch):
    free = iter([0, 0])
    monkeypatch.setattr(keeping, "free_disk", lambda config: next(free, 10**12))

    async def test():
        async with opened(sqlite_url) as store:
            for i in range(3):
                await receive(store, receipt(f"p{i}"))
            monkeypatch.setattr(keeping, "BODIES", 1)
            taken = await sweep(store, sqlite_url, later=2 * HOUR).once(pause=0)
            assert taken["request_bodies"] == 2  # and no more once there is room again
            left = await scalar(store, "SELECT id FROM request WHERE body IS NOT NULL")
            assert left == await scalar(store, "SELECT max(id) FROM request")

    run(test())


def test_no_more_bodies_go_than_the_disk_lacks(sqlite_url, monkeypatch):
    """What they took is free within the file long before the disk has it back."""
    lacking, size = 200_000, 20_000
    monkeypatch.setattr(keeping, "free_disk", lambda config: 512 * 1024**2 - lacking)
    monkeypatch.setattr(keeping, "BODIES", 1)

    async def test():
        async with opened(sqlite_url) as store:
            for i in range(40):
                await receive(store, receipt(f"p{i}"), body=bytes(size))
            with closing(connect(sqlite_url.removeprefix("sqlite:///"), write=True)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            taken = await sweep(store, sqlite_url, later=2 * HOUR).once(pause=0)
            assert lacking // size - 3 <= taken["request_bodies"] <= lacking // size + 3

    run(test())


def test_under_the_low_disk_mark_the_bodies_of_the_last_hour_stay(sqlite_url, monkeypatch):
    """They are the ones that are read again after a mistake is found."""
    monkeypatch.setattr(keeping, "free_disk", lambda config: 0)

    async def test():
        async with opened(sqlite_url) as store:
            await receive(store, receipt("A"))
            assert "request_bodies" not in await sweep(store, sqlite_url, later=MINUTE).once(
                pause=0
            )

    run(test())


# --- deliveries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "stays"),
    [("delivered", 0), ("skipped", 0), ("waiting", 1), ("in_flight", 1), ("parked", 1)],
)
def test_a_delivery_goes_once_it_has_ended_and_its_event_with_it(database_url, state, stays):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            await execute(store, "UPDATE event SET fanned_out = true")
            await execute(
                store,
                "INSERT INTO delivery (id, event_id, endpoint_id, message_id, state, created_at) "
                "SELECT id, id, 1, message_id, $1, 0 FROM event",
                state,
            )
            await execute(store, "INSERT INTO try (delivery_id, number, at) "
                                 "SELECT id, 1, 0 FROM delivery")  # fmt: skip
            await sweep(store, database_url, later=40 * DAY).once(pause=0)
            for table in ("event", "delivery", "try"):
                assert await scalar(store, f"SELECT count(*) FROM {table}") == stays

    run(test())


def test_deliveries_and_notices_within_their_time_stay(database_url):
    async def test():
        async with opened(database_url) as store:
            old, new = (floor(now_micros() - days * DAY) for days in (31, 29))
            for row_id in (old, new):
                await execute(
                    store,
                    "INSERT INTO delivery (id, event_id, endpoint_id, message_id, state, "
                    "created_at) VALUES ($1, $1, 1, 1, 'delivered', 0)",
                    row_id,
                )
                await execute(
                    store,
                    "INSERT INTO notice (id, firing_id, channel, what, title, body, state, "
                    "created_at) VALUES ($1, 1, 'ops', 'opened', 't', 'b', 'sent', 0)",
                    row_id,
                )
            await sweep(store, database_url).once(pause=0)
            for table in ("delivery", "notice"):
                assert await scalar(store, f"SELECT min(id) FROM {table}") == new

    run(test())


def test_an_event_that_was_told_to_nobody_yet_stays(database_url):
    """However long the relay was away."""

    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            await execute(store, "UPDATE event SET fanned_out = false")
            await sweep(store, database_url, later=40 * DAY).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM event WHERE NOT fanned_out") == 1

    run(test())


def test_a_notice_that_still_waits_for_its_channel_stays(database_url):
    async def test():
        async with opened(database_url) as hub:
            columns = ("id", "firing_id", "channel", "what", "title", "body", "state", "created_at")
            rows = [
                (number, 1, "ops", "opened", "t", "b", state, 0)
                for number, state in enumerate(("waiting", "sent", "failed"), start=1)
            ]
            await hub.write(lambda tx: tx.insert(schema.notice, columns, rows))
            assert await hub.write(lambda tx: aged.notices(tx, now_micros(), 10)) == 2
            assert await scalar(hub, "SELECT state FROM notice") == "waiting"

    run(test())


# --- counts by the minute ------------------------------------------------------------------------


def test_counts_by_the_minute_go_after_six_hours_and_others_stay(database_url):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            before = await totals(store)
            assert "counts_by_minute" not in await sweep(store, database_url).once(pause=0)
            taken = await sweep(store, database_url, later=7 * HOUR).once(pause=0)
            assert taken["counts_by_minute"] > 0
            assert await scalar(store, "SELECT count(*) FROM recent") == 0
            assert await totals(store) == before
            assert await verify(store, now=now_micros() + 7 * HOUR) == []

    run(test())


def test_tallies_and_urls_that_are_gone_go_after_their_time(database_url):
    async def test():
        async with opened(database_url) as store:
            now = now_micros()
            await execute(
                store,
                "INSERT INTO endpoint (id, kind, url, origin, format, secrets, failures, "
                "created_at) VALUES (7, 'endpoint', 'x', 'x', 'delivrd', '[]', '[]', $1)",
                now,
            )
            for name, at in (("old", now - 31 * DAY), ("new", now - 29 * DAY)):
                await execute(
                    store,
                    "INSERT INTO told (endpoint_id, bucket, outcome, slot, n) "
                    "VALUES (7, $1, 'delivered', 0, 1)",
                    at // BUCKET,
                )
                await execute(store, "INSERT INTO gone (url, at) VALUES ($1, $2)", name, at)
            taken = await sweep(store, database_url).once(pause=0)
            assert (taken["tallies"], taken["gone_urls"]) == (1, 1)
            assert await scalar(store, "SELECT url FROM gone") == "new"
            assert await scalar(store, "SELECT bucket FROM told") == (now - 29 * DAY) // BUCKET

    run(test())


# --- small things -------------------------------------------------------------------------------


def test_a_message_stays_as_long_as_a_key_is_answered_with_it(database_url):
    """Rule E2: the same answer to the same key, for 48 hours."""

    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            for hours, gone in ((47, 0), (49, 1)):
                old = sweep(store, database_url, later=hours * HOUR, messages_days=1)
                assert (await old.once(pause=0)).get("messages", 0) == gone

    run(test())


def test_events_idempotency_keys_nonces_and_sessions_go_after_their_time(database_url):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            await execute(store, "UPDATE event SET fanned_out = true")
            old, new = now_micros() - 3 * DAY, now_micros()
            for name, at in (("old", old), ("new", new)):
                await execute(
                    store,
                    "INSERT INTO idempotency (key_id, key, body_hash, message_uuid, created_at) "
                    "VALUES (1, $1, $2, 'x', $3)",
                    name,
                    b"h",
                    at,
                )
                await execute(
                    store,
                    "INSERT INTO nonce (account_id, nonce, content, expires_at) "
                    "VALUES (1, $1, $2, $3)",
                    name,
                    b"c",
                    at + DAY,
                )
            cookie = await store.write(lambda tx: create_session(tx, new))
            await store.write(lambda tx: create_session(tx, old - 30 * DAY))
            first = await sweep(store, database_url).once(pause=0)
            assert first == {"idempotency_keys": 1, "nonces": 1, "sessions": 1}
            assert await scalar(store, "SELECT key FROM idempotency") == "new"
            assert await store.read(lambda tx: find_session(tx, cookie, new))
            second = await sweep(store, database_url, later=8 * DAY).once(pause=0)
            assert second["events"] == 1

    run(test())


def test_one_kind_that_cannot_be_deleted_keeps_no_other_from_it(database_url, monkeypatch):
    """A full disk is prevented by the steps that do work; the error is still told."""

    async def broken(tx, before, limit):
        raise ValueError("a row that nobody expected")

    monkeypatch.setattr(aged, "events", broken)

    async def test():
        async with opened(database_url) as store:
            await execute(
                store,
                "INSERT INTO nonce (account_id, nonce, content, expires_at) VALUES (1, 'n', $1, 1)",
                b"c",
            )
            with pytest.raises(ValueError, match="nobody expected"):
                await sweep(store, database_url).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM nonce") == 0
            assert await store.write(lambda tx: take_lease(tx, keeping.LEASE, "other", 60))

    run(test())


def test_each_kind_that_cannot_be_deleted_is_told_of_once(sqlite_url, monkeypatch):
    async def broken(tx, before, limit):
        raise ValueError("a row that nobody expected")

    monkeypatch.setattr(aged, "events", broken)
    monkeypatch.setattr(aged, "notices", broken)

    async def test():
        async with opened(sqlite_url) as store:
            with capture_logs() as logs, pytest.raises(ValueError, match="nobody") as raised:
                await sweep(store, sqlite_url).once(pause=0)
            assert raised.value.__notes__ == ["while it deleted events"]
            (told,) = logs
            assert told["exc_info"].__notes__ == ["while it deleted notices"]

    run(test())


def test_refused_calls_are_bounded_by_rows_and_by_bytes(database_url):
    async def test():
        async with opened(database_url) as store:
            for _ in range(10):
                await execute(
                    store,
                    "INSERT INTO ring (id, received_at, method, path, body, status, why) "
                    "VALUES ($1, 1, 'GET', '/', $2, 401, 'x')",
                    store.ids.next(),
                    bytes(100),
                )
            newest = await scalar(store, "SELECT max(id) FROM ring")
            await sweep(store, database_url, ring_rows=6).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM ring") == 6
            await sweep(store, database_url, ring_bytes=250).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM ring") == 2
            assert await scalar(store, "SELECT max(id) FROM ring") == newest

    run(test())


def test_messages_and_receipts_are_kept_for_good_by_default(database_url):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            await sweep(store, database_url, later=5000 * DAY).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM message") == 1
            assert await scalar(store, "SELECT count(*) FROM statement") > 0

    run(test())


# --- messages -----------------------------------------------------------------------------------


def test_pruned_messages_leave_their_counts_and_nothing_else(database_url):
    """D48: what days came to is not rewritten."""

    async def test():
        async with opened(database_url, smspm={"receive_only": True}) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            await send(store, "b", "c")
            await receive(store, receipt("b", "undelivered"), receipt("c"))
            await receive(store, receipt("z", to="447400000001"), by="smspm")
            await receive(store, receipt("nobody"))
            before = await totals(store)
            assert before["vonage"] == {"delivered": 1, "undelivered": 1}
            taken = await sweep(store, database_url, later=40 * DAY, messages_days=30).once(pause=0)
            assert (taken["messages"], taken["unmatched"], taken["requests"]) == (3, 1, 4)
            for table in ("message", "attempt", "part", "statement", "link", "request"):
                assert await scalar(store, f"SELECT count(*) FROM {table}") == 0, table
            assert await totals(store) == before
            assert await verify(store) == []

    run(test())


def test_two_processes_that_fold_and_prune_the_same_messages_both_come_to_an_end(postgres_url):
    """D47: whoever meets the other's locks tries again, and nothing is counted twice."""
    names = [f"p{i}" for i in range(60)]

    async def test():
        async with opened(postgres_url) as one, opened(postgres_url) as other:
            for name in names:
                await send(one, name)
                await receive(one, receipt(name, "undelivered"))
            before = sum((await totals(one))["vonage"].values())

            async def correct(some):
                for name in some:
                    await receive(other, receipt(name), receipt(names[-1]))

            old = sweep(one, postgres_url, later=40 * DAY, messages_days=30)
            *_, taken = await asyncio.gather(
                correct(names[::2]), correct(names[::-3]), old.once(pause=0)
            )
            assert taken["messages"] > 0
            assert sum((await totals(one))["vonage"].values()) == before
            assert await verify(one, now=now_micros() + 40 * DAY) == []

    run(test())


def test_a_message_that_is_still_waited_for_stays(database_url):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await send(store, "b")
            await receive(store, receipt("b"))
            await sweep(store, database_url, later=40 * DAY, messages_days=30).once(pause=0)
            assert await scalar(store, "SELECT status FROM message") == "pending"
            assert await verify(store, now=now_micros() + 40 * DAY) == []

    run(test())


@pytest.mark.parametrize("state", ["queued", "handing_over"])
def test_a_message_that_is_not_handed_over_yet_stays(database_url, state):
    """However long its worker was away: it is sent, or told as expired."""

    async def test():
        async with opened(database_url) as store:
            await send(store, "a")
            await execute(store, "UPDATE attempt SET state = $1, expires_at = NULL", state)
            old = sweep(store, database_url, later=40 * DAY, messages_days=30)
            assert "messages" not in await old.once(pause=0)
            await execute(store, "UPDATE attempt SET state = 'unsure'")
            assert (await old.once(pause=0))["messages"] == 1  # nothing more can come of it

    run(test())


def test_what_was_pruned_and_what_stays_add_up(database_url):
    """A message of yesterday beside one that goes, in the same request."""

    async def test():
        async with opened(database_url) as store:
            old = await send(store, "a")
            bound = born(store.ids.next())
            await send(store, "b")
            await receive(store, receipt("a"), receipt("b"))
            before = await totals(store)
            count = await store.write(
                lambda tx: messages.prune(tx, store.accounts, store.ids, bound, bound, 10)
            )
            assert count == 1
            assert await scalar(store, "SELECT count(*) FROM message WHERE id = $1", old.id) == 0
            assert await scalar(store, "SELECT receipts FROM request") == 1
            assert await totals(store) == before
            assert await verify(store) == []
            await receive(store, receipt("b", "delivered", price="0.1", currency="EUR"))
            assert await verify(store) == []

    run(test())


def test_messages_may_be_pruned_between_the_slices_of_a_request(database_url):
    async def test():
        async with opened(database_url, vonage={"receive_only": True}) as store:
            now, read = now_micros(), (store.accounts, store.ids, now_micros())
            reading = Reading(receipts=tuple(receipt(part) for part in "abc"))
            entry = Entry(
                store.ids.next(), 1, now, 1, "", "POST", "", b"", b"", b"x", "none", reading
            )
            await store.write(lambda tx: append(tx, store.ids, [entry], own=True))
            work = Work(entry.id, 0, 1, now, reading.receipts)
            await store.write(lambda tx: fold_slice(tx, *read, [work], 2))
            assert await store.write(lambda tx: messages.prune(tx, *read, now + DAY, 9)) == 2
            assert await verify(store) == []
            rest = work._replace(done=2)
            await store.write(lambda tx: fold_slice(tx, *read, [rest], 2))
            assert await scalar(store, "SELECT receipts FROM request") == 1
            assert await verify(store) == []

    run(test())


def test_an_unmatched_receipt_that_was_pruned_leaves_a_tombstone(database_url):
    """A late copy creates no message, though its account may create messages by now (F5)."""

    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("A"))
            await sweep(store, database_url, later=40 * DAY, messages_days=30).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM part") == 0
        async with opened(database_url, vonage={"receive_only": True}) as store:
            await receive(store, receipt("A"))
            assert await scalar(store, "SELECT count(*) FROM message") == 0

    run(test())


def test_an_old_id_of_which_a_receipt_came_lately_stays_unmatched(database_url):
    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("A"))
            await execute(store, "UPDATE statement SET received_at = $1", now_micros() + 20 * DAY)
            old = {"messages_days": 30}
            await sweep(store, database_url, later=40 * DAY, **old).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM part") == 1
            await sweep(store, database_url, later=51 * DAY, **old).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM part") == 0

    run(test())


@pytest.mark.parametrize("waits", ["for the fold", "as a fault"])
def test_a_request_stays_while_one_of_its_receipts_may_still_land(database_url, waits):
    async def test():
        async with opened(database_url) as store:
            reading = Reading(receipts=(receipt("A"),))
            entry = Entry(
                store.ids.next(),
                1,
                now_micros(),
                1,
                "",
                "POST",
                "",
                b"",
                b"",
                b"x",
                "none",
                reading,
            )
            await store.write(lambda tx: append(tx, store.ids, [entry], own=False))
            if waits == "as a fault":
                (work,) = await store.write(lambda tx: claim(tx, now_micros(), 9))
                await store.write(
                    lambda tx: set_aside_work(tx, store.ids, now_micros(), work, "died twice")
                )
            old = sweep(store, database_url, later=40 * DAY, messages_days=30)
            assert "requests" not in await old.once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM request") == 1

    run(test())


def test_a_request_with_a_fault_that_nobody_can_mend_goes_with_the_others(database_url):
    async def test():
        async with opened(database_url) as store:
            request = await receive(store, receipt("a"))
            columns = ("id", "request_id", "reading_no", "position", "why", "raw", "set_aside")
            fault = (store.ids.next(), request, 0, 1, "no status", "x", False)
            await store.write(lambda tx: tx.insert(schema.fault, columns, [fault]))
            old = sweep(store, database_url, later=40 * DAY, messages_days=30)
            assert (await old.once(pause=0))["requests"] == 1
            assert await scalar(store, "SELECT count(*) FROM fault") == 0

    run(test())


def test_a_receipt_for_a_pruned_message_is_unmatched_and_creates_nothing(database_url):
    async def test():
        async with opened(database_url, vonage={"receive_only": True}) as store:
            await receive(store, receipt("a", to="447400000001"))
            assert await scalar(store, "SELECT count(*) FROM message") == 1
            await sweep(store, database_url, later=40 * DAY, messages_days=30).once(pause=0)
            for _ in range(2):  # the second finds the part there already
                await receive(store, receipt("a", "undelivered", to="447400000001"))
            assert await scalar(store, "SELECT count(*) FROM message") == 0
            unmatched = "SELECT count(*) FROM part WHERE attempt_id IS NULL"
            assert await scalar(store, unmatched) == 1
            assert await verify(store) == []
            await receive(store, receipt("b", to="447400000001"))  # another one's
            assert await scalar(store, "SELECT count(*) FROM message") == 1

    run(test())


@pytest.mark.parametrize("status", ["delivered", "pending"])
def test_an_id_that_comes_again_after_its_message_was_pruned_makes_a_new_one(database_url, status):
    async def test():
        again = {"receive_only": True, "id_reuse_after": 3600}
        async with opened(database_url, vonage=again) as store:
            await receive(store, receipt("a", status, to="447400000001"))
            await sweep(store, database_url, later=40 * DAY, messages_days=30).once(pause=0)
            assert await scalar(store, "SELECT count(*) FROM message") == 0
            await receive(store, receipt("a", "undelivered", to="447400000002"))
            assert await scalar(store, "SELECT status FROM message") == "undelivered"
            assert await verify(store) == []

    run(test())


def test_a_tombstone_of_an_id_that_comes_again_is_kept_no_longer_than_it_must(database_url):
    async def test():
        again = {"receive_only": True, "id_reuse_after": 7 * DAY // SECOND}
        async with opened(database_url, vonage=again) as store:
            await receive(store, receipt("a"))
            await sweep(store, database_url, later=2 * DAY, messages_days=1).once(pause=0)
            await receive(store, receipt("a", "undelivered"))  # a late one, for the pruned message
            assert await scalar(store, "SELECT count(*) FROM message") == 0
            for later in (8 * DAY, 45 * DAY):  # also the unmatched receipt is pruned
                await sweep(store, database_url, later=later, messages_days=1).once(pause=0)
            await receive(store, receipt("a", "undelivered"))
            assert await scalar(store, "SELECT status FROM message") == "undelivered"
            assert await verify(store) == []

    run(test())


def test_a_tombstone_is_found_among_more_keys_than_a_query_takes_arguments(database_url):
    """A body of four megabytes may hold 40,000 receipts, which are read again together."""

    async def test():
        async with opened(database_url) as store:
            await store.write(lambda tx: tombstones.bury(tx, now_micros(), ["1/p7", "1/p39999"]))
            keys = [f"1/p{n}" for n in range(40_000)]
            found = await store.read(lambda tx: tombstones.buried(tx, keys))
            assert found == {"1/p7", "1/p39999"}

    run(test())


def test_tombstones_go_after_thirteen_months(database_url):
    async def test():
        async with opened(database_url) as store:
            now = now_micros()
            await store.write(lambda tx: tombstones.bury(tx, now, ["a"]))
            kept = await store.write(lambda tx: tombstones.delete_expired(tx, now + 390 * DAY, 9))
            gone = await store.write(lambda tx: tombstones.delete_expired(tx, now + 430 * DAY, 9))
            assert (kept, gone) == (0, 1)

    run(test())


@pytest.mark.parametrize("longer_first", [False, True])
def test_a_part_that_is_pruned_twice_is_remembered_for_the_longer_time(database_url, longer_first):
    """An id that came again is buried again: a late receipt would create a message once more."""

    async def test():
        async with opened(database_url) as store:
            now = now_micros()
            times = [(now, 7 * DAY), (now + 40 * DAY, 7 * DAY)]
            for at, kept in reversed(times) if longer_first else times:
                await store.write(lambda tx: tombstones.bury(tx, at, ["a"], kept=kept))  # noqa: B023
            late = now + 46 * DAY
            assert await store.write(lambda tx: tombstones.delete_expired(tx, late, 9)) == 0
            over = now + 80 * DAY
            assert await store.write(lambda tx: tombstones.delete_expired(tx, over, 9)) == 1

    run(test())


# --- beside others ------------------------------------------------------------------------------


def test_one_process_prunes_at_a_time_and_gives_the_lease_back(database_url):
    async def test():
        async with opened(database_url) as store:
            await store.write(lambda tx: take_lease(tx, keeping.LEASE, "another", 60))
            with pytest.raises(NotOurs):
                await sweep(store, database_url).once(pause=0)
            await execute(store, "UPDATE lease SET expires_at = 0 WHERE name = $1", keeping.LEASE)
            await sweep(store, database_url).once(pause=0)
            assert await store.write(lambda tx: take_lease(tx, keeping.LEASE, "another", 60))

    run(test())


def test_intake_goes_on_between_the_steps(sqlite_url, monkeypatch):
    monkeypatch.setattr(keeping, "BODIES", 1)

    async def test():
        async with opened(sqlite_url) as store:
            for i in range(5):
                await receive(store, receipt(f"p{i}"))
            steps, second = [], asyncio.Event()

            def tell(what, count):
                steps.append(what)
                if len(steps) == 2:
                    second.set()

            old = sweep(store, sqlite_url, later=31 * DAY)
            running = asyncio.create_task(old.once(tell, pause=0.01))
            await second.wait()
            await receive(store, receipt("meanwhile"))
            assert steps.count("request_bodies") < 5
            await running
            assert await verify(store) == []

    run(test())


def test_free_pages_go_back_to_the_disk_in_steps(sqlite_url):
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(connect(path, write=True)) as connection:
        connection.execute("CREATE TABLE filler (x)")
        connection.execute("INSERT INTO filler SELECT zeroblob(3000000)")
        connection.execute("DELETE FROM filler")

    async def test():
        async with opened(sqlite_url) as store:
            free = await scalar(store, "PRAGMA freelist_count")
            assert await store.write(lambda tx: vacuum(tx, 100, keep=0)) == 100
            assert await scalar(store, "PRAGMA freelist_count") == free - 100
            while await store.write(lambda tx: vacuum(tx, 500, keep=10)):
                pass

    run(test())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] == 10


def test_ids_bound_what_is_old(sqlite_url):
    """What is told old by its id was made before that moment."""

    async def test():
        async with opened(sqlite_url) as store:
            before = store.ids.next()
            bound = now_micros() + 1000
            assert before < floor(bound)

    run(test())
