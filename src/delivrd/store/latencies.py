"""How long messages took: histograms beside the counts by status, and in two tables of their own.

A row of counts by status holds all latency steps of those that ended so in one column
(`delivrd.store.histograms`): whatever is counted together has its latencies, and a month of a route
is read from thirty rows. Of all routes together they stand by the quarter of an hour too, and of a
route by the hour: the days of every zone are put together from few rows.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from delivrd.store.days import BUCKETS_A_DAY, BUCKETS_AN_HOUR

STEPS = "steps"
"""The column that holds a histogram; null where nothing ended, or nothing ever did."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "latency_hour": ("unit", "status", "hour", "account_id", "country"),
    "latency_whole": ("unit", "status", "bucket"),
}
"""The tables that hold nothing else, and their keys without the slot."""

Count = tuple[Any, ...]
"""A key of a table."""

Numbers = Mapping[Count, int]


def forms(ended: Numbers) -> dict[str, Numbers]:
    """What histograms add to each table, by its key.

    They are given by unit, quarter of an hour, account, country, network, status, reason, sender
    and raw code.
    """
    found: defaultdict[str, defaultdict[Count, int]] = defaultdict(lambda: defaultdict(int))
    rollup, senders, codes = (found[f"rollup{of}"] for of in ("", "_sender", "_code"))
    for key, n in ended.items():
        unit, bucket, account_id, country, _, status, _, sender, code = key
        rollup[key[:-2]] += n
        if unit:
            senders[bucket, account_id, country, sender, status] += n
            if code is not None:
                codes[bucket, account_id, country, status, code] += n
    for name, at in (("rollup", 1), ("rollup_sender", 0), ("rollup_code", 0)):
        days = found[f"{name}_day"]
        for key, n in found[name].items():
            days[(*key[:at], key[at] // BUCKETS_A_DAY, *key[at + 1 :])] += n
    _together(found)
    return dict(found)


def _together(found: Mapping[str, defaultdict[Count, int]]) -> None:
    """Adds up those of a route, and those of all routes."""
    whole, hours, routes, days = (
        found[name] for name in ("latency_whole", "latency_hour", "route_day", "status_day")
    )
    for (unit, bucket, account_id, country, _, status, _), n in found["rollup"].items():
        whole[unit, status, bucket] += n
        hours[unit, status, bucket // BUCKETS_AN_HOUR, account_id, country] += n
    for (unit, status, hour, account_id, country), n in hours.items():
        routes[unit, hour // 24, account_id, country, status] += n
    for (unit, day, _, _, status), n in routes.items():
        days[unit, day, status] += n


def beside(
    columns: tuple[str, ...], rows: list[tuple[Any, ...]], width: int, slot: int,
    ended: Numbers, sign: int = 1,
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:  # fmt: skip
    """Rows that begin with a key of so many columns and the slot, with the histogram of each.

    A key that has no row gets one, which adds nothing else.
    """
    left = {key: sign * n for key, n in ended.items() if n}
    if not left:
        return columns, rows
    found = [(*row, left.pop(row[:width], None)) for row in rows]
    nothing = tuple(0 if name == "n" else None for name in columns[width + 1 :])
    found += [(*key, slot, *nothing, n) for key, n in left.items()]
    return (*columns, STEPS), found
