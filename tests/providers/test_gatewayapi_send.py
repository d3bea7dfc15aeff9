"""What goes out to GatewayAPI, by either of its APIs, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import gatewayapi
from delivrd.providers.base import Accepted, Refused, SentPart
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, called, send

ANSWER = {
    "ids": [421332671],
    "usage": {"countries": {"DK": 1}, "currency": "DKK", "total_cost": 0.12},
}
MESSAGING = {
    "msg_id": "01JNN696A9E0WS89FPYGT15NBX",
    "recipient": 447700900123,
    "reference": "018f-attempt",
}


@pytest.fixture
def messaging(monkeypatch):
    settings = ACCOUNTS[gatewayapi].model_copy(update={"api": "messaging"})
    monkeypatch.setitem(ACCOUNTS, gatewayapi, settings)
    return settings


def test_the_rest_api_is_sent_json():
    _, ((method, path, content),) = send(gatewayapi, ANSWER)
    assert (method, path) == ("POST", "/rest/mtsms")
    assert content == {
        "sender": "AcmeInc",
        "message": MESSAGE.text,
        "recipients": [{"msisdn": 447700900123}],
        "userref": "018f-attempt",
        "encoding": "UCS2",
    }


def test_the_token_is_the_user_of_basic_auth():
    _, (seen,) = send(gatewayapi, ANSWER)
    assert seen.headers["authorization"] == "Basic YW4gYXBpIHRva2VuOg=="  # "an api token:"


def test_plain_text_a_validity_and_an_address_for_receipts():
    message = MESSAGE._replace(
        unicode=False, validity=3600, callback_url="https://hub.example/webhooks/g/r"
    )
    _, ((_, _, content),) = send(gatewayapi, ANSWER, message=message)
    assert (content["encoding"], content["validity_period"]) == ("UTF8", 3600)
    assert content["callback_url"] == "https://hub.example/webhooks/g/r"


def test_there_is_one_id_and_the_cost():
    part = SentPart("421332671", price="0.12", currency="DKK")
    assert answered(gatewayapi, ANSWER) == Accepted((part,))


@pytest.mark.parametrize("code", gatewayapi.SEND_ERRORS)
def test_each_of_the_refusals(code):
    error = {"code": code, "incident_uuid": "d8127429", "message": "So it is"}
    answer = answered(gatewayapi, error, status=403)
    assert answer == Refused(gatewayapi.SEND_ERRORS[code].reason, code, "So it is")


def test_the_variables_of_a_refusal_are_put_into_its_words():
    error = {
        "code": "0x0213",
        "incident_uuid": "d8127429-fa0c-4316-b1f2-e610c3958f43",
        "message": "Unauthorized IP-address: %1",
        "variables": ["192.0.2.4"],
    }
    answer = answered(gatewayapi, error, status=403)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "0x0213", "Unauthorized IP-address: 192.0.2.4")


def test_the_variables_of_a_refusal_hold_nothing_that_no_store_takes():
    error = {"code": "0x0213", "message": "No: %1", "variables": ["a\0b\ud800"]}
    assert answered(gatewayapi, error, status=403).detail == "No: ab"


def test_a_code_in_lower_case_is_known_too():
    answer = answered(gatewayapi, {"code": "0x021d", "message": "no"}, status=403)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "0x021d", "no")


def test_a_refusal_in_no_table_keeps_its_code():
    answer = answered(gatewayapi, {"code": "0x0399", "message": "no"}, status=400)
    assert answer == Refused(Reason.OTHER, "0x0399", "HTTP 400: no")


def test_a_general_refusal_is_known_from_every_origin():
    answer = answered(gatewayapi, {"code": "0x0308", "message": "no"}, status=400)
    assert answer == Refused(Reason.CONTENT_INVALID, "0x0308", "no")


@pytest.mark.usefixtures("messaging")
def test_the_messaging_api_is_sent_json():
    message = MESSAGE._replace(validity=10**9, callback_url="https://hub.example/webhooks/g/r")
    _, (seen,) = send(gatewayapi, MESSAGING, message=message, status=202)
    assert seen == (
        "POST",
        "/mobile/single",
        {
            "sender": "AcmeInc",
            "recipient": 447700900123,
            "message": MESSAGE.text,
            "reference": "018f-attempt",
            "expiration": "PT432000S",
        },
    )
    assert seen.headers["authorization"] == "Token an api token"


@pytest.mark.usefixtures("messaging")
def test_the_messaging_api_gives_one_id():
    part = SentPart("01JNN696A9E0WS89FPYGT15NBX")
    assert answered(gatewayapi, MESSAGING, status=202) == Accepted((part,))


@pytest.mark.usefixtures("messaging")
def test_the_messaging_api_says_what_it_finds_wrong():
    error = {"detail": [{"loc": ["body", "sender"], "msg": "Field required", "type": "missing"}]}
    answer = answered(gatewayapi, error, status=422)
    assert answer == Refused(Reason.OTHER, "422", "HTTP 422: Field required")
    answer = answered(gatewayapi, {"detail": "Invalid token"}, status=401)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "401", "HTTP 401: Invalid token")


def test_the_messaging_api_has_an_address_of_its_own(messaging):
    assert called(gatewayapi, messaging).startswith("https://messaging.gatewayapi.com/")
