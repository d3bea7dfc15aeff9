"""What goes out to Clickatell, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import clickatell
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def element(**more):
    return {"apiMessageId": "8a1", "accepted": True, "to": "447700900123", "error": None} | more


def test_clickatell_is_sent_a_message_of_the_one_api():
    _, (seen,) = send(clickatell, {})
    assert seen == (
        "POST",
        "/v1/message",
        {
            "messages": [
                {
                    "channel": "sms",
                    "to": "447700900123",
                    "from": "AcmeInc",
                    "content": MESSAGE.text,
                    "clientMessageId": "018f-attempt",
                }
            ]
        },
    )
    assert seen.headers["Authorization"] == "the key of an integration"


def test_clickatell_gives_an_id():
    answer = answered(clickatell, {"messages": [element()], "error": None}, status=202)
    assert answer == Accepted((SentPart("8a1"),))


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"code": "25", "description": "No such place"}},
        {"error": "No such place", "errorCode": "25"},
        {"error": "25", "errorDescription": "No such place", "errorCode": "25"},
    ],
)
def test_clickatell_writes_an_error_in_several_ways(error):
    refused = element(apiMessageId=None, accepted=False) | error
    answer = answered(clickatell, {"messages": [refused]}, status=202)
    assert answer == Refused(Reason.UNKNOWN_NUMBER, "25", "No such place")


@pytest.mark.parametrize("code", [*clickatell.SEND_ERRORS, "4711"])
def test_each_of_clickatells_refusals(code):
    refused = element(apiMessageId="", accepted=False, errorCode=code, error="So it is")
    answer = answered(clickatell, {"messages": [refused]}, status=202)
    if code in {"19", "43"}:
        assert answer == Later(detail="So it is")
    else:
        meaning = clickatell.SEND_ERRORS.get(code)
        assert answer == Refused(meaning.reason if meaning else Reason.OTHER, code, "So it is")


def test_clickatell_may_name_a_code_alone():
    assert answered(clickatell, {"messages": [], "error": "20"}, status=400) == Refused(
        Reason.ACCOUNT_PROBLEM, "20", "No credit left"
    )


def test_clickatell_may_refuse_the_whole_request_in_words():
    answer = answered(clickatell, {"messages": [], "error": "Invalid API key"}, status=401)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "401", "HTTP 401: Invalid API key")


def test_an_id_that_was_not_accepted_is_no_message():
    answer = answered(clickatell, {"messages": [element(accepted=False)]}, status=202)
    assert answer == Unsure("the answer contains no id")
