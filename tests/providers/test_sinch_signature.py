"""Signed callbacks of Sinch, with the vendor's own SDK as the judge."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sinch.domains.sms.sinch_events.v1.sms_sinch_event import SmsSinchEvent

from delivrd.providers import sinch
from delivrd.providers.base import Request, Unauthentic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "a signature secret"
OLD = "an older signature secret"
STAMP = str(int(NOW.timestamp()))
BODY = json.dumps(
    {"batch_id": "01FC6", "recipient": "447700900000", "status": "Delivered"}
).encode()
PREFIX = "x-sinch-webhook-signature"


def signature(body=BODY, nonce="01FJA8B4A7BM43YGWSG9GBV067", stamp=STAMP, secret=SECRET):
    signed = body + f".{nonce}.{stamp}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def signed(body=BODY, nonce="01FJA8B4A7BM43YGWSG9GBV067", stamp=STAMP, secret=SECRET):
    return {
        PREFIX: signature(body, nonce, stamp, secret),
        f"{PREFIX}-algorithm": "HmacSHA256",
        f"{PREFIX}-nonce": nonce,
        f"{PREFIX}-timestamp": stamp,
    }


def posted(headers, body=BODY, at=NOW):
    return Request("POST", headers=tuple(headers.items()), body=body, received_at=at)


def account(secret=SECRET, **more):
    return sinch.Settings(receive_only=True, signature_secret=secret, **more)


def test_a_signed_callback_is_authentic():
    proof = sinch.authenticate(posted(signed()), account())
    assert proof == ("sha256", 0, "01FJA8B4A7BM43YGWSG9GBV067")


@given(
    body=st.text(st.characters(codec="utf-8")),
    nonce=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
    secret=st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_the_sdk_accepts_what_we_accept(body, nonce, secret):
    headers = signed(body.encode(), nonce, STAMP, secret)
    assert SmsSinchEvent(secret).validate_authentication_header(headers, body.encode())
    assert sinch.authenticate(posted(headers, body.encode()), account(secret))


@given(body=st.binary(max_size=30), given=st.binary(max_size=40))
def test_the_sdk_refuses_what_we_refuse(body, given):
    headers = signed() | {PREFIX: base64.b64encode(given).decode()}
    text = body.decode(errors="replace")
    assert not SmsSinchEvent(SECRET).validate_authentication_header(headers, text)
    with pytest.raises(Unauthentic):
        sinch.authenticate(posted(headers, text.encode()), account())


def test_while_a_secret_is_replaced_either_is_accepted():
    settings = account([SECRET, OLD])
    assert sinch.authenticate(posted(signed()), settings).secret == 0
    assert sinch.authenticate(posted(signed(secret=OLD)), settings).secret == 1


@pytest.mark.parametrize("name", signed())
def test_a_header_tampered_with_is_refused(name):
    headers = signed()
    with pytest.raises(Unauthentic):
        sinch.authenticate(posted(headers | {name: headers[name] + "1"}), account())


@pytest.mark.parametrize("name", [PREFIX, f"{PREFIX}-nonce", f"{PREFIX}-timestamp"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_header_that_is_missing_or_blank_is_refused(name, value):
    headers = {n: v for n, v in signed().items() if n != name}
    with pytest.raises(Unauthentic, match="there is no signature"):
        sinch.authenticate(posted(headers if value is None else headers | {name: ""}), account())


def test_the_algorithm_need_not_be_named():
    headers = {n: v for n, v in signed().items() if not n.endswith("algorithm")}
    assert sinch.authenticate(posted(headers), account())


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"Delivered", b"Failed")])
def test_another_body_is_refused(body):
    with pytest.raises(Unauthentic, match="does not match"):
        sinch.authenticate(posted(signed(), body), account())


@pytest.mark.parametrize("secret", ["", [""], ["", ""]])
def test_an_empty_secret_does_not_authenticate(secret):
    headers = signed()
    forged = hmac.digest(b"", BODY + f".n.{STAMP}".encode(), "sha256")
    headers |= {PREFIX: base64.b64encode(forged).decode(), f"{PREFIX}-nonce": "n"}
    with pytest.raises(Unauthentic):
        sinch.authenticate(posted(headers), account(secret))


@pytest.mark.parametrize(
    ("late", "window", "accepted"),
    [
        (0, None, True),
        (48 * 3600, None, True),
        (48 * 3600 + 1, None, False),
        (-300, None, True),
        (-301, None, False),
        (60, 60, True),
        (61, 60, False),
    ],
)
def test_a_signature_is_accepted_within_the_replay_window_only(late, window, accepted):
    """Rule B3: reports are pushed again for 45 hours, signed anew or not: nothing says so."""
    request = posted(signed(), at=NOW + timedelta(seconds=late))
    if accepted:
        assert sinch.authenticate(request, account(replay_window=window))
    else:
        with pytest.raises(Unauthentic, match="it was signed"):
            sinch.authenticate(request, account(replay_window=window))


@pytest.mark.parametrize("stamp", ["now", "-1", "1e9", "9" * 30])
def test_an_invalid_time_is_refused(stamp):
    with pytest.raises(Unauthentic):
        sinch.authenticate(posted(signed(stamp=stamp)), account())


def test_without_a_signature_secret_there_is_nothing_to_check():
    assert sinch.authenticate(posted({}), sinch.Settings(receive_only=True)) is None


@given(st.text(st.characters(codec="latin-1")))
def test_no_header_passes_for_a_signature(given):
    with pytest.raises(Unauthentic):
        sinch.authenticate(posted(signed() | {PREFIX: given}), account())
