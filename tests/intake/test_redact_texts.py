"""The gateways' echoes of the text of a message are cut before a call is stored (rule H5)."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from delivrd.core.text import PREVIEW
from delivrd.intake.reading import read
from delivrd.intake.redact import Redactor
from delivrd.providers import provider
from delivrd.providers.base import Request
from delivrd.store.accounts import Account
from tests.providers.provider_cases import DIALECTS, Dialect, request_of

TEXT = 'Your code is 123456. "Never" tell it to anybody, not even to those who say they are us.'

# In the order of the vendors' pages: developers.messagebird.com (Conversations), docs.bird.com
# (Channels), msg91.com/help (Webhook (New), whose template may name the text).
ECHOES: list[tuple[str, Any]] = [
    (
        "messagebird",
        {
            "type": "message.updated",
            "message": {
                "id": "m-1",
                "to": "+31612345678",
                "type": "text",
                "content": {"text": TEXT},
                "direction": "sent",
                "status": "delivered",
            },
        },
    ),
    (
        "messagebird",
        {
            "service": "channels",
            "event": "sms.outbound",
            "payload": {
                "id": "m-1",
                "body": {"type": "text", "text": {"text": TEXT}},
                "status": "delivered",
                "direction": "outgoing",
            },
        },
    ),
    ("msg91", {"requestId": "m-1", "telNum": "919512346558", "status": "1", "msgData": TEXT}),
    (
        "msg91",  # some values are JSON text
        {
            "requestId": "m-1",
            "telNum": "919512346558",
            "status": "1",
            "msgData": json.dumps([{"to": "919512346558", "message": TEXT}]),
        },
    ),
    (
        "msg91",  # by WhatsApp
        {
            "requestId": "m-1",
            "customerNumber": "919512346558",
            "eventName": "delivered",
            "content": json.dumps({"body_1": {"type": "text", "text": TEXT}}),
            "direction": "outbound",
        },
    ),
    ("kannel", {"F": "m-1", "d": "1", "p": "447700900123", "A": "ACK/", "a": TEXT}),
]


def kept(name: str, told: Any, privacy: str) -> bytes:
    settings = provider(name).Settings(webhook_secret="canary-of-some-length", receive_only=True)
    made = Account(1, name, 1, provider(name), settings)
    return Redactor([made], privacy).value(json.dumps(told).encode())


@pytest.mark.parametrize(("name", "told"), ECHOES)
def test_an_echoed_text_is_cut_and_the_receipt_reads_as_before(name: str, told: Any) -> None:
    whole = kept(name, told, "full")
    module = provider(name).module
    for privacy, limit in [("preview", PREVIEW), ("none", 0)]:
        raw = kept(name, told, privacy)
        assert len(raw) < len(whole) - len(TEXT) + limit + 10, privacy
        assert b"not even to those" not in raw
        readings = [module.read(Request("POST", body=body)) for body in (raw, whole)]
        assert readings[0] == readings[1]
        assert readings[0].receipts[0].provider_message_id == "m-1"
    assert json.loads(whole) == told


@pytest.mark.parametrize("privacy", ["preview", "none"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
def test_a_call_reads_as_kept_as_it_came(dialect: Dialect, privacy: str) -> None:
    """A call is read as it is kept; to cut its texts must not change what it says."""
    of = provider(dialect.provider)
    made = Account(1, "x", 1, of, of.Settings(provider=of.name, receive_only=True))
    redactor = Redactor([made], privacy)
    for case in dialect.cases:
        call = request_of(case)
        kept = replace(call, query=redactor.value(call.query), body=redactor.value(call.body))
        assert read(made, kept) == read(made, call), case["name"]


RECEIPT = "id:7 sub:001 dlvrd:001 stat:DELIVRD err:000 text:"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("smpp", json.dumps({"short_message": RECEIPT + "@"})),
        ("smpp", json.dumps({"short_message": "", "tlvs": {"message_payload": RECEIPT + "@"}})),
        ("kannel", urlencode({"d": 1, "A": RECEIPT + "@"})),
        ("kannel", urlencode({"d": 1, "a": RECEIPT + "@"})),
        ("esendex", urlencode({"MessageID": 7, "DeliveryReceiptMessage": RECEIPT + "@"})),
    ],
)
def test_of_a_receipt_with_a_text_only_the_text_is_cut(name: str, raw: str) -> None:
    made = Account(1, name, 1, provider(name), provider(name).Settings(receive_only=True))
    kept = Redactor([made], "none").value(raw.replace("@", "PIN 4711").encode()).decode()
    assert kept == raw.replace("@", "").replace("%40", "")


def digits(text: str, coding: str = "ascii") -> str:
    return text.encode(coding).hex()


def numbers(text: str) -> list[int]:
    return list(text.encode())


@pytest.mark.parametrize(
    ("write", "place"),
    [
        (digits, lambda text: {"short_message_hex": text}),
        (digits, lambda text: {"tlvs": {"message_payload": text}}),
        (lambda text: digits(text, "utf-16-be"), lambda text: {"short_message_hex": text}),
        (numbers, lambda text: {"short_message": text}),
        (numbers, lambda text: {"short_message": {"type": "Buffer", "data": text}}),
        (str, lambda text: {"short_message": {"message": text}}),
    ],
    ids=["hex", "hex in a payload", "hex of UCS-2", "numbers", "a buffer", "an object"],
)
def test_of_a_receipt_in_bytes_only_the_text_is_cut(write: Any, place: Any) -> None:
    whole = place(write(RECEIPT + TEXT))
    assert json.loads(kept("smpp", whole, "none")) == place(write(RECEIPT))
    assert json.loads(kept("smpp", whole, "preview")) == place(write(RECEIPT + TEXT[:PREVIEW]))
    assert json.loads(kept("smpp", whole, "full")) == whole


def test_a_text_in_ucs2_beside_ascii_keys_is_cut_too() -> None:
    text = "PIN 4711".encode("utf-16-be").decode()
    told = {"short_message_hex": digits(RECEIPT + text)}
    assert json.loads(kept("smpp", told, "none")) == {"short_message_hex": digits(RECEIPT)}


@pytest.mark.parametrize("word", ["4711", "deadbeef", [47, 11], [999]])
def test_digits_that_are_no_receipt_are_kept(word: Any) -> None:
    told = {"short_message": word, "message_payload": word}
    assert json.loads(kept("smpp", told, "none")) == told


@pytest.mark.parametrize(
    ("raw", "empty"),
    [
        (b'{"msgData": "Hello", "status": "1"}', b'{"msgData": "", "status": "1"}'),
        (b"status=1&msgData=Hello+there", b"status=1&msgData="),
    ],
)
def test_where_no_text_is_to_be_kept_not_a_character_is(raw: bytes, empty: bytes) -> None:
    settings = provider("msg91").Settings(webhook_secret="canary-of-some-length", receive_only=True)
    made = Account(1, "msg91", 1, provider("msg91"), settings)
    assert Redactor([made], "none").value(raw) == empty
