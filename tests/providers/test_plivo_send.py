"""What goes out to Plivo, and what its answers mean."""

from base64 import b64encode

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import plivo
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, send

POWERPACK = "86bbb125-97bb-4d72-89fd-81d5c515b015"
QUEUED = {"api_id": "db342550", "message": "message(s) queued"}


def test_plivo_is_sent_json():
    _, (seen,) = send(plivo, {})
    method, path, content = seen
    assert (method, path) == ("POST", "/v1/Account/MAXXXXXXXXXXXXXXXXXX/Message/")
    assert content == {
        "src": "AcmeInc",
        "dst": "+447700900123",
        "text": MESSAGE.text,
        "type": "sms",
    }
    login = b64encode(b"MAXXXXXXXXXXXXXXXXXX:an auth token").decode()
    assert seen.headers["Authorization"] == f"Basic {login}"


def test_of_several_tokens_the_first_sends(monkeypatch):
    rotating = plivo.Settings(auth_id="MA1", auth_token=["the new token", "the old one"])
    monkeypatch.setitem(ACCOUNTS, plivo, rotating)
    _, (seen,) = send(plivo, {})
    assert seen.headers["Authorization"] == "Basic " + b64encode(b"MA1:the new token").decode()


def test_a_powerpack_may_be_the_sender():
    _, ((_, _, content),) = send(plivo, {}, message=MESSAGE._replace(sender=POWERPACK))
    assert content["powerpack_uuid"] == POWERPACK
    assert "src" not in content


def test_plivo_takes_an_address_for_callbacks():
    message = MESSAGE._replace(callback_url="https://hub.example/webhooks/plivo/r")
    _, ((_, _, content),) = send(plivo, {}, message=message)
    assert content["url"] == "https://hub.example/webhooks/plivo/r"
    assert content["method"] == "POST"


@pytest.mark.parametrize(("validity", "expiry"), [(1, 5), (3600, 3600), (10**9, 10_800)])
def test_plivo_takes_a_validity_within_its_range(validity, expiry):
    _, ((_, _, content),) = send(plivo, {}, message=MESSAGE._replace(validity=validity))
    assert content["message_expiry"] == expiry


@pytest.mark.parametrize("uuid", [["u-1"], "u-1"])
def test_plivo_gives_an_id(uuid):
    answer = answered(plivo, QUEUED | {"message_uuid": uuid}, status=202)
    assert answer == Accepted((SentPart("u-1"),))


def test_an_odd_element_of_the_ids_is_passed_over():
    answer = answered(plivo, QUEUED | {"message_uuid": [None, "u-1", {}]}, status=202)
    assert answer == Accepted((SentPart("u-1"),))


def test_an_invalid_number_is_refused_though_the_answer_is_202():
    told = QUEUED | {"message_uuid": [], "invalid_number": ["447700900123"]}
    answer = answered(plivo, told, status=202)
    assert answer == Refused(
        Reason.UNKNOWN_NUMBER, "invalid_number", "the recipient's number is invalid"
    )


def test_an_answer_without_an_id_leaves_us_unsure():
    assert isinstance(answered(plivo, QUEUED | {"message_uuid": []}, status=202), Unsure)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, Reason.OTHER), (401, Reason.ACCOUNT_PROBLEM), (404, Reason.OTHER)],
)
def test_a_refusal_tells_the_gateway_s_words(status, reason):
    answer = answered(plivo, {"api_id": "1", "error": "src is invalid"}, status=status)
    assert answer == Refused(reason, str(status), f"HTTP {status}: src is invalid")


def test_too_many_requests_are_tried_again():
    assert isinstance(answered(plivo, {"error": "rate limited"}, status=429), Later)
