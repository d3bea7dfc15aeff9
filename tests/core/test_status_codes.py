"""Codes refine failures and nothing else (rule C3), in general and in every provider's tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status
from delivrd.providers import names, provider
from delivrd.providers.base import Code, Word, refine

words = st.builds(Word, st.sampled_from(Status), st.booleans(), st.none() | st.sampled_from(Reason))
codes = st.none() | st.builds(
    Code,
    st.just("words"),
    st.none() | st.sampled_from(Reason),
    st.none() | st.sampled_from(sorted(FAILURES)),
    st.none() | st.booleans(),
)


@given(words, codes)
def test_a_code_makes_no_failure_of_anything_else_and_nothing_else_of_a_failure(
    word: Word, code: Code | None
) -> None:
    refined, _, _ = refine(word, code)
    assert (refined.status in FAILURES) == (word.status in FAILURES)
    assert refined.final == word.final
    if word.status not in FAILURES:
        assert refined == word


@given(words, codes)
def test_every_failure_has_a_reason_and_says_whether_it_is_permanent(
    word: Word, code: Code | None
) -> None:
    refined, reason, permanent = refine(word, code)
    if refined.status in FAILURES:
        assert reason is not None
        assert permanent is not None


@pytest.mark.parametrize("name", names())
def test_no_table_of_codes_calls_anything_but_a_failure(name: str) -> None:
    found = provider(name)
    for code in (*found.errors.values(), *found.send_errors.values()):
        assert code.status is None or code.status in FAILURES


@pytest.mark.parametrize("name", names())
def test_no_word_but_unknown_is_both_an_end_and_open(name: str) -> None:
    """C5, D18."""
    for word in provider(name).statuses.values():
        assert word.final == (word.status is not Status.PENDING) or word.status is Status.UNKNOWN
