"""Receipts against those that the vendors document or that their SDKs test with: what they hold."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from delivrd.simulator import dialect
from delivrd.simulator.dialects import cm, messagebird, seven, sinch
from delivrd.simulator.journal import Part, Push, Submission

FIXTURES = Path(__file__).parent / "fixtures" / "documented.jsonl"
DOCUMENTED = [json.loads(line) for line in FIXTURES.read_text().splitlines()]
HOOK, NOW = "http://hub/webhooks/a", 1_760_000_000.0


def push(name, shape, word, code="", **changes):
    of = dialect(name)
    submission = Submission(
        dialect=name, to="31612345678", sender="Acme", text="Hello", reference="our-1",
        callback=None, shape=shape, at=0.0, taken_at=NOW - 7, outcome="accepted",
        network="20408", price="0.0333",
    )  # fmt: skip
    part = Part(of.new_id(b"x" * 64))
    part.pushes.append(Push(submission, part, word, code, of.meaning(word, code), 7.0, **changes))
    return part.pushes[0]


def pushed(name, account, *args, **changes):
    return dialect(name).receipt(push(name, *args, **changes), account, NOW)


def names(content_type, query, body):
    """The names of all fields, with their places."""
    if body.startswith("<"):
        return set(re.findall(r"<(\w+)|\s(\w+)=", body))
    if "json" in (content_type or ""):
        return set(_places(json.loads(body)))
    return {name for name, _ in parse_qsl(body or query, keep_blank_values=True)}


def _places(value, place=""):
    if isinstance(value, list):
        for each in value:
            yield from _places(each, f"{place}[]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"{place}.{name}"
            yield from _places(inner, f"{place}.{name}")


@pytest.mark.parametrize("told", DOCUMENTED, ids=lambda told: told["dialect"] + told["shape"])
def test_a_receipt_holds_what_the_documented_one_holds(told):
    account = dialect(told["dialect"]).Account(webhook=HOOK)
    call = pushed(told["dialect"], account, told["shape"], told["word"], told["code"])
    content_type = dict(call.headers).get("Content-Type")
    assert (call.method, content_type) == (told["method"], told["content_type"])
    made = names(content_type, urlsplit(call.url).query, call.body.decode())
    assert names(told["content_type"], told["query"], told["body"]) <= made


SIGNING = {
    "seven": (seven.Account(webhook=HOOK, signing_key="k"), "json", "DELIVERED", "x-signature"),
    "sinch": (
        sinch.Account(webhook=HOOK, signature_secret="k"), "batch", "Delivered",
        "x-sinch-webhook-signature",
    ),
    "messagebird": (
        messagebird.Account(webhook=HOOK, signature_secret="k"), "escaped", "delivered",
        "messagebird-signature-jwt",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNING)
def test_a_push_that_must_be_refused_bears_no_good_signature(name):
    account, shape, word, header = SIGNING[name]
    code = "0" if name == "sinch" else ""
    seen = set()
    for part_id in map(str, range(8)):
        made = push(name, shape, word, code)
        made.part.id = part_id
        good, bad = (_signature(made, account, header, ok) for ok in (True, False))
        assert good
        assert bad != good
        seen.add(bad is None)
    assert seen == {True, False}


def _signature(made, account, header, authentic):
    made.authentic = authentic
    call = dialect(made.submission.dialect).receipt(made, account, NOW)
    return {name.lower(): value for name, value in call.headers}.get(header)


@pytest.mark.parametrize(("validity", "seconds"), [("2h", 7200.0), ("30m", 1800.0), (None, None)])
def test_cm_takes_a_validity_in_hours_or_minutes(validity, seconds):
    assert cm._seconds(validity) == seconds


def test_cm_takes_no_validity_in_both():
    with pytest.raises(cm.Refusal):
        cm._seconds("1h30m")
