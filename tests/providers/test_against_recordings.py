"""The adapters read what the simulated gateways push in every weather, without sockets."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from delivrd.core.statement import Status
from delivrd.providers import provider
from delivrd.providers.base import Request, Unauthentic
from delivrd.simulator import SCENARIOS, dialect, messages, record
from delivrd.simulator.dialects.vonage_signing import METHODS
from delivrd.simulator.journal import Part, Push, Submission
from delivrd.simulator.words import CAUSES
from tests.providers.simulated import SECRET, SIMULATED, account, settings

HOOK = "http://hub/webhooks/a"
AT = 1_760_000_000.0


def pushed(name, scenario, account_):
    """Each push of some traffic, and the request by which a webhook would get it."""
    texts = messages(seed=4, number=150, gateways={name: 1.0})
    recording = record(texts, start=AT, scenario_=scenario, accounts={name: account_})
    for call in recording.calls:
        yield call.push, received(call.call, call.at)


def received(call, at):
    """The request by which a webhook gets this call."""
    headers = [(key.lower(), value) for key, value in call.headers]
    query = urlsplit(call.url).query.encode()
    return Request(call.method, query, headers, call.body, HOOK, datetime.fromtimestamp(at, UTC))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", SIMULATED)
def test_every_receipt_is_read_as_the_gateway_meant_it(name, scenario):
    for push, request in pushed(name, scenario, account(name)):
        read_as_meant(name, push, request)


def read_as_meant(name, push, request):
    [receipt] = provider(name).read(request, settings(name)).receipts
    told = request.query + request.body
    first = (push.submission.parts or [push.part])[0]
    part = first if dialect(name).first_id_only else push.part
    assert receipt.provider_message_id == (part.id if part.id.encode() in told else None)
    assert receipt.provider_status == push.word
    open_ = receipt.status is Status.UNKNOWN and not receipt.final
    shown = Status.PENDING if open_ else receipt.status
    assert (shown, receipt.final) == push.meaning, (push.word, push.code)
    assert not receipt.unmapped


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("name", SIMULATED)
def test_every_cause_is_read_as_the_gateway_tells_it(name, cause):
    of = dialect(name)
    for shape in of.shapes:
        text = Submission(
            name, "447400000001", "Acme", "x", None, None, shape, 0.0, AT, "accepted",
            network="23410", price="0.05",
        )  # fmt: skip
        part, said = Part(of.new_id(b"some bytes of a digest " * 2)), of.report(cause, shape)
        push = Push(text, part, *said, of.meaning(*said), 1.0)
        part.pushes.append(push)
        read_as_meant(name, push, received(of.receipt(push, account(name), AT), AT))


def judged(name, account_, settings_):
    """Whether the pushes were authentic, each judged rightly by the adapter."""
    for push, request in pushed(name, "unsigned", account_):
        if push.authentic:
            assert provider(name).authenticate(request, settings_)
        else:
            with pytest.raises(Unauthentic):
                provider(name).authenticate(request, settings_)
        yield push.authentic


@pytest.mark.parametrize("name", [name for name in SIMULATED if account(name).signs])
def test_signatures_are_taken_where_good_and_refused_where_not(name):
    assert set(judged(name, account(name), settings(name))) == {True, False}


@pytest.mark.parametrize("method", METHODS)
def test_vonage_s_signatures_are_taken_by_each_method(method):
    right = settings("vonage", signature_secret=SECRET, signature_method=method)
    signing = account("vonage")
    signing.signature_method = method
    assert set(judged("vonage", signing, right)) == {True, False}
