"""Receipts inside other fields: what the shared conformance tests, being flat, do not reach."""

import json
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd.providers import gupshup, msg91, packed, seven, smsapi, smso
from delivrd.providers.base import Request, Unreadable
from tests.providers.provider_cases import FORM, leaves, put
from tests.providers.test_poison import POISON, assert_storable, posted

EVENT = {"externalId": "1-1", "eventType": "DELIVERED", "destAddr": "919892488888"}
REPORT = {"number": "919500000001", "status": "1", "date": "2024-05-22 10:06:20"}
NESTED = {
    msg91: [
        {"data": [{"requestId": "r-1", "senderId": "ABCDEF", "report": [REPORT]}]},
        [{"event": "delivered", "data": [{"meta": "our-1", "description": "DELIVERED"}]}],
    ],
    gupshup: [{"response": [EVENT]}],
    seven: [{"data": {"msg_id": "1", "status": "DELIVERED"}, "webhook_event": "dlr"}],
    smso: [{"uuid": "u-1", "status": "sent", "receiver": {"number": "40722334455", "mcc": "226"}}],
    smsapi: [{"MsgId": "a,b", "status": "404,405", "to": "1,2"}],
}
SHAPES = [pytest.param(module, told) for module, shapes in NESTED.items() for told in shapes]
JSON_IN_A_FIELD = [(msg91, "data"), (gupshup, "response")]


def field(name, text):
    return Request("POST", headers=FORM, body=urlencode({name: text}).encode())


@pytest.mark.parametrize(("module", "told"), SHAPES)
def test_poison_at_any_depth_is_read_or_refused(module, told):
    for path, _ in leaves(told):
        for poison in POISON:
            with suppress(Unreadable):
                assert_storable(module.read(posted(put(told, path, poison))))


@pytest.mark.parametrize(("module", "told"), SHAPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_nesting_crashes_a_reader(module, told, data):
    paths = [path for path, _ in leaves(told)]
    leaf = st.none() | st.booleans() | st.integers() | st.text() | st.just(told)
    inner = st.recursive(leaf, lambda some: st.lists(some, max_size=3), max_leaves=6)
    spoiled = put(told, data.draw(st.sampled_from(paths)), data.draw(inner))
    with suppress(Unreadable):
        assert_storable(module.read(posted(spoiled)))


@pytest.mark.parametrize(("module", "name"), JSON_IN_A_FIELD)
@pytest.mark.parametrize("text", ["[", "[{]", "{", "[" * 100_000, '[{"a":}]'])
def test_broken_json_in_a_field_is_unreadable(module, name, text):
    with pytest.raises(Unreadable):
        module.read(field(name, text))


@pytest.mark.parametrize(("module", "name"), JSON_IN_A_FIELD)
@pytest.mark.parametrize("text", ["", "hello", "7", "null"])
def test_a_field_without_json_holds_no_receipt(module, name, text):
    with pytest.raises(Unreadable, match="there is no"):
        module.read(field(name, text))


def test_an_array_in_a_field_may_be_long():
    reports = [REPORT | {"number": str(n)} for n in range(1_000)]
    text = json.dumps([{"requestId": "r-1", "report": reports}, 7])
    reading = msg91.read(field("data", text))
    assert len({receipt.to for receipt in reading.receipts}) == 1_000
    assert [fault.position for fault in reading.faults] == [1_000]


@pytest.mark.parametrize(
    ("told", "inner"),
    [
        ({"a[b]": "1", "a['c']": "2", 'a["d"]': "3"}, {"b": "1", "c": "2", "d": "3"}),
        ({"a": {"b": "1"}}, {"b": "1"}),
        ({"a": "1", "a[": "2", "ab]": "3"}, {}),
    ],
)
def test_an_object_is_found_by_its_bracketed_names(told, inner):
    assert packed.bracketed(told, "a") == inner


@pytest.mark.parametrize(
    "query",
    [
        b"MsgId=a,b&status=404",
        b"MsgId=a,b&status_name=DELIVERED,SENT,SENT",
        b"MsgId=a,b",
        b"MsgId=a,b,c&status=404,404&status_name=DELIVERED",
    ],
)
def test_ids_without_as_many_statuses_are_unreadable_rather_than_guessed(query):
    with pytest.raises(Unreadable, match="but not as many statuses"):
        smsapi.read(Request("GET", query=query))


def test_one_id_takes_its_fields_whole():
    (receipt,) = smsapi.read(Request("GET", query=b"MsgId=a&status=404&from=A,B")).receipts
    assert (receipt.provider_message_id, receipt.sender) == ("a", "A,B")


@pytest.mark.parametrize("request_", [Request("GET"), Request("GET", query=b"MsgId=a")])
def test_smsapi_expects_ok(request_):
    answer = smsapi.answer(request_, smsapi.read(request_))
    assert (answer.status, answer.body) == (200, b"OK")
