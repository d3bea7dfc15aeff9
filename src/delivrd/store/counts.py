"""Where a message or an attempt is counted (rules F1 and F3)."""

from collections import Counter
from collections.abc import Mapping
from math import log2
from typing import Any

from delivrd.core.status import Outcome

BUCKET = 15 * 60 * 1_000_000
"""A quarter of an hour, in microseconds: days come out right in every time zone."""

STEPS = 8
"""Latency steps per doubling: a percentile read from them is within 4.5 % of the truth."""

UNTOLD = -1
"""The latency step of those whose latency is negative or not known."""

Count = tuple[Any, ...]
"""A key of `rollup` or `latency`, without its slot."""

Place = tuple[int | None, str | None, str | None, str, str | None, int | None]
"""Where a row is counted: quarter of an hour (None: nowhere), country, network, status, reason,
latency step."""

Move = tuple[int, int, Place, Place]
"""Unit, account, from where, to where."""


def spread(moment: int | None) -> int | None:
    """The quarter of an hour, counted from 1970, in which that moment lies."""
    return None if moment is None else moment // BUCKET


def deltas(moves: Mapping[Move, int]) -> tuple[Counter[Count], Counter[Count]]:
    """What moves add to the rollup and to the latencies: the old place less, the new one more."""
    counts: Counter[Count] = Counter()
    latencies: Counter[Count] = Counter()
    for (unit, account_id, before, after), n in moves.items():
        for (bucket, country, network, status, reason, step), sign in ((before, -n), (after, n)):
            if bucket is not None:
                shared = (unit, bucket, account_id, country or "", network or "", status)
                counts[*shared, reason or ""] += sign
                if step is not None:
                    latencies[*shared, step] += sign
    return counts, latencies


def latency_step(outcome: Outcome, since: int | None) -> int | None:
    """The logarithmic step of the time from hand-over to the end; None before the end."""
    if not outcome.final:
        return None
    if outcome.asked or since is None or outcome.finished_at is None or outcome.finished_at < since:
        return UNTOLD
    return step(outcome.finished_at - since)


def step(micros: int) -> int:
    """The logarithmic step of a duration; everything under a millisecond is step 0."""
    return int(STEPS * log2(max(1.0, micros / 1000)))


def upper(step: int) -> float:
    """The upper end of a latency step, in seconds."""
    return float(2 ** ((step + 1) / STEPS) / 1000)
