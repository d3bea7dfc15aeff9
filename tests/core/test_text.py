import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.text import clean, counted, noun, short


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a\0b", "ab"),
        ("é\0", "é"),
        ("\ud800", ""),
        ("a\udfffé\0😀", "aé😀"),
        ("\ud83d\ude00", ""),
        ("\n\t\x7f", "\n\t\x7f"),
    ],
)
def test_nul_and_lone_surrogates_go(text, cleaned):
    assert clean(text) == cleaned


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_what_is_clean_stays(text):
    assert clean(text) == text


@given(st.text(st.characters()), st.integers(1, 20))
def test_every_text_becomes_storable_and_short(text, limit):
    kept = short(text, limit)
    assert "\0" not in kept
    assert len(kept.encode()) <= 4 * limit
    assert len(kept) <= limit


def test_a_noun_agrees_with_its_number():
    assert [counted(n, "receipt") for n in (0, 1, 2)] == ["0 receipts", "1 receipt", "2 receipts"]
    assert counted(1, "try", "tries") == "1 try"
    assert noun(2, "request waits", "requests wait") == "requests wait"
