"""How long messages took: histograms beside the counts by status, and in tables of their own.

Each row of counts by status has one column with the histogram of its latency steps
(`delivrd.store.histograms`), so latencies are known for every key that is counted, and a month of a
route is read from thirty rows. Routes also have histograms by half an hour and by six hours, from
which the days of every zone are composed with few rows.

In memory a count and its histogram are packed into one number, so that one addition adds both: a
signed count in the lowest 64 bits, the histogram above.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from delivrd.store import histograms

STEPS = "steps"
"""The column of histograms; null if nothing has ended."""

BUCKETS_A_HALF, BUCKETS_A_PART = 2, 24
"""Quarters of an hour in a half (an hour), and in a part (six hours, a fourth of a UTC day)."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "latency_part": ("unit", "status", "part", "account_id", "country"),
    "latency_half": ("unit", "status", "half", "account_id", "country"),
}
"""The tables that hold only histograms, and their keys without the slot."""

Count = tuple[Any, ...]
"""A key of a table."""

_BITS = 64
_HALF = 1 << (_BITS - 1)
_ALL = (1 << _BITS) - 1

_ENDED = [1 + (histograms.one(step) << _BITS) for step in range(histograms.FIRST, 500)]


def one(step: int | None) -> int:
    """The packed number of one message or attempt with this latency step; None: not ended."""
    return 1 if step is None else _ENDED[step - histograms.FIRST]


def parts(number: int) -> tuple[int, int]:
    """Unpacks a number into the count and the histogram."""
    if -_HALF <= number < _HALF:
        return number, 0
    raised = number + _HALF
    return (raised & _ALL) - _HALF, raised >> _BITS


def forms(rollup: Mapping[Count, int]) -> dict[str, Mapping[Count, int]]:
    """What changes of the rollup add to each of `TABLES`."""
    found: dict[str, defaultdict[Count, int]] = {name: defaultdict(int) for name in TABLES}
    sixes, halves = found.values()
    for (unit, bucket, account_id, country, _, status, _), number in rollup.items():
        halves[unit, status, bucket // BUCKETS_A_HALF, account_id, country] += number
        sixes[unit, status, bucket // BUCKETS_A_PART, account_id, country] += number
    return dict(found)


def rows(
    name: str, counted: Mapping[Count, int], slot: int, sign: int = 1
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The columns of the rows to add to a table, and the rows."""
    told = ((key, parts(sign * number)[1]) for key, number in counted.items())
    return (*TABLES[name], "slot", STEPS), [(*key, slot, ended) for key, ended in told if ended]
