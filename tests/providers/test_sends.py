"""Handing over, against a gateway on loopback: what goes out, and what each answer means."""

import asyncio
import json
import socket

import aiohttp
import pytest
from gateway import sent
from pydantic import SecretStr

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import ruach, smspm, vonage
from delivrd.providers.base import Accepted, Later, Outgoing, Refused, SentPart, Unsure
from delivrd.sending.http import GatewayClient

MESSAGE = Outgoing(
    reference="018f-attempt",
    to="+447700900123",
    sender="AcmeInc",
    text="Grüße & mehr = ✓",
    unicode=True,
    segments=1,
    validity=None,
    callback_url=None,
)
ACCOUNTS = {
    vonage: vonage.Settings(api_key="abcd1234", api_secret="an api secret"),
    smspm: smspm.Settings(hash="the hash of it", token="the token of it"),
    ruach: ruach.Settings(api_key="the api key of it", client_id="client"),
}
DIALECTS = pytest.mark.parametrize("module", ACCOUNTS, ids=lambda module: module.NAME)


def send(module, answer=None, *, message=MESSAGE, status=200, **more):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return asyncio.run(sent(module, ACCOUNTS[module], message, status=status, body=body, **more))


def answered(module, answer=None, **more):
    return send(module, answer, **more)[0]


def element(status="0", **more):
    return {"to": "447700900123", "status": status} | more


# What goes out


def test_vonage_is_sent_a_form():
    _, ((method, path, form),) = send(vonage, {})
    assert (method, path) == ("POST", "/sms/json")
    assert form == {
        "api_key": "abcd1234",
        "api_secret": "an api secret",
        "from": "AcmeInc",
        "to": "447700900123",
        "text": MESSAGE.text,
        "type": "unicode",
        "client-ref": "018f-attempt",
    }


@pytest.mark.parametrize(
    ("validity", "ttl"),
    [(1, "20000"), (20, "20000"), (3600, "3600000"), (10**9, "604800000")],
)
def test_vonage_takes_a_validity_within_its_range(validity, ttl):
    _, ((_, _, form),) = send(vonage, {}, message=MESSAGE._replace(validity=validity))
    assert form["ttl"] == ttl


def test_vonage_takes_plain_text_and_an_address_for_receipts():
    message = MESSAGE._replace(unicode=False, callback_url="https://hub.example/webhooks/v/s/r")
    _, ((_, _, form),) = send(vonage, {}, message=message)
    assert (form["type"], form["callback"]) == ("text", "https://hub.example/webhooks/v/s/r")


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


def test_ruach_is_sent_json():
    _, ((method, path, content),) = send(ruach, {})
    assert (method, path) == ("POST", "/api/v2/SendSMS")
    assert content == {
        "SenderId": "AcmeInc",
        "Message": MESSAGE.text,
        "MobileNumbers": "447700900123",
        "ApiKey": "the api key of it",
        "ClientId": "client",
        "Is_Unicode": True,
        "Is_Flash": False,
    }


@DIALECTS
def test_without_a_base_url_it_goes_to_the_vendor(module):
    class Asked(Exception):
        pass

    class Nowhere:
        async def request(self, method, url, **content):
            raise Asked(url)

    with pytest.raises(Asked, match=f"^{module.API}/"):
        asyncio.run(module.send(MESSAGE, ACCOUNTS[module], Nowhere()))


# What the answers mean


def test_vonage_gives_an_id_for_each_part():
    parts = [element(**{"message-id": f"0A{n}", "message-price": "0.03", "network": "23410"})
             for n in (1, 2)]  # fmt: skip
    assert answered(vonage, {"message-count": "2", "messages": parts}) == Accepted(
        (
            SentPart("0A1", price="0.03", network="23410"),
            SentPart("0A2", price="0.03", network="23410"),
        )
    )


def test_vonage_may_refuse_one_part_of_several():
    parts = [element(**{"message-id": "0A1"}), element("9", **{"error-text": "Quota exceeded"})]
    answer = answered(vonage, {"messages": parts})
    assert isinstance(answer, Accepted)
    assert [part.provider_message_id for part in answer.parts] == ["0A1", None]
    assert answer.parts[1].status is Status.REJECTED
    assert answer.parts[1].reason is Reason.ACCOUNT_PROBLEM
    assert (answer.parts[1].error_code, answer.parts[1].detail) == ("9", "Quota exceeded")


@pytest.mark.parametrize("code", [*vonage.SEND_ERRORS, "4711"])
def test_each_of_vonages_refusals(code):
    answer = answered(vonage, {"messages": [element(code, **{"error-text": "So it is"})]})
    if code in {"1", "5"}:
        assert answer == Later(detail="So it is")
    else:
        meaning = vonage.SEND_ERRORS.get(code)
        reason = meaning.reason if meaning else Reason.OTHER
        assert answer == Refused(reason, code, "So it is")


