"""What goes out to Telnyx, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import telnyx
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, send

ANSWER = {
    "data": {
        "record_type": "message",
        "id": "40385f64-5717-4562-b3fc-2c963f66afa6",
        "to": [{"phone_number": "+447700900123", "status": "queued"}],
        "parts": 1,
        "cost": {"amount": "0.0051", "currency": "USD"},
        "errors": [],
    }
}


def refusal(code, **more):
    return {"errors": [{"code": code, "title": "So it is"} | more]}


def test_telnyx_is_sent_json():
    _, ((method, path, content),) = send(telnyx, ANSWER)
    assert (method, path) == ("POST", "/v2/messages")
    assert content == {
        "from": "AcmeInc",
        "to": "+447700900123",
        "text": MESSAGE.text,
        "messaging_profile_id": "profile-1",
    }


def test_telnyx_is_called_with_the_key():
    _, (seen,) = send(telnyx, ANSWER)
    assert seen.headers["authorization"] == "Bearer KEY-of-an-account"


def test_telnyx_takes_an_address_for_receipts():
    message = MESSAGE._replace(callback_url="https://hub.example/webhooks/t/r")
    _, ((_, _, content),) = send(telnyx, ANSWER, message=message)
    assert content["webhook_url"] == "https://hub.example/webhooks/t/r"


def test_telnyx_is_told_no_messaging_profile_where_the_account_has_none(monkeypatch):
    settings = ACCOUNTS[telnyx].model_copy(update={"messaging_profile_id": None})
    monkeypatch.setitem(ACCOUNTS, telnyx, settings)
    _, ((_, _, content),) = send(telnyx, ANSWER)
    assert "messaging_profile_id" not in content


def test_telnyx_gives_one_id_and_the_cost():
    part = SentPart("40385f64-5717-4562-b3fc-2c963f66afa6", price="0.0051", currency="USD")
    assert answered(telnyx, ANSWER) == Accepted((part,))


def test_an_answer_without_cost_is_fine():
    assert answered(telnyx, {"data": {"id": "1", "cost": None}}) == Accepted((SentPart("1"),))


@pytest.mark.parametrize("code", telnyx.SEND_ERRORS)
def test_each_of_telnyx_refusals(code):
    answer = answered(telnyx, refusal(code, detail="Because"), status=422)
    if code in {"10011", "40011", "40318"}:
        assert answer == Later(detail="Because")
    else:
        assert answer == Refused(telnyx.SEND_ERRORS[code].reason, code, "Because")


def test_a_spend_limit_is_a_refusal_though_it_comes_as_429():
    answer = answered(telnyx, refusal("40333"), status=429)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "40333", "So it is")
    assert isinstance(answered(telnyx, refusal("10011"), status=429), Later)


def test_a_refusal_with_a_title_alone():
    answer = answered(telnyx, refusal("40300"), status=409)
    assert answer == Refused(Reason.BLOCKED_BY_RECIPIENT, "40300", "So it is")


def test_a_refusal_in_no_table_keeps_its_code():
    answer = answered(telnyx, refusal("49999"), status=422)
    assert answer == Refused(Reason.OTHER, "49999", "HTTP 422: So it is")


def test_an_answer_of_2xx_with_errors_alone_leaves_us_unsure():
    assert isinstance(answered(telnyx, refusal("40300")), Unsure)
