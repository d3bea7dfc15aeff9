"""Handing over, by the same tests for every dialect that sends, against a gateway on loopback."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlencode

import aiohttp
import pytest
from pydantic import SecretStr

from delivrd.core.reasons import Reason
from delivrd.providers import handover, names, provider
from delivrd.providers.base import HttpAnswer, Later, Refused, SentPart, Unsure
from delivrd.sending.http import GatewayClient
from tests.ports import free_port
from tests.providers.gateway import asked, running
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, called, send

DIALECTS = pytest.mark.parametrize("module", ACCOUNTS, ids=lambda module: module.NAME)


def test_every_dialect_that_sends_has_an_account_here():
    assert {module.NAME for module in ACCOUNTS} == {n for n in names() if provider(n).send}


@pytest.mark.parametrize(
    "module", [m for m in ACCOUNTS if hasattr(m, "API")], ids=lambda module: module.NAME
)
def test_without_a_base_url_it_goes_to_the_vendor(module):
    assert called(module, ACCOUNTS[module]).startswith(f"{module.API}/")


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


def test_a_time_to_wait_may_be_a_date():
    def wait(seconds):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        return handover.retry_after(HttpAnswer(429, {"Retry-After": date}, b""))

    assert 50 < wait(60) <= 60
    assert (wait(-60), wait(10**6)) == (0, 3600)


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
def test_a_redirect_is_a_refusal_and_not_followed(module):
    """What stands there may be anybody's, or a part of our own network."""

    async def hand_over():
        async with running() as elsewhere:
            moved = {"Location": f"{elsewhere.url}/else"}
            answer, _ = await asked(
                module.send, ACCOUNTS[module], MESSAGE, status=302, headers=moved
            )
            return answer, elsewhere.seen

    answer, seen = asyncio.run(hand_over())
    assert isinstance(answer, Refused)
    assert seen == []


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
    closed = f"127.0.0.1:{free_port()}"

    async def hand_over():
        async with GatewayClient() as client:
            account = ACCOUNTS[module].model_copy(update={"base_url": f"http://{closed}"})
            return await module.send(MESSAGE, account, client)

    told = asyncio.run(hand_over())
    assert told == Later(detail=f"no connection to {closed}: connection refused")


@DIALECTS
def test_no_answer_reveals_a_secret(module):
    """Rule H1: details are shown to people and written to logs."""
    for status in (200, 400, 401, 429, 500, "breaks"):
        shown = repr(answered(module, _saying(f"wrong: {_own(module)}"), status=status))
        assert not any(secret in shown for secret in _own(module))


@DIALECTS
def test_no_answer_reveals_the_header_with_the_password(module):
    """Some gateways, and proxies before them, repeat the call."""
    call = send(module)[1][0]
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    shown = repr(answered(module, _saying(f"wrong: {scheme} {credentials}"), status=400))
    assert scheme != "Basic" or credentials not in shown


def test_no_answer_reveals_a_secret_as_a_form_has_it():
    module, secret = provider("vonage").module, "p@ss w+rd/&canary"
    settings = ACCOUNTS[module].model_copy(update={"api_secret": SecretStr(secret)})
    body = json.dumps(_saying(f"wrong: {urlencode({'api_secret': secret})}")).encode()
    told, _ = asyncio.run(asked(module.send, settings, MESSAGE, status=400, body=body))
    assert told.detail == "wrong: api_secret=***"


def _saying(said):
    messages = [{"status": "4", "error-text": said, "errors": [{"code": "4", "detail": said}]}]
    return {"error": said, "message": said, "errors": [{"detail": said}], "messages": messages}


def _own(module):
    settings = dict(ACCOUNTS[module]).values()
    values = [v for value in settings for v in (value if isinstance(value, tuple) else (value,))]
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


@pytest.mark.parametrize(
    ("name", "answer", "part"),
    [
        (
            "twilio",
            {"sid": "SM1", "status": "failed", "error_code": 30007, "error_message": "Filtered"},
            ("SM1", "rejected", "blocked_by_carrier", "30007", "Filtered"),
        ),
        (
            "telnyx",
            {"data": {"id": "t1", "to": [{"status": "sending_failed"}],
                      "errors": [{"code": "40300", "title": "Blocked due to STOP"}]}},
            ("t1", "rejected", "blocked_by_recipient", "40300", "Blocked due to STOP"),
        ),
        ("46elks", {"id": "s1", "status": "failed"}, ("s1", "undelivered", "other", None, None)),
    ],
)  # fmt: skip
def test_an_answer_with_an_id_may_tell_a_failure_at_once(name, answer, part):
    (stated,) = answered(provider(name).module, answer).parts
    assert stated[:5] == part


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("twilio", {"sid": "SM1", "status": "queued", "error_code": None}),
        ("telnyx", {"data": {"id": "SM1", "to": [{"status": "queued"}], "errors": []}}),
        ("46elks", {"id": "SM1", "status": "created"}),
    ],
)
def test_an_answer_with_an_id_and_no_failure_is_on_its_way(name, answer):
    assert answered(provider(name).module, answer).parts == (SentPart("SM1"),)
