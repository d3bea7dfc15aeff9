"""What goes out to Jasmin by each of its APIs, and what its answers mean."""

import asyncio

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import jasmin
from delivrd.providers.base import Accepted, Later, Refused, Request, SentPart, Unsure
from tests.providers.gateway import asked
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, send

UUID = "07033084-5cfd-4812-90a4-e4d24ffb6e3d"
TAKEN = f'Success "{UUID}"'.encode()
CALLBACK = "https://hub.example/webhooks/jasmin/s/018f-attempt"
CALLED = MESSAGE._replace(callback_url=CALLBACK, validity=3600)
CONTENT = {
    "to": "447700900123",
    "from": "AcmeInc",
    "coding": "8",
    "hex-content": MESSAGE.text.encode("utf-16-be").hex(),
    "validity-period": "60",
    "dlr": "yes",
    "dlr-url": CALLBACK,
    "dlr-level": "3",
    "dlr-method": "POST",
}


def by_rest(body, message=MESSAGE, **answer):
    account = ACCOUNTS[jasmin].model_copy(update={"api": "rest"})
    return asyncio.run(asked(jasmin.send, account, message, body=body, **answer))


def test_jasmin_is_sent_a_form():
    _, (seen,) = send(jasmin, TAKEN, message=CALLED)
    credentials = {"username": "tester", "password": "a password of it"}
    assert seen == ("POST", "/send", credentials | CONTENT)


def test_jasmins_restful_api_is_sent_json():
    _, (seen,) = by_rest(b"", message=CALLED)
    assert seen == ("POST", "/secure/send", CONTENT)
    assert seen.headers["authorization"] == "Basic dGVzdGVyOmEgcGFzc3dvcmQgb2YgaXQ="


def test_a_text_in_the_gsm_alphabet_goes_out_as_it_is():
    _, (seen,) = send(jasmin, TAKEN, message=MESSAGE._replace(unicode=False, text="Hello"))
    assert (seen[2]["coding"], seen[2]["content"], seen[2]["dlr"]) == ("0", "Hello", "no")


@pytest.mark.parametrize("write", [answered, lambda _, body: by_rest(body)[0]])
@pytest.mark.parametrize(
    "body",
    [TAKEN, b'{"data": "Success \\"%s\\""}' % UUID.encode(),
     b'{"data": "Success \\"%s\\"}' % UUID.encode()],
)  # fmt: skip
def test_jasmin_gives_an_id(body, write):
    assert write(jasmin, body) == Accepted((SentPart(UUID),))


def test_an_id_is_given_without_what_no_store_takes():
    assert answered(jasmin, b'Success "a\0b"') == Accepted((SentPart("ab"),))


@pytest.mark.parametrize("words", jasmin.SEND_ERRORS)
@pytest.mark.parametrize("body", ['Error "%s for it"', r'{"message": "Error \"%s for it\""}'])
def test_each_of_jasmins_refusals(words, body):
    reason = jasmin.SEND_ERRORS[words].reason
    said = f"{words} for it"
    expected = Refused(reason, "403", said)
    if words in jasmin.TRY_AGAIN:
        expected = Later(detail=said)
    assert answered(jasmin, (body % words).encode(), status=403) == expected


@pytest.mark.parametrize("write", [answered, lambda _, body, **answer: by_rest(body, **answer)[0]])
def test_nothing_was_taken_while_jasmins_interceptor_is_away(write):
    """jookies/jasmin:jasmin/protocols/http/errors.py"""
    assert isinstance(write(jasmin, b'Error "InterceptorPB not connected !"', status=503), Later)
    assert isinstance(write(jasmin, b'Error "Something else"', status=503), Unsure)


def test_other_words_are_a_refusal_too():
    assert answered(jasmin, b'Error "Strange"', status=400) == Refused(
        Reason.OTHER, "400", "HTTP 400: Strange"
    )


def test_a_fault_of_jasmins_own_leaves_us_unsure():
    body = b'Error "Cannot send submit_sm, check SMPPClientManagerPB log file for details"'
    assert isinstance(answered(jasmin, body, status=500), Unsure)


def test_jasmin_gets_its_own_answer_whatever_it_sent():
    request = Request("GET", query=b"id=1&message_status=ESME_ROK&level=1")
    response = jasmin.answer(request, jasmin.read(request))
    assert (response.status, response.body) == (200, b"ACK/Jasmin")
