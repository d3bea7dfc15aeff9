"""What goes out to seven, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import seven
from delivrd.providers.base import Accepted, Refused, SentPart, Unsure
from tests.providers.sends import MESSAGE, answered, send


def element(**more):
    return {
        "id": "77149843739",
        "recipient": "447700900123",
        "price": 0.075,
        "parts": 1,
        "success": True,
        "error": None,
        "error_text": None,
    } | more


def refused(code, **more):
    return element(id=None, success=False, error=code, error_text=None) | more


def test_seven_is_sent_a_form_with_the_key_in_a_header():
    _, (seen,) = send(seven, {})
    assert seen == (
        "POST",
        "/api/sms",
        {
            "to": "+447700900123",
            "from": "AcmeInc",
            "text": MESSAGE.text,
            "foreign_id": "018f-attempt",
            "json": "1",
            "unicode": "1",
        },
    )
    assert seen.headers["X-Api-Key"] == "the api key of it"


def test_seven_takes_plain_text_and_a_number_as_the_sender():
    message = MESSAGE._replace(unicode=False, sender="+491700000000")
    _, ((_, _, form),) = send(seven, {}, message=message)
    assert "unicode" not in form
    assert form["from"] == "491700000000"


@pytest.mark.parametrize(("validity", "ttl"), [(1, "1"), (60, "1"), (3600, "60"), (3659, "60")])
def test_seven_takes_a_validity_in_minutes(validity, ttl):
    _, ((_, _, form),) = send(seven, {}, message=MESSAGE._replace(validity=validity))
    assert form["ttl"] == ttl


def test_seven_gives_one_id_whatever_the_length():
    answer = {"success": "100", "total_price": 0.15, "messages": [element(parts=2)]}
    assert answered(seven, answer) == Accepted((SentPart("77149843739", price="0.075"),))


def test_seven_may_refuse_one_of_several():
    answer = answered(seven, {"success": "101", "messages": [element(), refused("202")]})
    assert isinstance(answer, Accepted)
    assert [part.provider_message_id for part in answer.parts] == ["77149843739", None]
    assert answer.parts[1].status is Status.REJECTED
    assert answer.parts[1].reason is Reason.UNKNOWN_NUMBER
    assert (answer.parts[1].error_code, answer.parts[1].detail) == ("202", "Invalid recipient")


def meant(code):
    meaning = seven.SEND_ERRORS[code]
    if code in {"600", "700"}:
        return Unsure(meaning.words)
    return Refused(meaning.reason, code, meaning.words)


@pytest.mark.parametrize("code", seven.SEND_ERRORS)
@pytest.mark.parametrize("status", [200, 401])
def test_each_of_sevens_refusals(code, status):
    """With HTTP 200 as well as with 4xx; by itself, or for the recipient."""
    for body in (
        code.encode(),
        b'"%s"\n' % code.encode(),
        {"success": code, "messages": []},
        {"success": code, "messages": [refused(code)]},
    ):
        assert answered(seven, body, status=status) == meant(code)


def test_a_code_in_no_table_refuses_only_when_it_says_so():
    assert isinstance(answered(seven, b"999"), Unsure)
    answer = answered(seven, {"success": "999", "messages": [refused("999")]})
    assert answer == Refused(Reason.OTHER, "999", "Refused")


def test_sevens_own_words_are_kept():
    answer = answered(seven, {"success": "202", "messages": [refused("202", error_text="So")]})
    assert answer == Refused(Reason.UNKNOWN_NUMBER, "202", "So")


@pytest.mark.parametrize(
    "body",
    [
        b"100",
        b'"100"',
        {"success": "100", "messages": []},
        {"success": "100", "messages": [element(id=None)]},
        {"success": "101", "messages": [element(), element(id="")]},
        {"success": "100", "messages": [element(id=None, success=False)]},
    ],
)
def test_an_answer_that_accepts_without_an_id_leaves_us_unsure(body):
    assert isinstance(answered(seven, body), Unsure)
