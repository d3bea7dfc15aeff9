"""`delivrd parse`, without its command line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers.parse import parse_line

EXAMPLE = (
    '{"msisdn":"12015555522","to":"12025555511","network-code":"310090",'
    '"messageId":"02000000FEA5EE9B","price":"0.00570000","status":"delivered",'
    '"scts":"1208121359","err-code":"0","message-timestamp":"2017-06-29 22:40:30"}'
)


def line(**captured):
    return json.dumps(captured)


def test_the_vendors_example():
    told = parse_line("vonage", line(method="POST", content_type="application/json", body=EXAMPLE))
    assert told["faults"] == []
    (receipt,) = told["receipts"]
    assert receipt["status"] == "delivered"
    assert receipt["final"] is True
    assert receipt["to"] == "12015555522"
    assert receipt["network"] == "310090"
    assert float(receipt["price"]) == 0.0057
    assert receipt["occurred_at"] == "2017-06-29T22:40:30Z"
    assert receipt["provider_status"] == receipt["status_provider"] == "delivered"


def test_a_query_may_bear_its_question_mark():
    told = parse_line("ruach", line(method="GET", query="?messageId=1&status=DELIVRD"))
    assert told["receipts"][0]["provider_message_id"] == "1"


def test_a_query_may_be_an_object():
    query = {"messageId": "1&2", "status": ["DELIVRD"], "mobile": "+234 80", "errorCode": None}
    (receipt,) = parse_line("ruach", line(method="GET", query=query))["receipts"]
    assert receipt["provider_message_id"] == "1&2"
    assert receipt["status"] == "delivered"
    assert receipt["to"] == "23480"
    assert receipt["error_code"] is None


def test_a_body_may_be_json_itself():
    told = parse_line("vonage", line(method="POST", body={"messageId": "1", "status": "failed"}))
    assert told["receipts"][0]["status"] == "undelivered"


def test_a_bad_item_is_a_fault():
    told = parse_line(
        "smspm", line(method="POST", body=[{"id": "1", "status": "sent"}, {"x": "y"}])
    )
    assert [receipt["status"] for receipt in told["receipts"]] == ["pending"]
    assert told["faults"] == [
        {
            "position": 1,
            "why": "there is no messageId or id or message_id or smsId",
            "raw": '{"x": "y"}',
        }
    ]


def test_a_probe_says_so():
    assert parse_line("vonage", line(method="GET")) == {
        "kind": "probe",
        "receipts": [],
        "faults": [],
    }


def test_a_pdu_is_a_line_too_and_shows_what_its_text_holds():
    text = "id:7 sub:001 dlvrd:000 submit date:180711070003912+ stat:UNDELIV err:27 text:Hello"
    (receipt,) = parse_line("smpp", line(short_message=text, esm_class=4))["receipts"]
    assert (receipt["provider_message_id"], receipt["status"]) == ("7", "undelivered")
    assert receipt["submitted_at"] == "2018-07-11T04:00:03.900Z"
    assert (receipt["sub"], receipt["dlvrd"], receipt["text"]) == ("001", "000", "Hello")


def test_a_pdu_may_come_by_http():
    body = {"short_message": "id:7 stat:DELIVRD"}
    (receipt,) = parse_line("smpp", line(method="POST", body=body))["receipts"]
    assert (receipt["status"], receipt["text"]) == ("delivered", None)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("vonage", "", "the line is not JSON"),
        ("vonage", "[]", "not a JSON object"),
        ("vonage", '{"method":"POST","body":"{"}', "the body is not JSON"),
        ("vonage", '{"query":"a=b"}', "there is no messageId"),
        ("vonnage", "{}", "Did you mean vonage?"),
        ("vonage", "[" * 100_000, "RecursionError"),
    ],
)
def test_what_cannot_be_told_is_an_error(name, text, error):
    told = parse_line(name, text)
    assert error in told.pop("error")
    assert told == {"receipts": [], "faults": []}


CAPTURED = ("method", "query", "content_type", "headers", "body", "url")
PDU = ("short_message", "short_message_hex", "tlvs", "esm_class", "source_addr")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    captured=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(CAPTURED, ANYTHING),
    )
)
def test_no_line_raises(captured):
    told = parse_line("vonage", json.dumps(captured))
    assert "error" in told or "receipts" in told
    json.dumps(told).encode()


@given(captured=st.fixed_dictionaries({}, optional=dict.fromkeys((*PDU, "body"), ANYTHING)))
def test_no_pdu_raises(captured):
    told = parse_line("smpp", json.dumps(captured))
    assert "error" in told or "receipts" in told
    json.dumps(told).encode()


@given(st.text())
def test_no_text_raises(text):
    assert parse_line("ruach", text)
