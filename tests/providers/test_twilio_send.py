"""What goes out to Twilio, and what its answers mean."""

from base64 import b64encode

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import twilio
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, send

ACCOUNT = "AC00000000000000000000000000000001"
SERVICE = "MG0123456789abcdef0123456789abcdef"


def basic(user, password):
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_twilio_is_sent_a_form():
    _, (seen,) = send(twilio, {})
    method, path, form = seen
    assert (method, path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert form == {"To": "+447700900123", "From": "AcmeInc", "Body": MESSAGE.text}
    assert seen.headers["Authorization"] == basic(ACCOUNT, "an auth token")


def test_twilio_may_be_sent_an_api_key(monkeypatch):
    by_key = {"api_key": "SK1", "api_secret": "the key's secret"}
    account = twilio.Settings(account_sid=ACCOUNT, auth_token="an auth token", **by_key)
    monkeypatch.setitem(ACCOUNTS, twilio, account)
    _, (seen,) = send(twilio, {})
    assert seen.headers["Authorization"] == basic("SK1", "the key's secret")


def test_of_several_tokens_the_first_sends(monkeypatch):
    rotating = twilio.Settings(account_sid=ACCOUNT, auth_token=["the new token", "the old one"])
    monkeypatch.setitem(ACCOUNTS, twilio, rotating)
    _, (seen,) = send(twilio, {})
    assert seen.headers["Authorization"] == basic(ACCOUNT, "the new token")


def test_a_messaging_service_may_be_the_sender():
    _, ((_, _, form),) = send(twilio, {}, message=MESSAGE._replace(sender=SERVICE))
    assert form["MessagingServiceSid"] == SERVICE
    assert "From" not in form


def test_twilio_takes_an_address_for_callbacks():
    message = MESSAGE._replace(callback_url="https://hub.example/webhooks/twilio/r")
    _, ((_, _, form),) = send(twilio, {}, message=message)
    assert form["StatusCallback"] == "https://hub.example/webhooks/twilio/r"


@pytest.mark.parametrize(
    ("validity", "period"), [(0, "1"), (1, "1"), (3600, "3600"), (10**9, "36000")]
)
def test_twilio_takes_a_validity_within_its_range(validity, period):
    _, ((_, _, form),) = send(twilio, {}, message=MESSAGE._replace(validity=validity))
    assert form["ValidityPeriod"] == period


def test_a_long_text_has_one_id():
    answer = {"sid": "SM1", "status": "queued", "num_segments": "3", "price": None,
              "price_unit": "USD", "error_code": None}  # fmt: skip
    assert answered(twilio, answer, status=201) == Accepted((SentPart("SM1"),))


@pytest.mark.parametrize("code", [*twilio.SEND_ERRORS, "4711"])
def test_each_of_twilios_refusals(code):
    told = {"code": int(code), "message": "So it is", "more_info": "https://…", "status": 400}
    answer = answered(twilio, told, status=400)
    if code in {"14107", "20429", "21611", "21730"}:
        assert answer == Later(detail="So it is")
    elif code == "4711":
        assert answer == Refused(Reason.OTHER, code, "HTTP 400: So it is")
    else:
        assert answer == Refused(twilio.SEND_ERRORS[code].reason, code, "So it is")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (20003, Reason.ACCOUNT_PROBLEM),
        (21211, Reason.UNKNOWN_NUMBER),
        (21408, Reason.ACCOUNT_PROBLEM),
        (21606, Reason.SENDER_NOT_ALLOWED),
        (21610, Reason.BLOCKED_BY_RECIPIENT),
        (21614, Reason.NOT_MOBILE),
        (21617, Reason.CONTENT_INVALID),
        (572005, Reason.ACCOUNT_PROBLEM),
    ],
)
def test_the_frequent_refusals_have_their_reasons(code, reason):
    assert answered(twilio, {"code": code}, status=400).reason is reason


def test_too_many_requests_are_tried_again():
    told = {"code": 20429, "message": "Too Many Requests", "status": 429}
    answer = answered(twilio, told, status=429, headers={"Retry-After": "2"})
    assert isinstance(answer, Later)
    assert answer.after == 2.0


def test_an_answer_without_an_id_leaves_us_unsure():
    assert isinstance(answered(twilio, {"status": "queued"}, status=201), Unsure)
