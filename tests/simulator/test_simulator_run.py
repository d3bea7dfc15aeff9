"""The gateways over real sockets, against a hub that is right and hubs that are wrong."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from delivrd.simulator import (
    SCENARIOS,
    Simulation,
    blank_accounts,
    check,
    driver,
    fetch_messages,
    heard_of,
    messages,
    scenario,
    send_traffic,
)
from delivrd.simulator.dialects import vonage
from tests.simulator.tiny_hub import SECRET, TinyHub

SPEED = 1000.0


def signing(secret=SECRET):
    """The gateways of the demo, of which Vonage's signs what it pushes."""
    account = vonage.Account(signature_secret=secret, shape="mixed")
    return blank_accounts() | {"vonage": account}


async def through(hub, scenario_, number=150, *, seed=1, speed=SPEED, rate=500.0, accounts=None):
    """Traffic through a hub to the end: the simulation, what was sent, and the hub's messages."""
    accounts = accounts or signing()
    async with Simulation(scenario_, seed=seed, speed=speed, accounts=accounts) as sim:
        hub.addresses = sim.addresses
        sim.deliver_to(**{name: hub.webhook(name) for name in sim.addresses})
        sent = await send_traffic(
            hub.url, "key", messages(seed=seed, number=number), rate=rate, run=sim.run
        )
        await hub.handed_over()
        assert await sim.quiesce(within=30)
        ids = [each.body["id"] for each in sent if each.accepted]
        return sim, sent, (await fetch_messages(hub.url, "key", ids)).messages


def run(scenario_, number=150, *, hub=None, **options):
    async def all_of_it():
        async with hub or TinyHub() as tiny:
            return await through(tiny, scenario_, number, **options)

    return asyncio.run(all_of_it())


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_status_of_every_message_of_a_right_hub_follows_from_the_journal(name):
    sim, sent, shown = run(name)
    assert len(shown) == len(sent) == 150
    assert check(shown, sim.journal) == []
    assert sim.journal.complaints == []
    assert sim.journal.totals()["acknowledged"] > 100


def test_the_check_catches_a_hub_that_believes_the_last_receipt():
    sim, _, shown = run("reordered", hub=TinyHub(last_word=True))
    assert any("delivered (final) is right" in each.why for each in check(shown, sim.journal))


def test_the_check_catches_a_hub_that_trusts_unsigned_receipts():
    sim, _, shown = run("unsigned", hub=TinyHub(trusting=True))
    assert any("without a valid signature" in each.why for each in check(shown, sim.journal))


def test_the_check_catches_a_hub_that_sends_again_when_an_answer_is_lost():
    losing = replace(scenario("happy"), lost_answers=0.3, hang=1.0)
    sim, _, shown = run(losing, hub=TinyHub(eager=True))
    whys = [each.why for each in check(shown, sim.journal)]
    assert any("handed over 2 times" in why for why in whys)


def test_the_check_catches_a_message_that_no_hub_knows():
    sim, _, shown = run("happy", 20)
    assert check(shown, sim.journal) == []
    whys = [each.why for each in check(shown[1:], sim.journal)]
    assert "the hub has no message for it" in whys[0]
    assert check(shown[1:], sim.journal, complete=False) == []


def test_a_message_of_an_earlier_run_is_not_taken_for_one_with_its_number_and_text():
    """It may wait for a receipt that no gateway pushes any more."""
    sim, _, shown = run("happy", 20)
    ours = next(message for message in shown if message["attempts"][0]["parts"])
    part = {**ours["attempts"][0]["parts"][0], "provider_message_id": "of-an-earlier-run"}
    earlier = {**ours, "id": "earlier", "status": "pending", "final": False, "receipts": [],
               "attempts": [{"state": "accepted", "parts": [part]}]}  # fmt: skip
    assert heard_of([*shown, earlier], sim.journal) == shown


def test_the_check_catches_a_message_that_the_hub_has_lost():
    async def lost():
        async with TinyHub() as hub, Simulation("happy", accounts=signing()) as sim:
            return sim.journal, await fetch_messages(hub.url, "key", ["12"])

    journal, shown = asyncio.run(lost())
    (difference,) = check(shown.messages, journal, missing=shown.missing)
    assert str(difference) == "12: the hub took it, and does not know it any more"


def test_the_check_catches_a_hub_that_refuses_an_authentic_receipt():
    accounts = signing("another-secret")
    sim, _, shown = run(replace(scenario("happy"), retry_for=0.0), 30, accounts=accounts)
    whys = {each.why for each in check(shown, sim.journal)}
    assert "the hub refused an authentic receipt with 401" in whys


def test_the_check_catches_a_hub_that_acknowledges_nothing():
    sim, _, shown = run(replace(scenario("happy"), retry_for=0.0), 30, hub=TinyHub(refuse=10_000))
    whys = {each.why for each in check(shown, sim.journal)}
    assert whys == {"the hub acknowledged no try of it, and answered 503"}
    assert check(shown, sim.journal, broken_off=True) == []


