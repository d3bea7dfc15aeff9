"""Signatures as an account describes them, computed here from the same description."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from delivrd.providers import generic
from delivrd.providers.base import Authentic, Request, Unauthentic
from delivrd.relay.formats import standard

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET, OLD = "a signature secret", "an older signature secret"
BODY = b'{"id":"1","status":"delivered"}'
URL = "https://hub.example/webhooks/generic"


def account(secret=SECRET, **how):
    return generic.Settings(
        receive_only=True, signature_secret=secret, signature={"header": "X-Signature", **how}
    )


def signature(signed=BODY, secret=SECRET, algorithm="sha256"):
    return hmac.new(secret.encode(), signed, getattr(hashlib, algorithm))


def request(signature, body=BODY, **more):
    headers = [("x-signature", signature), *more.pop("headers", ())]
    return Request("POST", body=body, headers=headers, url=URL, received_at=NOW, **more)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512"])
@given(body=st.binary(), secret=st.text(min_size=1))
def test_the_right_signature_is_taken(algorithm, body, secret):
    try:
        secret.encode()
    except UnicodeEncodeError:
        return
    right = signature(body, secret, algorithm)
    for encoding, written in (
        ("hex", right.hexdigest()),
        ("hex", right.hexdigest().upper()),
        ("base64", base64.b64encode(right.digest()).decode()),
        ("base64", base64.urlsafe_b64encode(right.digest()).decode().rstrip("=")),
    ):
        settings = account(secret, algorithm=algorithm, encoding=encoding)
        proof = generic.authenticate(request(written, body), settings)
        assert proof.scheme == f"hmac-{algorithm}"


@pytest.mark.parametrize(
    "bad",
    [
        request(signature().hexdigest(), BODY + b" "),
        request(signature(secret="another secret").hexdigest()),
        request(signature().hexdigest()[:-1]),
        request(signature(algorithm="sha512").hexdigest()),
        request(""),
        request("é"),
        Request("POST", body=BODY, received_at=NOW),
    ],
)
def test_tampering_is_refused(bad):
    with pytest.raises(Unauthentic):
        generic.authenticate(bad, account())


def test_an_empty_secret_verifies_nothing():
    with pytest.raises(Unauthentic):
        generic.authenticate(request(signature(secret="").hexdigest()), account(secret=""))


def test_while_secrets_rotate_either_signs():
    settings = account(secret=[SECRET, OLD])
    for position, secret in enumerate((SECRET, OLD)):
        signed = request(signature(secret=secret).hexdigest())
        assert generic.authenticate(signed, settings).secret == position


def test_a_prefix_belongs_to_the_signature():
    settings = account(prefix="sha256=")
    right = signature().hexdigest()
    assert generic.authenticate(request(f"sha256={right}"), settings)
    for wrong in (right, "sha256=", f"sha1={right}"):
        with pytest.raises(Unauthentic):
            generic.authenticate(request(wrong), settings)


def test_all_parts_that_are_named_are_signed():
    settings = account(signed=["method", "url", "query", "header:X-Id", "body"], joined_by="\n")
    parts = [b"POST", URL.encode(), b"a=1", b"42", BODY]
    right = signature(b"\n".join(parts)).hexdigest()
    good = request(right, query=b"a=1", headers=[("x-id", "42")])
    assert generic.authenticate(good, settings)
    for bad in (
        request(right, query=b"a=2", headers=[("x-id", "42")]),
        request(right, query=b"a=1", headers=[("x-id", "43")]),
        request(right, query=b"a=1", headers=[("x-id", "42")], body=b"{}"),
    ):
        with pytest.raises(Unauthentic):
            generic.authenticate(bad, settings)


TIMED = {"signed": ["timestamp", "body"], "joined_by": ".", "timestamp_header": "X-Time"}


@pytest.mark.parametrize("stamp", [STAMP, STAMP + "250"])
def test_a_time_that_is_signed_is_looked_at(stamp):
    right = signature(f"{stamp}.".encode() + BODY).hexdigest()
    good = request(right, headers=[("x-time", stamp)])
    assert generic.authenticate(good, account(**TIMED))


@pytest.mark.parametrize("late", [timedelta(seconds=301), -timedelta(seconds=301)])
def test_an_old_signature_is_refused_and_one_of_the_future(late):
    stamp = str(int((NOW - late).timestamp()))
    right = signature(f"{stamp}.".encode() + BODY).hexdigest()
    with pytest.raises(Unauthentic, match="seconds"):
        generic.authenticate(request(right, headers=[("x-time", stamp)]), account(**TIMED))


def test_a_wider_window_takes_it():
    stamp = str(int((NOW - timedelta(hours=1)).timestamp()))
    right = signature(f"{stamp}.".encode() + BODY).hexdigest()
    settings = account(**TIMED).model_copy(update={"replay_window": 7200})
    assert generic.authenticate(request(right, headers=[("x-time", stamp)]), settings)


STANDARD, ROTATED = "whsec_" + "QUJD" * 8, "whsec_" + "REVG" * 8


def standard_account(secret=STANDARD):
    return generic.Settings(
        receive_only=True, signature_secret=secret, signature="standard-webhooks"
    )


def standard_call(secret=STANDARD, call_id="msg_1", stamp=STAMP, before="", **more):
    right = standard.signature(standard.key(secret), call_id, stamp, BODY)
    return request(
        "",
        headers=[
            ("webhook-id", call_id),
            ("webhook-timestamp", stamp),
            ("webhook-signature", before + right),
        ],
        **more,
    )


def test_standard_webhooks_need_no_more_than_their_name():
    proof = generic.authenticate(standard_call(), standard_account())
    assert proof == Authentic("standard-webhooks", 0, "msg_1")


def test_one_of_several_standard_signatures_and_secrets_is_enough():
    call = standard_call(before="v1a,AAAA v1,AAAA ")
    assert generic.authenticate(call, standard_account([ROTATED, STANDARD])).secret == 1


@pytest.mark.parametrize(
    "bad",
    [
        request(""),
        standard_call(ROTATED),
        standard_call(body=BODY + b" "),
        standard_call(stamp=str(int(STAMP) - 301)),
        standard_call(stamp=str(int(STAMP) + 301)),
        standard_call(stamp="yesterday"),
    ],
)
def test_what_is_not_signed_by_standard_webhooks_is_refused(bad):
    with pytest.raises(Unauthentic):
        generic.authenticate(bad, standard_account())


@pytest.mark.parametrize("secret", ["a signature secret", "whsec_short", "whsec_QUJD"])
def test_a_secret_that_is_none_of_standard_webhooks_is_refused_by_the_settings(secret):
    with pytest.raises(ValidationError, match="a secret") as refused:
        standard_account(secret)
    assert secret not in str(refused.value)


def test_standard_webhooks_leave_nothing_to_describe():
    with pytest.raises(ValidationError, match="takes no other settings"):
        account(STANDARD, scheme="standard-webhooks")


def test_without_a_description_there_is_nothing_to_prove():
    assert generic.authenticate(request(""), generic.Settings(receive_only=True)) is None
