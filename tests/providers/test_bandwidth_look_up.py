"""What Bandwidth says of a message whose receipt never came."""

import pytest
from bandwidth.models.messages_list import MessagesList

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import bandwidth
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up


def listed(*messages):
    told = {"totalCount": len(messages), "messages": list(messages)}
    assert MessagesList.from_dict(told), "the SDK must be able to read it"
    return told


def message(**more):
    return {
        "messageId": "0A1",
        "accountId": "9900000",
        "sourceTn": "+15553332222",
        "destinationTn": "+447700900123",
        "messageStatus": "DELIVERED",
        "messageDirection": "OUTBOUND",
        "messageType": "sms",
        "segmentCount": 1,
        "errorCode": 0,
        "receiveTime": "2020-04-07T14:03:07.000Z",
    } | more


def test_a_message_is_looked_up_by_its_id():
    _, (seen,) = look_up(bandwidth, listed(message()))
    assert seen[:2] == ("GET", "/api/v2/users/9900000/messages")
    assert seen.query == {"messageId": "0A1"}
    assert seen.headers["authorization"].startswith("Basic ")


def test_its_status_is_told_without_a_time():
    receipt, _ = look_up(bandwidth, listed(message()))
    assert (receipt.provider_message_id, receipt.status) == ("0A1", Status.DELIVERED)
    assert (receipt.to, receipt.sender) == ("447700900123", "+15553332222")
    assert receipt.occurred_at is None
    assert not receipt.unmapped


def test_a_code_refines_a_failure():
    receipt, _ = look_up(bandwidth, listed(message(messageStatus="FAILED", errorCode=4470)))
    assert (receipt.status, receipt.reason) == (Status.REJECTED, Reason.BLOCKED_BY_CARRIER)


def test_a_receipt_that_never_came_is_no_failure():
    receipt, _ = look_up(bandwidth, listed(message(messageStatus="FAILED", errorCode=9902)))
    assert (receipt.status, receipt.final) == (Status.UNKNOWN, True)


def test_of_a_group_the_recipient_asked_for_is_taken():
    other = message(destinationTn="+447700900999")
    receipt, _ = look_up(bandwidth, listed(other, message(messageStatus="SENT")))
    assert receipt.status is Status.PENDING


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"type": "not-found", "description": "no"}, 404),
        (b"oops", 500),
        (b"slow down", 429),
        (b"", 200),
        ({"messages": [7]}, 200),
        (listed(), 200),
        (listed(message(messageId="another")), 200),
        (listed(message(destinationTn="+447700900999")), 200),
    ],
)
def test_what_tells_nothing_is_no_answer(answer, status):
    assert isinstance(look_up(bandwidth, answer, status=status)[0], Unanswered)
