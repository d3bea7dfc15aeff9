"""What a look-up asks Plivo, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import plivo
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up

MESSAGE = {
    "api_id": "1",
    "message_uuid": "0A1",
    "message_state": "delivered",
    "message_direction": "outbound",
    "message_time": "2024-05-01 12:00:00+00:00",
    "error_code": "000",
    "from_number": "13342031111",
    "to_number": "447700900123",
    "total_amount": "0.00350",
    "total_rate": "0.00350",
    "units": 1,
}


def test_the_message_is_looked_up_by_its_id():
    _, (seen,) = look_up(plivo, MESSAGE)
    assert seen[:2] == ("GET", "/v1/Account/MAXXXXXXXXXXXXXXXXXX/Message/0A1/")
    assert seen.headers["Authorization"].startswith("Basic ")


def test_a_delivered_message_is_a_receipt_without_a_time():
    answer, _ = look_up(plivo, MESSAGE)
    assert answer == Receipt(
        provider_message_id="0A1",
        status=Status.DELIVERED,
        final=True,
        provider_status="delivered",
        error_code="000",
        to="447700900123",
        sender="13342031111",
        price="0.00350",
    )


def test_a_failed_one_says_why():
    answer, _ = look_up(plivo, MESSAGE | {"message_state": "failed", "error_code": "420"})
    assert (answer.status, answer.reason) == (Status.EXPIRED, Reason.EXPIRED)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"api_id": "1", "error": "not found"}, 404),
        (b"Could not verify", 401),
        (MESSAGE | {"message_uuid": "0A2"}, 200),
        ({}, 200),
        (b"<html>", 200),
        (b"oops", 500),
        (b"slow down", 429),
    ],
)
def test_what_is_no_state_tells_nothing(told, status):
    answer, _ = look_up(plivo, told, status=status)
    assert isinstance(answer, Unanswered)
