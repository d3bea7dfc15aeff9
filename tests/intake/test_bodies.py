"""Bodies in pieces: their size, and the memory that they take together (rule H3)."""

from types import SimpleNamespace
from typing import Any

import pytest

from delivrd.config import Limits
from delivrd.intake.bodies import SHOWN, Bodies
from delivrd.intake.call import Stop
from delivrd.store.base import StoreUnavailable
from tests.support import run


def a_call() -> Any:
    return SimpleNamespace(head=SimpleNamespace(length=None), body=b"")


def received(bodies: Bodies, *pieces: bytes, whole: bool = True, call: Any = None) -> bytes:
    """The body of a call that comes in these pieces; if it is not whole, the line breaks then."""
    call = call or a_call()
    last = len(pieces) - 1
    coming = iter(
        {"type": "http.request", "body": piece, "more_body": i < last or not whole}
        for i, piece in enumerate(pieces)
    )

    async def receive() -> Any:
        return next(coming, {"type": "http.disconnect"})

    async def body() -> bytes:
        return await bodies.receive(call, receive)

    return run(body())


def test_a_body_in_pieces_may_be_as_large_as_one_that_comes_whole_and_no_larger() -> None:
    bodies = Bodies(Limits(max_body=10))
    assert received(bodies, b"12345", b"67890") == b"1234567890"
    bodies.release(b"1234567890")
    with pytest.raises(Stop) as refused:
        received(bodies, b"12345", b"67890", b"1")
    assert refused.value.status == 413
    assert bodies.in_flight == 0


def test_the_bodies_in_flight_take_no_more_memory_than_they_may() -> None:
    bodies = Bodies(Limits(max_body=10, body_budget=15))
    kept = received(bodies, b"12345", b"67890")
    with pytest.raises(StoreUnavailable):
        received(bodies, b"12345", b"6")
    assert bodies.in_flight == 10
    bodies.release(kept)
    assert received(bodies, b"12345", b"6") == b"123456"


def test_a_body_that_breaks_off_takes_no_memory_any_more() -> None:
    bodies = Bodies(Limits(max_body=10))
    with pytest.raises(Stop):
        received(bodies, b"12345", b"6", whole=False)
    assert bodies.in_flight == 0


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([b"12345"], b"12345"),
        ([b"12345", b"6"], b"123456"),
        ([b"x" * 3000, b"y" * 3000], b"x" * SHOWN),
    ],
)
def test_of_a_body_that_breaks_off_the_beginning_can_be_looked_at(
    pieces: list[bytes], shown: bytes
) -> None:
    call = a_call()
    with pytest.raises(Stop):
        received(Bodies(Limits()), *pieces, whole=False, call=call)
    assert call.body == shown
