"""Histograms as values of rows: what is added step by step is added at once."""

import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Context, Decimal

from hypothesis import given
from hypothesis import strategies as st

from delivrd.store.histograms import from_blob, from_decimal, teach, to_blob, to_text

numbers = st.one_of(st.integers(-5, 5), st.integers(-(10**9), 10**9))
histograms = st.dictionaries(st.integers(-1, 360), numbers, max_size=8)
EXACT = Context(prec=10_000)


def added(some):
    whole = Counter()
    for one in some:
        for step, n in one.items():
            whole[step] += n
    return {step: n for step, n in whole.items() if n}


@given(histograms)
def test_each_step_comes_back_as_it_was_stored(one):
    assert from_blob(to_blob(one)) == added([one])
    assert from_decimal(Decimal(to_text(one))) == added([one])


@given(st.lists(histograms, min_size=1, max_size=2))
def test_sqlite_adds_every_step_of_two_rows(some):
    with closing(sqlite3.connect(":memory:")) as connection:
        teach(connection)
        connection.execute("CREATE TABLE took (steps BLOB)")
        connection.executemany("INSERT INTO took VALUES (?)", [(to_blob(one),) for one in some])
        (total,) = connection.execute("SELECT steps_sum(steps) FROM took").fetchone()
        assert from_blob(total) == added(some)
        blobs = to_blob(some[0]), to_blob(some[-1])
        (total,) = connection.execute("SELECT steps_added(?, ?)", blobs).fetchone()
        assert from_blob(total) == added([some[0], some[-1]])


@given(st.lists(histograms, min_size=1, max_size=4))
def test_a_sum_of_numerics_holds_the_sum_of_every_step(some):
    total = Decimal(0)
    for one in some:
        total = EXACT.add(total, Decimal(to_text(one)))
    assert from_decimal(total) == added(some)


@given(histograms.map(lambda one: {step: n for step, n in one.items() if n}).filter(bool))
def test_sqlite_makes_a_histogram_of_rows_of_a_step_each(one):
    with closing(sqlite3.connect(":memory:")) as connection:
        teach(connection)
        connection.execute("CREATE TABLE took (le INTEGER, n INTEGER)")
        connection.executemany("INSERT INTO took VALUES (?, ?)", one.items())
        (made,) = connection.execute("SELECT steps_of(le, n) FROM took").fetchone()
        assert from_blob(made) == one