def test_vonage_refuses_when_it_refuses_every_part():
    answer = answered(vonage, {"messages": [element("4"), element("4")]})
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "4", "Invalid credentials")


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


def test_ruach_gives_one_id():
    answer = {
        "ErrorCode": 0,
        "ErrorDescription": "Success",
        "Data": [{"MobileNumber": "447700900123", "MessageId": "3bb944ad"}],
    }
    assert answered(ruach, answer) == Accepted((SentPart("3bb944ad"),))


@pytest.mark.parametrize("code", ["001", "003", "007", "008", "010"])
@pytest.mark.parametrize("write", ['"{}"', "{}"])
def test_each_of_ruachs_refusals(code, write):
    """The vendor's own sample writes a number with leading zeros, which is no JSON."""
    told = f'"ErrorCode": {write.format(code)}, "ErrorDescription": "So it is", "Data": null'
    body = "{" + told + "}"
    answer = answered(ruach, body.encode())
    assert isinstance(answer, Refused)
    assert answer.reason is ruach.SEND_ERRORS[code.lstrip("0")].reason
    assert answer.detail == "So it is"


def test_ruach_may_refuse_the_only_element():
    failed = {"MessageErrorCode": 7, "MessageErrorDescription": "No", "MessageId": ""}
    answer = answered(ruach, {"ErrorCode": 0, "Data": [failed]})
    assert answer == Refused(Reason.ACCOUNT_PROBLEM, "7", "No")


@DIALECTS
@pytest.mark.parametrize(
    "body",
    [b"", b"OK", b"<html>", b"[]", b"{}", b"null", b"\xff\0", b'{"messages":[]}',
     b'{"messages":[7]}', b'{"ErrorCode":0,"Data":[]}', b'{"messages":[{"status":"0"}]}'],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_us_unsure(module, body):
    assert isinstance(answered(module, body), Unsure)


@DIALECTS
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_failing_gateway_leaves_us_unsure(module, status):
    assert answered(module, b"oops", status=status) == Unsure(f"the gateway answered HTTP {status}")


@DIALECTS
@pytest.mark.parametrize(
    ("header", "after"),
    [("7", 7.0), ("0", 0.0), ("999999", 3600.0), ("soon", None), ("-1", None), (None, None)],
)
def test_429_waits_as_long_as_told(module, header, after):
    headers = {"Retry-After": header} if header else None
    answer = answered(module, b"slow down", status=429, headers=headers)
    assert isinstance(answer, Later)
    assert answer.after == after


@DIALECTS
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.OTHER),
        (401, Reason.ACCOUNT_PROBLEM),
        (402, Reason.ACCOUNT_PROBLEM),
        (403, Reason.ACCOUNT_PROBLEM),
        (404, Reason.OTHER),
    ],
)
def test_another_refusal_by_http_is_a_refusal(module, status, reason):
    answer = answered(module, b"go away", status=status)
    assert answer == Refused(reason, str(status), f"HTTP {status}: go away")


@DIALECTS
def test_a_connection_that_breaks_leaves_us_unsure(module):
    """Failure mode D24: the gateway may have taken the message."""
    answer, seen = send(module, b"", status="breaks")
    assert isinstance(answer, Unsure)
    assert len(seen) == 1


@DIALECTS
def test_a_gateway_that_hangs_leaves_us_unsure(module, monkeypatch):
    monkeypatch.setattr("delivrd.sending.http.TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    answer, seen = send(module, b"", status="hangs")
    assert isinstance(answer, Unsure)
    assert len(seen) == 1


@DIALECTS
def test_a_refused_connection_is_surely_not_sent(module):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def hand_over():
        async with GatewayClient() as client:
            account = ACCOUNTS[module].model_copy(update={"base_url": closed})
            return await module.send(MESSAGE, account, client)

    assert isinstance(asyncio.run(hand_over()), Later)


@DIALECTS
def test_no_answer_tells_a_secret(module):
    """Rule H1: details are shown to people and written to logs."""
    secrets = ("an api secret", "the hash of it", "the token of it", "the api key of it")
    echo = {"error": f"wrong: {secrets}", "messages": [element("4") | {"error-text": str(secrets)}]}
    for status in (200, 400, 401, 429, 500, "breaks"):
        said = repr(answered(module, echo, status=status))
        assert not any(secret in said for secret in _own(module))


def _own(module):
    values = dict(ACCOUNTS[module]).values()
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
