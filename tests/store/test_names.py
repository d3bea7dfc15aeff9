"""Ids as others see them: read back as they were written, and in no other form."""

import pytest

from delivrd.store.messages import attempt_of, reference_of
from delivrd.store.names import delivery_id, row_of


@pytest.mark.parametrize("row_id", [0, 18, (1 << 63) - 1])
def test_an_id_is_read_back(row_id: int) -> None:
    assert attempt_of(reference_of(row_id)) == row_id
    assert row_of(delivery_id(row_id), "dlv") == row_id


@pytest.mark.parametrize(
    "digits",
    ["", "12", "-000000000000012", "+000000000000012", "0x00000000000012", "1_1_1_1_1_1_1_12",
     " 000000000000012", "０００００００００００００012", "ffffffffffffffff", "0000000000000012\n"],
)  # fmt: skip
def test_no_other_form_is_taken_for_an_id(digits: str) -> None:
    """Numbers that Python reads, but nobody wrote."""
    assert attempt_of(f"a{digits}") is None
    assert row_of(f"dlv_{digits}", "dlv") is None