def test_the_check_catches_a_message_that_no_gateway_received():
    sim, _, shown = run("happy", 20)
    kept = {"id": "other", "to": "+372", "status": "pending", "final": False}
    (difference,) = check([*shown, kept], sim.journal)
    assert str(difference) == "other to +372: no gateway received it"
    unsure = kept | {"attempts": [{"id": "other", "state": "unsure"}]}
    assert check([*shown, unsure], sim.journal) == []
    assert check([*shown, kept], sim.journal, broken_off=True) == []


def test_a_time_out_of_the_hub_is_right_only_where_it_is_allowed():
    silent = replace(scenario("silent-carrier"), silent_networks=frozenset({"62130", "62120"}))
    sim, _, shown = run(silent)
    late = [m | {"status": "unknown", "final": True} if not m["final"] else m for m in shown]
    assert check(late, sim.journal) != []
    assert check(late, sim.journal, timed_out=True) == []


def test_a_seed_gives_the_same_fates_whatever_the_order_of_arrival():
    def fates(sim):
        return {
            (s.to, s.text, s.dialect): (s.outcome, s.cause, [(p.word, p.code) for p in s.pushes])
            for s in sim.journal.submissions
            if s.outcome != "later"
        }

    first, _, _ = run("happy", 80)
    second, _, _ = run("happy", 80, rate=5000.0)
    assert fates(first) == fates(second)
    assert {p.id for s in first.journal.submissions for p in s.parts if p.id}.isdisjoint(
        p.id for s in second.journal.submissions for p in s.parts if p.id
    )


def test_receipts_overtake_the_answer_to_the_send():
    always = replace(scenario("happy"), overtaking=1.0, duplicates=0.0)

    async def first_receipt_before_the_answer():
        async with TinyHub() as hub, Simulation(always, speed=1.0, accounts=signing()) as sim:
            sim.deliver_to(vonage=hub.webhook("vonage"))
            form = {
                "api_key": "k", "api_secret": "s", "from": "Acme", "to": "447400000001", "text": "x"
            }  # fmt: skip
            async with (
                aiohttp.ClientSession() as client,
                client.post(sim.addresses["vonage"] + "/sms/json", data=form) as response,
            ):
                answer = await response.json()
            return answer, len(hub.receipts), sim.waiting

    answer, received, _ = asyncio.run(first_receipt_before_the_answer())
    assert answer["messages"][0]["status"] == "0"
    assert received == 1


def test_vonage_pushes_again_what_was_not_acknowledged():
    sim, _, shown = run("happy", 30, hub=TinyHub(refuse=20), speed=3000.0)
    never = {p.submission.dialect for p in sim.journal.pushes if not p.acknowledged}
    assert never <= {"ruach"}
    assert check(shown, sim.journal, broken_off=True) == []
    tried_again = [p for p in sim.journal.pushes if len(p.tries) > 1]
    assert {p.submission.dialect for p in tried_again} <= {"vonage", "smspm"}
    assert tried_again


def test_ruach_never_pushes_again():
    patient = replace(scenario("happy"), retry_for=1800.0, off=0.0)
    sim, _, _ = run(patient, 40, hub=TinyHub(refuse=10_000), speed=3000.0)
    tries = {"ruach": set(), "vonage": set(), "smspm": set()}
    for push in sim.journal.pushes:
        tries[push.submission.dialect].add(len(push.tries))
    assert tries["ruach"] == {1}
    assert max(tries["vonage"]) > 1
    assert max(tries["smspm"]) > 1


def test_a_push_without_an_answer_leaves_both_readings_right():
    sim, _, shown = run(replace(scenario("happy"), retry_for=0.0, off=0), 40)
    for push in sim.journal.pushes:
        push.tries[:] = [push.tries[0]._replace(status=None, good=False)]
    assert check(shown, sim.journal, broken_off=True) == []
    nothing_kept = [m | {"status": "pending", "final": False} for m in shown]
    refused = [
        s
        for s in sim.journal.submissions
        if s.outcome == "refused" or any(part.refused for part in s.parts)
    ]
    assert len(check(nothing_kept, sim.journal, broken_off=True)) == len(refused)


def test_an_outage_refuses_sends_and_holds_receipts_back():
    sim, _, _ = run("outage", 200, speed=200.0, rate=300.0)
    down = [s for s in sim.journal.submissions if s.outcome == "down" or s.why == "outage"]
    first = min(s.at for s in sim.journal.submissions if s.dialect == "vonage")
    assert {s.outcome for s in down} == {"down", "later"}
    assert {s.dialect for s in down} == {"vonage"}
    due = [p.submission.at + p.after - first for p in sim.journal.pushes
           if p.submission.dialect == "vonage"]  # fmt: skip
    assert not [moment for moment in due if 20 <= moment < 110 - 1e-6]


