"""XML callbacks as fields, and what is refused of them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import clickatell, cm, xml_fields
from delivrd.providers.base import Request, Unreadable

BOMB = (
    '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<MESSAGES><MSG><REFERENCE>&b;</REFERENCE></MSG></MESSAGES>"
)
OUTSIDE = (
    '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    "<MESSAGES><MSG><REFERENCE>&a;</REFERENCE></MSG></MESSAGES>"
)


def test_elements_and_attributes_are_fields():
    document = '<M A="1" xmlns:n="urn:x"><n:B>2</n:B><C/><D>3</D><D>4</D><D>5</D><E f="6"/></M>'
    assert xml_fields.fields(document) == {
        "m": {"a": "1", "b": "2", "c": "", "d": ["3", "4", "5"], "e": {"f": "6"}}
    }


def test_what_is_no_xml_stays_as_it_is():
    request = Request("POST", body=b'{"a":"<b>"}')
    assert xml_fields.as_json(request) is request


@pytest.mark.parametrize("module", [cm, clickatell])
@pytest.mark.parametrize("document", [BOMB, OUTSIDE, "<!DOCTYPE m><m/>"])
def test_document_types_are_refused(module, document):
    with pytest.raises(Unreadable, match="not XML"):
        module.read(Request("POST", body=document.encode()))


@pytest.mark.parametrize("module", [cm, clickatell])
@pytest.mark.parametrize(
    "document",
    [
        b"<a>" * 100_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<",
        b"<a",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
        b"<a>\xff</a>",
        b"<a>&amp;</a>",
    ],
    ids=lambda document: repr(document[:20]),
)
def test_hopeless_xml_is_unreadable(module, document):
    with pytest.raises(Unreadable):
        module.read(Request("POST", body=document))


def test_cm_reads_xml_with_a_byte_order_mark_and_space_before():
    body = b"\xef\xbb\xbf\r\n <MESSAGES><MSG><REFERENCE>a</REFERENCE></MSG></MESSAGES>"
    (receipt,) = cm.read(Request("POST", body=body)).receipts
    assert receipt.provider_message_id == "a"


@pytest.mark.parametrize("levels", [20, 100_000])
def test_elements_nested_too_deeply_do_not_hide_what_stands_beside_them(levels):
    deep = b"<x>" * levels + b"</x>" * levels
    one = b"<MSG>" + deep + b"<REFERENCE>a</REFERENCE></MSG>"
    two = b"<MSG><REFERENCE>b</REFERENCE></MSG>"
    read = cm.read(Request("POST", body=b"<MESSAGES>" + one + two + b"</MESSAGES>"))
    assert [receipt.provider_message_id for receipt in read.receipts] == ["a", "b"]


@pytest.mark.parametrize("around", [b"<%b", b"<MESSAGES><MSG>%b", b"<?xml %b", b"<M>%b</M>"])
@given(inside=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_the_fields_of_one_element_or_unreadable(around, inside):
    with suppress(Unreadable):
        assert len(xml_fields.fields(around % inside)) == 1
