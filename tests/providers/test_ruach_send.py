"""What goes out to Ruach, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import ruach
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
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


@pytest.mark.parametrize("code", [*ruach.SEND_ERRORS, "999"])
@pytest.mark.parametrize("write", ['"{}"', "{}", "{:.0f}"])
def test_each_of_ruachs_refusals(code, write):
    """The vendor's own sample writes a number with leading zeros, which is no JSON."""
    said = write.format(int(code) if "f" in write else code)
    told = f'"ErrorCode": {said}, "ErrorDescription": "So it is", "Data": null'
    answer = answered(ruach, ("{" + told + "}").encode())
    meaning = ruach.SEND_ERRORS.get(code)
    reason = meaning.reason if meaning else Reason.OTHER
    expected = {
        "006": Unsure("So it is"),
        "033": Unsure("So it is"),
        "034": Later(detail="So it is"),
    }.get(code, Refused(reason, said.strip('"'), "So it is"))
    assert answer == expected


def test_the_codes_are_the_vendor_s():
    """https://docs.ruach.ng/api-reference/error-codes"""
    by_code = {code: meaning.reason for code, meaning in ruach.SEND_ERRORS.items()}
    assert by_code["013"] is Reason.UNKNOWN_NUMBER
    assert by_code["015"] is Reason.SENDER_NOT_ALLOWED
    assert by_code["021"] is Reason.ACCOUNT_PROBLEM
    assert by_code["038"] is Reason.BLOCKED_BY_CARRIER


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (7, Refused(Reason.ACCOUNT_PROBLEM, "7", "No")),
        ("013", Refused(Reason.UNKNOWN_NUMBER, "013", "No")),
        (34, Later(detail="No")),
        (6, Unsure("No")),
    ],
)
def test_ruach_may_refuse_the_only_element(code, expected):
    failed = {"MessageErrorCode": code, "MessageErrorDescription": "No", "MessageId": ""}
    assert answered(ruach, {"ErrorCode": 0, "Data": [failed]}) == expected
