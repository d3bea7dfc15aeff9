"""The adapters against gateways that were written apart from them, over real sockets."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from aiohttp import web

from delivrd.core.statement import Kind, Receipt, Status, identity
from delivrd.core.status import Handover, State, Statement, fold_attempt, fold_part
from delivrd.providers import provider
from delivrd.providers.base import Accepted, Later, Outgoing, Refused, Request
from delivrd.sending.http import GatewayClient
from delivrd.simulator import Simulation, dialect, expected_status, scenario
from delivrd.simulator.segments import count, is_gsm
from tests.providers.simulated import SIMULATED, account, known_as, settings, spoilt

TEXTS = ("hello", "a" * 400, "Grüße ✓ " * 20)
SENDS = 80


class Hub:
    """Reads what comes in, as a webhook would."""

    def __init__(self, of, settings):
        self.of, self.settings = of, settings
        self.receipts, self.proofs, self.faults = [], [], []

    async def __call__(self, got):
        request = Request(
            got.method,
            got.rel_url.raw_query_string.encode(),
            [(key.lower(), value) for key, value in got.headers.items()],
            await got.read(),
            f"http://{got.host}{got.rel_url.raw_path}",
        )
        self.proofs.append(self.of.authenticate(request, self.settings))
        reading = self.of.read(request, self.settings)
        self.faults += reading.faults
        self.receipts += reading.receipts
        answer = self.of.answer(request, reading)
        return web.Response(status=answer.status, body=answer.body)


def outgoing(number, webhook):
    text = TEXTS[number % len(TEXTS)]
    return Outgoing(
        reference=f"attempt-{number}",
        to=f"+4477009{number:05d}",
        sender="AcmeInc",
        text=text,
        unicode=not is_gsm(text),
        segments=count(text),
        validity=None,
        callback_url=f"{webhook}/attempt-{number}" if webhook else None,
    )


async def talk(name, weather, *, sends=SENDS, spoil=lambda settings: settings, **changes):
    """What the adapter makes of each answer, the hub with what was pushed to it, the journal.

    ``changes`` are settings that the account has otherwise.
    """
    of, right = provider(name), settings(name, **changes)
    hub, app = Hub(of, right), web.Application()
    app.router.add_route("*", "/webhooks/a{attempt:.*}", hub.__call__)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    webhook = "http://{}:{}/webhooks/a".format(*runner.addresses[0])
    accounts = {name: account(name, webhook)}
    async with (
        Simulation(weather, seed=7, speed=10_000, accounts=accounts) as simulation,
        GatewayClient() as client,
    ):
        used = spoil(right).model_copy(update={"base_url": simulation.addresses[name]})
        answers = [
            await of.send(outgoing(number, webhook if of.calls_back else None), used, client)
            for number in range(sends)
        ]
        assert await simulation.quiesce(within=30)
    await runner.cleanup()
    return answers, hub, simulation.journal


ROUGH = replace(
    scenario("happy"), name="rough", failures=8.0, refusals=0.1, partial=0.2, throttled=0.1
)


VARIANTS = [("gatewayapi", {"api": "messaging"}), ("jasmin", {"api": "rest"})]
"""Settings that make an adapter call another of the gateway's interfaces."""
RUNS = [*((name, {}) for name in SIMULATED), *VARIANTS]


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: "-".join((run[0], *run[1].values())))
def talked(request):
    """A run with many failures, refusals and busy moments."""
    name, changes = request.param
    return asyncio.run(talk(name, ROUGH, **changes))


def accepted(answers, journal):
    pairs = zip(answers, journal.submissions, strict=True)
    return [(answer, taken) for answer, taken in pairs if isinstance(answer, Accepted)]


def test_every_answer_is_understood(talked):
    answers, _, journal = talked
    outcomes = [submission.outcome for submission in journal.submissions]
    understood = {"accepted": Accepted, "refused": Refused, "later": Later}
    assert [type(answer) for answer in answers] == [understood[told] for told in outcomes]
    assert {"accepted", "refused", "later"} == set(outcomes)


def test_every_text_arrives_as_it_was_sent(talked):
    _, _, journal = talked
    texts = [submission.text for submission in journal.submissions]
    assert texts == [outgoing(number, None).text for number in range(SENDS)]
    assert journal.complaints == []


def test_an_answer_names_every_part_and_which_was_refused(talked):
    answers, _, journal = talked
    for answer, submission in accepted(answers, journal):
        told = [(part.provider_message_id, part.status is Status.REJECTED) for part in answer.parts]
        named = submission.parts[: 1 if dialect(submission.dialect).first_id_only else None]
        assert told == [(known_as(part, submission), part.refused) for part in named]


def test_every_receipt_says_what_the_gateway_meant(talked):
    _, hub, journal = talked
    meant = Counter(
        (known_as(push.part, push.submission), push.word, *push.meaning) for push in journal.pushes
    )
    understood = Counter(
        (r.provider_message_id, r.provider_status, *_meaning(r)) for r in hub.receipts
    )
    assert understood == meant
    assert {"delivered", "undelivered"} <= {status for *_, status, _ in understood}
    assert hub.faults == []
    assert not [receipt for receipt in hub.receipts if receipt.unmapped]


def _meaning(receipt):
    """The simulator calls an ``unknown`` that is not final pending, as a part would show it."""
    if receipt.status is Status.UNKNOWN and not receipt.final:
        return ("pending", False)
    return (receipt.status.value, receipt.final)


def test_a_receipt_names_the_recipient_or_nobody(talked):
    _, hub, journal = talked
    of_part = {known_as(part, sent): sent.to for sent in journal.submissions for part in sent.parts}
    for receipt in hub.receipts:
        assert receipt.to in (None, of_part[receipt.provider_message_id])


def test_the_receipts_of_a_text_add_up_to_what_the_gateway_knows(talked):
    answers, hub, journal = talked
    for answer, submission in accepted(answers, journal):
        outcome = fold_attempt(
            Handover(State.ACCEPTED, len(answer.parts)),
            [fold_part(_statements(part, hub.receipts)) for part in answer.parts],
        )
        assert {(str(outcome.status), outcome.final)} == expected_status(submission)


def _statements(part, receipts):
    if part.provider_message_id is None:
        refused = Receipt(provider_message_id=None, status=part.status, final=True)
        return [Statement(Kind.ANSWER, refused, 0, b"")]
    return [
        Statement(Kind.RECEIPT, receipt, number, identity(Kind.RECEIPT, receipt))
        for number, receipt in enumerate(receipts)
        if receipt.provider_message_id == part.provider_message_id
    ]


def test_every_push_is_acknowledged_and_proven_where_the_gateway_signs(talked):
    _, hub, journal = talked
    assert all(len(push.tries) == 1 and push.acknowledged for push in journal.pushes)
    name = journal.submissions[0].dialect
    assert {proof is not None for proof in hub.proofs} == {account(name).signs}


@pytest.mark.parametrize("name", SIMULATED)
def test_wrong_credentials_are_refused_and_that_is_understood(name):
    [answer], _, journal = asyncio.run(talk(name, "happy", sends=1, spoil=spoilt))
    assert isinstance(answer, Refused | Later)
    assert journal.submissions == []
    assert len(journal.complaints) == 1
