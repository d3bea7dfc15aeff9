"""Routes whose receipts look made up. The evidence is reported and changes no figure.

Handsets are paged, may be off, and answer when they can: delivery times vary and some messages
fail. Receipts that a gateway generates itself ("fake DLRs") lack that variation.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.core.statement import FAILURES, moment
from delivrd.core.units import DAY, SECOND
from delivrd.insight.rates import Rate, rate
from delivrd.store.accounts import Accounts
from delivrd.store.counts import NO_LATENCY, step
from delivrd.store.feedback import OUTCOMES, conversions
from delivrd.store.ids import now_micros
from delivrd.store.queries import stats
from delivrd.store.queries.delays import newest_delays
from delivrd.store.queries.filters import Filters, Values
from delivrd.store.queries.latencies import steps
from delivrd.store.tx import Tx

BY = ("account", "country")

SAMPLE = 100
"""With fewer deliveries there is no verdict."""

INSTANT = step(SECOND)
"""Latency steps before this one are under a second."""
INSTANT_SHARE = 0.99
IDENTICAL_SHARE = 0.8
IDENTICAL_WITHIN = 0.01
"""Delays are suspicious when this share of the newest is the same to a hundredth of a second."""
ROUND_SHARE = 0.5
ROUND_WITHIN = 0.05
"""Seconds from the nearest whole second; by chance a tenth of all delays is that close."""
NO_FAILURES = 1000
"""It is suspicious when fewer than one in this many messages fails."""


class Evidence(NamedTuple):
    """One suspicious pattern, found in ``share`` of ``sample`` messages; ``words`` explain it."""

    kind: str
    words: str
    share: float
    sample: int


class Seen(NamedTuple):
    """The figures of a route: deliveries by latency step, ends, failures, the newest delays in
    seconds, and the outcomes that applications reported."""

    steps: Mapping[int, int]
    ended: int
    failed: int
    delays: Sequence[float] = ()
    conversion: Rate | None = None
    elsewhere: Rate | None = None
    """The conversion rate of other accounts' messages to the same country."""
    outcomes: int = 0
    """How many outcomes applications reported."""


def evidence(seen: Seen) -> list[Evidence]:
    """All suspicious patterns in a route's receipts."""
    found = [_instant(seen), _identical(seen), _round(seen), _no_failures(seen), _conversion(seen)]
    return [one for one in found if one is not None]


def flagged(found: Sequence[Evidence]) -> bool:
    """Whether the evidence makes a route suspect; a lack of failures alone does not."""
    return any(one.kind != "no_failures" for one in found)


def _instant(seen: Seen) -> Evidence | None:
    known = {at: n for at, n in seen.steps.items() if at != NO_LATENCY}
    sample = sum(known.values())
    quick = sum(n for at, n in known.items() if at < INSTANT)
    if sample < SAMPLE or quick < INSTANT_SHARE * sample:
        return None
    words = "nearly all delivered in under a second: no network pages every handset that fast"
    return Evidence("instant", words, quick / sample, sample)


def _identical(seen: Seen) -> Evidence | None:
    """None for a route with instant deliveries: those are close together anyway."""
    sample = len(seen.delays)
    if sample < SAMPLE or _instant(seen):
        return None
    same = _closest(sorted(seen.delays))
    if len(same) < IDENTICAL_SHARE * sample:
        return None
    words = f"the same delay of {same[len(same) // 2]:.2f} s again and again"
    return Evidence("identical", words, len(same) / sample, sample)


def _closest(ordered: Sequence[float]) -> Sequence[float]:
    """The most of these delays that are the same to `IDENTICAL_WITHIN`."""
    first, most = 0, (0, 0)
    for after, last in enumerate(ordered, 1):
        while last - ordered[first] > IDENTICAL_WITHIN:
            first += 1
        if after - first > most[1] - most[0]:
            most = first, after
    return ordered[slice(*most)]


def _round(seen: Seen) -> Evidence | None:
    sample = len(seen.delays)
    near = sum(abs(delay - round(delay)) <= ROUND_WITHIN for delay in seen.delays)
    if sample < SAMPLE or near < ROUND_SHARE * sample or _instant(seen):
        return None
    words = "delays of whole seconds suggest a timer, not a handset; by chance a tenth would be"
    return Evidence("round_seconds", words, near / sample, sample)


