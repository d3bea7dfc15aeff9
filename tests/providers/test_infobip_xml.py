"""Bodies in XML, which an account of Infobip may choose: what is odd in them harms nobody."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import infobip
from delivrd.providers.base import Request, Unreadable

RESULT = "<result><messageId>a1</messageId><status><id>5</id></status></result>"


def posted(text):
    headers = (("content-type", "application/xml"),)
    return Request("POST", headers=headers, body=text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "text",
    [
        f"<reportResponse><results>{RESULT}</results></reportResponse>",
        f"<results>{RESULT}</results>",
        f"\ufeff <r xmlns='urn:x'><results>{RESULT}</results></r>",
        f"<?xml version='1.0'?><!-- note --><r><results>{RESULT}<!-- note --></results></r>",
        RESULT,
        RESULT.replace("result>", "results>"),
        f"<r>{RESULT.replace('result>', 'results>')}</r>",
        f"<r><results>{RESULT.replace('result>', 'results>')}</results></r>",
    ],
)
def test_the_results_are_found_wherever_they_stand(text):
    (receipt,) = infobip.read(posted(text.strip("\ufeff ")), None).receipts
    assert (receipt.provider_message_id, receipt.status) == ("a1", "delivered")


def test_no_results_are_no_receipts():
    assert infobip.read(posted("<r><results/></r>"), None).receipts == ()


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaa">]><r><results><messageId>&a;</messageId></results></r>'
FILE = '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r><messageId>&a;</messageId></r>'


@pytest.mark.parametrize("text", ["<", "<r>", "<r></s>", "<a>" * 100_000, "<r/>", BOMB, FILE])
def test_what_is_broken_or_dangerous_is_unreadable(text):
    with pytest.raises(Unreadable):
        infobip.read(posted(text), None)


def test_elements_nested_too_deeply_do_not_hide_other_reports():
    deep = "<x>" * 100_000 + "</x>" * 100_000
    one = f"<result><messageId>a</messageId>{deep}</result>"
    two = "<result><messageId>b</messageId></result>"
    read = infobip.read(posted(f"<r><results>{one}{two}</results></r>"), None)
    assert [receipt.provider_message_id for receipt in read.receipts] == ["a", "b"]


def test_an_old_report_without_an_id_harms_no_other():
    old = '<message status="DELIVERED"/><message id="1" status="SENT"/>'
    read = infobip.read(posted(f"<DeliveryReport>{old}</DeliveryReport>"), None)
    assert [receipt.status for receipt in read.receipts] == ["pending"]
    assert [fault.position for fault in read.faults] == [0]


@given(
    st.binary(max_size=60).map(lambda body: b"<" + body)
    | st.text().map(lambda text: f"<r>{text}</r>")
    | st.text().map(lambda text: f"<r>{RESULT.replace('a1', text)}</r>")
)
def test_any_xml_gives_receipts_with_ids_or_is_unreadable(text):
    with suppress(Unreadable):
        receipts = infobip.read(posted(text), None).receipts
        assert all(receipt.provider_message_id for receipt in receipts)
