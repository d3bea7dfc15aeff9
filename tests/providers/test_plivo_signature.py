"""Signed callbacks of Plivo, with the vendor's own SDK as the judge."""

import string
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo.utils import validate_signature, validate_v3_signature

from delivrd.providers import plivo, plivo_signature
from delivrd.providers.base import Request, Unauthentic

TOKEN = "an auth token"
OLD = "an older auth token"
URL = "https://hub.example/webhooks/plivo"
NONCE = "12345678901234567890"
CALLBACK = {
    "MessageUUID": "83876bdb-2033-4876-bfaf-0ff8693705af",
    "Status": "delivered",
    "To": "447700900123",
    "From": "Acme Inc",
    "ErrorCode": "",
}
PLAIN = string.ascii_letters + string.digits + " +%-."


def account(token=TOKEN, **more):
    return plivo.Settings(receive_only=True, auth_token=token, **more)


def called(method="POST", query=b"", body=None, url=URL, **headers):
    """A request whose header ``v3`` is `X-Plivo-Signature-V3`, and so on."""
    body = urlencode(CALLBACK).encode() if body is None else body
    headers = [
        (f"x-plivo-signature-{name.replace('_', '-')}", value) for name, value in headers.items()
    ]
    return Request(method, query, headers, b"" if method == "GET" else body, url)


def v3(secret=TOKEN, nonce=NONCE, **call):
    return plivo_signature.signature(plivo_signature.v3(called(**call), nonce), secret)


def v2(secret=TOKEN, nonce=NONCE, url=URL):
    return plivo_signature.signature(url + nonce, secret)


def signed(**call):
    return called(v3=v3(**call), v3_nonce=NONCE, **call)


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"query": b"b=2&a=1"},
        {"method": "GET", "query": urlencode(CALLBACK).encode()},
        {"method": "GET"},
        {"body": b"", "query": b"a=1"},
        {"body": b""},
    ],
)
def test_a_callback_signed_by_v3_is_authentic(call):
    assert plivo.authenticate(signed(**call), account()) == ("v3", 0, NONCE)


def test_what_v3_signs_is_spelt_out():
    request = called(query=b"b=2&a=1+1&b=1", body=b"z=1&y=&z=0")
    assert plivo_signature.v3(request, "7") == f"{URL}?a=1 1&b=1&b=2.yz0z1.7"
    assert plivo_signature.v3(called(body=b"a=1"), "7") == f"{URL}?a1.7"
    assert plivo_signature.v3(called("GET", query=b"a=1"), "7") == f"{URL}?a=1.7"
    assert plivo_signature.v3(called("GET"), "7") == f"{URL}.7"


@given(
    fields=st.dictionaries(st.text(PLAIN, min_size=1), st.text(st.characters(codec="utf-8"))),
    query=st.dictionaries(st.text(PLAIN, min_size=1), st.text(PLAIN)),
    token=st.text(string.printable, min_size=1),
    nonce=st.text(string.digits, min_size=1),
)
def test_what_we_sign_by_v3_the_sdk_accepts(fields, query, token, nonce):
    asked = urlencode(query)
    url = f"{URL}?{asked}" if query else URL
    call = {"query": asked.encode(), "body": urlencode(fields).encode()}
    signature = v3(token, nonce, **call)
    assert validate_v3_signature("POST", url, nonce, token, signature, dict(fields))
    assert plivo.authenticate(called(v3=signature, v3_nonce=nonce, **call), account(token))


@given(
    query=st.dictionaries(st.text(PLAIN, min_size=1), st.text(PLAIN)),
    nonce=st.text(string.digits, min_size=1),
)
def test_what_we_sign_of_a_get_the_sdk_accepts(query, nonce):
    asked = urlencode(query)
    url = f"{URL}?{asked}" if query else URL
    signature = v3(nonce=nonce, method="GET", query=asked.encode())
    assert validate_v3_signature("GET", url, nonce, TOKEN, signature)


def test_what_we_sign_by_v2_the_sdk_accepts():
    assert validate_signature(f"{URL}?a=1", NONCE, v2(), TOKEN)


def test_a_callback_signed_by_v2_is_authentic():
    request = called(v2=v2(), v2_nonce=NONCE, query=b"a=1")
    assert plivo.authenticate(request, account()) == ("v2", 0, NONCE)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_main_account_s_signature_is_as_good(version):
    signature = {"v2": v2, "v3": v3}[version]()
    headers = {version: "c29tZXRoaW5nIGVsc2U=", f"ma_{version}": signature}
    request = called(**headers, **{f"{version}_nonce": NONCE})
    assert plivo.authenticate(request, account()).scheme == version


