"""What must harm nobody: poison in one field, one item, one body (failure mode D8)."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd.core.statement import Kind, Reading, identity
from delivrd.providers import provider
from delivrd.providers.base import Request, Unreadable
from delivrd.providers.reading import _batch
from tests.providers.provider_cases import DIALECTS, FLAT, JSON, leaves, put

BY_NAME = {dialect.name: dialect for dialect in DIALECTS}
TEMPLATES = {dialect.name: dialect.template for dialect in FLAT}
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
NOW = datetime(2026, 1, 1, tzinfo=UTC)

POISON = [
    "\0",
    "\ud800",
    "a\0b\udfff",
    2**80,
    -(2**80),
    1.5e300,
    True,
    None,
    [],
    {},
    [[[[]]]],
    {"a": {"b": 1}},
    "9" * 400,
    "0000-00-00 00:00:00",
    "99999-01-01T00:00:00Z",
    "x" * 100_000,
    "１２３",
    "1e999999",
    "NaN",
    "-Infinity",
]


def posted(content: object) -> Request:
    return Request("POST", headers=JSON, body=json.dumps(content).encode(), received_at=NOW)


def assert_storable(reading: Reading) -> None:
    """Texts that PostgreSQL takes, of a length that an index takes; times that are true."""
    for receipt in reading.receipts:
        identity(Kind.RECEIPT, receipt)
        for name in receipt.__struct_fields__:
            value = getattr(receipt, name)
            if isinstance(value, str):
                assert "\0" not in value.encode().decode()
                assert len(value) <= 255
        if receipt.occurred_at is not None:
            assert receipt.occurred_at.year >= 2000
            assert receipt.occurred_at.tzinfo is UTC
    for fault in reading.faults:
        assert "\0" not in (fault.why + fault.raw).encode().decode()
        assert len(fault.raw) <= 2000


def read(dialect, request: Request) -> Reading:
    return provider(dialect.provider).read(request, None)


@every_dialect
def test_poison_in_any_field_is_read_or_refused(dialect):
    for path, _ in leaves(dialect.template["fields"]):
        for poison in POISON:
            with suppress(Unreadable):
                assert_storable(
                    read(dialect, posted(put(dialect.template["fields"], path, poison)))
                )


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.takes_batches], ids=repr)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_bad_item_of_a_batch_harms_no_neighbour(dialect, position):
    for poison in POISON:
        items = [dialect.item(), dialect.item()]
        items.insert(position, poison)
        reading = read(dialect, posted(dialect.batch(items)))
        assert len(reading.receipts) == 2
        assert [fault.position for fault in reading.faults] == [position]
        assert_storable(reading)


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.takes_batches], ids=repr)
def test_ten_thousand_receipts_in_one_body_are_read(dialect):
    item = json.dumps(dialect.item(id="id-N"))
    items = [item.replace("id-N", f"id-{n}") for n in range(10_000)]
    items[5_000] = "7"
    whole = json.dumps(dialect.batch("ITEMS")).replace('"ITEMS"', f"[{','.join(items)}]")
    reading = read(dialect, Request("POST", headers=JSON, body=whole.encode(), received_at=NOW))
    assert len(reading.receipts) == 9_999
    assert len({receipt.provider_message_id for receipt in reading.receipts}) == 9_999
    assert [fault.position for fault in reading.faults] == [5_000]


HOPELESS = [
    b"[" * 200_000,
    b'{"a":' * 20_000,
    b"{",
    b"}",
    b"null",
    b"7",
    b'"text"',
    b"{}",
    b"\xff\xfe",
    b"\0",
    b"a=" + b"%" * 1000,
    b"a&" * 100_000,
    b"--boundary\r\nContent-Disposition: form-data\r\n",
]


@every_dialect
@pytest.mark.parametrize("content_type", ["application/json", "", "text/html; charset=klingon"])
def test_a_hopeless_body_is_unreadable(dialect, content_type):
    headers = (("content-type", content_type),)
    for body in HOPELESS:
        with pytest.raises(Unreadable):
            read(dialect, Request("POST", headers=headers, body=body))


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    ("content_type", "write"),
    [
        ("application/json; charset=utf-8", lambda text: text.encode()),
        ("", lambda text: text.encode()),
        ("text/plain", lambda text: text.encode()),
        ("application/x-www-form-urlencoded", lambda text: text.encode()),
        ("application/json", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("application/json", lambda text: b"\r\n " + text.encode() + b"\n"),
        ("application/json", lambda text: text.encode("utf-16")),
        ("application/json; charset=ISO-8859-1", lambda text: text.encode("latin-1")),
        ("application/json; charset=nonsense", lambda text: text.encode()),
    ],
)
def test_json_is_read_whatever_the_content_type_says(name, content_type, write):
    template = TEMPLATES[name]
    body = write(json.dumps(template["fields"] | {"sender": "é"}, ensure_ascii=False))
    request = Request("POST", headers=(("content-type", content_type),), body=body)
    (receipt,) = provider(BY_NAME[name].provider).read(request, None).receipts
    assert receipt.provider_message_id == template["fields"][template["id"]]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_form_is_read_though_the_content_type_says_json(name):
    template = TEMPLATES[name]
    body = f"{template['id']}=abc&{template['status']}=x".encode()
    (receipt,) = (
        provider(BY_NAME[name].provider)
        .read(Request("POST", headers=JSON, body=body), None)
        .receipts
    )
    assert receipt.provider_message_id == "abc"


@pytest.mark.parametrize("name", TEMPLATES)
def test_invalid_utf8_costs_only_its_own_characters(name):
    template = TEMPLATES[name]
    field, status = template["id"].encode(), template["status"].encode()
    request = Request("POST", body=b'{"%s":"abc","%s":"\xff\xfe"}' % (field, status))
    (receipt,) = provider(BY_NAME[name].provider).read(request, None).receipts
    assert receipt.provider_message_id == "abc"
    (receipt,) = (
        provider(BY_NAME[name].provider)
        .read(Request("GET", query=field + b"=abc&x=%FF%C3"), None)
        .receipts
    )
    assert receipt.provider_message_id == "abc"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_plus_in_a_query_is_a_space(name):
    template = TEMPLATES[name]
    query = f"{template['id']}=a+b&{template['status']}=c+d%2B".encode()
    (receipt,) = provider(BY_NAME[name].provider).read(Request("GET", query=query), None).receipts
    assert (receipt.provider_message_id, receipt.provider_status) == ("a b", "c d+")


@pytest.mark.parametrize("name", TEMPLATES)
def test_of_a_repeated_name_the_last_counts(name):
    field = TEMPLATES[name]["id"].encode()
    by_query = Request("GET", query=field + b"=first&" + field + b"=last")
    by_json = Request("POST", body=b'{"%s":"first","%s":"last"}' % (field, field))
    for request in (by_query, by_json):
        (receipt,) = provider(BY_NAME[name].provider).read(request, None).receipts
        assert receipt.provider_message_id == "last"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_body_with_a_get_does_not_hide_its_query(name):
    field = TEMPLATES[name]["id"].encode()
    (receipt,) = (
        provider(BY_NAME[name].provider)
        .read(Request("GET", query=field + b"=a", body=b"x"), None)
        .receipts
    )
    assert receipt.provider_message_id == "a"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_form_of_too_many_fields_is_refused(name):
    body = TEMPLATES[name]["id"].encode() + b"=a" + b"&x=1" * 1000
    with pytest.raises(Unreadable, match="more than 1000 fields"):
        provider(BY_NAME[name].provider).read(Request("POST", body=body), None)


def test_a_form_of_too_many_parts_is_refused_before_it_is_taken_apart():
    """Also where all of them have one name: each takes a quarter of a millisecond to read."""
    part = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'
    body = part * 2000 + b"--x--\r\n"
    with pytest.raises(Unreadable, match="1000 fields"):
        provider("textmagic").read(Request("POST", body=body))


def test_a_fault_nested_too_deeply_to_be_written_is_still_a_fault():
    item = []
    for _ in range(10_000):
        item = [item]
    reading = _batch([item], lambda fields: None)
    assert reading.faults[0].raw == "(nested too deeply)"


@pytest.mark.parametrize(
    "deep", [b"[" * 50_000 + b"]" * 50_000, b'{"a":[' * 50_000 + b"]}" * 50_000]
)
@pytest.mark.parametrize("others", [1, 20_000])
def test_an_item_nested_too_deeply_does_not_hide_the_others_of_a_body_of_any_size(deep, others):
    other = (
        b'{"id": "b", "x": "]]}}\\"", "status": "delivered", "price": {"a": [1]}, "y": "'
        + b"y" * 99
    )
    items = [b'{"id": "a", "status": "sent", "deep": ' + deep + b"}", *[other + b'"}'] * others]
    reading = provider("generic").read(Request("POST", body=b"[" + b",".join(items) + b"]"), None)
    assert [receipt.provider_message_id for receipt in reading.receipts] == ["a", *["b"] * others]
    assert reading.receipts[0].provider_status == "sent"


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_id_longer_than_an_id_is_refused_rather_than_cut(name):
    fields = TEMPLATES[name]["fields"] | {TEMPLATES[name]["id"]: "x" * 201}
    with pytest.raises(Unreadable, match="more than 200 characters"):
        provider(BY_NAME[name].provider).read(posted(fields), None)


@cache  # hypothesis takes longer to check such a strategy than to draw from it
def anything_from(dialect) -> st.SearchStrategy[object]:
    found = list(leaves(dialect.template["fields"]))
    names = {key for path, _ in found for key in path if isinstance(key, str)}
    values = [value for _, value in found if isinstance(value, str)]
    words = st.sampled_from([*sorted(names), *values, "sig", "text"])
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner),
        max_leaves=12,
    )


@every_dialect
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_json_crashes_a_reader(dialect, data):
    content = data.draw(anything_from(dialect))
    with suppress(Unreadable):
        assert_storable(read(dialect, posted(content)))


@every_dialect
@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    query=st.binary(max_size=80),
    body=st.binary(max_size=80) | st.just(b"{") | st.just(b"messageId=%00&status=\xff"),
    content_type=st.text(max_size=20) | st.sampled_from(["application/json", "text/plain"]),
)
def test_no_bytes_crash_a_reader(dialect, method, query, body, content_type):
    headers = (("content-type", content_type),)
    with suppress(Unreadable):
        assert_storable(read(dialect, Request(method, query=query, headers=headers, body=body)))
