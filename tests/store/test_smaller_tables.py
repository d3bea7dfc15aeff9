"""Tables with fewer dimensions answer what those with all dimensions would, from fewer rows."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd.store.adding import add
from delivrd.store.counts import BUCKET, NOWHERE, deltas
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.queries.filters import ATTEMPTS, Filters
from delivrd.store.queries.latencies import steps
from delivrd.store.queries.stats import (
    COST,
    PRICES,
    Silent,
    charges,
    counts,
    source,
    unreported,
)
from tests.filled import opened
from tests.support import run

FIRST = 20_000 * BUCKETS_A_DAY
quarters = st.integers(FIRST, FIRST + 3 * BUCKETS_A_DAY)
moments = st.none() | quarters.map(lambda quarter: quarter * BUCKET)

PROVIDERS = ("vonage", "smspm")
ENDS = ("delivered", None), ("undelivered", "blocked"), ("rejected", "unknown_number")
attempts = st.tuples(
    quarters,
    st.sampled_from(PROVIDERS),
    st.sampled_from(["GB", "EE", None]),
    st.sampled_from(["23410", None]),
    st.sampled_from(ENDS),
    st.sampled_from([None, 40, 80]),  # the step of its latency
    st.sampled_from([(None, None), ("0.0057", "EUR"), ("0.01", "USD")]),
    st.sampled_from(["Acme", None]),
    st.sampled_from(["2", "8", None]),
)
BY = (
    ("reason",), ("sender",), ("code",), ("day", "reason"), ("day", "sender"), ("hour", "code"),
    ("account", "reason"), ("account", "sender"), ("account", "code"), ("provider", "reason"),
    ("status", "code"), ("country",), ("account", "country"),
)  # fmt: skip


async def count(store, sent):
    """Counts attempts, each the only one of its message, as the fold does."""
    moves = Counter()
    for quarter, account, country, network, (status, reason), step, paid, sender, code in sent:
        where = (quarter, country, network, status, reason, step, *paid)
        moves[0, 0, NOWHERE, (*where, None, None, None)] += 1
        account_id = store.accounts.by_name[account].id
        moves[1, account_id, NOWHERE, (*where, sender, code, None)] += 1
    await store.write(lambda tx: add(tx, deltas(moves, 0)))


def without(at, found):
    """The same numbers with one dimension removed from their keys."""
    total = {}
    for values, numbers in found.items():
        place = total.setdefault((*values[:at], *values[at + 1 :]), Counter())
        place.update(numbers)
    return total


@given(
    st.lists(attempts, max_size=12), st.sampled_from(BY), moments, moments,
    st.none() | st.sampled_from(PROVIDERS),
)  # fmt: skip
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_question_without_a_dimension_is_the_sum_of_one_with_it(
    database_url, sent, by, since, until, account
):
    """Counts, those on silent routes, latencies and charges; the added dimension is the network,
    or the country where networks are not counted."""
    asked = Filters(since=since, until=until, account=account)
    also = "country" if {"sender", "code"} & {*by} else "network"
    silent = Silent(((1, "GB"), (2, "EE")), ("EE",))

    async def test():
        async with opened(database_url) as store:
            await count(store, sent)

            async def read(tx, by):
                ask = (tx, store.accounts, by, asked)
                unit = ATTEMPTS
                return (
                    await counts(*ask, unit=unit),
                    await unreported(*ask, silent, unit=unit),
                    await steps(*ask, "delivered"),
                    await charges(*ask, unit=unit) if COST.dimensions >= {*by} else {},
                )

            few = await store.read(lambda tx: read(tx, by))
            more = await store.read(lambda tx: read(tx, (*by, also)))
            for found, expected in zip(few, more, strict=True):
                assert found == without(len(by), expected)

    run(test())


def test_each_question_is_answered_from_the_table_with_the_fewest_columns():
    def table(*by, **filters):
        return source(by, Filters(**filters)).days

    assert table("account", "code") == "account_code_day"
    assert table("code", country="GB") == "rollup_code_day"
    assert table("day", "code") == "account_code_day"
    assert table("reason", provider="vonage") == "account_reason_day"
    assert table("account", "sender") == "account_sender_day"
    assert table("network") == "rollup_day"
    assert [prices.days for prices in PRICES] == ["charge_day", "route_cost_day", "cost_day"]
