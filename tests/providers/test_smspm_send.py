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


def test_smspms_error_counts_beside_an_empty_list():
    answer = answered(smspm, {"messages": [], "error": "low_balance"})
    assert isinstance(answer, Refused)


def test_smspm_gives_an_id_in_its_other_shape():
    answer = {"status": "success", "messageId": "m1", "parts": 1, "cost": 0.05, "currency": "EUR"}
    assert answered(smspm, answer) == Accepted((SentPart("m1", price="0.05", currency="EUR"),))


@pytest.mark.parametrize("field", ["error", "errorCode", "status"])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("word", smspm.ERRORS)
def test_each_of_smspms_refusals(word, inside, field):
    """By the page on the gateway's API the word is the answer's status, also with HTTP 200."""
    error = {"toNumber": "447700900123", field: word}
    answer = answered(smspm, {"messages": [error]} if inside else error)
    meaning = smspm.ERRORS[word]
    expected = {
        "rate_limit": Later(detail=meaning.words),
        "server_error": Unsure(meaning.words),
    }.get(word, Refused(meaning.reason, word, meaning.words))
    assert answer == expected


@pytest.mark.parametrize(
    ("status", "error", "reason", "code"),
    [
        (200, "Invalid phone number: 123", Reason.UNKNOWN_NUMBER, "invalid_phone"),
        (400, "Invalid phone number: 123", Reason.UNKNOWN_NUMBER, "invalid_phone"),
        (400, "Hash is required", Reason.CONTENT_INVALID, "invalid_params"),
        (401, "Unauthorized", Reason.ACCOUNT_PROBLEM, "auth_failed"),
        (200, "No such route", Reason.OTHER, None),
    ],
)
def test_smspm_may_refuse_in_words(status, error, reason, code):
    answer = answered(smspm, {"error": error}, status=status)
    assert answer == Refused(reason, code, error)


def test_smspm_may_say_no_more_than_that_it_failed():
    answer = {"status": "error", "message": "Invalid phone number"}
    refused = Refused(Reason.UNKNOWN_NUMBER, "invalid_phone", "Invalid phone number")
    assert answered(smspm, answer) == refused
    assert answered(smspm, {"status": "failed"}) == Refused(Reason.OTHER, None, "failed")


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", {}, {"status": "success"}, {"messages": []},
               {"messages": [{"toNumber": "447700900123", "status": "Added to queue"}]}],
)  # fmt: skip
def test_an_answer_with_neither_an_id_nor_an_error_is_unsure(answer):
    assert isinstance(answered(smspm, answer), Unsure)
