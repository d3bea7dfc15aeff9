"""Counts of months of traffic on many routes, written as the fold would have left them.

Only the counts are written, without messages: queries on counts take as long, and ten million
messages are counted in minutes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import pi, sin
from operator import itemgetter

from delivrd.core.units import SECOND
from delivrd.store.adding import add
from delivrd.store.base import Store
from delivrd.store.counts import (
    BUCKET,
    NOWHERE,
    TABLES,
    Move,
    Place,
    deltas,
    first_minute,
    step,
)
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx

COUNTRIES = (
    "GB", "DE", "FR", "ES", "IT", "PL", "NL", "BE", "SE", "EE",
    "US", "CA", "BR", "MX", "IN", "ID", "JP", "AU", "ZA", "NG",
)  # fmt: skip
NETWORKS = 3
"""Of a country."""
SENDERS = ("Acme", "AcmeBank", "12025550100")
CODES = ("2", "8", "30003", "30005", "30007")
REASONS = ("unreachable", "unknown_number", "blocked_by_carrier", "handset_error")
FAILED = 0.05
TIMES = ("minute", "bucket", "half", "part", "day")
OPEN = 0.002
"""The share that stays open for ever, as their carrier never reports."""


@dataclass(frozen=True)
class Traffic:
    """So many messages, over so many days up to now, on each account to each of `COUNTRIES`."""

    messages: int
    days: int
    accounts: tuple[int, ...]


async def fill(store: Store, traffic: Traffic, say: Callable[[int], None]) -> None:
    """Writes the counts day by day; ``say`` is called with the number of days done."""
    now = now_micros()
    today = now // BUCKET // BUCKETS_A_DAY
    chance = random.Random(1)
    for done, day in enumerate(range(today - traffic.days + 1, today + 1)):
        moves = _day(traffic, chance, day * BUCKETS_A_DAY, now)
        await store.write(partial(_write, moves, now))
        say(done + 1)


async def _write(moves: Counter[Move], now: int, tx: Tx) -> None:
    """One quarter of an hour after the other: their rows lie as they would have come."""
    for name, counted in deltas(moves, first_minute(now)).items():
        time = itemgetter(next(TABLES[name].index(one) for one in TIMES if one in TABLES[name]))
        for _, keys in groupby(sorted(counted, key=time), time):
            await add(tx, {name: {key: counted[key] for key in keys}})


def _day(traffic: Traffic, chance: random.Random, first: int, now: int) -> Counter[Move]:
    """The messages of a day, most of them in its middle, as they are counted."""
    moves: Counter[Move] = Counter()
    a_quarter = traffic.messages / traffic.days / BUCKETS_A_DAY
    for bucket in range(first, min(first + BUCKETS_A_DAY, now // BUCKET + 1)):
        swing = 1 + 0.8 * sin(2 * pi * (bucket - first) / BUCKETS_A_DAY - pi / 2)
        for _ in range(round(a_quarter * swing)):
            account_id, place = chance.choice(traffic.accounts), _place(chance, bucket, now)
            moves[0, 0, NOWHERE, (*place[:8], None, None, None)] += 1
            moves[1, account_id, NOWHERE, place] += 1
    return moves


def _place(chance: random.Random, bucket: int, now: int) -> Place:
    """One message: where it went, its status by now, and after how long."""
    country = COUNTRIES[int(len(COUNTRIES) * chance.random() ** 2)]
    sender = SENDERS[int(len(SENDERS) * chance.random())]
    sent = min(now, bucket * BUCKET + int(BUCKET * chance.random()))
    failed = chance.random() < FAILED
    took = int((600 if failed else 6) * chance.lognormvariate(0, 1.2) * SECOND)
    if chance.random() < OPEN or sent + took > now:
        return (bucket, country, None, "pending", None, None, None, None,
                sender, None, sent // SECOND)  # fmt: skip
    network = f"{country}{1 + int(NETWORKS * chance.random())}"
    status = "undelivered" if failed else "delivered"
    reason, code = (chance.choice(REASONS), chance.choice(CODES)) if failed else (None, None)
    return (bucket, country, network, status, reason, step(took), "0.035", "EUR",
            sender, code, sent // SECOND)  # fmt: skip
