"""What goes out to Kannel, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import kannel
from delivrd.providers.base import Accepted, Later, Refused, Request, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send

CALLBACK = "https://hub.example/webhooks/kannel/s%2Fecret/018f-attempt"
TAKEN = b"0: Accepted for delivery"


def test_kannel_is_asked_by_get_with_the_address_for_receipts():
    message = MESSAGE._replace(callback_url=CALLBACK, validity=3600)
    _, (seen,) = send(kannel, TAKEN, message=message, status=202)
    assert seen[:2] == ("GET", "/cgi-bin/sendsms")
    assert seen.query == {
        "username": "tester",
        "password": "the password of it",
        "from": "AcmeInc",
        "to": "+447700900123",
        "text": MESSAGE.text,
        "charset": "UTF-8",
        "coding": "2",
        "validity": "60",
        "dlr-mask": "31",
        "dlr-url": "https://hub.example/webhooks/kannel/s%%2Fecret/018f-attempt"
        "?d=%d&A=%A&F=%F&p=%p&P=%P&T=%T&delivrd=018f-attempt",
    }


def test_without_an_address_for_receipts_none_are_asked_for():
    _, (seen,) = send(kannel, TAKEN, message=MESSAGE._replace(unicode=False), status=202)
    assert seen.query["coding"] == "0"
    assert not {"dlr-mask", "dlr-url", "validity"} & seen.query.keys()


@pytest.mark.parametrize(
    "body", [TAKEN, b"3: Queued for later delivery", b"Sent. Message splits: 2"]
)
def test_what_kannel_takes_is_known_by_our_reference(body):
    assert answered(kannel, body, status=202) == Accepted((SentPart("018f-attempt"),))


def test_a_receipt_names_what_the_send_was_known_by():
    """As Kannel fills the address of the first test."""
    query = b"d=1&A=&F=5&p=%2B447700900123&P=AcmeInc&T=1795290055&delivrd=018f-attempt"
    (receipt,) = kannel.read(Request("GET", query=query)).receipts
    (part,) = answered(kannel, TAKEN, status=202).parts
    assert receipt.provider_message_id == receipt.reference == part.provider_message_id


@pytest.mark.parametrize("words", kannel.SEND_ERRORS)
def test_each_of_kannels_refusals(words):
    reason = kannel.SEND_ERRORS[words].reason
    assert answered(kannel, f"{words}.".encode(), status=403) == Refused(reason, "403", f"{words}.")


def test_other_words_are_a_refusal_too():
    assert answered(kannel, b"Garbage 'to' field, rejected.", status=400) == Refused(
        Reason.OTHER, "400", "HTTP 400: Garbage 'to' field, rejected."
    )


def test_what_kannel_puts_off_it_did_not_take():
    answer = answered(kannel, b"Temporal failure, try again later.", status=503)
    assert isinstance(answer, Later)


def test_a_503_of_somebody_else_leaves_us_unsure():
    assert isinstance(answered(kannel, b"Service Unavailable", status=503), Unsure)
