"""Signed reports of Termii, computed here as the vendor's page describes it."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import termii
from delivrd.providers.base import Request, Unauthentic

SECRET = "a secret key of the account"
OLD = "an older secret key of it"
BODY = b'{"type": "outbound", "message_id": "5964465985113503103", "status": "DELIVERED"}'


def digest(body=BODY, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha512)


def posted(signature, body=BODY):
    return Request("POST", headers=(("x-termii-signature", signature),), body=body)


def account(secret=SECRET):
    return termii.Settings(secret_key=secret)


@pytest.mark.parametrize(
    "signature",
    [
        digest().hexdigest(),
        digest().hexdigest().upper(),
        base64.b64encode(digest().digest()).decode(),
        f" {digest().hexdigest()} ",
    ],
    ids=["hex", "upper case", "base64", "blanks"],
)
def test_a_signed_report_is_authentic(signature):
    assert termii.authenticate(posted(signature), account()) == ("sha512", 0, None)


def test_it_may_be_signed_as_the_vendor_s_example_writes_it():
    """The example parses the body and signs what it writes anew."""
    anew = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert anew != BODY
    assert termii.authenticate(posted(digest(anew).hexdigest()), account())


def test_while_a_secret_is_replaced_either_is_accepted():
    settings = account([SECRET, OLD])
    assert termii.authenticate(posted(digest(secret=OLD).hexdigest()), settings).secret == 1


def test_without_a_secret_there_is_nothing_to_check():
    assert termii.authenticate(posted(""), termii.Settings()) is None


def test_another_body_is_refused():
    with pytest.raises(Unauthentic, match="does not match"):
        termii.authenticate(
            posted(digest().hexdigest(), BODY.replace(b"DELIVERED", b"Rejected")), account()
        )


@pytest.mark.parametrize(
    "signature",
    [
        "x",
        "é",
        digest(secret=OLD).hexdigest(),
        digest().hexdigest()[:-1],
        digest().hexdigest() + "0",
        hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
        hashlib.sha512(BODY).hexdigest(),
    ],
    ids=["no hex", "no ascii", "another secret", "shorter", "longer", "sha256", "no key"],
)
def test_another_signature_is_refused(signature):
    with pytest.raises(Unauthentic, match="does not match"):
        termii.authenticate(posted(signature), account())


@pytest.mark.parametrize("signature", ["", "  "])
def test_no_signature_is_refused(signature):
    with pytest.raises(Unauthentic, match="there is no signature"):
        termii.authenticate(posted(signature), account())


@pytest.mark.parametrize("secret", ["", [""]])
def test_an_empty_secret_does_not_authenticate(secret):
    with pytest.raises(Unauthentic, match="does not match"):
        termii.authenticate(posted(digest(secret="").hexdigest()), account(secret))


@given(body=st.binary())
def test_any_body_may_be_signed(body):
    assert termii.authenticate(posted(digest(body).hexdigest(), body), account())
    with pytest.raises(Unauthentic):
        termii.authenticate(posted("00" * 64, body), account())