def test_one_of_several_signatures_is_enough():
    request = called(v3=f"c29tZXRoaW5nIGVsc2U=, {v3()}", v3_nonce=NONCE)
    assert plivo.authenticate(request, account())


def test_while_a_token_is_replaced_either_is_accepted():
    settings = account([TOKEN, OLD])
    assert plivo.authenticate(signed(), settings).secret == 0
    assert plivo.authenticate(called(v3=v3(OLD), v3_nonce=NONCE), settings).secret == 1


def test_v2_does_not_help_where_v3_is_wrong():
    request = called(v3=v3(OLD), v3_nonce=NONCE, v2=v2(), v2_nonce=NONCE)
    with pytest.raises(Unauthentic, match="does not match"):
        plivo.authenticate(request, account())


def test_who_takes_v3_off_meets_the_nonce_of_v2_again():
    """Rule B3: a nonce that was seen is refused with other content."""
    whole = called(v3=v3(), v3_nonce=NONCE, v2=v2(nonce="7"), v2_nonce="7")
    stripped = called(v2=v2(nonce="7"), v2_nonce="7", body=b"MessageUUID=1&Status=delivered")
    seen = plivo.authenticate(whole, account()).nonce
    assert plivo.authenticate(stripped, account()).nonce == seen


@pytest.mark.parametrize("field", CALLBACK)
def test_a_callback_tampered_with_is_refused(field):
    body = urlencode(CALLBACK | {field: CALLBACK[field] + "1"}).encode()
    with pytest.raises(Unauthentic, match="does not match"):
        plivo.authenticate(called(v3=v3(), v3_nonce=NONCE, body=body), account())


@pytest.mark.parametrize("field", CALLBACK)
def test_a_callback_that_lost_a_field_is_refused(field):
    body = urlencode({n: v for n, v in CALLBACK.items() if n != field}).encode()
    with pytest.raises(Unauthentic, match="does not match"):
        plivo.authenticate(called(v3=v3(), v3_nonce=NONCE, body=body), account())


@pytest.mark.parametrize(
    "change",
    [
        {"v3_nonce": NONCE + "1"},
        {"query": b"a=1"},
        {"body": b'{"MessageUUID":"1","Status":"delivered"}'},
        {"body": urlencode(CALLBACK).encode() + b"&Blank="},
        {"url": "http://hub.example/webhooks/plivo"},
        {"url": "https://hub.example/webhooks/other"},
        {"url": "https://hub.example:443/webhooks/plivo"},
        {"method": "GET"},
    ],
)
def test_another_request_with_the_same_signature_is_refused(change):
    with pytest.raises(Unauthentic, match="does not match"):
        plivo.authenticate(called(**({"v3": v3(), "v3_nonce": NONCE} | change)), account())


@pytest.mark.parametrize(
    "query", [b"From=A%26Status%3Dfailed&To=1", b"From%3DA%26Status=failed&To=1"]
)
def test_a_field_cannot_be_hidden_in_another_of_the_query(query):
    """The signed text is the same, but the status would be gone."""
    signature = v3(method="GET", query=b"From=A&Status=failed&To=1")
    with pytest.raises(Unauthentic, match="contains & or ="):
        plivo.authenticate(called("GET", query, v3=signature, v3_nonce=NONCE), account())


@pytest.mark.parametrize("headers", [{}, {"v3": ""}, {"v3": " , "}, {"v3_nonce": NONCE}])
def test_no_signature_is_refused(headers):
    with pytest.raises(Unauthentic, match="there is no signature"):
        plivo.authenticate(called(**headers), account())


def test_a_signature_without_a_nonce_is_refused():
    with pytest.raises(Unauthentic, match="no nonce"):
        plivo.authenticate(called(v3=v3(nonce="")), account())


@pytest.mark.parametrize("secret", ["", [""], ["", ""]])
def test_an_empty_token_does_not_authenticate(secret):
    with pytest.raises(Unauthentic):
        plivo.authenticate(called(v3=v3(""), v3_nonce=NONCE), account(secret))


def test_without_a_token_there_is_nothing_to_check():
    assert plivo.authenticate(called(), plivo.Settings(receive_only=True)) is None


def test_no_refusal_reveals_the_token():
    with pytest.raises(Unauthentic) as refusal:
        plivo.authenticate(called(v3=v3(OLD), v3_nonce=NONCE), account())
    assert TOKEN not in str(refusal.value)
    assert TOKEN not in repr(account())


@given(st.binary(max_size=200), st.binary(max_size=60), st.text(max_size=40))
def test_no_bytes_pass_for_signed(body, query, signature):
    for version in ("v2", "v3"):
        request = called(query=query, body=body, **{version: signature, f"{version}_nonce": NONCE})
        with pytest.raises(Unauthentic):
            plivo.authenticate(request, account())
