"""How long messages took, as histograms: by the quarter of an hour and by the day of UTC.

A row holds all latency steps of its key (`delivrd.store.histograms`): a month of a route is read
from thirty rows. The whole without regard to routes stands by the quarter of an hour, so that the
days of every zone are put together from few rows.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from delivrd.store.days import BUCKETS_A_DAY

STEPS = "steps"
"""The column that holds a histogram."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "latency": ("unit", "bucket", "account_id", "country", "network", "status"),
    "latency_day": ("unit", "status", "day", "account_id", "country", "network"),
    "latency_whole": ("unit", "status", "bucket"),
}
"""Each table and its key, without the slot."""

Count = tuple[Any, ...]
"""A key of a table, and the latency step as its last."""


def forms(quarters: Mapping[Count, int]) -> dict[str, Mapping[Count, int]]:
    """What counts by the quarter of an hour add to each of `TABLES`."""
    days: defaultdict[Count, int] = defaultdict(int)
    whole: defaultdict[Count, int] = defaultdict(int)
    for (unit, bucket, account_id, country, network, status, step), n in quarters.items():
        if n:
            days[unit, status, bucket // BUCKETS_A_DAY, account_id, country, network, step] += n
            whole[unit, status, bucket, step] += n
    return {"latency": quarters, "latency_day": days, "latency_whole": whole}


def rows(
    name: str, counted: Mapping[Count, int], slot: int, sign: int = 1
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The columns of that table to be added to, and the rows; the last column is number by step."""
    found: dict[Count, dict[int, int]] = {}
    for key, n in counted.items():
        if n:
            found.setdefault(key[:-1], {})[key[-1]] = sign * n
    return (*TABLES[name], "slot", STEPS), [(*key, slot, steps) for key, steps in found.items()]
