"""The bytes on the wire: payloads against captured and documented ones, signatures, answers."""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from vonage_http_client.auth import Auth

from delivrd.simulator import Simulation, blank_accounts, dialect
from delivrd.simulator.dialects import ruach, smspm, vonage
from delivrd.simulator.dialects.vonage_signing import METHODS, sign
from delivrd.simulator.journal import Part, Push, Submission
from delivrd.simulator.segments import count
from delivrd.simulator.words import PENDING

FIXTURES = Path(__file__).parent / "fixtures" / "receipts.jsonl"
SAMPLES = [json.loads(line) for line in FIXTURES.read_text().splitlines()]
HOOK = "http://hub/webhooks/a"
ACCOUNTS = {
    "vonage": vonage.Account(webhook=HOOK, api_key="a1234567"),
    "ruach": ruach.Account(webhook=HOOK),
    "smspm": smspm.Account(webhook=HOOK),
}


def push(name, shape, word, code="0", **changes):
    fields = {"to": "447547232824", "sender": "Acme", "text": "Hello & = World!"} | changes
    submission = Submission(
        dialect=name, reference=None, callback=None, shape=shape, at=0.0,
        taken_at=1_540_000_000.0, outcome="accepted", network="23410", price="0.03330000",
        hours=1, **fields,
    )  # fmt: skip
    part = Part("0B00000127FDBC63")
    part.pushes.append(Push(submission, part, word, code, PENDING, 7.0))
    return part.pushes[0]


def fields_of(call):
    if call.body and dict(call.headers)["Content-Type"].startswith("application/json"):
        return json.loads(call.body)
    return dict(parse_qsl(call.body.decode() or urlsplit(call.url).query, keep_blank_values=True))


def fields_of_sample(sample):
    if sample["content_type"] == "application/json":
        return json.loads(sample["body"])
    return dict(parse_qsl(sample["body"] or sample["query"], keep_blank_values=True))


def shape_of(value):
    """A value's form: digits as 9, letters as a, everything else as it is."""
    return re.sub(r"9+", "9", re.sub(r"\d", "9", value))


def made_like(sample):
    """The receipt that the simulator pushes where the sample was pushed."""
    shape = {"vonage": "POST-JSON", "ruach": "GET"}.get(sample["provider"], sample["variant"])
    if "form" in (sample["content_type"] or ""):
        shape = "POST"
    word = sample["expected"]["status_provider"]
    name = sample["provider"]
    call = dialect(name).receipt(push(name, shape, word), ACCOUNTS[name], 1_540_469_429.0)
    return call, fields_of(call)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["provider"] + s["method"])
def test_a_receipt_is_called_like_the_sample(sample):
    call, made = made_like(sample)
    assert call.method == sample["method"]
    content_type = dict(call.headers).get("Content-Type")
    assert (content_type or "").lower() == (sample["content_type"] or "").lower()
    # accounts differ in whether they see their key and the recipient again
    assert set(made) ^ set(fields_of_sample(sample)) <= {"api-key", "toNumber"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["provider"] + s["method"])
def test_times_and_amounts_are_written_like_the_sample_s(sample):
    _, made = made_like(sample)
    theirs = fields_of_sample(sample)
    written = {"message-timestamp", "scts", "price", "submitDate", "doneDate", "timestamp",
               "deliveredAt", "err-code"}  # fmt: skip
    for name in written & set(theirs) & set(made):
        if theirs[name]:
            assert shape_of(made[name]) == shape_of(theirs[name]), name


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["provider"] + s["method"])
def test_the_simulator_s_tables_read_the_sample_as_it_should_be(sample):
    expected = sample["expected"]
    word = expected["status_provider"]
    word = word.upper() if sample["provider"] == "ruach" else word
    read = dialect(sample["provider"]).meaning(word, expected["error_code"] or "")
    assert read == (expected["status"], expected["final"])


PARAMS = {"a": "1", "b": "2", "timestamp": "1461605396"}


def test_md5hash_is_the_published_example():
    """The example of Vonage's own SDKs."""
    assert sign(PARAMS, "secret", "md5hash") == "6af838ef94998832dbfc29020b564830"


