"""Signed webhooks of Twilio, with the vendor's own SDK as the judge."""

import base64
import hashlib
import string
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from delivrd.providers import twilio
from delivrd.providers.base import Request, Unauthentic

TOKEN = "an auth token"
OLD = "an older auth token"
KEY = "the secret of a shared key"
URL = "https://hub.example/webhooks/twilio"
CALLBACK = {
    "MessageSid": "SM00000000000000000000000000000001",
    "MessageStatus": "delivered",
    "To": "+447700900123",
    "From": "Acme & Co",
    "RawDlrDoneDate": "",
}
EVENT = b'[{"type":"com.twilio.messaging.message.sent","data":{"messageSid":"SM1"}}]'
TEXT = st.text(st.characters(codec="utf-8"))


def account(token=TOKEN, **more):
    return twilio.Settings(receive_only=True, auth_token=token, **more)


def sdk(url=URL, fields=CALLBACK, secret=TOKEN, algorithm=None):
    return RequestValidator(secret).compute_signature(url, fields, algorithm)


def posted(fields=CALLBACK, signature=None, url=URL, query=b"", **headers):
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    headers = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if signature is not None:
        headers.append(("x-twilio-signature", signature))
    return Request("POST", query=query, headers=headers, body=body, url=url)


def queried(fields=CALLBACK, signature=None, url=URL):
    query = urlencode(fields)
    signature = sdk(f"{url}?{query}", {}) if signature is None else signature
    return Request(
        "GET", query=query.encode(), headers=(("x-twilio-signature", signature),), url=url
    )


def digest(body=EVENT):
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}"


def test_a_signed_form_is_authentic():
    assert twilio.authenticate(posted(signature=sdk()), account()) == ("hmac-sha1", 0, None)


def test_a_signed_query_is_authentic():
    assert twilio.authenticate(queried(), account())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_that_was_signed_cannot_be_taken_away(method):
    url = f"{URL}?{digest()}"
    signature = sdk(url, {})
    headers = (("x-twilio-signature", signature),)
    whole = Request("POST", digest().encode(), headers, EVENT, URL)
    assert twilio.authenticate(whole, account())
    with pytest.raises(Unauthentic):
        twilio.authenticate(Request(method, digest().encode(), headers, b"", URL), account())


def test_the_vendor_s_example():
    """From the vendor's page on the security of webhooks, and its SDKs' tests."""
    url, query = "https://mycompany.com/myapp.php", b"foo=1&bar=2"
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    request = posted(fields, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, query)
    assert twilio.authenticate(request, account("12345"))


@given(
    fields=st.dictionaries(TEXT.filter(bool), TEXT, min_size=1),
    query=st.text(string.ascii_letters + "=%&+", max_size=12),
)
def test_what_the_sdk_signs_is_authentic(fields, query):
    url = f"{URL}?{query}" if query else URL
    request = posted(fields, sdk(url, fields), query=query.encode())
    assert twilio.authenticate(request, account())


@given(fields=st.dictionaries(TEXT.filter(bool), TEXT), token=st.text(string.printable, min_size=1))
def test_what_we_sign_the_sdk_accepts(fields, token):
    text = URL + "".join(name + fields[name] for name in sorted(fields))
    signature = twilio.signature.signature(text, token)
    assert RequestValidator(token).validate(URL, fields, signature)


def test_of_a_repeated_name_each_value_is_signed_once():
    body = b"MediaUrl=b&MediaUrl=a&MediaUrl=b&MessageSid=SM1"
    request = posted(body, sdk(URL + "MediaUrlaMediaUrlbMessageSidSM1", {}))
    assert twilio.authenticate(request, account())


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("https://hub.example/w", "https://hub.example:443/w"),
        ("https://hub.example:443/w", "https://hub.example/w"),
        ("https://hub.example:8443/w", "https://hub.example/w"),
        ("https://hub.example:8443/w", "https://hub.example:8443/w"),
        ("http://hub.example/w", "http://hub.example:80/w"),
    ],
)
def test_the_port_may_be_signed_or_left_out(called, signed):
    assert twilio.authenticate(posted(signature=sdk(signed), url=called), account())
    assert RequestValidator(TOKEN).validate(called, CALLBACK, sdk(signed))


@pytest.mark.parametrize("signed", [URL, "https://me:a%20password@hub.example/webhooks/twilio"])
def test_credentials_in_the_url_may_be_signed_or_left_out(signed):
    authorization = "Basic " + base64.b64encode(b"me:a%20password").decode()
    request = posted(signature=sdk(signed), authorization=authorization)
    assert twilio.authenticate(request, account())


def test_a_json_body_is_covered_by_its_digest_in_the_url():
    """Failure mode D31."""
    request = posted(EVENT, sdk(f"{URL}?{digest()}", {}), query=digest().encode())
    assert twilio.authenticate(request, account())
    assert RequestValidator(TOKEN).validate(
        f"{URL}?{digest()}", EVENT.decode(), request.header("x-twilio-signature")
    )


