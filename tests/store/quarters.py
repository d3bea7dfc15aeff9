"""Counts of delivered messages by the quarter of an hour, around the days when clocks change."""

from collections import Counter

from delivrd.store.adding import add
from delivrd.store.counts import NOWHERE, deltas
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.latencies import TABLES as LATENCIES

ZONES = (
    "UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu",
    "Pacific/Auckland", "Pacific/Kiritimati", "Australia/Lord_Howe", "America/St_Johns",
)  # fmt: skip
SPRING = 19_808 * BUCKETS_A_DAY
"""The 26th of March 2024: in the days after it clocks change in Europe, then in Australia."""

CHANGES = [range(SPRING + day * BUCKETS_A_DAY, SPRING + (day + 3) * BUCKETS_A_DAY)
           for day in (4, 11)]  # fmt: skip
"""The days around the changes of clocks in Europe, and in Australia and New Zealand."""

COUNTED = (
    "rollup", "rollup_day", "route_day", "status_day", "status_quarter", *LATENCIES,
)  # fmt: skip


async def fill(store, found: Counter[int], *, together: bool = False) -> None:
    """So many delivered messages in each quarter of an hour, and nothing else, as the fold does."""

    def place(at):
        return (at, "GB", "23410", "delivered", None, 80, None, None, None, None, None)

    moves = {(0, 0, NOWHERE, place(at)): n for at, n in found.items()}

    async def job(tx):
        for table in COUNTED:
            await tx.execute(f"DELETE FROM {table}")
        one_by_one = [{at: n} for at, n in moves.items()]  # rows by the day are added to
        for some in [moves] if together else one_by_one:
            moved = deltas(some, 0)
            await add(tx, {table: moved[table] for table in COUNTED})

    await store.write(job)