def test_after_an_outage_most_texts_are_lost_for_a_while():
    weather = replace(scenario("outage"), outage=(0.0, 0.001), aftermath=1e9, lost_answers=0.0)
    sim, _, _ = run(weather, 200)
    causes = [s.cause for s in sim.journal.submissions if s.outcome == "accepted"]
    of_vonage = [s.cause for s in sim.journal.submissions
                 if s.outcome == "accepted" and s.dialect == "vonage"]  # fmt: skip
    assert 0.5 < of_vonage.count("network") / len(of_vonage) < 0.75
    assert causes.count("network") - of_vonage.count("network") < 10


def test_bursts_come_all_at_once():
    sim, _, _ = run("burst", 60)
    due = {round((p.submission.at + p.after) / 60, 6) for p in sim.journal.pushes}
    assert all(moment == int(moment) for moment in due)


def test_leaving_early_drops_what_is_due_and_ends_at_once():
    async def leave():
        async with TinyHub() as hub, asyncio.timeout(5):
            async with Simulation("happy", speed=1.0, accounts=signing()) as sim:
                hub.addresses = sim.addresses
                sim.deliver_to(**{name: hub.webhook(name) for name in sim.addresses})
                await send_traffic(hub.url, "key", messages(number=20), rate=1000, run="r")
                await hub.handed_over()
                assert not await sim.quiesce(within=0.01)
                assert sim.waiting > 0
            assert sim.waiting == 0
            return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    left = asyncio.run(leave())
    assert [task for task in left if "pusher" in repr(task)] == []


def test_a_send_without_an_address_for_its_receipts_is_complained_about():
    async def send():
        async with Simulation("happy") as sim:
            params = {
                "ApiKey": "k", "ClientId": "c", "SenderId": "Acme", "Message": "hello",
                "MobileNumber": "2348030000001",
            }  # fmt: skip
            async with (
                aiohttp.ClientSession() as client,
                client.get(sim.addresses["ruach"] + "/api/v2/SendSMS", params=params) as response,
            ):
                assert (await response.json())["ErrorCode"] == 0
            return sim.journal.complaints

    assert asyncio.run(send()) == ["ruach: a send has no URL for its receipts"]


def test_progress_counts_every_text():
    seen = []

    async def send():
        async with TinyHub() as hub, Simulation("happy", accounts=signing()) as sim:
            hub.addresses = sim.addresses
            await send_traffic(hub.url, "k", messages(number=10), rate=1000, progress=seen.append)

    asyncio.run(send())
    assert [(p.sent, p.accepted, p.failed) for p in seen] == [(n, n, 0) for n in range(1, 11)]


def test_a_hub_that_is_away_makes_texts_fail_and_not_the_sender():
    async def send():
        return await send_traffic("http://127.0.0.1:9", "k", messages(number=3), rate=1000)

    assert [(each.status, each.accepted) for each in asyncio.run(send())] == [(None, False)] * 3


def test_a_text_is_sent_again_with_the_same_key_to_a_hub_that_was_away(monkeypatch):
    monkeypatch.setattr(driver, "_PAUSE", 0.0)

    async def send():
        async with TinyHub(busy=2) as hub, Simulation("happy", accounts=signing()) as sim:
            hub.addresses = sim.addresses
            return hub, await send_traffic(hub.url, "k", messages(number=1), run="r1")

    hub, sent = asyncio.run(send())
    assert [each.status for each in sent] == [202]
    assert hub.keys == ["r1-sim-1-0"] * 3


def test_without_a_run_a_text_is_sent_once():
    async def send():
        async with TinyHub(busy=1) as hub:
            return hub, await send_traffic(hub.url, "k", messages(number=1))

    hub, sent = asyncio.run(send())
    assert [each.status for each in sent] == [503]
    assert hub.keys == [None]


def test_no_more_is_sent_to_a_hub_that_refuses_the_key():
    async def send():
        async with TinyHub() as hub:
            return await send_traffic(f"{hub.url}/locked", "k", messages(), rate=1000)

    assert {each.status for each in asyncio.run(send())} == {401}


def test_an_invalid_address_harms_nobody_else():
    async def send():
        once = replace(scenario("happy"), retry_for=0.0)
        async with TinyHub() as hub, Simulation(once, speed=SPEED, accounts=signing()) as sim:
            sim.deliver_to(vonage=hub.webhook("vonage"))
            form = {"api_key": "k", "api_secret": "s", "from": "Acme", "text": "x"}
            async with aiohttp.ClientSession() as client:
                for number, more in (("1", {"callback": "http://["}), ("2", {})):
                    data = form | {"to": f"44740000000{number}"} | more
                    await client.post(sim.addresses["vonage"] + "/sms/json", data=data)
                assert await sim.quiesce(within=10)
            return sim.journal

    broken, sound = asyncio.run(send()).submissions
    assert not any(push.acknowledged for push in broken.pushes)
    assert all(push.acknowledged for push in sound.pushes)
