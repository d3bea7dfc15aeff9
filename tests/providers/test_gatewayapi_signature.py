"""Signed notifications of GatewayAPI, with PyJWT on the other side, and events of its newer API."""

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import gatewayapi
from delivrd.providers.base import Request, Unauthentic, Unreadable

SECRET = "a webhook's token that is long enough"
LONG = "a webhook's token that is as long as the longest digest, sixty-four bytes"
OLD = "an older webhook's token, long enough"
NOTE = {"id": 2381703, "msisdn": 4542609045, "time": 1522764062, "status": "DELIVERED",
        "error": None, "code": None, "userref": "a&b=é"}  # fmt: skip
BODY = json.dumps(NOTE).encode()
CAPTURED = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpZCI6MjM4MTcwMywibXNpc2RuIjo0NTQyNjA5MDQ1LCJ0aW1lIjox"
    "NTIyNzY0MDYyLCJzdGF0dXMiOiJERUxJVkVSRUQiLCJlcnJvciI6bnVsbCwiY29kZSI6bnVsbCwidXNlcnJlZiI6bnVsb"
    "CwiY2FsbGJhY2tfdXJsIjoiaHR0cDovL2JiYWY3MTQyLm5ncm9rLmlvIiwiYXBpIjo0fQ.KdfDH65bnQtgxEkFnpAQodO"
    "ciAJedZFB13r9wEo8t3Y"
)


def token(claims=NOTE, secret=SECRET, algorithm="HS256"):
    return jwt.encode(claims, secret, algorithm)


def posted(signature, body=BODY, header="x-gwapi-signature", method="POST", query=b""):
    headers = (("content-type", "application/json"), (header, signature))
    return Request(method, headers=headers, body=body, query=query)


EVENT = json.dumps(
    {"event_type": "message.status.sms", "event": {"msg_id": "1", "status": "DELIVERED"}}
).encode()


def v1(body=EVENT, secret=SECRET):
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(signature, body=EVENT, **more):
    return posted(signature, body, "signature", **more)


def account(secret=SECRET):
    return gatewayapi.Settings(receive_only=True, signature_secret=secret)


def test_the_vendor_s_own_example_is_authentic():
    body = base64.urlsafe_b64decode(CAPTURED.split(".")[1] + "==")
    request = posted(CAPTURED, body)
    assert gatewayapi.authenticate(request, account("secret")) == ("jwt", 0, None)


def test_a_token_without_a_body_is_the_notification():
    assert gatewayapi.authenticate(posted(CAPTURED, b""), account("secret")) == ("jwt", 0, None)
    with pytest.raises(Unauthentic, match="does not match"):
        gatewayapi.authenticate(posted(CAPTURED, b""), account())


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.!.c", "a.bnVsbA.c"])
def test_without_a_body_and_a_token_there_is_nothing_to_read(token):
    with pytest.raises(Unreadable):
        gatewayapi.read(posted(token, b""))


def test_a_signed_notification_is_authentic():
    assert gatewayapi.authenticate(posted(token()), account()) == ("jwt", 0, None)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_may_be_signed_by_the_longer_digests_too(algorithm):
    request = posted(token(secret=LONG, algorithm=algorithm))
    assert gatewayapi.authenticate(request, account(LONG)) == ("jwt", 0, None)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(NOTE, indent=1).encode(),
        json.dumps(NOTE, ensure_ascii=False).encode(),
        json.dumps(dict(reversed(NOTE.items()))).encode(),
    ],
)
def test_how_the_body_is_written_does_not_matter(body):
    assert gatewayapi.authenticate(posted(token(), body), account())


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_what_pyjwt_signs_is_authentic(fields):
    claims = NOTE | fields
    claims = {name: value for name, value in claims.items() if "\ud800" not in name}
    request = posted(token(claims), json.dumps(claims).encode())
    assert gatewayapi.authenticate(request, account())


def test_while_a_secret_is_replaced_either_is_accepted():
    settings = account([SECRET, OLD])
    assert gatewayapi.authenticate(posted(token()), settings).secret == 0
    assert gatewayapi.authenticate(posted(token(secret=OLD)), settings).secret == 1


@pytest.mark.parametrize("field", NOTE)
def test_a_notification_tampered_with_is_refused(field):
    for forged in (NOTE | {field: "1"}, {n: v for n, v in NOTE.items() if n != field}):
        with pytest.raises(Unauthentic, match="not for this notification"):
            gatewayapi.authenticate(posted(token(), json.dumps(forged).encode()), account())


@pytest.mark.parametrize(
    "request_",
    [
        posted(""),
        posted("a.b.c"),
        posted(token() + "x"),
        posted(token(secret=OLD)),
        posted(token().rpartition(".")[0] + "."),
        posted(jwt.encode(NOTE, "", "none")),
        posted(token(), b"", method="GET", query=b"id=1&status=DELIVERED"),
        posted(token(), b"[]"),
        posted(token(), b"{"),
        posted(token(), b"[" + BODY + b"," + BODY + b"]"),
        posted(token(), BODY + b"x"),
        posted(token(), method="GET", query=b"id=1&status=DELIVERED"),
        Request("POST", body=BODY),
        event("v1="),
        event("é"),
        event(v1()[:-1]),
        event(v1(secret=OLD)),
        event(v1(), EVENT + b" "),
        event(v1(), EVENT.replace(b"DELIVERED", b"REJECTED")),
        event(v1(), method="GET", query=b"id=1&status=DELIVERED"),
    ],
)
def test_what_is_not_signed_so_is_refused(request_):
    with pytest.raises(Unauthentic):
        gatewayapi.authenticate(request_, account())


def test_a_signed_event_is_authentic():
    assert gatewayapi.authenticate(event(v1()), account()) == ("hmac", 0, None)
    assert gatewayapi.authenticate(event(v1()), account([OLD, SECRET])).secret == 1


@given(st.binary(max_size=300))
def test_whatever_the_body_of_an_event_is(body):
    assert gatewayapi.authenticate(event(v1(body), body), account())


@pytest.mark.parametrize("secret", ["", [""]])
def test_an_empty_secret_does_not_authenticate(secret):
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    payload = base64.urlsafe_b64encode(BODY).decode().rstrip("=")
    mark = hmac.digest(b"", f"{head}.{payload}".encode(), "sha256")
    forged = f"{head}.{payload}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"
    for request in (posted(forged), event(v1(secret=""))):
        with pytest.raises(Unauthentic, match="does not match"):
            gatewayapi.authenticate(request, account(secret))


def test_without_a_secret_there_is_nothing_to_check():
    assert gatewayapi.authenticate(posted(""), gatewayapi.Settings(receive_only=True)) is None


def test_no_refusal_reveals_the_secret():
    for request in (posted(token(secret=OLD)), event(v1(secret=OLD))):
        with pytest.raises(Unauthentic) as refusal:
            gatewayapi.authenticate(request, account())
        assert SECRET not in str(refusal.value)
