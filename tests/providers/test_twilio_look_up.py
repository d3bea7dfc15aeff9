"""What a look-up asks Twilio, and what its answers mean."""

from datetime import UTC, datetime

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import twilio
from delivrd.providers.base import Unanswered
from tests.providers.sends import SOUGHT, look_up

MESSAGE = {
    "sid": "0A1",
    "status": "delivered",
    "to": "+447700900123",
    "from": "+15550001",
    "num_segments": "2",
    "price": "-0.00750",
    "price_unit": "USD",
    "error_code": None,
    "error_message": None,
    "date_updated": "Wed, 01 May 2024 12:00:00 +0000",
}


def test_the_message_is_looked_up_by_its_id():
    _, (seen,) = look_up(twilio, MESSAGE)
    assert seen[:2] == (
        "GET",
        "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/0A1.json",
    )
    assert seen.headers["Authorization"].startswith("Basic ")


def test_a_delivered_message_is_a_receipt():
    answer, _ = look_up(twilio, MESSAGE)
    assert answer == Receipt(
        provider_message_id="0A1",
        status=Status.DELIVERED,
        final=True,
        provider_status="delivered",
        to="447700900123",
        sender="+15550001",
        price="0.00750",
        currency="USD",
        occurred_at=datetime(2024, 5, 1, 12, tzinfo=UTC),
    )


def test_a_failed_one_says_why():
    told = {"status": "undelivered", "error_code": 30007, "error_message": "Filtered"}
    answer, _ = look_up(twilio, MESSAGE | told)
    assert (answer.status, answer.reason) == (Status.REJECTED, Reason.BLOCKED_BY_CARRIER)
    assert (answer.error_code, answer.detail) == ("30007", "Filtered")


def test_without_a_price_there_is_no_currency():
    answer, _ = look_up(twilio, MESSAGE | {"price": None})
    assert (answer.price, answer.currency) == (None, None)


@pytest.mark.parametrize("time", [None, "", "soon", 7, "Wed, 01 May 99999 12:00:00 +0000"])
def test_an_odd_time_costs_nothing_else(time):
    answer, _ = look_up(twilio, MESSAGE | {"date_updated": time})
    assert (answer.status, answer.occurred_at) == (Status.DELIVERED, None)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"code": 20404, "message": "not found", "status": 404}, 404),
        ({"code": 20003, "message": "Authenticate"}, 401),
        (MESSAGE | {"sid": "0A2"}, 200),
        ({}, 200),
        (b"<html>", 200),
        (b"oops", 500),
        (b"slow down", 429),
    ],
)
def test_what_is_no_status_tells_nothing(told, status):
    answer, _ = look_up(twilio, told, status=status)
    assert isinstance(answer, Unanswered)


def test_an_id_stays_within_its_place_in_the_path():
    _, (seen,) = look_up(twilio, {}, sought=SOUGHT._replace(provider_message_id="../x?y"))
    assert seen[1].endswith("/Messages/../x?y.json")
    assert seen.query == {}
