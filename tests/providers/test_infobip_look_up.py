"""Asking Infobip what became of a message."""

import pytest

from delivrd.providers import infobip
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up

LOG = {
    "sender": "AcmeInc",
    "destination": "447700900123",
    "bulkId": "b1",
    "messageId": "0A1",
    "sentAt": "2026-01-01T11:59:58.000+0000",
    "doneAt": "2026-01-01T12:00:00.000+0000",
    "messageCount": 1,
    "content": {"text": "Hello"},
    "status": {"groupId": 4, "groupName": "EXPIRED", "id": 15, "name": "EXPIRED_EXPIRED"},
    "error": {"id": 27, "name": "EC_ABSENT_SUBSCRIBER", "permanent": False},
}


def test_the_message_s_log_is_read():
    receipt, (seen,) = look_up(infobip, {"results": [LOG | {"messageId": "other"}, LOG]})
    assert (seen[:2], seen.query) == (("GET", "/sms/3/logs"), {"messageId": "0A1"})
    assert seen.headers["Authorization"] == "App an api key of infobip"
    assert (receipt.provider_message_id, receipt.to) == ("0A1", "447700900123")
    assert (receipt.status, receipt.final, receipt.reason) == ("expired", True, "unreachable")


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"results": []}),
        (200, {"results": [7]}),
        (200, {"results": [LOG | {"messageId": "other"}]}),
        (200, {"results": {}}),
        (200, {}),
        (200, b""),
        (401, {"requestError": {}}),
        (404, b""),
        (500, b"oops"),
    ],
)
def test_anything_else_gives_no_result(status, answer):
    assert isinstance(look_up(infobip, answer, status=status)[0], Unanswered)
