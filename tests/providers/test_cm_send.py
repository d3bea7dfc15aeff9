"""What goes out to CM.com, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import cm
from delivrd.providers.base import Accepted, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def element(status="Accepted", code=0, details=None, **more):
    return {
        "to": "00447700900123",
        "status": status,
        "reference": "018f-attempt",
        "parts": 1,
        "messageDetails": details,
        "messageErrorCode": code,
    } | more


def told(*elements, code=0, details="Created 1 message(s)"):
    return {"details": details, "errorCode": code, "messages": list(elements)}


def test_cm_is_sent_json_with_the_reference_as_its_only_id():
    _, (seen,) = send(cm, {})
    content = {
        "from": "AcmeInc",
        "to": [{"number": "00447700900123"}],
        "body": {"type": "auto", "content": MESSAGE.text},
        "reference": "018f-attempt",
        "minimumNumberOfMessageParts": 1,
        "maximumNumberOfMessageParts": 1,
    }
    assert seen == ("POST", "/v1.0/message", {"messages": {"msg": [content]}})
    assert seen.headers["X-CM-PRODUCTTOKEN"] == "the token of the gateway"


def test_cm_takes_as_many_parts_as_there_are():
    _, ((_, _, content),) = send(cm, {}, message=MESSAGE._replace(segments=4))
    assert content["messages"]["msg"][0]["maximumNumberOfMessageParts"] == 4


@pytest.mark.parametrize(
    ("validity", "written"), [(1, "1m"), (5400, "90m"), (3600, "60m"), (10**9, "2880m")]
)
def test_cm_takes_a_validity_within_its_range(validity, written):
    _, ((_, _, content),) = send(cm, {}, message=MESSAGE._replace(validity=validity))
    assert content["messages"]["msg"][0]["validity"] == written


@pytest.mark.parametrize("reference", ["018f-attempt", None])
def test_the_id_is_our_reference(reference):
    answer = answered(cm, told(element(reference=reference)))
    assert answer == Accepted((SentPart("018f-attempt"),))


@pytest.mark.parametrize("code", [*cm.SEND_ERRORS, "4711"])
@pytest.mark.parametrize("inside", [True, False])
def test_each_of_cms_refusals(code, inside):
    refused = (
        told(element("Rejected", int(code), "So it is"), code=201, details="Created 0 message(s)")
        if inside
        else told(code=int(code), details="So it is")
    )
    answer = answered(cm, refused, status=400)
    if code in {"500", "999"}:
        assert answer == Unsure("So it is")
    else:
        meaning = cm.SEND_ERRORS.get(code)
        assert answer == Refused(meaning.reason if meaning else Reason.OTHER, code, "So it is")
