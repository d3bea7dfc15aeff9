"""XML from strangers, and the password that Esendex's event handler sends."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import esendex
from delivrd.providers.base import Request, Unauthentic, Unreadable

PUSH = (
    b"<MessageDelivered><Id>n-1</Id><MessageId>m-1</MessageId>"
    b"<OccurredAt>2026-01-01T12:00:00</OccurredAt></MessageDelivered>"
)
SOAP = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
    b'<MessengerHeader xmlns="com.esendex.ems.soapinterface"><Username>u</Username>'
    b"<Password>the handler's password</Password></MessengerHeader></s:Header><s:Body>"
    b'<MessageEvent xmlns="com.esendex.ems.soapinterface"><id>m-1</id>'
    b"<eventtype>Delivered</eventtype></MessageEvent></s:Body></s:Envelope>"
)
FORM = b"username=u&password=the+handler%27s+password&notificationType=MessageEvent&id=m-1"
PASSWORD = "the handler's password"


def posted(body):
    return Request("POST", body=body)


def test_a_pushed_notification_is_no_message():
    with pytest.raises(Unreadable, match="there is no messageid"):
        esendex.read(posted(PUSH.replace(b"<MessageId>m-1</MessageId>", b"")), None)


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n ", b'<?xml version="1.0"?>\n'])
def test_what_stands_before_the_root_is_skipped(before):
    (receipt,) = esendex.read(posted(before + PUSH), None).receipts
    assert (receipt.provider_message_id, receipt.status) == ("m-1", "delivered")


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"<a",
        b"<a></b>",
        b"<a>" * 20_000,
        b"<MessageDelivered/>",
        b"<a>" + b"x" * 70_000 + b"</a>",
        b'<?xml version="1.0" encoding="klingon"?>' + PUSH,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + PUSH.replace(b"m-1", b"&x;"),
        b'<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]>' + PUSH.replace(b"m-1", b"&y;"),
    ],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_hostile_xml_is_unreadable(body):
    with pytest.raises(Unreadable):
        esendex.read(posted(body), None)


@pytest.mark.parametrize("around", [PUSH, b"<m-1"], ids=["id", "anything"])
@given(inside=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_xml_gives_receipts_with_ids_or_is_unreadable(around, inside):
    with suppress(Unreadable):
        receipts = esendex.read(posted(around.replace(b"m-1", inside)), None).receipts
        assert all(receipt.provider_message_id for receipt in receipts)


@pytest.mark.parametrize("body", [FORM, SOAP], ids=["form", "soap"])
def test_the_event_handler_s_password_is_a_proof(body):
    settings = esendex.Settings(handler_password=["another one, newer", PASSWORD])
    assert esendex.authenticate(posted(body), settings) == ("password", 1, None)


@pytest.mark.parametrize("body", [PUSH, b"", b"[]", b"<", FORM.replace(b"the", b"The"), b"{}",
                                  b'{"password":null}', b"password=", b"password=%00"])  # fmt: skip
def test_without_it_a_call_is_refused(body):
    with pytest.raises(Unauthentic):
        esendex.authenticate(posted(body), esendex.Settings(handler_password=PASSWORD))


@pytest.mark.parametrize("secret", ["", [""]])
def test_an_empty_password_does_not_authenticate(secret):
    with pytest.raises(Unauthentic):
        esendex.authenticate(posted(b"id=1&password="), esendex.Settings(handler_password=secret))


def test_an_account_without_one_checks_nothing():
    assert esendex.authenticate(posted(FORM), esendex.Settings()) is None
