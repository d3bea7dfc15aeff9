"""What goes out to Africa's Talking, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import africastalking
from delivrd.providers.base import Accepted, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def told(message="Sent to 1/1 Total Cost: KES 0.8000", **recipient):
    shown = {"number": "+447700900123", "cost": "KES 0.8000", "messageId": "ATXid_1"}
    recipients = [shown | recipient] if recipient else []
    return {"SMSMessageData": {"Message": message, "Recipients": recipients}}


def test_africastalking_is_sent_a_form():
    _, (seen,) = send(africastalking, {})
    assert seen == (
        "POST",
        "/version1/messaging",
        {"username": "acme", "to": "+447700900123", "message": MESSAGE.text, "from": "AcmeInc"},
    )
    assert seen.headers["apiKey"] == "the key of the application"
    assert seen.headers["Accept"] == "application/json"


@pytest.mark.parametrize("code", [100, 101, 102])
def test_africastalking_gives_an_id_and_a_price(code):
    answer = answered(africastalking, told(statusCode=code, status="Success"), status=201)
    assert answer == Accepted((SentPart("ATXid_1", price="0.8000", currency="KES"),))


def test_a_price_without_a_currency_is_none():
    answer = answered(africastalking, told(statusCode=101, cost="0"), status=201)
    assert answer == Accepted((SentPart("ATXid_1"),))


@pytest.mark.parametrize("found", ["None", None, ""])
def test_acceptance_without_an_id_leaves_us_unsure(found):
    answer = answered(africastalking, told(statusCode=101, messageId=found), status=201)
    assert answer == Unsure("the answer accepts, but contains no id")


@pytest.mark.parametrize("code", [*africastalking.SEND_ERRORS, "499"])
def test_each_of_africastalkings_refusals(code):
    refused = told(statusCode=int(code), status="SoItIs", messageId="None", cost="0")
    answer = answered(africastalking, refused, status=201)
    if code in {"500", "501"}:
        assert answer == Unsure("SoItIs")
    else:
        meaning = africastalking.SEND_ERRORS.get(code)
        assert answer == Refused(meaning.reason if meaning else Reason.OTHER, code, "SoItIs")


def test_africastalking_may_refuse_the_whole_request_by_a_word():
    answer = answered(africastalking, told("InvalidSenderId"), status=201)
    assert answer == Refused(Reason.SENDER_NOT_ALLOWED, "402", "InvalidSenderId")
