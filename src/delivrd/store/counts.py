"""Under which keys, and in which tables, messages and attempts are counted (rules F1 and F3)."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import log2
from typing import Any

from delivrd.core.status import Outcome
from delivrd.core.units import MINUTE, QUARTER
from delivrd.store import days, histograms, latencies

BUCKET = QUARTER
"""The granularity of counts: a quarter of an hour, so that days are exact in every time zone."""

KEPT_MINUTES = 6 * 60
"""How many minutes after its hand-over an attempt is also counted by the minute."""

STEPS = 8
"""Latency steps per doubling: a percentile read from them is within 4.5 % of the true value."""

COARSE = 2
"""How many latency steps make one step of the counts by the minute, which has four per doubling."""

NO_LATENCY = -1
"""The latency step of attempts and messages whose latency is negative or not known."""

PRUNED = -1
"""The slot that holds the counts of messages that were pruned (rule F5)."""

OPEN = -2
"""The latency step, in the counts by the minute, of attempts that have not ended."""

SECONDS = -3
"""Rows of this step do not count attempts: they sum, over those that have not ended, the second
within its minute at which each was handed over."""

MICRO_UNITS, PRICED = 0, 1
"""What a row of `cost` sums: millionths of the currency, or the number of rows with a price."""

_KEY = ("unit", "bucket", "account_id", "country", "network")

_QUARTERS: Mapping[str, tuple[str, ...]] = {
    "rollup": (*_KEY, "status", "reason"),
    "status_quarter": ("unit", "bucket", "status"),
    "cost": (*_KEY, "currency", "what"),
    "charge_quarter": ("unit", "bucket", "currency", "what"),
    "rollup_sender": ("bucket", "account_id", "country", "sender", "status"),
    "rollup_code": ("bucket", "account_id", "country", "status", "code"),
    "account_reason": ("unit", "bucket", "account_id", "status", "reason"),
    "account_sender": ("bucket", "account_id", "sender", "status"),
    "account_code": ("bucket", "account_id", "status", "code"),
}

TABLES: Mapping[str, tuple[str, ...]] = {
    **_QUARTERS,
    "recent": ("minute", "account_id", "country", "status", "le"),
    **{name: table.key for name, table in days.TABLES.items()},
    **latencies.TABLES,
}
"""Each table of counts and its key, without the slot. The tables by sender, by code and by the
minute count attempts only; the tables by day repeat those by quarter of an hour."""

TIMED = frozenset(name for name, key in TABLES.items() if "status" in key and name != "recent")
"""The tables with histograms; a number added to one packs both values (`latencies.parts`)."""

Count = tuple[Any, ...]
"""A key of one of the tables; for tables by day, the hour follows."""

Place = tuple[
    int | None, str | None, str | None, str, str | None, int | None, str | None, str | None,
    str | None, str | None, int | None,
]  # fmt: skip
"""Where a row is counted: quarter of an hour (None: nowhere), country, network, status, reason,
latency step, price, currency; for attempts also the sender, the raw error code and the second of
the hand-over (None: not handed over)."""

NOWHERE: Place = (None, None, None, "", None, None, None, None, None, None, None)

Move = tuple[int, int, Place, Place]
"""Unit, account, old place, new place."""


def spread(moment: int | None) -> int | None:
    """The quarter of an hour, counted from 1970, that contains the moment."""
    return None if moment is None else moment // BUCKET


def first_minute(now: int) -> int:
    """The earliest minute that is still counted."""
    return now // MINUTE - KEPT_MINUTES


def deltas(moves: Mapping[Move, int], first: int) -> dict[str, Mapping[Count, int]]:
    """What moves add to each table: minus one at the old place, plus one at the new.

    Minutes before ``first`` are left out. Most moves differ only in their moment, so everything
    else is summed before it is spread over the tables.
    """
    kinds: defaultdict[Count, int] = defaultdict(int)
    recent: defaultdict[Count, int] = defaultdict(int)
    for (unit, account_id, before, after), n in moves.items():
        for place, by in ((before, -n), (after, n)):
            (bucket, country, network, status, reason, step, price, currency, sender, code,
             second) = place  # fmt: skip
            if bucket is None:
                continue
            shared = (unit, bucket, account_id, country or "", network or "", status)
            kinds[shared, reason, price, currency, sender, code] += by * latencies.one(step)
            if second is not None and second >= 60 * first:
                here = (second // 60, account_id, country or "", status)
                if step is None:
                    recent[*here, SECONDS] += by * (second % 60)
                recent[*here, coarse(step)] += by
    found = {**_spread(kinds), "recent": recent}
    found |= days.by_day(found)
    found |= latencies.forms(found["rollup"])
    return {name: found[name] for name in TABLES}


def addends(
    name: str, counted: Mapping[Count, int], slot: int, sign: int = 1, *, once: bool = True
) -> list[days.Addend]:
    """The rows to add to a table; for ``once`` see :func:`delivrd.store.days.rows`."""
    if name in latencies.TABLES:
        return [latencies.rows(name, counted, slot, sign)]
    if name in days.TABLES:
        return days.rows(name, counted, slot, sign, once=once)
    if name not in TIMED:
        rows = [(*key, slot, sign * n) for key, n in counted.items() if n]
        return [((*TABLES[name], "slot", "n"), rows)]
    parts = ((key, latencies.parts(sign * number)) for key, number in counted.items() if number)
    rows = [(*key, slot, n, ended or None) for key, (n, ended) in parts]
    return [((*TABLES[name], "slot", "n", latencies.STEPS), rows)]


def single_counts(name: str, counted: Mapping[Count, int]) -> Counter[Count]:
    """The content of a table as single counts; those of a histogram have the row's key,
    `latencies.STEPS` and the step as their key."""
    if name not in TIMED:
        return Counter(counted)
    found: Counter[Count] = Counter()
    width = len(TABLES[name])
    for key, number in counted.items():
        n, ended = latencies.parts(number)
        if name not in latencies.TABLES:
            found[key] = n
        for step, some in histograms.steps(ended).items():
            found[*key[:width], latencies.STEPS, step] += some
    return found


def _spread(kinds: Mapping[Count, int]) -> dict[str, Mapping[Count, int]]:
    """The deltas of the tables by quarter of an hour."""
    found: dict[str, defaultdict[Count, int]] = {name: defaultdict(int) for name in _QUARTERS}
    # in the order of _QUARTERS
    (rollup, whole, cost, charged, senders, codes, account_reasons, account_senders,
     account_codes) = found.values()  # fmt: skip
    for (shared, reason, price, currency, sender, code), number in kinds.items():
        unit, bucket, account_id, country, network, status = shared
        rollup[*shared, reason or ""] += number
        whole[unit, bucket, status] += number
        account_reasons[unit, bucket, account_id, status, reason or ""] += number
        each = None if price is None else micro_units(price)
        if each is not None:
            n, _ = latencies.parts(number)
            for what, some in ((MICRO_UNITS, n * each), (PRICED, n)):
                cost[unit, bucket, account_id, country, network, currency or "", what] += some
                charged[unit, bucket, currency or "", what] += some
        if unit:
            senders[bucket, account_id, country, sender or "", status] += number
            account_senders[bucket, account_id, sender or "", status] += number
            if code is not None:
                codes[bucket, account_id, country, status, code] += number
                account_codes[bucket, account_id, status, code] += number
    return dict(found)


@lru_cache(4096)
def micro_units(price: str) -> int | None:
    """A price in millionths of its currency; None if it is no amount, or a million or more.

    The sign is dropped: some gateways report charges as negative numbers.
    """
    try:
        amount = abs(Decimal(price))
        return int((amount * 1_000_000).to_integral_value()) if amount < 1_000_000 else None
    except InvalidOperation:
        return None


def coarse(step: int | None) -> int:
    """The latency step in the counts by the minute."""
    return OPEN if step is None else step // COARSE


def latency_step(outcome: Outcome, since: int | None) -> int | None:
    """The logarithmic step of the time from hand-over to the final status; None before that."""
    if not outcome.final:
        return None
    if outcome.asked or since is None or outcome.finished_at is None or outcome.finished_at < since:
        return NO_LATENCY
    return step(outcome.finished_at - since)


def step(micros: int) -> int:
    """The logarithmic step of a duration in microseconds; up to a millisecond it is 0."""
    return int(STEPS * log2(max(1.0, micros / 1000)))


def upper(step: int) -> float:
    """The upper end of a latency step, in seconds."""
    return float(2 ** ((step + 1) / STEPS) / 1000)
