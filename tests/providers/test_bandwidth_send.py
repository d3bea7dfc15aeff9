"""What goes out to Bandwidth, with the vendor's SDK as its reader, and what its answers mean."""

from datetime import UTC, datetime

import pytest
from bandwidth.models.inbound_callback_type_enum import InboundCallbackTypeEnum
from bandwidth.models.message_request import MessageRequest
from bandwidth.models.message_status_enum import MessageStatusEnum
from bandwidth.models.status_callback_type_enum import StatusCallbackTypeEnum

from delivrd.core.reasons import Reason
from delivrd.providers import bandwidth
from delivrd.providers.base import Accepted, Later, Refused, SentPart
from tests.providers.sends import MESSAGE, answered, send

ANSWER = {
    "id": "1589228074636lm4k2je7j7jklbn2",
    "time": "2024-12-02T20:15:57.666Z",
    "segmentCount": 2,
    "direction": "out",
    "to": ["+447700900123"],
    "from": "AcmeInc",
    "text": "Hello",
    "tag": "018f-attempt",
}


def test_bandwidth_is_sent_json():
    _, ((method, path, content),) = send(bandwidth, ANSWER, status=202)
    assert (method, path) == ("POST", "/api/v2/users/9900000/messages")
    assert content == {
        "applicationId": "93de2206-9669-4e07-948d-329f4b722ee2",
        "to": ["+447700900123"],
        "from": "AcmeInc",
        "text": MESSAGE.text,
        "tag": "018f-attempt",
    }


def test_bandwidth_is_called_with_basic_auth():
    _, (seen,) = send(bandwidth, ANSWER)
    # base64 of "an api user:an api password"
    assert seen.headers["authorization"] == "Basic YW4gYXBpIHVzZXI6YW4gYXBpIHBhc3N3b3Jk"


def test_a_validity_is_told_as_the_time_at_which_it_ends():
    _, ((_, _, content),) = send(bandwidth, ANSWER, message=MESSAGE._replace(validity=3600))
    told = MessageRequest.from_dict(content).expiration
    assert 3590 < (told - datetime.now(UTC)).total_seconds() <= 3600


def test_the_sdk_reads_what_is_sent_as_it_is_meant():
    _, ((_, _, content),) = send(bandwidth, ANSWER)
    told = MessageRequest.from_dict(content)
    assert (told.to, told.var_from, told.text, told.tag) == (
        [MESSAGE.to], MESSAGE.sender, MESSAGE.text, MESSAGE.reference,
    )  # fmt: skip


def test_the_sdk_s_words_are_those_of_the_tables():
    assert {word.value for word in StatusCallbackTypeEnum} == set(bandwidth.EVENTS)
    assert {word.value for word in MessageStatusEnum} == set(bandwidth.LOOKED_UP)
    assert {word.value for word in InboundCallbackTypeEnum} <= bandwidth.INBOUND


def test_bandwidth_gives_one_id_whatever_the_length():
    assert answered(bandwidth, ANSWER, status=202) == Accepted((SentPart(ANSWER["id"]),))


@pytest.mark.parametrize("kind", bandwidth.SEND_ERRORS)
def test_each_of_bandwidths_refusals(kind):
    answer = answered(bandwidth, {"type": kind, "description": "So it is"}, status=400)
    if kind == "max-message-queue-size-exceeded":
        assert answer == Later(detail="So it is")
    else:
        assert answer == Refused(bandwidth.SEND_ERRORS[kind].reason, kind, "So it is")


def test_the_fields_that_are_wrong_are_named():
    error = {
        "type": "request-validation",
        "description": "Your request could not be accepted",
        "fieldErrors": [{"fieldName": "from", "description": "'AcmeInc' must be a number"}, 7],
    }
    answer = answered(bandwidth, error, status=400)
    words = "Your request could not be accepted: 'AcmeInc' must be a number"
    assert answer == Refused(Reason.CONTENT_INVALID, "request-validation", words)


def test_a_refusal_in_no_table_keeps_its_type():
    answer = answered(bandwidth, {"type": "too-loud", "description": "So it is"}, status=400)
    assert answer == Refused(Reason.OTHER, "too-loud", "HTTP 400: So it is")