@pytest.mark.parametrize("method", ["md5", "sha1", "sha256", "sha512"])
def test_hmacs_agree_with_vonage_s_own_client(method):
    params = PARAMS | {"text": "a&b=c", "blank": "", "name": "Grüße"}
    oracle = Auth(api_key="k", api_secret="s", signature_secret="secret", signature_method=method)
    assert sign(params | {"sig": "ignored"}, "secret", method) == oracle.sign_params(dict(params))


def test_an_empty_secret_signs_nothing():
    with pytest.raises(ValueError, match="needs a secret"):
        sign(PARAMS, "", "sha256")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", ["GET", "POST", "POST-JSON"])
def test_vonage_s_receipts_are_signed_over_what_is_sent(method, shape):
    account = vonage.Account(webhook=HOOK, signature_secret="secret", signature_method=method)
    made = push("vonage", shape, "delivered", sender="A&B=C ünï")
    fields = fields_of(vonage.receipt(made, account, 1_540_469_429.0))
    assert fields["timestamp"] == "1540469429"
    assert fields["sig"] == sign(fields, "secret", method)


def test_a_push_that_must_be_refused_bears_no_good_signature():
    account = vonage.Account(webhook=HOOK, signature_secret="secret")
    seen = set()
    for part_id in ("0A", "0B"):
        made = push("vonage", "POST-JSON", "delivered")
        made.part.id, made.authentic = part_id, False
        fields = fields_of(vonage.receipt(made, account, 1_540_469_429.0))
        assert fields.get("sig") != sign(fields, "secret")
        seen.add("sig" in fields)
    assert seen == {True, False}


def test_a_receipt_goes_to_the_address_of_its_message_before_the_account_s():
    made = push("smspm", "get", "sent")
    made.submission.callback = "http://hub/webhooks/a/ref?x=1"
    call = smspm.receipt(made, ACCOUNTS["smspm"], 0.0)
    assert call.url.startswith("http://hub/webhooks/a/ref?x=1&id=")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 153, 3),  # the euro does not span two parts
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("😀" * 35, 1),
        ("я" * 66 + "😀" + "я" * 66, 3),
    ],
)
def test_texts_are_cut_into_parts_as_gateways_do(text, parts):
    assert count(text) == parts


def ask(calls, **accounts):
    """The answers of running gateways to calls (dialect, method, path, options)."""
    accounts = blank_accounts() | accounts

    async def talk():
        answers = []
        async with Simulation("happy", accounts=accounts) as sim, aiohttp.ClientSession() as client:
            for name, method, path, options in calls:
                url = sim.addresses[name] + path
                async with client.request(method, url, **options) as response:
                    answers.append((response.status, await response.text()))
            return answers, sim.journal

    return asyncio.run(talk())


VONAGE_SEND = {"api_key": "k", "api_secret": "s", "from": "Acme", "to": "447400000001", "text": "x"}
RUACH_SEND = {"ApiKey": "k", "ClientId": "c", "SenderId": "Acme", "Message": "hello"}
SMSPM_SEND = {"hash": "h", "token": "t", "fromNumber": "Acme", "toNumber": "3725550001",
              "text": "hello"}  # fmt: skip


@pytest.mark.parametrize("how", ["data", "json"])
def test_vonage_answers_with_one_element_for_each_part(how):
    long = VONAGE_SEND | {"text": "a" * 307, "client-ref": "r1"}
    [(status, body)], journal = ask([("vonage", "POST", "/sms/json", {how: long})])
    answer = json.loads(body)
    assert (status, answer["message-count"]) == (200, "3")
    assert [m["status"] for m in answer["messages"]] == ["0", "0", "0"]
    ids = [m["message-id"] for m in answer["messages"]]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[0-9A-F]{16}", each) for each in ids)
    assert {m["client-ref"] for m in answer["messages"]} == {"r1"}
    assert [part.id for part in journal.submissions[0].parts] == ids


