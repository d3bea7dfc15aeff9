"""What Clickatell is asked of a message whose receipt never came, and what its answers mean."""

import pytest

from delivrd.core.statement import Receipt, Status
from delivrd.providers import clickatell
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up


def told(**more):
    return {"messageId": "0A1", "timestamp": "1571749200123"} | more


def test_clickatell_is_looked_up_by_id():
    _, (seen,) = look_up(clickatell, told(status="DEVICE_ACK"))
    assert seen[:2] == ("GET", "/public-client/message/status")
    assert seen.query == {"messageId": "0A1"}
    assert seen.headers["Authorization"] == "the key of an integration"


def test_a_word_of_the_one_api_is_a_status():
    receipt, _ = look_up(clickatell, told(status="EXPIRED", statusCode=20))
    assert isinstance(receipt, Receipt)
    assert (receipt.provider_message_id, receipt.status) == ("0A1", Status.EXPIRED)
    assert (receipt.final, receipt.provider_status, receipt.error_code) == (True, "EXPIRED", "20")


@pytest.mark.parametrize("code", ["4", "5", "004"])
def test_a_number_alone_tells_nothing_since_it_could_be_of_either_table(code):
    answer, _ = look_up(clickatell, told(statusCode=code))
    assert answer == Unanswered("HTTP 200, without a known status")


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refused_question_is_unanswered(status):
    answer, _ = look_up(clickatell, told(status="DEVICE_ACK"), status=status)
    assert answer == Unanswered(f"HTTP {status}, without a known status")


@pytest.mark.parametrize("body", [b"", b"<a>", b"[]", b'{"data":"<a"}'])
def test_an_answer_that_says_nothing_is_unanswered(body):
    assert isinstance(look_up(clickatell, body)[0], Unanswered)


def test_too_many_questions_are_asked_again_when_told():
    answer, _ = look_up(clickatell, b"", status=429, headers={"Retry-After": "7"})
    assert answer.after == 7.0
