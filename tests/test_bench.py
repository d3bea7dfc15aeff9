"""What the benchmarks say they measured."""

from bench import scale


def test_what_is_stored_is_told_by_the_messages_that_are_there():
    """Also those that still wait for their receipt take room."""
    size = scale.Size(
        receipts=100, messages=250, intake={"recent": 1, "spread": 1},
        folded={"recent": 1, "spread": 1}, stored_bytes=250_000,
    )  # fmt: skip
    assert ["bytes a message", "1,000"] in scale.lines([size])
