"""Signed webhooks of Vonage's Messages API, with PyJWT and the vendor's SDK on the other side."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_jwt import verify_signature

from delivrd.providers import vonage
from delivrd.providers.base import Request, Unauthentic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "a signature secret that is long enough"
OLD = "an older signature secret, long enough"
BODY = json.dumps(
    {"message_uuid": "aaaa", "to": "447700900000", "status": "delivered", "channel": "sms"}
).encode()
CLAIMS = {
    "iat": int(NOW.timestamp()),
    "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
    "iss": "Vonage",
    "api_key": "abcd1234",
    "payload_hash": hashlib.sha256(BODY).hexdigest(),
}


def token(secret=SECRET, algorithm="HS256", **claims):
    return jwt.encode(CLAIMS | claims, secret, algorithm)


def posted(authorization, body=BODY, at=NOW):
    headers = (("content-type", "application/json"), ("authorization", authorization))
    return Request("POST", headers=headers, body=body, received_at=at)


def account(secret=SECRET, **more):
    return vonage.Settings(receive_only=True, signature_secret=secret, **more)


def test_a_signed_webhook_is_authentic():
    signed = token()
    assert verify_signature(signed, SECRET)
    assert vonage.authenticate(posted(f"Bearer {signed}"), account()) == ("jwt", 0, CLAIMS["jti"])


def test_while_a_secret_is_replaced_either_is_accepted():
    settings = account([SECRET, OLD])
    assert vonage.authenticate(posted(f"Bearer {token(OLD)}"), settings).secret == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer ",
        "Basic YTpi",
        "Bearer a.b.c",
        "Bearer é.é.é",
        f"Basic {token()}",
        f"Bearer {token(OLD)}",
        f"Bearer {token()}x",
        f"Bearer {token()}.x",
        f"Bearer {token().rpartition('.')[0]}.",
        f"Bearer {jwt.encode(CLAIMS, '', 'none')}",
        f"Bearer {token(algorithm='HS512')}",
        f"Bearer {token(payload_hash=None)}",
        f"Bearer {token(payload_hash='')}",
        f"Bearer {token(payload_hash=hashlib.sha256(b'').hexdigest())}",
        f"Bearer {token(iat=None)}",
        f"Bearer {token(iat='now')}",
        f"Bearer {token(iat=True)}",
    ],
)
def test_what_is_not_signed_for_this_body_is_refused(authorization):
    with pytest.raises(Unauthentic):
        vonage.authenticate(posted(authorization), account())


def test_the_token_s_own_word_for_its_algorithm_must_be_hs256():
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    signed = f"{header}.{token().split('.')[1]}"
    signature = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), signed.encode(), "sha256"))
    with pytest.raises(Unauthentic, match="not signed by HS256"):
        vonage.authenticate(posted(f"Bearer {signed}.{signature.decode().rstrip('=')}"), account())


def test_another_body_is_refused():
    body = BODY.replace(b"delivered", b"rejected")
    with pytest.raises(Unauthentic, match="not for this body"):
        vonage.authenticate(posted(f"Bearer {token()}", body), account())


@pytest.mark.parametrize("secret", ["", [""]])
def test_an_empty_secret_does_not_authenticate(secret):
    signed = token().rpartition(".")[0]
    signature = hmac.digest(b"", signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    with pytest.raises(Unauthentic, match="does not match"):
        vonage.authenticate(posted(f"Bearer {forged}"), account(secret))


@pytest.mark.parametrize(
    ("late", "window", "accepted"),
    [(300, None, True), (301, None, False), (-300, None, True), (-301, None, False),
     (900, 900, True)],
)  # fmt: skip
def test_a_signature_is_accepted_within_the_replay_window_only(late, window, accepted):
    """Rule B3: each try has a token of its own, so five minutes are enough."""
    request = posted(f"Bearer {token()}", at=NOW + timedelta(seconds=late))
    if accepted:
        assert vonage.authenticate(request, account(replay_window=window))
    else:
        with pytest.raises(Unauthentic, match="it was signed"):
            vonage.authenticate(request, account(replay_window=window))


def test_a_signature_of_the_other_api_does_not_pass_for_a_token():
    fields = json.loads(BODY) | {"timestamp": str(CLAIMS["iat"])}
    fields["sig"] = vonage.signature(fields, SECRET, "sha256")
    request = posted("", json.dumps(fields).encode())
    with pytest.raises(Unauthentic, match="no token"):
        vonage.authenticate(request, account(signature_method="sha256"))


@given(st.text(st.characters(codec="latin-1")) | st.binary().map(lambda b: f"Bearer {b!r}.a.b"))
def test_no_header_passes_for_a_token(authorization):
    with pytest.raises(Unauthentic):
        vonage.authenticate(posted(authorization), account())
