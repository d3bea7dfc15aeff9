"""Histograms as values of rows: what is added step by step is added at once."""

import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Context, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd.store import histograms as stored
from delivrd.store import schema
from delivrd.store.histograms import (
    decimal_digits,
    digits,
    number_of,
    numbers_sent,
    of,
    one,
    steps,
    teach,
    to_blob,
    to_text,
)
from tests.filled import opened
from tests.support import run

numbers = st.one_of(st.integers(-5, 5), st.integers(-(10**9), 10**9))
histograms = st.dictionaries(st.integers(-1, 360), numbers, max_size=8)
small = st.dictionaries(st.integers(-1, 360), st.integers(-1000, 1000), max_size=8)
EXACT = Context(prec=10_000)


def added(some):
    whole = Counter()
    for counted in some:
        for step, n in counted.items():
            whole[step] += n
    return {step: n for step, n in whole.items() if n}


@given(histograms)
def test_each_step_comes_back_as_it_was_stored(some):
    assert steps(of(some)) == added([some])
    assert steps(number_of(to_blob(of(some)))) == added([some])
    assert decimal_digits(Decimal(to_text(of(some)))).steps() == added([some])


@given(histograms)
def test_a_histogram_is_the_sum_of_all_that_took_so_long(some):
    assert sum(n * one(step) for step, n in some.items()) == of(some)


@pytest.mark.parametrize("sample", [0, 25])
@given(st.lists(st.tuples(st.sampled_from("abc"), small), min_size=1, max_size=8))
def test_rows_are_added_by_their_keys_however_many_share_one(sample, some):
    rows = some * 30
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "SAMPLE", sample)
        found = stored.by_key((1, key, to_blob(of(one))) for key, one in rows)
    assert {key: steps(number) for (_, key), number in found.items()} == {
        key: added(one for other, one in rows if other == key) for key, _ in rows
    }


@given(st.lists(histograms, max_size=20))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_postgresql_sends_each_step_as_it_was_stored(postgres_url, some):
    async def test():
        async with opened(postgres_url) as store:
            texts = [to_text(of(one)) for one in some]
            sql = "SELECT numeric_send(t::numeric) FROM unnest($1::text[]) AS t"
            rows = await store.read(lambda tx: tx.fetch(sql, texts))
            assert numbers_sent([sent for (sent,) in rows]) == [of(one) for one in some]

    run(test())


@given(histograms)
def test_less_than_nothing_of_a_step_is_shown_as_nothing(some):
    shown = {step: n for step, n in some.items() if n > 0}
    assert digits(of(some)).some().steps() == shown
    assert decimal_digits(Decimal(to_text(of(some)))).some().steps() == shown


@given(st.lists(histograms, min_size=1, max_size=2))
def test_sqlite_adds_every_step_of_two_rows(some):
    with closing(sqlite3.connect(":memory:")) as connection:
        teach(connection)
        connection.execute("CREATE TABLE took (steps BLOB)")
        connection.executemany("INSERT INTO took VALUES (?)", [(to_blob(of(one)),) for one in some])
        (total,) = connection.execute("SELECT steps_sum(steps) FROM took").fetchone()
        assert steps(number_of(total)) == added(some)
        blobs = to_blob(of(some[0])), to_blob(of(some[-1]))
        (total,) = connection.execute("SELECT steps_added(?, ?)", blobs).fetchone()
        assert steps(number_of(total)) == added([some[0], some[-1]])


def test_in_sums_null_adds_nothing_and_of_nothing_else_is_null():
    with closing(sqlite3.connect(":memory:")) as connection:
        teach(connection)
        assert connection.execute("SELECT steps_sum(NULL)").fetchone() == (None,)
        some = "SELECT NULL AS steps UNION ALL SELECT ?"
        (total,) = connection.execute(
            f"SELECT steps_sum(steps) FROM ({some})", (to_blob(one(80)),)
        ).fetchone()
        assert steps(number_of(total)) == {80: 1}


@given(st.lists(histograms, min_size=1, max_size=4))
def test_a_sum_of_numerics_holds_the_sum_of_every_step(some):
    total = Decimal(0)
    for counted in some:
        total = EXACT.add(total, Decimal(to_text(of(counted))))
    assert decimal_digits(total).steps() == added(some)


@given(histograms.map(lambda one: {step: n for step, n in one.items() if n}).filter(bool))
def test_sqlite_makes_a_histogram_of_rows_of_a_step_each(one):
    with closing(sqlite3.connect(":memory:")) as connection:
        teach(connection)
        connection.execute("CREATE TABLE took (le INTEGER, n INTEGER)")
        connection.executemany("INSERT INTO took VALUES (?, ?)", one.items())
        (made,) = connection.execute("SELECT steps_of(le, n) FROM took").fetchone()
        assert steps(number_of(made)) == one


@pytest.mark.parametrize("distinct", [False, True])
def test_rows_of_one_key_are_added_whether_or_not_they_were_thought_distinct(
    database_url, distinct
):
    async def test():
        async with opened(database_url) as store:
            columns = ("unit", "day", "account_id", "country", "status", "slot", "n", "steps")
            rows = [(0, 20_000, 0, "GB", "delivered", slot, 1, one(slot)) for slot in (3, 5)]
            await store.write(
                lambda tx: tx.insert(schema.metadata.tables["route_day"], columns, rows)
            )
            found = await store.read(
                lambda tx: tx.histograms(
                    ["day", "country"], "FROM route_day WHERE unit = 0", distinct=distinct
                )
            )
            assert found == [((20_000, "GB"), one(3) + one(5))]

    run(test())