def test_another_json_body_is_refused():
    signature = sdk(f"{URL}?{digest()}", {})
    with pytest.raises(Unauthentic, match="does not match"):
        twilio.authenticate(posted(EVENT + b" ", signature, query=digest().encode()), account())


def test_a_json_body_without_a_digest_is_refused():
    with pytest.raises(Unauthentic, match="does not match"):
        twilio.authenticate(posted(EVENT, sdk(URL, {})), account())


def test_a_body_on_a_signed_query_is_refused():
    request = queried()
    with pytest.raises(Unauthentic, match="does not match"):
        twilio.authenticate(
            Request("POST", request.query, request.headers, EVENT, request.url), account()
        )


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
def test_a_shared_key_names_its_algorithm(algorithm):
    request = posted(
        signature=sdk(secret=KEY, algorithm=algorithm),
        x_twilio_webhooks_signature_settings=f"key=webhooks_sharedkey_1,algorithm={algorithm}",
    )
    proof = twilio.authenticate(request, account(shared_key=KEY))
    assert proof == (algorithm.lower().replace("_", "-"), 1, None)
    assert twilio.authenticate(request, account(None, shared_key=KEY)).secret == 0


def test_an_algorithm_that_nobody_knows_is_refused():
    request = posted(
        signature=sdk(), x_twilio_webhooks_signature_settings="key=k,algorithm=HMAC_MD5"
    )
    with pytest.raises(Unauthentic, match="algorithm is not known"):
        twilio.authenticate(request, account())


def test_while_a_token_is_replaced_either_is_accepted():
    settings = account([TOKEN, OLD])
    assert twilio.authenticate(posted(signature=sdk()), settings).secret == 0
    assert twilio.authenticate(posted(signature=sdk(secret=OLD)), settings).secret == 1


@pytest.mark.parametrize("field", CALLBACK)
def test_a_callback_tampered_with_is_refused(field):
    with pytest.raises(Unauthentic, match="does not match"):
        twilio.authenticate(
            posted(CALLBACK | {field: CALLBACK[field] + "1"}, signature=sdk()), account()
        )


@pytest.mark.parametrize("field", CALLBACK)
def test_a_callback_that_lost_a_field_is_refused(field):
    fields = {name: value for name, value in CALLBACK.items() if name != field}
    with pytest.raises(Unauthentic, match="does not match"):
        twilio.authenticate(posted(fields, sdk()), account())


@pytest.mark.parametrize("added", [{"ErrorCode": "30003"}, {"Blank": ""}])
def test_a_field_added_is_refused(added):
    with pytest.raises(Unauthentic, match="does not match"):
        twilio.authenticate(posted(CALLBACK | added, sdk()), account())


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("http://hub.example/webhooks/twilio", b""),
        ("https://other.example/webhooks/twilio", b""),
        ("https://hub.example/webhooks/Twilio", b""),
        (URL, b"a=1"),
    ],
)
def test_a_callback_for_another_url_is_refused(url, query):
    """Failure mode D31: the refusal names the settings."""
    with pytest.raises(Unauthentic, match="check auth_token and public_url"):
        twilio.authenticate(posted(signature=sdk(), url=url, query=query), account())


@pytest.mark.parametrize("signature", ["", "=", "A" * 28, "é", sdk(secret=OLD), sdk()[:-1]])
def test_a_wrong_signature_is_refused(signature):
    with pytest.raises(Unauthentic):
        twilio.authenticate(posted(signature=signature), account())


def test_no_signature_is_refused():
    with pytest.raises(Unauthentic, match="there is no signature"):
        twilio.authenticate(posted(), account())


@pytest.mark.parametrize("secret", ["", [""], ["", ""]])
def test_an_empty_token_does_not_authenticate(secret):
    with pytest.raises(Unauthentic):
        twilio.authenticate(posted(signature=sdk(secret="")), account(secret))


def test_without_a_token_there_is_nothing_to_check():
    settings = twilio.Settings(receive_only=True)
    assert twilio.authenticate(posted(), settings) is None


def test_a_form_of_too_many_fields_is_refused():
    with pytest.raises(Unauthentic):
        twilio.authenticate(posted(b"&".join([b"a=1"] * 2000), sdk()), account())


def test_no_refusal_reveals_the_token():
    with pytest.raises(Unauthentic) as refusal:
        twilio.authenticate(posted(signature=sdk(secret=OLD)), account())
    assert TOKEN not in str(refusal.value)
    assert TOKEN not in repr(account())


@given(st.binary(max_size=200), st.binary(max_size=60), st.text(max_size=40))
def test_no_bytes_pass_for_signed(body, query, signature):
    request = Request("POST", query, (("x-twilio-signature", signature),), body, URL)
    with pytest.raises(Unauthentic):
        twilio.authenticate(request, account())
