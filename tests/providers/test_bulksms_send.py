"""What goes out to BulkSMS, and what its answers mean."""

from base64 import b64encode

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import bulksms
from delivrd.providers.base import Accepted, Refused, SentPart
from tests.providers.sends import MESSAGE, answered, send

ERRORS = "https://developer.bulksms.com/json/v1/errors#"


def element(**state):
    return {"id": "1-1", "type": "SENT", "to": "447700900123", "status": state}


def test_bulksms_is_sent_a_list_of_one():
    _, (seen,) = send(bulksms, [])
    assert seen == (
        "POST",
        "/v1/messages",
        [
            {
                "to": "+447700900123",
                "from": "AcmeInc",
                "body": MESSAGE.text,
                "encoding": "UNICODE",
                "longMessageMaxParts": 1,
                "userSuppliedId": "018f-attempt",
            }
        ],
    )
    credentials = b64encode(b"token-id:the secret of the token").decode()
    assert seen.headers["Authorization"] == f"Basic {credentials}"


def test_bulksms_takes_plain_text_of_several_parts():
    _, ((_, _, (content,)),) = send(
        bulksms, [], message=MESSAGE._replace(unicode=False, segments=5)
    )
    assert (content["encoding"], content["longMessageMaxParts"]) == ("TEXT", 5)


def test_a_reference_too_long_for_bulksms_stays_here():
    _, ((_, _, (content,)),) = send(bulksms, [], message=MESSAGE._replace(reference="x" * 21))
    assert "userSuppliedId" not in content


def test_bulksms_gives_an_id():
    taken = element(id="ACCEPTED.null", type="ACCEPTED", subtype=None)
    assert answered(bulksms, [taken], status=201) == Accepted((SentPart("1-1"),))


@pytest.mark.parametrize(
    ("subtype", "status", "reason"),
    [
        ("EXPIRED", Status.EXPIRED, Reason.EXPIRED),
        ("HANDSET_ERROR", Status.UNDELIVERED, Reason.HANDSET_ERROR),
        ("BLOCKED", Status.REJECTED, Reason.BLOCKED_BY_RECIPIENT),
        ("NOT_SENT", Status.REJECTED, Reason.NETWORK_ERROR),
    ],
)
def test_bulksms_may_take_a_message_that_has_failed_already(subtype, status, reason):
    failed = element(type="FAILED", subtype=subtype)
    assert answered(bulksms, [failed], status=201) == Accepted(
        (SentPart("1-1", status, reason, subtype),)
    )


@pytest.mark.parametrize("kind", bulksms.SEND_ERRORS)
def test_each_of_bulksms_refusals(kind):
    error = {"type": ERRORS + kind, "title": "So it is", "status": 403}
    answer = answered(bulksms, error, status=403)
    assert answer == Refused(bulksms.SEND_ERRORS[kind].reason, kind, "So it is")


def test_another_refusal_keeps_bulksms_words():
    error = {"type": ERRORS + "new", "title": "New", "status": 401, "detail": "So it is"}
    answer = answered(bulksms, error, status=401)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "401", "HTTP 401: So it is")
