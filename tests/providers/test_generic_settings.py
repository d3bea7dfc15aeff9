"""A dialect that is described wrongly is refused, in words that say what to write."""

import re
from pathlib import Path

import pytest

from delivrd.config import ConfigError, load, secrets
from delivrd.core.reasons import Reason
from delivrd.providers import generic
from delivrd.providers.base import Request

SEND = '[accounts.a.send]\nurl = "https://gateway.example/send"\nid = "id"\n'


def configured(tmp_path, text, more="receive_only = true"):
    path = tmp_path / "delivrd.toml"
    path.write_text(f'[accounts.a]\nprovider = "generic"\n{more}\n{text}')
    return load(path, {})


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[accounts.a.fields]\nidd = "x"', "fields.idd", "no such setting"),
        ('[accounts.a.statuses]\nsent = "away"', "statuses.sent.status", "'pending', 'delivered'"),
        ('[accounts.a.statuses]\nsent = { status = "pending", final = true }', "statuses.sent",
         "pending is never final"),
        ('[accounts.a.statuses]\nok = { status = "delivered", final = false }', "statuses.ok",
         "delivered is always final"),
        ('[accounts.a.codes]\n27 = "gone"', "codes.27.reason", "'unreachable'"),
        ('[accounts.a.codes]\n27 = { status = "delivered" }', "codes.27.status",
         "a code refines a failure"),
        ('time_format = "dd.mm.yyyy"', "time_format", 'must be like "%d.%m.%Y %H:%M"'),
        ("[accounts.a.answer]\nstatus = 500", "answer.status", "less than or equal to 299"),
        ('signature_secret = "0123456789ab"', "accounts.a", "go together"),
        ('[accounts.a.signature]\nheader = "X-Sig"', "accounts.a", "go together"),
        ("[accounts.a.signature]\n", "signature", "header is missing"),
        ('[accounts.a.signature]\nheader = "X"\nalgorithm = "crc"', "signature.algorithm",
         "'sha256'"),
        ('[accounts.a.signature]\nheader = "X"\nsigned = ["boddy"]', "signature",
         "'boddy' is none of body"),
        ('[accounts.a.signature]\nheader = "X"\nsigned = ["timestamp", "body"]', "signature",
         "timestamp_header is needed"),
        ("[accounts.a.send]\n", "send.url", "must be an address"),
        ('[accounts.a.send]\nurl = "https://x.example"', "send", "say where the answer has the id"),
        (SEND + 'content = { nr = "{too}" }', "send", "no placeholder {too}; there are: to,"),
        (SEND + 'format = "form"\ncontent = { to = ["{to}"] }', "send", "only format = \"json\""),
        (SEND + 'accepted = "status"', "send", "accepted_values go together"),
        (SEND + 'id_pattern = "OK ("', "send.id_pattern", "not a regular expression"),
        (SEND + 'id_pattern = "OK"', "send.id_pattern", "one group in parentheses"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path, text, key, what):
    with pytest.raises(ConfigError) as error:
        configured(tmp_path, text)
    (problem,) = error.value.problems
    assert problem.key.endswith(key)
    assert what in problem.what


def test_an_account_that_sends_says_how(tmp_path):
    with pytest.raises(ConfigError, match=r"accounts\.a\.send: is missing"):
        configured(tmp_path, "", more="")


def test_no_secret_of_a_described_dialect_is_overlooked(tmp_path):
    words = [f"canary-{n}-canary" for n in range(3)]
    told = f'token = "{words[0]}"\npassword = "{words[1]}"\nsignature_secret = "{words[2]}"'
    config = configured(
        tmp_path, f'{told}\n[accounts.a.signature]\nheader = "X-Signature"\n{SEND}', more=""
    )
    assert set(secrets(config).values()) == set(words)


def test_the_answer_is_what_the_settings_say():
    settings = generic.Settings(receive_only=True, answer={"body": "ACK", "status": 202})
    request = Request("GET", query=b"id=1&status=sent")
    response = generic.answer_by(request, generic.read(request, settings), settings)
    assert (response.status, response.body) == (202, b"ACK")


def test_the_documented_example_is_one_that_loads_and_reads(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "generic-gateway.md").read_text()
    toml = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1].replace('"…"', '"0123456789ab"')
    (tmp_path / "delivrd.toml").write_text(toml)
    settings = load(tmp_path / "delivrd.toml", {}).accounts["acme"]
    posted = re.search(r"^    (\{.*?\]\})$", page, re.DOTALL | re.MULTILINE)[1]
    (receipt,) = generic.read(Request("POST", body=posted.encode()), settings).receipts
    assert (receipt.provider_message_id, receipt.status) == ("81234", "undelivered")
    assert (receipt.reason, receipt.to) == (Reason.UNREACHABLE, "447700900123")
    assert receipt.occurred_at.isoformat() == "2026-07-01T07:30:00+00:00"