def _no_failures(seen: Seen) -> Evidence | None:
    if seen.ended < NO_FAILURES or seen.failed * NO_FAILURES >= seen.ended:
        return None
    words = "fewer than one in a thousand fails: some phones are always off, some numbers wrong"
    return Evidence("no_failures", words, 1 - seen.failed / seen.ended, seen.ended)


def _conversion(seen: Seen) -> Evidence | None:
    here, there = seen.conversion, seen.elsewhere
    if here is None or there is None or seen.outcomes < SAMPLE or here.high >= there.low:
        return None
    words = (
        f"{here.rate:.0%} of its messages converted, against {there.rate:.0%} of those that other "
        "accounts sent to the same country"
    )
    return Evidence("conversion", words, here.rate, seen.outcomes)


# --- reading --------------------------------------------------------------------------------------


async def honesty_stats(tx: Tx, accounts: Accounts, filters: Filters) -> dict[str, Any]:
    """``{"since", "items"}``: every route, those with evidence first.

    Without ``since`` it is the day before ``until``.
    """
    until = filters.until or now_micros()
    since = until - DAY if filters.since is None else filters.since
    filters = Filters(
        account=filters.account, provider=filters.provider, country=filters.country,
        since=since, until=filters.until,
    )  # fmt: skip
    counts = await stats.counts(tx, accounts, BY, filters)
    took = await steps(tx, accounts, BY, filters, "delivered")
    everywhere = Filters(country=filters.country, since=filters.since, until=filters.until)
    outcomes = await conversions(tx, accounts, everywhere)
    by_country = _by_country(outcomes)
    delays = {
        account: await newest_delays(tx, accounts, account, since, until)
        for account in {account for account, _ in counts}
    }
    items = []
    for values, counted in counts.items():
        account, country = values
        newest, here = delays[account].get(country, ()), outcomes.get(values, {})
        everyone = by_country.get(country, Counter())
        seen = _seen(counted, took.get(values, {}), newest, here, everyone)
        items.append(_item(values, counted, seen, here))
    items.sort(key=lambda item: (-len(item["evidence"]), -item["total"], str(item["account"])))
    return {"since": moment(since).isoformat(timespec="seconds"), "items": items}


Outcomes = Mapping[str, int]
"""How often applications reported each outcome."""


def _by_country(outcomes: Mapping[Values, Outcomes]) -> Mapping[str | None, Counter[str]]:
    found: dict[str | None, Counter[str]] = {}
    for (_, country), some in outcomes.items():
        found.setdefault(country, Counter()).update(some)
    return found


def _seen(
    counted: Mapping[str, int], steps: Mapping[int, int], delays: Sequence[float],
    here: Outcomes, everyone: Counter[str],
) -> Seen:  # fmt: skip
    others = everyone - Counter(here)
    ended = sum(counted.values()) - counted.get("pending", 0)
    failed = sum(counted.get(status, 0) for status in FAILURES)
    return Seen(steps, ended, failed, delays, _used(here), _used(others), sum(here.values()))


def _used(outcomes: Outcomes) -> Rate | None:
    return rate(outcomes.get(OUTCOMES[0], 0), sum(outcomes.values()))


def _item(
    values: Values, counted: Mapping[str, int], seen: Seen, outcomes: Outcomes
) -> dict[str, Any]:
    found = evidence(seen)
    used = seen.conversion
    return {
        "account": values[0],
        "country": values[1],
        "flagged": flagged(found),
        "evidence": [{**one._asdict(), "share": round(one.share, 6)} for one in found],
        "total": sum(counted.values()),
        "delivered": counted.get("delivered", 0),
        "converted": outcomes.get("converted", 0),
        "not_converted": outcomes.get("not_converted", 0),
        "conversion_rate": None if used is None else round(used.rate, 6),
        "conversion_low": None if used is None else round(used.low, 6),
        "conversion_high": None if used is None else round(used.high, 6),
    }