@pytest.mark.parametrize(
    ("changes", "account", "status"),
    [
        ({"to": ""}, vonage.Account(), "2"),
        ({"api_secret": "wrong"}, vonage.Account(api_secret="right"), "4"),
        ({"sig": "00", "timestamp": "1"}, vonage.Account(signature_secret="secret"), "32"),
        ({"ttl": "100"}, vonage.Account(), "3"),
    ],
)
def test_vonage_refuses_with_its_own_status_and_http_200(changes, account, status):
    call = ("vonage", "POST", "/sms/json", {"data": VONAGE_SEND | changes})
    [(http, body)], journal = ask([call], vonage=account)
    assert http == 200
    assert json.loads(body)["messages"][0]["status"] == status
    assert journal.submissions == []
    assert len(journal.complaints) == 1


@pytest.mark.parametrize(("secret", "status"), [("right", "0"), ("wrong", "14")])
def test_vonage_takes_a_signed_send_only_with_the_right_signature(secret, status):
    params = {k: v for k, v in VONAGE_SEND.items() if k != "api_secret"} | {"timestamp": "1"}
    params["sig"] = sign(params, secret, "sha512")
    account = vonage.Account(signature_secret="right", signature_method="sha512")
    [(_, body)], _ = ask([("vonage", "POST", "/sms/json", {"data": params})], vonage=account)
    assert json.loads(body)["messages"][0]["status"] == status


def test_ruach_takes_both_methods_with_their_different_names():
    get = RUACH_SEND | {"MobileNumber": "2348030000001,2348030000002"}
    post = RUACH_SEND | {"MobileNumbers": "2348030000003", "Is_Unicode": False}
    answers, _ = ask([
        ("ruach", "GET", "/api/v2/SendSMS", {"params": get}),
        ("ruach", "POST", "/api/v2/SendSMS", {"json": post}),
    ])  # fmt: skip
    first, second = (json.loads(body) for _, body in answers)
    assert [d["MobileNumber"] for d in first["Data"]] == ["2348030000001", "2348030000002"]
    assert second["ErrorCode"] == 0
    assert len(second["Data"]) == 1


def test_ruach_s_error_is_not_json_as_on_the_vendor_s_page():
    [(status, body)], _ = ask([
        ("ruach", "POST", "/api/v2/SendSMS", {"json": RUACH_SEND | {"SenderId": ""}})
    ])  # fmt: skip
    assert status == 200
    assert '"ErrorCode": 003' in body


def test_smspm_answers_with_one_element_for_each_recipient():
    call = SMSPM_SEND | {"toNumber": ["3725550001", "3725550002"], "report": HOOK}
    [(status, body)], _ = ask([("smspm", "POST", "/", {"json": call})])
    elements = json.loads(body)["messages"]
    assert status == 200
    assert [e["toNumber"] for e in elements] == ["3725550001", "3725550002"]
    assert {e["status"] for e in elements} == {"Added to queue"}


def test_smspm_checks_credentials_where_it_has_them():
    [(status, body)], _ = ask(
        [("smspm", "POST", "/", {"json": SMSPM_SEND})], smspm=smspm.Account(token="other")
    )
    assert (status, json.loads(body)) == (401, {"error": "auth_failed"})


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [("vonage", "/sms/json", b"[1]"), ("ruach", "/api/v2/SendSMS", b"{"), ("smspm", "/", b"\xff")],
)
def test_a_body_that_is_not_what_it_says_is_refused(name, path, body):
    options = {"data": body, "headers": {"Content-Type": "application/json"}}
    [(status, text)], journal = ask([(name, "POST", path, options)])
    assert status < 500
    assert text
    assert journal.submissions == []


def test_head_sends_nothing():
    params = VONAGE_SEND
    [(status, _)], journal = ask([("vonage", "HEAD", "/sms/json", {"params": params})])
    assert status == 405
    assert journal.submissions == []


def test_a_text_that_would_arrive_garbled_is_complained_about():
    plain = VONAGE_SEND | {"text": "привет"}
    calls = [
        ("vonage", "POST", "/sms/json", {"data": plain | {"callback": HOOK}}),
        ("vonage", "POST", "/sms/json", {"data": plain | {"callback": HOOK, "type": "unicode"}}),
        ("vonage", "POST", "/sms/json",
         {"data": VONAGE_SEND | {"to": "+447400000001", "callback": HOOK}}),
    ]  # fmt: skip
    _, journal = ask(calls)
    assert [re.sub(r":.*(GSM|digits).*", r":\1", each) for each in journal.complaints] == [
        "vonage:GSM",
        "vonage:digits",
    ]
