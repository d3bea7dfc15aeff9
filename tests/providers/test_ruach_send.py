"""What goes out to Ruach, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import ruach
from delivrd.providers.base import Accepted, Refused, SentPart
from tests.providers.sends import MESSAGE, answered, send


def test_ruach_is_sent_json():
    _, ((method, path, content),) = send(ruach, {})
    assert (method, path) == ("POST", "/api/v2/SendSMS")
    assert content == {
        "SenderId": "AcmeInc",
        "Message": MESSAGE.text,
        "MobileNumbers": "447700900123",
        "ApiKey": "the api key of it",
        "ClientId": "client",
        "Is_Unicode": True,
        "Is_Flash": False,
    }


def test_ruach_gives_one_id():
    answer = {
        "ErrorCode": 0,
        "ErrorDescription": "Success",
        "Data": [{"MobileNumber": "447700900123", "MessageId": "3bb944ad"}],
    }
    assert answered(ruach, answer) == Accepted((SentPart("3bb944ad"),))


@pytest.mark.parametrize("code", ["001", "003", "007", "008", "010"])
@pytest.mark.parametrize("write", ['"{}"', "{}"])
def test_each_of_ruachs_refusals(code, write):
    """The vendor's own sample writes a number with leading zeros, which is no JSON."""
    told = f'"ErrorCode": {write.format(code)}, "ErrorDescription": "So it is", "Data": null'
    body = "{" + told + "}"
    answer = answered(ruach, body.encode())
    assert isinstance(answer, Refused)
    assert answer.reason is ruach.SEND_ERRORS[code.lstrip("0")].reason
    assert answer.detail == "So it is"


def test_ruach_may_refuse_the_only_element():
    failed = {"MessageErrorCode": 7, "MessageErrorDescription": "No", "MessageId": ""}
    answer = answered(ruach, {"ErrorCode": 0, "Data": [failed]})
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "7", "No")
