"""What goes out to Vonage, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import vonage
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def element(status="0", **more):
    return {"to": "447700900123", "status": status} | more


def test_vonage_is_sent_a_form():
    _, ((method, path, form),) = send(vonage, {})
    assert (method, path) == ("POST", "/sms/json")
    assert form == {
        "api_key": "abcd1234",
        "api_secret": "an api secret",
        "from": "AcmeInc",
        "to": "447700900123",
        "text": MESSAGE.text,
        "type": "unicode",
        "client-ref": "018f-attempt",
    }


@pytest.mark.parametrize(
    ("validity", "ttl"),
    [(1, "20000"), (20, "20000"), (3600, "3600000"), (10**9, "604800000")],
)
def test_vonage_takes_a_validity_within_its_range(validity, ttl):
    _, ((_, _, form),) = send(vonage, {}, message=MESSAGE._replace(validity=validity))
    assert form["ttl"] == ttl


def test_vonage_takes_plain_text_and_an_address_for_receipts():
    message = MESSAGE._replace(unicode=False, callback_url="https://hub.example/webhooks/v/s/r")
    _, ((_, _, form),) = send(vonage, {}, message=message)
    assert (form["type"], form["callback"]) == ("text", "https://hub.example/webhooks/v/s/r")


def test_vonage_gives_an_id_for_each_part():
    parts = [element(**{"message-id": f"0A{n}", "message-price": "0.03", "network": "23410"})
             for n in (1, 2)]  # fmt: skip
    assert answered(vonage, {"message-count": "2", "messages": parts}) == Accepted(
        (
            SentPart("0A1", price="0.03", network="23410"),
            SentPart("0A2", price="0.03", network="23410"),
        )
    )


def test_vonage_may_refuse_one_part_of_several():
    parts = [element(**{"message-id": "0A1"}), element("9", **{"error-text": "Quota exceeded"})]
    answer = answered(vonage, {"messages": parts})
    assert isinstance(answer, Accepted)
    assert [part.provider_message_id for part in answer.parts] == ["0A1", None]
    assert answer.parts[1].status is Status.REJECTED
    assert answer.parts[1].reason is Reason.ACCOUNT_PROBLEM
    assert (answer.parts[1].error_code, answer.parts[1].detail) == ("9", "Quota exceeded")


@pytest.mark.parametrize("code", [*vonage.SEND_ERRORS, "4711"])
def test_each_of_vonages_refusals(code):
    answer = answered(vonage, {"messages": [element(code, **{"error-text": "So it is"})]})
    if code in {"1", "5", "10", "13"}:
        assert answer == Later(detail="So it is")
    else:
        meaning = vonage.SEND_ERRORS.get(code)
        reason = meaning.reason if meaning else Reason.OTHER
        assert answer == Refused(reason, code, "So it is")


@pytest.mark.parametrize("part", [{}, {"message-id": "0A1"}, {"error-text": "No"}])
def test_an_answer_without_a_status_is_unsure(part):
    assert isinstance(answered(vonage, {"messages": [part]}), Unsure)
    assert isinstance(answered(vonage, {"messages": [element("4"), part]}), Unsure)


def test_vonage_refuses_when_it_refuses_every_part():
    answer = answered(vonage, {"messages": [element("4"), element("4")]})
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "4", "Invalid credentials")


@pytest.mark.parametrize(
    "told",
    [
        {"error-code": "401", "error-code-label": "No such key"},
        {"type": "https://developer.nexmo.com/api-errors#unauthorized", "title": "Unauthorized",
         "detail": "No such key"},
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_whole_request_is_told(told):
    refused = Refused(Reason.ACCOUNT_PROBLEM, "401", "HTTP 401: No such key")
    assert answered(vonage, told, status=401) == refused
