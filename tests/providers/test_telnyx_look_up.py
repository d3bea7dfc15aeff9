"""What Telnyx says of a message whose receipt never came."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import telnyx
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up


def message(*recipients, **more):
    data = {"record_type": "message", "id": "0A1", "direction": "outbound", "type": "SMS"}
    return {"data": data | {"to": list(recipients)} | more}


def to(number="+447700900123", status="delivered"):
    return {"phone_number": number, "status": status}


def test_a_message_is_looked_up_by_its_id():
    _, (seen,) = look_up(telnyx, message(to()))
    assert seen[:2] == ("GET", "/v2/messages/0A1")
    assert seen.headers["authorization"] == "Bearer KEY-of-an-account"


def test_its_status_is_told():
    answer = message(to(), completed_at="2019-01-23T18:10:02.574Z", cost={"cost": "1.23"})
    receipt, _ = look_up(telnyx, answer)
    assert (receipt.provider_message_id, receipt.status) == ("0A1", Status.DELIVERED)
    assert (receipt.to, receipt.price) == ("447700900123", "1.23")
    assert receipt.occurred_at.year == 2019


def test_a_detail_record_without_a_word_from_the_carrier_is_final():
    receipt, _ = look_up(telnyx, message(to(status="dlr_timeout")))
    assert (receipt.status, receipt.final) == (Status.UNKNOWN, True)
    assert receipt.reason is Reason.NO_HANDSET_PROOF


def test_of_a_group_the_recipient_asked_for_is_taken():
    receipt, _ = look_up(telnyx, message(to("+447700900999"), to(status="delivery_failed")))
    assert receipt.status is Status.UNDELIVERED


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"errors": [{"code": "10005", "title": "Resource not found"}]}, 404),
        (b"oops", 500),
        (b"slow down", 429),
        (b"", 200),
        ({"data": {}}, 200),
        (message(to("+447700900999")), 200),
        ({"data": {"id": "another", "to": [to()]}}, 200),
        (message(to(), direction="inbound"), 200),
    ],
)
def test_what_tells_nothing_is_no_answer(answer, status):
    assert isinstance(look_up(telnyx, answer, status=status)[0], Unanswered)
