"""Which value of a key stands against which."""

from delivrd.core.differences import paired


def test_of_a_key_with_several_values_each_stands_against_the_one_in_its_place() -> None:
    before, after = [("a", 1), ("b", 2), ("a", 3)], [("a", 4), ("a", 3), ("a", 5), ("c", 6)]
    assert list(paired(before, after)) == [
        ("a", 1, 4), ("a", 3, 3), ("a", None, 5), ("b", 2, None), ("c", None, 6),
    ]  # fmt: skip
