"""What goes out to MessageBird, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import messagebird
from delivrd.providers.base import Accepted, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def taken(*items, **more):
    return {"id": "f28bbe52", "recipients": {"totalCount": len(items), "items": list(items)}} | more


def item(status="sent", **more):
    return {"recipient": 447700900123, "status": status, "messagePartCount": 1} | more


def test_messagebird_is_sent_json_with_the_reference():
    _, (seen,) = send(messagebird, taken(item()), status=201)
    assert seen[:2] == ("POST", "/messages")
    assert seen.headers["Authorization"] == "AccessKey an access key"
    assert seen[2] == {
        "originator": "AcmeInc",
        "recipients": ["447700900123"],
        "body": MESSAGE.text,
        "datacoding": "unicode",
        "reference": "018f-attempt",
    }


def test_plain_text_is_sent_as_such_and_reports_are_asked_for():
    url = "https://hub.example/webhooks/messagebird"
    message = MESSAGE._replace(unicode=False, callback_url=url)
    _, ((_, _, content),) = send(messagebird, taken(item()), message=message)
    assert (content["datacoding"], content["reportUrl"]) == ("plain", url)


@pytest.mark.parametrize(("validity", "seconds"), [(60, 60), (0, 1), (9_999_999, 172_800)])
def test_the_validity_is_in_seconds_and_at_most_48_hours(validity, seconds):
    message = MESSAGE._replace(validity=validity)
    _, ((_, _, content),) = send(messagebird, taken(item()), message=message)
    assert content["validity"] == seconds


def test_a_message_that_is_created_is_accepted_with_its_price():
    answer = taken(item(price={"amount": 0.0333, "currency": "EUR"}))
    assert answered(messagebird, answer, status=201) == Accepted(
        (SentPart("f28bbe52", price="0.0333", currency="EUR"),)
    )


def test_a_message_without_recipients_is_accepted_by_its_id():
    assert answered(messagebird, {"id": "f28bbe52"}) == Accepted((SentPart("f28bbe52"),))


def test_a_recipient_that_failed_at_once_is_a_refusal():
    failed = item("delivery_failed", statusReason="opted out", statusErrorCode=103)
    answer = answered(messagebird, taken(failed), status=201)
    assert answer == Refused(Reason.BLOCKED_BY_RECIPIENT, "103", "opted out")


def test_what_is_taken_in_part_is_accepted_with_its_refusals():
    failed = item("delivery_failed", statusReason="insufficient balance")
    answer = answered(messagebird, taken(item(), failed), status=201)
    assert [part.provider_message_id for part in answer.parts] == ["f28bbe52", None]
    assert answer.parts[1].status is Status.REJECTED
    assert answer.parts[1].reason is Reason.ACCOUNT_PROBLEM


@pytest.mark.parametrize("code", messagebird.SEND_ERRORS)
@pytest.mark.parametrize("status", [401, 404, 422])
def test_each_of_messagebird_s_refusals(code, status):
    errors = [{"code": int(code), "description": "So it is", "parameter": "recipient"}]
    answer = answered(messagebird, {"errors": errors}, status=status)
    assert answer == Refused(messagebird.SEND_ERRORS[code].reason, code, "So it is")


def test_a_refusal_in_no_table_keeps_its_code():
    errors = [{"code": 4711, "description": "So it is"}]
    answer = answered(messagebird, {"errors": errors}, status=422)
    assert answer == Refused(Reason.OTHER, "4711", "HTTP 422: So it is")


def test_an_answer_without_an_id_leaves_us_unsure():
    assert isinstance(answered(messagebird, taken(item(), id=None), status=201), Unsure)
