"""Asking MessageBird what became of a message."""

import pytest

from delivrd.providers import messagebird
from delivrd.providers.base import Unanswered
from tests.providers.sends import SOUGHT, look_up

OURS = {
    "recipient": 447700900123,
    "originator": None,
    "status": "delivery_failed",
    "statusDatetime": "2026-01-01T12:00:00+00:00",
    "statusErrorCode": 27,
    "statusReason": "unavailable subscriber",
    "price": {"amount": 0.0333, "currency": "EUR"},
    "mccmnc": "23410",
}
MESSAGE = {
    "id": "0A1",
    "originator": "AcmeInc",
    "reference": "018f-attempt",
    "recipients": {"items": [{"recipient": 447700900999, "status": "delivered"}, OURS]},
}


def test_the_status_of_our_recipient_is_read():
    receipt, (seen,) = look_up(messagebird, MESSAGE)
    assert seen[:2] == ("GET", "/messages/0A1")
    assert seen.headers["Authorization"] == "AccessKey an access key"
    assert (receipt.provider_message_id, receipt.to) == ("0A1", "447700900123")
    assert (receipt.status, receipt.final, receipt.reason) == ("undelivered", True, "unreachable")
    assert (receipt.price, receipt.network) == ("0.0333", "23410")
    assert (receipt.sender, receipt.reference) == ("AcmeInc", "018f-attempt")


def test_an_id_cannot_lead_to_another_address():
    sought = SOUGHT._replace(provider_message_id="../x?y#z")
    _, (seen,) = look_up(messagebird, MESSAGE, sought=sought)
    assert seen[1].startswith("/messages/")
    assert seen.query == {}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"id": "0A1", "recipients": {"items": [OURS | {"recipient": 447700900999}]}}),
        (200, {"id": "0A1", "recipients": {"items": 7}}),
        (200, {}),
        (200, b""),
        (404, {"errors": [{"code": 20, "description": "message not found"}]}),
        (500, b"oops"),
    ],
)
def test_anything_else_gives_no_result(status, answer):
    assert isinstance(look_up(messagebird, answer, status=status)[0], Unanswered)
