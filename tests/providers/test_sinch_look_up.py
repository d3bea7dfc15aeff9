"""Asking Sinch what became of a message."""

import pytest

from delivrd.providers import sinch
from delivrd.providers.base import Unanswered
from tests.providers.sends import SOUGHT, look_up

REPORT = {
    "type": "recipient_delivery_report_sms",
    "batch_id": "0A1",
    "recipient": "447700900123",
    "code": 406,
    "status": "Expired",
    "at": "2026-01-01T12:00:00.000Z",
}


def test_the_report_of_the_recipient_is_read():
    receipt, (seen,) = look_up(sinch, REPORT)
    assert seen[:2] == (
        "GET",
        "/xms/v1/plan-0123456789/batches/0A1/delivery_report/447700900123",
    )
    assert seen.headers["Authorization"] == "Bearer an api token"
    assert receipt.provider_message_id == "0A1"
    assert (receipt.status, receipt.final, receipt.reason) == ("expired", True, "expired")


def test_an_id_cannot_lead_to_another_address():
    _, (seen,) = look_up(sinch, REPORT, sought=SOUGHT._replace(provider_message_id="../../x?y#z"))
    assert seen[1].startswith("/xms/v1/plan-0123456789/batches/")
    assert seen.query == {}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, b""),
        (401, {"code": "unauthorized", "text": "No"}),
        (200, b""),
        (200, b"[]"),
        (200, {}),
        (200, REPORT | {"batch_id": "another"}),
        (500, b"oops"),
    ],
)
def test_anything_else_gives_no_result(status, answer):
    assert isinstance(look_up(sinch, answer, status=status)[0], Unanswered)
