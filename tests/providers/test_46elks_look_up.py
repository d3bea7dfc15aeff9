"""What 46elks says of a message whose receipt never came."""

import pytest

from delivrd.core.statement import Status
from delivrd.providers import elks46
from delivrd.providers.base import Unanswered
from tests.providers.sends import SOUGHT, look_up

TOLD = {
    "id": "0A1",
    "direction": "outgoing",
    "to": "+447700900123",
    "from": "AcmeInc",
    "status": "delivered",
    "delivered": "2017-03-14T09:52:10Z",
    "cost": 3500,
    "message": "Hello",
}


def test_a_message_is_looked_up_by_its_id():
    _, (seen,) = look_up(elks46, TOLD, sought=SOUGHT._replace(provider_message_id="s/1"))
    assert seen[:2] == ("GET", "/a1/sms/s/1")  # escaped on its way
    assert seen.headers["authorization"].startswith("Basic ")


def test_its_status_is_told():
    receipt, _ = look_up(elks46, TOLD)
    assert (receipt.provider_message_id, receipt.status, receipt.final) == (
        "0A1", Status.DELIVERED, True,
    )  # fmt: skip
    assert (receipt.to, receipt.price) == ("447700900123", "0.3500")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"No such sms", 404),
        (b"Unauthorized", 401),
        (b"oops", 500),
        (b"slow down", 429),
        (b"", 200),
        (b"[]", 200),
        ({"id": "another", "status": "delivered"}, 200),
        ({"status": "delivered"}, 200),
        ({"id": "0A1", "direction": "incoming", "message": "Hello"}, 200),
    ],
)
def test_what_tells_nothing_is_no_answer(answer, status):
    assert isinstance(look_up(elks46, answer, status=status)[0], Unanswered)
