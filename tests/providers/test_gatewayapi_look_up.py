"""What GatewayAPI says of a message whose receipt never came."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import gatewayapi
from delivrd.providers.base import Unanswered
from tests.providers.sends import ACCOUNTS, SOUGHT, look_up

ASKED = SOUGHT._replace(provider_message_id="421332671")


def recipient(msisdn=447700900123, **more):
    return {
        "country": "GB",
        "csms": 1,
        "dsnerror": None,
        "dsnerrorcode": None,
        "dsnstatus": "DELIVERED",
        "dsntime": 1498040129.0,
        "mcc": 234,
        "mnc": 10,
        "msisdn": msisdn,
    } | more


def message(*recipients, **more):
    return {"class": "standard", "id": 421332671, "recipients": list(recipients)} | more


def test_a_message_is_looked_up_by_its_id():
    _, (seen,) = look_up(gatewayapi, [message(recipient())], sought=ASKED)
    assert seen[:2] == ("GET", "/rest/mtsms/421332671")
    assert seen.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("wrap", [list, lambda messages: messages[0]])
def test_of_its_recipients_the_one_asked_for_is_taken(wrap):
    failed = recipient(dsnstatus="UNDELIVERABLE", dsnerrorcode="0x1010", dsnerror="Unknown")
    answer = wrap([message(recipient(447700900999), failed)])
    receipt, _ = look_up(gatewayapi, answer, sought=ASKED)
    assert (receipt.provider_message_id, receipt.to) == ("421332671", "447700900123")
    assert (receipt.status, receipt.reason) == (Status.UNDELIVERED, Reason.UNKNOWN_NUMBER)
    assert (receipt.error_code, receipt.detail) == ("0x1010", "Unknown")
    assert receipt.occurred_at.year == 2017


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"message": "not found"}, 404),
        (b"oops", 500),
        (b"slow down", 429),
        (b"", 200),
        (b"nonsense", 200),
        ([], 200),
        ([7, {"id": 421332671, "recipients": [7]}, {"id": 421332671}], 200),
        ([message(recipient(447700900999))], 200),
        ([message(recipient(), id=1)], 200),
    ],
)
def test_what_tells_nothing_is_no_answer(answer, status):
    answer, _ = look_up(gatewayapi, answer, sought=ASKED, status=status)
    assert isinstance(answer, Unanswered)


def test_the_messaging_api_cannot_be_asked(monkeypatch):
    settings = ACCOUNTS[gatewayapi].model_copy(update={"api": "messaging"})
    monkeypatch.setitem(ACCOUNTS, gatewayapi, settings)
    answer, seen = look_up(gatewayapi, [message(recipient())], sought=ASKED)
    assert (isinstance(answer, Unanswered), seen) == (True, [])
