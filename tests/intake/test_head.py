"""How the head of a call is parsed and remembered (rules A1 and H1)."""

import pytest

from delivrd.intake.head import KEPT, MAX_REMEMBERED_BYTES, REMEMBERED, Headers, Heads
from delivrd.intake.redact import Redactor

POST = ((b"host", b"hub.example"), (b"content-length", b"5"))


def heads() -> Heads:
    return Heads(Redactor([], "full"))


def test_the_first_of_equal_headers_counts_and_all_of_them_are_kept() -> None:
    head = heads().of(((b"x-trace", b"one"), (b"x-trace", b"two")))
    assert head.get("x-trace") == "one"
    assert head.joined("x-trace") == "one,two"
    assert head.kept == b"x-trace: one\nx-trace: two"


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ((), 0),
        (POST, 5),
        ((*POST, POST[-1]), None),
        (((b"content-length", "٥".encode()),), None),
        (((b"content-length", "²".encode("latin-1")),), None),
        (((b"content-length", b"+5"),), None),
    ],
)
def test_a_length_is_known_only_if_it_is_stated_once_in_digits(
    headers: Headers, length: int | None
) -> None:
    assert heads().of(headers).length == length


def test_a_head_whose_length_is_unusual_is_never_plain() -> None:
    known = heads()
    known.learn(b"block", (*POST, POST[-1]))
    assert known.plain == {}


@pytest.mark.parametrize(
    "header",
    [
        (b"transfer-encoding", b"chunked"),
        (b"expect", b"100-continue"),
        (b"upgrade", b"h2c"),
        (b"te", b"trailers"),
        (b"trailer", b"digest"),
        (b"connection", b"close"),
    ],
)
def test_a_call_that_is_more_than_head_and_body_is_never_plain(header: tuple[bytes, bytes]) -> None:
    known = heads()
    known.learn(b"block", (*POST, header))
    assert known.plain == {}


@pytest.mark.parametrize("value", [b"keep-alive", b"Keep-Alive"])
def test_a_call_that_keeps_its_connection_is_plain(value: bytes) -> None:
    known = heads()
    known.learn(b"block", (*POST, (b"connection", value)))
    assert known.plain[b"block"].length == 5


def test_no_more_heads_are_remembered_than_fit() -> None:
    """A gateway that signs its calls in a header sends another head with each."""
    known = heads()
    for number in range(REMEMBERED + 1):
        known.learn(b"block %d" % number, (*POST, (b"x-trace", b"%d" % number)))
        assert 1 <= len(known.plain) <= REMEMBERED
        assert 1 <= len(known._known) <= REMEMBERED
    assert len(known.plain) == len(known._known) == 1  # the last: all others were dropped


def test_a_long_head_is_not_remembered() -> None:
    known, value = heads(), b"a" * (MAX_REMEMBERED_BYTES - len(b"x-long: "))
    known.of(((b"x-long", value + b"a"),))
    assert known._known == {}
    known.of(((b"x-long", value),))
    assert len(known._known) == 1


def test_of_a_very_long_head_the_beginning_is_stored() -> None:
    head = heads().of(((b"x-long", b"a" * KEPT),))
    assert len(head.kept) == KEPT
    assert head.kept.startswith(b"x-long: aaa")
