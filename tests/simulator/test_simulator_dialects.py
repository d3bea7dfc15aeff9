"""What holds for every dialect, and what a module may do beyond the dialects that there are."""

import asyncio
import re
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from delivrd.simulator import (
    Simulation,
    blank_accounts,
    check,
    dialect,
    dialects,
    messages,
    names,
    record,
    scenario,
)
from delivrd.simulator.wire import Inbound
from delivrd.simulator.words import CAUSES

TOLD = [(name, shape) for name in names() for shape in dialect(name).shapes]


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(("name", "shape"), TOLD)
def test_every_cause_has_a_word_in_its_dialect(name, shape, cause):
    meaning = dialect(name).meaning(*dialect(name).report(cause, shape))
    assert meaning.final or meaning.status == "pending"
    if CAUSES[cause] in ("taken", "delivered"):
        assert meaning.status == {"taken": "pending"}.get(CAUSES[cause], "delivered")
    else:
        assert meaning.status != "delivered"


@pytest.mark.parametrize("name", names())
def test_only_causes_that_there_are_have_a_word(name):
    of = dialect(name)
    for table in (of.reported_as, *of.reported_as_by_shape.values()):
        assert set(table) <= {*CAUSES, *CAUSES.values()}
    assert set(of.reported_as_by_shape) <= set(of.shapes)


@pytest.mark.parametrize("name", names())
def test_what_is_pushed_is_sent_to_the_account_s_webhook_and_names_the_part(name):
    recording = record(
        messages(number=60, gateways={name: 1.0}),
        start=1_760_000_000.0,
        scenario_="unsigned",
        accounts=blank_accounts([name]),
    )
    assert len(recording.calls) > 50
    assert all(call.path.startswith(f"/webhooks/{name}") for call in recording.calls)
    unnamed = {call.push.word for call in recording.calls if not names_part(call)}
    assert unnamed <= set(dialect(name).refusals)


def names_part(call):
    return call.push.part.id.encode() in call.call.url.encode() + call.call.body


@pytest.mark.parametrize("name", [name for name in names() if dialect(name).refusals])
def test_of_a_text_that_is_refused_nothing_was_told_before(name):
    texts = messages(number=300, gateways={name: 1.0})
    weather = replace(scenario("happy"), failures=8.0, interim=1.0, duplicates=0.0)
    recording = record(texts, start=0.0, scenario_=weather, accounts=blank_accounts([name]))
    told = [[push.word for push in sent.pushes] for sent in recording.journal.submissions]
    refused = [words for words in told if set(words) & set(dialect(name).refusals)]
    assert refused
    assert all(len(words) == 1 for words in refused)


@pytest.mark.parametrize("name", names())
def test_a_call_that_says_nothing_is_refused(name):
    of = dialect(name)

    async def ask():
        async with Simulation(accounts=blank_accounts([name])) as sim, aiohttp.ClientSession() as c:
            assert set(sim.addresses) == {name}
            for route in of.routes:
                method, path = re.sub(r"{.*?}", "x", route).split(" ", 1)
                async with c.request(method, sim.addresses[name] + path) as response:
                    assert response.status < 500
            return sim.journal

    journal = asyncio.run(ask())
    assert journal.submissions == []
    assert len(journal.complaints) == len(of.routes)


def test_an_unknown_dialect_is_named_with_the_known_ones():
    with pytest.raises(LookupError, match=r"'acme'.*ruach, .*smspm, .*vonage"):
        dialect("acme")


def test_the_default_gateways_are_the_demo_s():
    assert set(Simulation().accounts) == {"vonage", "ruach", "smspm"}


@pytest.mark.parametrize(
    ("header", "read"),
    [("Basic dXNlcjpwYTpzcw==", ("user", "pa:ss")), ("Bearer x", ("", "")), ("Basic *", ("", ""))],
)
def test_a_call_tells_user_and_password(header, read):
    assert Inbound("GET", "", "", b"", {"authorization": header}).basic() == read


ACME = '''
"""A gateway with the account in its path, basic authentication, and a body as its answer."""

from delivrd.simulator.accounts import Account
from delivrd.simulator.wire import Refusal, Send, address, json_answer, post_json
from delivrd.simulator.words import DELIVERED, PENDING, UNDELIVERED

NAME = "acme"
ROUTES = ("POST /accounts/{account}/Messages.json",)
WORDS = {"sent": PENDING, "done": DELIVERED, "lost": UNDELIVERED}
REPORTED_AS = {
    "taken": ("sent", ""), "delivered": ("done", ""), "expired": ("lost", "1"),
    "undelivered": ("lost", "2"), "rejected": ("lost", "3"), "unknown": ("sent", "4"),
}


def account(settings, webhook):
    return Account(webhook=webhook)


def read(call, account, complain):
    if call.basic() != ("user", "password"):
        raise Refusal(json_answer({"error": "who?"}, 401))
    params = call.params()
    return [Send(params["to"], "Acme", params["text"], extra={"account": call.match["account"]})]


def answer(submissions):
    return json_answer({"id": submissions[0].parts[0].id})


def receipt(push, account, now):
    body = {"id": push.part.id, "status": push.word, **push.submission.extra}
    return post_json(address(push, account), body, {"X-Acme": "1"})


def acknowledged(status, body):
    return (status, body) == (200, b"ACK")
'''


@pytest.fixture
def acme(tmp_path, monkeypatch):
    (tmp_path / "acme.py").write_text(ACME)
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    dialects._all.cache_clear()
    yield
    dialects._all.cache_clear()


SURE = replace(
    scenario("happy"), failures=0.0, off=0.0, interim=0.0, duplicates=0.0, refusals=0.0,
    throttled=0.0, overtaking=0.0, retry_for=150.0,
)  # fmt: skip


async def through_acme(answers):
    """A send, and the journal and the receipts once the hub has given these answers."""
    got, answers = [], iter(answers)

    async def receive(request):
        got.append((request.headers["X-Acme"], await request.json()))
        return web.Response(text=next(answers))

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with (
        Simulation(SURE, speed=1000.0, accounts=blank_accounts(["acme"])) as sim,
        aiohttp.ClientSession(headers={"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}) as client,
    ):
        sim.deliver_to(acme="http://{}:{}/".format(*runner.addresses[0]))
        url = sim.addresses["acme"] + "/accounts/AC1/Messages.json"
        async with client.post(url, data={"to": "447400000001", "text": "x"}) as response:
            answer = await response.json()
        assert await sim.quiesce(within=10)
    await runner.cleanup()
    return answer, sim.journal, got


@pytest.mark.usefixtures("acme")
def test_a_module_is_all_that_a_dialect_needs():
    answer, journal, got = asyncio.run(through_acme(["ACK"]))
    assert got == [("1", {"id": answer["id"], "status": "done", "account": "AC1"})]
    assert journal.complaints == []


@pytest.mark.usefixtures("acme")
def test_a_gateway_may_want_more_than_2xx_for_an_acknowledgement():
    _, journal, got = asyncio.run(through_acme(["OK", "ACK"]))
    [push] = journal.pushes
    assert [(attempt.status, attempt.good) for attempt in push.tries] == [(200, False), (200, True)]
    assert got[0] == got[1]
    assert [each.why for each in check([], journal, complete=False)] == [
        "the hub's answer is not an acknowledgement for this gateway"
    ]
