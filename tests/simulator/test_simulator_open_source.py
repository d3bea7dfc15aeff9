"""The gateways that people run themselves: what goes out to the address that a send names."""

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from delivrd.simulator import Simulation, blank_accounts, dialect
from delivrd.simulator.dialects import jasmin, kannel
from delivrd.simulator.journal import Part, Push, Submission

NOW = 1_795_290_055.0
SMS_ID = "9002400011"


def pushed(word, code, dlr_url):
    """The query of what Kannel calls, and the whole address."""
    meaning = dialect("kannel").meaning(word, code)
    sent = Submission(
        dialect="kannel", to="37251230002", sender="ACME", text="Hello", reference=None,
        callback=dlr_url, shape="", at=0.0, taken_at=NOW, outcome="accepted",
        extra={"to": "+37251230002", "service": "acme"},
    )  # fmt: skip
    push = Push(sent, Part(SMS_ID), word, code, meaning, 1.0)
    push.part.pushes.append(push)
    url = kannel.receipt(push, kannel.Account(), NOW).url
    return parse_qs(urlsplit(url).query, keep_blank_values=True), url


def test_kannel_fills_the_escapes_of_the_address_and_leaves_the_rest():
    dlr_url = "http://hub/s%%2F1/ref?d=%d&p=%p&q=%Q&t=%t&T=%T&F=%F&mine=7&x=%x&B=%B"
    told, url = pushed("1", "DELIVRD", dlr_url)
    assert url.startswith("http://hub/s%2F1/ref?d=1&p=%2B37251230002&")
    assert told == {
        "d": ["1"], "p": ["+37251230002"], "q": ["ACME"], "t": ["2026-11-21 19:40:55"],
        "T": ["1795290055"], "F": [SMS_ID], "mine": ["7"], "x": ["%x"], "B": [""],
    }  # fmt: skip


RECEIPT = f"id:{SMS_ID} sub:001 dlvrd:000 submit date:2611211940 done date:2611211940"


@pytest.mark.parametrize(
    ("word", "code", "reply", "id"),
    [
        ("8", "", "ACK/", SMS_ID),
        ("2", "DELETED", f"{RECEIPT} stat:DELETED err:000 text:Hello", SMS_ID),
        ("2", "UNKNOWN", f"{RECEIPT} stat:UNKNOWN err:000 text:Hello", SMS_ID),
        ("16", "0x0000000b", "NACK/0x0000000b/Invalid Destination Address", ""),
    ],
)
def test_kannel_passes_on_what_the_sms_centre_said(word, code, reply, id):
    told, _ = pushed(word, code, "http://hub/?d=%d&A=%A&F=%F")
    assert told == {"d": [word], "A": [reply], "F": [id]}


def asked(name, method, path, **options):
    """The answer of a running gateway to a call, and its journal."""

    async def ask():
        async with (
            Simulation(accounts=blank_accounts([name])) as sim,
            aiohttp.ClientSession() as client,
            client.request(method, sim.addresses[name] + path, **options) as response,
        ):
            return response.status, await response.text(), sim.journal

    return asyncio.run(ask())


USER = {"username": "tester", "password": "secret"}
KANNEL = {**USER, "from": "ACME", "to": "+37251230002", "text": "Hello", "dlr-mask": "31"}
JASMIN = {**USER, "from": "ACME", "to": "+37251230002", "content": "Hello", "dlr-level": "3"}
HOOK = "http://127.0.0.1:9/"


def test_kannel_s_answer_names_no_id():
    status, said, journal = asked(
        "kannel", "GET", "/cgi-bin/sendsms", params={**KANNEL, "dlr-url": HOOK}
    )
    assert (status, said) == (202, "0: Accepted for delivery")
    assert journal.complaints == []
    assert journal.submissions[0].linked


def test_kannel_without_an_address_for_receipts_leaves_a_hub_without_any():
    _, _, journal = asked("kannel", "GET", "/cgi-bin/sendsms", params={**KANNEL, "dlr-mask": "0"})
    assert not journal.submissions[0].linked
    assert any("dlr-mask" in each for each in journal.complaints)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"username": ""}, 403, "Authorization failed for sendsms"),
        ({"to": ""}, 400, "Missing receiver number, rejected"),
        ({"to": "abc"}, 400, kannel.DENIED),
        ({"from": ""}, 400, "Sender missing and no global set, rejected"),
        ({"dlr-url": "hub"}, 400, "DLR-URL field misformed, rejected"),
        ({"dlr-mask": "64"}, 400, "DLR-Mask field misformed, rejected"),
        ({"validity": "soon"}, 400, "Validity field misformed, rejected"),
    ],
)
def test_kannel_says_what_it_dislikes(change, status, said):
    params = KANNEL | change
    assert asked("kannel", "GET", "/cgi-bin/sendsms", params=params)[:2] == (status, said)


@pytest.mark.parametrize(("method", "how"), [("GET", "params"), ("POST", "data")])
@pytest.mark.parametrize("wanted", ["GET", "POST"])
def test_jasmin_names_the_id_and_calls_as_it_is_told(method, how, wanted):
    call = {**JASMIN, "dlr-url": HOOK, "dlr-method": wanted}
    status, said, journal = asked("jasmin", method, "/send", **{how: call})
    [sent] = journal.submissions
    assert (status, said) == (200, f'Success "{sent.parts[0].id}"')
    assert (sent.shape, sent.callback) == (wanted, HOOK)
    assert journal.complaints == []


def test_jasmin_s_restful_api_says_the_same_in_json():
    call = {name: value for name, value in JASMIN.items() if name not in USER}
    headers = {"Authorization": "Basic dGVzdGVyOnNlY3JldA=="}
    call |= {"dlr-url": HOOK}
    status, said, journal = asked("jasmin", "POST", "/secure/send", json=call, headers=headers)
    assert (status, json.loads(said)) == (
        200, {"data": f'Success "{journal.submissions[0].parts[0].id}"'}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"to": "abc"}, "Argument [to] has an invalid value: [abc]."),
        ({"password": "x" * 17}, f"Argument [password] has an invalid value: [{'x' * 17}]."),
        ({"colour": "red"}, "Argument [colour] is unknown."),
        ({"hex-content": "00"}, "content and hex-content cannot be used both in same request."),
    ],
)
def test_jasmin_says_what_it_dislikes(change, said):
    answer = asked("jasmin", "POST", "/send", data=JASMIN | change)
    assert answer[:2] == (400, f'Error "{said}"')


@pytest.mark.parametrize(
    ("status", "body", "good"),
    [(200, b"ACK/Jasmin", True), (200, b"", False), (500, b"ACK/Jasmin", False)],
)
def test_jasmin_expects_its_own_word(status, body, good):
    assert jasmin.acknowledged(status, body) is good
