"""What goes out to SMSPM, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import smspm
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def test_smspm_is_sent_json_with_the_address_for_receipts():
    message = MESSAGE._replace(callback_url="https://hub.example/webhooks/smspm/s/018f-attempt")
    _, ((method, path, content),) = send(smspm, {}, message=message)
    assert (method, path) == ("POST", "/")
    assert content == {
        "hash": "the hash of it",
        "token": "the token of it",
        "toNumber": "447700900123",
        "fromNumber": "AcmeInc",
        "text": MESSAGE.text,
        "report": "https://hub.example/webhooks/smspm/s/018f-attempt",
    }


def test_smspm_gives_an_id():
    element = {"id": "m1", "toNumber": "447700900123", "status": "Added to queue"}
    assert answered(smspm, {"messages": [element]}) == Accepted((SentPart("m1"),))


def test_smspm_gives_an_id_in_its_other_shape():
    answer = {"status": "success", "messageId": "m1", "parts": 1, "cost": 0.05, "currency": "EUR"}
    assert answered(smspm, answer) == Accepted((SentPart("m1", price="0.05", currency="EUR"),))


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("word", smspm.ERRORS)
def test_each_of_smspms_refusals(word, inside):
    error = {"toNumber": "447700900123", "error": word}
    answer = answered(smspm, {"messages": [error]} if inside else error)
    meaning = smspm.ERRORS[word]
    expected = {
        "rate_limit": Later(detail=meaning.words),
        "server_error": Unsure(meaning.words),
    }.get(word, Refused(meaning.reason, word, meaning.words))
    assert answer == expected


def test_smspm_may_refuse_in_free_words():
    assert answered(smspm, {"error": "No such route"}) == Refused(
        Reason.OTHER, None, "No such route"
    )
