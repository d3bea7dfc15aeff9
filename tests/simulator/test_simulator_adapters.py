"""The simulator and the hub's adapters, written apart, understand each other."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core import segments as hub_segments
from delivrd.core.statement import Status
from delivrd.providers import ruach, smspm, vonage
from delivrd.providers.base import Accepted, HttpAnswer, Later, Outgoing, Refused, Request
from delivrd.providers.base import Unauthentic as NotAuthentic
from delivrd.simulator import (
    SCENARIOS,
    Scenario,
    Simulation,
    VonageAccount,
    messages,
    record,
)
from delivrd.simulator.segments import count, is_gsm
from delivrd.simulator.signing import METHODS

ADAPTERS = {"vonage": vonage, "ruach": ruach, "smspm": smspm}
SECRET = "a-signature-secret"


def requests(scenario, method="sha256"):
    account = VonageAccount(signature_secret=SECRET, signature_method=method, method="mixed")
    texts = messages(number=400, seed=4)
    recording = record(texts, start=1_760_000_000.0, scenario_=scenario, vonage=account)
    for call in recording.calls:
        headers = [(name.lower(), value) for name, value in call.call.headers]
        received = datetime.fromtimestamp(call.at, UTC)
        query = urlsplit(call.call.url).query.encode()
        url = call.call.url.partition("?")[0]
        request = Request(call.call.method, query, headers, call.call.body, url, received)
        yield call.push, request


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_receipt_is_read_as_the_gateway_meant_it(scenario):
    for push, request in requests(scenario):
        [receipt] = ADAPTERS[push.submission.dialect].read(request, None).receipts
        assert receipt.provider_message_id == push.part.id
        assert receipt.to == push.submission.to
        assert receipt.provider_status == push.word
        assert not receipt.unmapped or push.submission.dialect == "ruach"
        open_ = receipt.status is Status.UNKNOWN and not receipt.final
        shown = Status.PENDING if open_ else receipt.status
        assert (shown, receipt.final) == push.meaning, (push.word, push.code)


@pytest.mark.parametrize("method", METHODS)
def test_signatures_are_taken_where_good_and_refused_where_not(method):
    settings = vonage.Settings(
        signature_secret=SECRET, signature_method=method, **SETTINGS["vonage"]
    )
    judged = set()
    for push, request in requests("unsigned", method):
        if push.submission.dialect != "vonage":
            continue
        if push.authentic:
            assert vonage.authenticate(request, settings).scheme == method
        else:
            with pytest.raises(NotAuthentic):
                vonage.authenticate(request, settings)
        judged.add(push.authentic)
    assert judged == {True, False}


@given(st.text(alphabet="aé€[{я😀\n", max_size=400))
def test_both_count_the_same_segments(text):
    assert count(text) == hub_segments.count(text).count


class Client:
    """The smallest client that an adapter's ``send`` can use."""

    def __init__(self, session):
        self._session = session

    async def request(self, method, url, *, form=None, json=None, **_):
        async with self._session.request(method, url, data=form, json=json) as response:
            return HttpAnswer(response.status, response.headers, await response.read())


SETTINGS = {
    "vonage": {"api_key": "key", "api_secret": "a-long-secret"},
    "ruach": {"api_key": "a-long-secret", "client_id": "client"},
    "smspm": {"hash": "a-long-hash-1", "token": "a-long-token"},
}


def hand_over(name, scenario, text):
    """What the adapter makes of the running gateway's answer, and the journal."""

    async def talk():
        async with (
            Simulation(scenario, speed=1000.0) as sim,
            aiohttp.ClientSession() as session,
        ):
            adapter = ADAPTERS[name]
            settings = adapter.Settings(
                provider=name, base_url=sim.addresses[name], **SETTINGS[name]
            )
            message = Outgoing(
                reference="ref-1", to="+447400000001", sender="Acme", text=text,
                unicode=not is_gsm(text), segments=count(text), validity=None,
                callback_url="http://127.0.0.1:9/webhooks/a/ref-1" if name != "ruach" else None,
            )  # fmt: skip
            sim.deliver_to(ruach="http://127.0.0.1:9/webhooks/ruach")
            return await adapter.send(message, settings, Client(session)), sim.journal

    return asyncio.run(talk())


SURE = Scenario("sure", "", refusals=0.0, throttled=0.0, partial=0.0, overtaking=0.0)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("text", ["hello", "a" * 400, "привет " * 20])
def test_an_adapter_understands_that_its_message_was_taken(name, text):
    answer, journal = hand_over(name, SURE, text)
    [submission] = journal.submissions
    assert isinstance(answer, Accepted)
    assert [p.provider_message_id for p in answer.parts] == [p.id for p in submission.parts]
    assert submission.text == text
    assert journal.complaints == []
    assert submission.linked


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_understands_a_refusal(name):
    answer, journal = hand_over(name, Scenario("no", "", refusals=1.0), "hello")
    assert isinstance(answer, Refused)
    assert journal.submissions[0].outcome == "refused"


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_understands_that_it_should_come_again(name):
    answer, _ = hand_over(name, Scenario("wait", "", refusals=0.0, throttled=1.0), "hello")
    assert isinstance(answer, Later)


def test_an_adapter_understands_that_one_part_was_refused():
    some = Scenario("some", "", refusals=0.0, throttled=0.0, partial=1.0, overtaking=0.0)
    answer, _ = hand_over("vonage", some, "a" * 400)
    assert isinstance(answer, Accepted)
    assert [p.status for p in answer.parts] == [Status.PENDING, Status.PENDING, Status.REJECTED]
