import pytest
import smsutil
from hypothesis import assume, given
from hypothesis import strategies as st

from delivrd.core.segments import ALPHABET, ESCAPED, Segments, count

GSM = "".join(sorted(ALPHABET))


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", Segments("gsm7", 0, 1)),
        ("a" * 160, Segments("gsm7", 160, 1)),
        ("a" * 161, Segments("gsm7", 161, 2)),
        ("a" * 306, Segments("gsm7", 306, 2)),
        ("a" * 307, Segments("gsm7", 307, 3)),
        ("€" * 80, Segments("gsm7", 160, 1)),
        ("€" * 81, Segments("gsm7", 162, 2)),
        ("a" * 152 + "€" + "a" * 152, Segments("gsm7", 306, 3)),
        ("ж" * 70, Segments("ucs2", 70, 1)),
        ("ж" * 71, Segments("ucs2", 71, 2)),
        ("ж" * 134, Segments("ucs2", 134, 2)),
        ("ж" * 135, Segments("ucs2", 135, 3)),
        ("😀" * 35, Segments("ucs2", 70, 1)),
        ("😀" * 36, Segments("ucs2", 72, 2)),
        ("😀" * 67, Segments("ucs2", 134, 3)),
        ("é", Segments("gsm7", 1, 1)),
        ("ê", Segments("ucs2", 1, 1)),
        ("ΔΦΓΛΩΠΨΣΘΞ", Segments("gsm7", 10, 1)),
        ("\x1b", Segments("ucs2", 1, 1)),
    ],
)
def test_a_text_is_split_at_the_limits_of_its_encoding(text, segments):
    assert count(text) == segments


def test_the_alphabet_has_127_characters_and_10_escaped_ones():
    assert (len(ALPHABET), len(ESCAPED)) == (137, 10)


TEXTS = st.text(st.sampled_from(GSM), max_size=700) | st.text(
    st.characters(codec="utf-8", exclude_characters="\x1b"), max_size=400
)


@given(TEXTS | st.builds("".join, st.lists(st.sampled_from(["€", "a", "😀", "ж" * 66, "b" * 152]))))
def test_smsutil_counts_the_same(text):
    assume(text)  # smsutil holds an empty text for UCS-2
    split = smsutil.split(text)
    mine = count(text)
    assert mine.count == len(split.parts)
    assert mine.encoding == ("gsm7" if split.encoding == "gsm0338" else "ucs2")
    scale = 1 if mine.encoding == "gsm7" else 2
    assert mine.units * scale == split.total_bytes
