"""What BulkSMS is asked of a message whose receipt never came, and what its answers mean."""

from base64 import b64encode

import pytest

from delivrd.core.statement import Status
from delivrd.providers import bulksms
from delivrd.providers.base import Unanswered
from tests.providers.sends import SOUGHT, look_up


def told(**more):
    state = {"id": "FAILED.BLOCKED", "type": "FAILED", "subtype": "BLOCKED"}
    return {"id": "0A1", "type": "SENT", "to": "447700900123", "status": state} | more


def test_bulksms_is_looked_up_by_id():
    _, (seen,) = look_up(bulksms, told())
    assert seen[:2] == ("GET", "/v1/messages/0A1")
    credentials = b64encode(b"token-id:the secret of the token").decode()
    assert seen.headers["Authorization"] == f"Basic {credentials}"


def test_an_id_cannot_leave_its_place_in_the_address():
    sought = SOUGHT._replace(provider_message_id="1?a")
    _, (seen,) = look_up(bulksms, told(), sought=sought)
    assert (seen[1], seen.query) == ("/v1/messages/1?a", {})


def test_its_answer_is_a_receipt():
    receipt, _ = look_up(bulksms, told())
    assert (receipt.provider_message_id, receipt.status) == ("0A1", Status.REJECTED)
    assert (receipt.provider_status, receipt.error_code) == ("FAILED.BLOCKED", "BLOCKED")
    assert receipt.to == "447700900123"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id":"0A2","status":{"type":"SENT"}}'])
def test_an_answer_about_nothing_or_another_is_unanswered(body):
    assert look_up(bulksms, body)[0] == Unanswered("HTTP 200, without the message")


def test_an_unknown_id_is_unanswered():
    assert look_up(bulksms, told(), status=404)[0] == Unanswered("HTTP 404, without the message")


def test_a_failing_gateway_is_unanswered():
    assert look_up(bulksms, b"", status=503)[0] == Unanswered("the gateway answered HTTP 503")
