"""What goes out as an account describes it, and what the answers mean."""

import asyncio
import json

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import generic
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from tests.providers.gateway import asked
from tests.providers.sends import MESSAGE

CREDENTIALS = {
    "username": "tester",
    "password": "the password of it",
    "token": "the token of it",
}
CODES = {"7": "unknown_number", "8": {"reason": "throttled", "words": "Slow down"}, "9": {}}


def send(answer=b"{}", *, message=MESSAGE, status=200, **how):
    settings = generic.Settings(
        **CREDENTIALS,
        codes=CODES,
        send={"url": "https://gateway.example/v1/send", "id": "id", **how},
    )
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return asyncio.run(asked(generic.send, settings, message, status=status, body=body))


def test_a_template_of_json_keeps_its_form_and_its_types():
    content = {
        "messages": [{"to": "{to_digits}", "text": "{text}", "parts": "{segments}"}],
        "meta": {"ref": "ref-{reference}", "unicode": "{unicode}", "channel": 1},
        "ttl": "{validity}",
        "hook": "{callback_url}",
    }
    _, (seen,) = send(content=content, headers={"Authorization": "Bearer {token}"})
    assert seen == (
        "POST",
        "/v1/send",
        {
            "messages": [{"to": "447700900123", "text": MESSAGE.text, "parts": 1}],
            "meta": {"ref": "ref-018f-attempt", "unicode": True, "channel": 1},
        },
    )
    assert seen.headers["authorization"] == "Bearer the token of it"


def test_what_the_message_has_goes_out():
    message = MESSAGE._replace(validity=3600, callback_url="https://hub.example/w/018f-attempt")
    content = {"ttl": "{validity}", "hook": "{callback_url}"}
    _, ((_, _, sent),) = send(message=message, content=content)
    assert sent == {"ttl": 3600, "hook": "https://hub.example/w/018f-attempt"}


def test_a_form_holds_texts_only():
    content = {"to": "{to}", "unicode": "{unicode}", "channel": 1, "ttl": "{validity}"}
    _, (seen,) = send(format="form", content=content, basic=True)
    assert seen[2] == {"to": "+447700900123", "unicode": "true", "channel": "1"}
    assert seen.headers["authorization"] == "Basic dGVzdGVyOnRoZSBwYXNzd29yZCBvZiBpdA=="


def test_by_query_and_with_values_in_the_path():
    _, (seen,) = send(
        url="https://gateway.example/{to}/send?v=2",
        method="GET",
        format="query",
        content={"text": "{text}", "key": "{token}"},
    )
    assert seen[:2] == ("GET", "/+447700900123/send")
    assert seen.query == {"v": "2", "text": MESSAGE.text, "key": "the token of it"}


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        ({"id": 12345678901234567890}, {}),
        ({"data": [{"id": "12345678901234567890"}]}, {"id": "data.0.id"}),
        ([{"id": "12345678901234567890"}], {"id": "0.id"}),
        (b"OK: 12345678901234567890\n", {"id": "", "id_pattern": r"OK: (\d+)"}),
        ({"ok": True, "id": "12345678901234567890"},
         {"accepted": "ok", "accepted_values": ["true"]}),
    ],
)  # fmt: skip
def test_an_id_is_found_where_the_settings_say(answer, how):
    assert send(answer, **how)[0] == Accepted((SentPart("12345678901234567890"),))


def test_of_a_gateway_without_ids_receipts_are_known_by_the_reference():
    how = {"id": "", "accepted": "status", "accepted_values": "0"}
    assert send({"status": 0}, **how)[0] == Accepted(())


ERROR = {"accepted": "status", "accepted_values": "0", "code": "error.code", "detail": "error.text"}


def refused(code, status=200):
    answer = {"status": "1", "error": {"code": code, "text": "No"}}
    return send(answer, status=status, **ERROR)[0]


@pytest.mark.parametrize("status", [200, 400])
def test_a_code_of_the_table_says_why(status):
    assert refused(7, status) == Refused(Reason.UNKNOWN_NUMBER, "7", "No")


@pytest.mark.parametrize("status", [200, 400])
def test_a_throttled_message_is_sent_later(status):
    assert refused(8, status) == Later(detail="No")


@pytest.mark.parametrize("code", [9, 10])
def test_another_code_is_a_refusal_too(code):
    assert refused(code) == Refused(Reason.OTHER, str(code), "No")
    assert refused(code, 401) == Refused(Reason.ACCOUNT_PROBLEM, str(code), "HTTP 401: No")


@pytest.mark.parametrize("answer", [b"", b"<html>", {"id": None}, {"id": "1", "stat": "0"}])
def test_an_answer_that_does_not_say_so_is_no_acceptance(answer):
    assert isinstance(send(answer, **ERROR)[0], Unsure)
