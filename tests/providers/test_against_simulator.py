"""The adapters against gateways that were written apart from them, over real sockets."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from aiohttp import web

from delivrd.core.statement import Status
from delivrd.providers import provider
from delivrd.providers.base import Accepted, Later, Outgoing, Refused, Request
from delivrd.sending.http import GatewayClient
from delivrd.simulator.accounts import RuachAccount, SmspmAccount, VonageAccount
from delivrd.simulator.run import Simulation
from delivrd.simulator.scenarios import scenario

SECRET = "a signature secret"
ACCOUNTS = {
    "vonage": {
        "api_key": "abcd1234",
        "api_secret": "an api secret",
        "signature_secret": SECRET,
        "signature_method": "sha256",
    },
    "smspm": {"hash": "the hash of it", "token": "the token of it"},
    "ruach": {"api_key": "the api key of it", "client_id": "the client id of it"},
}
LONG = "Grüße ✓ " * 20  # three parts in UCS-2


class Hub:
    """Reads what comes in, as a webhook would."""

    def __init__(self):
        self.receipts = {name: [] for name in ACCOUNTS}
        self.proofs = []

    async def __call__(self, got):
        name = got.match_info["name"]
        request = Request(
            got.method,
            query=got.rel_url.raw_query_string.encode(),
            headers=[(key.lower(), value) for key, value in got.headers.items()],
            body=await got.read(),
        )
        of = provider(name)
        settings = of.Settings(**ACCOUNTS[name])
        self.proofs.append(of.authenticate(request, settings))
        reading = of.read(request, settings)
        assert not reading.faults
        self.receipts[name] += reading.receipts
        answer = of.answer(request, reading)
        return web.Response(status=answer.status, body=answer.body)


def outgoing(number, webhook):
    return Outgoing(
        reference=f"attempt-{number}",
        to=f"+4477009{number:05d}",
        sender="AcmeInc",
        text=LONG,
        unicode=True,
        segments=3,
        validity=None,
        callback_url=webhook,
    )


async def simulate(scenario, count):
    """The answers and receipts of messages sent through each gateway, and the journal."""
    hub = Hub()
    app = web.Application()
    app.router.add_route("*", "/{name}", hub.__call__)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    simulation = Simulation(
        scenario,
        seed=7,
        speed=10_000,
        vonage=VonageAccount(
            api_key="abcd1234",
            api_secret="an api secret",
            signature_secret=SECRET,
            signature_method="sha256",
            method="mixed",
        ),
        ruach=RuachAccount(),
        smspm=SmspmAccount(),
    )
    webhooks = {name: f"http://{host}:{port}/{name}" for name in ACCOUNTS}
    answers = {name: [] for name in ACCOUNTS}
    async with simulation, GatewayClient() as client:
        simulation.deliver_to(**webhooks)
        for name in ACCOUNTS:
            of = provider(name)
            settings = of.Settings(**ACCOUNTS[name], base_url=simulation.addresses[name])
            for number in range(count):
                message = outgoing(number, webhooks[name] if of.calls_back else None)
                answers[name].append(await of.send(message, settings, client))
        assert await simulation.quiesce(within=30)
    await runner.cleanup()
    return answers, hub, simulation.journal


@pytest.fixture(scope="module")
def simulated():
    """A run with many failures, refusals and busy gateways."""
    rough = replace(
        scenario("happy"), name="rough", failures=8.0, refusals=0.1, partial=0.2, throttled=0.1
    )
    return asyncio.run(simulate(rough, 80))


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_answer_is_understood(simulated, name):
    answers, _, journal = simulated
    outcomes = [s.outcome for s in journal.submissions if s.dialect == name]
    expected = {"accepted": Accepted, "refused": Refused, "later": Later}
    assert [type(answer) for answer in answers[name]] == [expected[told] for told in outcomes]
    assert {"accepted", "refused"} <= set(outcomes)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_receipt_is_of_a_part_that_the_answer_named(simulated, name):
    answers, hub, _ = simulated
    accepted = [answer for answer in answers[name] if isinstance(answer, Accepted)]
    named = {part.provider_message_id for answer in accepted for part in answer.parts}
    assert {receipt.provider_message_id for receipt in hub.receipts[name]} == named - {None}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_receipt_says_what_the_gateway_meant(simulated, name):
    _, hub, journal = simulated
    meant = Counter(
        (push.part.id, push.word, push.submission.to, *push.meaning)
        for push in journal.pushes
        if push.submission.dialect == name and push.acknowledged
    )
    understood = Counter(
        (r.provider_message_id, r.provider_status, r.to, *_meaning(r)) for r in hub.receipts[name]
    )
    assert understood == meant
    assert {"delivered", "undelivered"} <= {status for *_, status, _ in understood}
    assert not [receipt for receipt in hub.receipts[name] if receipt.unmapped]


def _meaning(receipt):
    """The simulator calls an ``unknown`` that is not final pending, as a part would show it."""
    if receipt.status is Status.UNKNOWN and not receipt.final:
        return ("pending", False)
    return (receipt.status.value, receipt.final)


def test_the_gateways_have_nothing_to_complain_about(simulated):
    assert simulated[2].complaints == []


def test_every_signed_receipt_is_authentic(simulated):
    _, hub, _ = simulated
    schemes = Counter(proof.scheme for proof in hub.proofs if proof)
    assert schemes == {"sha256": len(hub.receipts["vonage"])}
