"""What goes out to 46elks, and what its answers mean."""

from delivrd.core.reasons import Reason
from delivrd.providers import elks46
from delivrd.providers.base import Accepted, Refused, SentPart
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, send

ANSWER = {
    "id": "s70df59406a1b4643b96f3f91e0bfb7b0",
    "status": "created",
    "direction": "outgoing",
    "from": "AcmeInc",
    "to": "+447700900123",
    "parts": 1,
    "cost": 3500,
    "message": "Hello",
}


def test_46elks_is_sent_a_form():
    _, (seen,) = send(elks46, {})
    assert seen == (
        "POST",
        "/a1/sms",
        {"from": "AcmeInc", "to": "+447700900123", "message": MESSAGE.text},
    )


def test_46elks_is_called_with_basic_auth():
    _, (seen,) = send(elks46, {})
    # base64 of "u1234567890abcdef:an api password"
    assert seen.headers["authorization"] == "Basic dTEyMzQ1Njc4OTBhYmNkZWY6YW4gYXBpIHBhc3N3b3Jk"
    assert ACCOUNTS[elks46].username == "u1234567890abcdef"


def test_46elks_takes_an_address_for_receipts():
    message = MESSAGE._replace(callback_url="https://hub.example/webhooks/elks/s/r")
    _, ((_, _, form),) = send(elks46, {}, message=message)
    assert form["whendelivered"] == "https://hub.example/webhooks/elks/s/r"


def test_46elks_tells_the_cost_in_ten_thousandths():
    assert answered(elks46, ANSWER) == Accepted((SentPart(ANSWER["id"], price="0.3500"),))


def test_46elks_refuses_in_plain_words():
    answer = answered(elks46, b"Invalid to number", status=400)
    assert answer == Refused(Reason.OTHER, "400", "HTTP 400: Invalid to number")
    answer = answered(elks46, b"Not enough credits", status=403)
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "403", "HTTP 403: Not enough credits")
