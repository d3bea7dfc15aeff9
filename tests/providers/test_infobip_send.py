"""What goes out to Infobip, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import infobip
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send

PENDING = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED"}


def element(status=PENDING, message_id="a1"):
    return {"messageId": message_id, "status": status, "destination": "447700900123"}


def taken(*elements):
    return {"bulkId": "b1", "messages": list(elements)}


def test_infobip_is_sent_json_with_the_reference():
    _, (seen,) = send(infobip, taken(element()))
    assert seen[:2] == ("POST", "/sms/3/messages")
    assert seen.headers["Authorization"] == "App an api key of infobip"
    assert seen[2] == {
        "messages": [
            {
                "sender": "AcmeInc",
                "destinations": [{"to": "447700900123"}],
                "content": {"text": MESSAGE.text},
                "webhooks": {"callbackData": "018f-attempt"},
            }
        ]
    }


def test_reports_are_asked_for_as_json_at_the_message_s_own_address():
    url = "https://hub.example/webhooks/infobip/secret"
    _, ((_, _, content),) = send(
        infobip, taken(element()), message=MESSAGE._replace(callback_url=url)
    )
    assert content["messages"][0]["webhooks"] == {
        "callbackData": "018f-attempt",
        "delivery": {"url": url},
        "contentType": "application/json",
    }


@pytest.mark.parametrize(("validity", "seconds"), [(60, 60), (0, 1), (9_999_999, 172_800)])
def test_the_validity_is_in_seconds_and_at_most_48_hours(validity, seconds):
    message = MESSAGE._replace(validity=validity)
    _, ((_, _, content),) = send(infobip, taken(element()), message=message)
    period = {"amount": seconds, "timeUnit": "SECONDS"}
    assert content["messages"][0]["options"] == {"validityPeriod": period}


def test_a_pending_message_is_accepted():
    assert answered(infobip, taken(element())) == Accepted((SentPart("a1"),))


def test_a_status_in_no_table_is_accepted_with_its_id():
    assert answered(infobip, taken(element({"name": "BRAND_NEW"}))) == Accepted((SentPart("a1"),))


def test_a_message_without_an_id_leaves_us_unsure():
    assert isinstance(answered(infobip, taken(element(message_id=None))), Unsure)


@pytest.mark.parametrize("name", infobip.SEND_ERRORS)
def test_each_of_infobip_s_refusals(name):
    status = {"groupName": "REJECTED", "name": name, "description": "So it is"}
    answer = answered(infobip, taken(element(status)))
    if name in infobip.TRY_AGAIN:
        assert answer == Later(detail="So it is")
    else:
        assert answer == Refused(infobip.SEND_ERRORS[name].reason, name, "So it is")


def test_what_is_taken_in_part_is_accepted_with_its_refusals():
    refused = element({"groupName": "REJECTED", "id": 12}, "a2")
    answer = answered(infobip, taken(element(), refused))
    assert [part.provider_message_id for part in answer.parts] == ["a1", None]
    assert answer.parts[1].status is Status.REJECTED
    assert answer.parts[1].reason is Reason.ACCOUNT_PROBLEM
    assert answer.parts[1].error_code == "REJECTED_NOT_ENOUGH_CREDITS"


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (
            401,
            {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED", "text": "No"}}},
            Refused(Reason.ACCOUNT_PROBLEM, "UNAUTHORIZED", "HTTP 401: No"),
        ),
        (
            403,
            {"requestError": {"policyException": {"messageId": "POL0001", "text": "No"}}},
            Refused(Reason.ACCOUNT_PROBLEM, "POL0001", "HTTP 403: No"),
        ),
        (
            400,
            {"errorCode": "E400", "description": "Bad", "action": "Mend it", "violations": []},
            Refused(Reason.OTHER, "E400", "HTTP 400: Bad"),
        ),
    ],
)
def test_errors_of_version_2_and_3_are_refusals(status, answer, expected):
    assert answered(infobip, answer, status=status) == expected
