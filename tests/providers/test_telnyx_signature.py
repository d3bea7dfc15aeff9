"""Signed webhooks of Telnyx: API v2's Ed25519 and API v1's HMAC."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from delivrd.providers import telnyx
from delivrd.providers.base import Request, Unauthentic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"a private key of thirty-two byte")
OTHER = Ed25519PrivateKey.from_private_bytes(b"another key of thirty-two bytes!")
BODY = json.dumps(
    {"data": {"event_type": "message.finalized", "payload": {"id": "1", "to": []}}}
).encode()


def public(private=PRIVATE):
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def account(keys=None, **more):
    return telnyx.Settings(receive_only=True, public_key=public() if keys is None else keys, **more)


def signed(body=BODY, stamp=STAMP, private=PRIVATE):
    return base64.b64encode(private.sign(stamp.encode() + b"|" + body)).decode()


def posted(signature=None, body=BODY, stamp=STAMP, at=NOW, method="POST", query=b""):
    signature = signed() if signature is None else signature
    headers = (("telnyx-signature-ed25519", signature), ("telnyx-timestamp", stamp))
    return Request(method, headers=headers, body=body, query=query, received_at=at)


def test_a_signed_event_is_authentic():
    assert telnyx.authenticate(posted(), account()) == ("ed25519", 0, None)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_whatever_the_body_is(body, late):
    stamp = str(int(NOW.timestamp()) - late)
    request = posted(signed(body, stamp), body, stamp)
    assert telnyx.authenticate(request, account())


def test_while_a_key_is_replaced_either_is_accepted():
    settings = account([public(), public(OTHER)])
    assert telnyx.authenticate(posted(), settings).secret == 0
    assert telnyx.authenticate(posted(signed(private=OTHER)), settings).secret == 1


@pytest.mark.parametrize(
    "request_",
    [
        posted(""),
        posted("not in base64"),
        posted("AAAA"),
        posted(signed(private=OTHER)),
        posted(body=BODY + b" "),
        posted(body=BODY.replace(b"finalized", b"sent")),
        posted(body=b""),
        posted(stamp=""),
        posted(stamp=str(int(STAMP) + 1)),
        posted(signed(stamp="now"), stamp="now"),
        posted(signed(stamp="１"), stamp="１"),
        posted(method="GET", query=b"sms_id=1&status=delivered"),
        Request("POST", body=BODY, received_at=NOW),
    ],
)
def test_what_is_not_signed_so_is_refused(request_):
    with pytest.raises(Unauthentic):
        telnyx.authenticate(request_, account())


@pytest.mark.parametrize(
    ("late", "window", "accepted"),
    [(300, None, True), (301, None, False), (-300, None, True), (-301, None, False),
     (900, 900, True), (901, 900, False)],
)  # fmt: skip
def test_a_signature_is_accepted_within_the_replay_window_only(late, window, accepted):
    """Rule B3: every try is signed anew, so five minutes are enough."""
    request = posted(at=NOW + timedelta(seconds=late))
    if accepted:
        assert telnyx.authenticate(request, account(replay_window=window))
    else:
        with pytest.raises(Unauthentic, match="it was signed"):
            telnyx.authenticate(request, account(replay_window=window))


@pytest.mark.parametrize("key", ["", "AAAA", "not in base64", public()[:-4], [public(), ""]])
def test_an_invalid_key_is_refused_in_the_settings(key):
    with pytest.raises(ValidationError, match="32 bytes in base64"):
        account(key)


def test_without_a_key_there_is_nothing_to_check():
    assert telnyx.authenticate(posted(""), telnyx.Settings(receive_only=True)) is None


SECRET = "rq789onm321yxzkjihfEdcAm"
RECORD = json.dumps(
    {
        "sms_id": "834f3d53-8a3c-4aa0-a733-7f2d682a72df",
        "from": "+13129450002",
        "to": "+13125550001",
        "body": "Hello!",
    }
).encode()
HMAC = "t=1520983646,h=FHbtAkvKvF5r81WLUlZtNy8k/mZi0byhw0G37njXqBs="
THEN = datetime.fromtimestamp(1520983646, UTC)


def version_1(signature=HMAC, body=RECORD, at=THEN, method="POST"):
    headers = (("x-telnyx-signature", signature),)
    return Request(method, headers=headers, body=body, received_at=at)


def profile(secret=SECRET, **more):
    return telnyx.Settings(receive_only=True, profile_secret=secret, **more)


def test_the_vendor_s_own_example_of_api_v1_is_authentic():
    assert telnyx.authenticate(version_1(), profile()) == ("hmac", 0, None)
    assert telnyx.authenticate(version_1(), profile(["another secret", SECRET])).secret == 1


def test_an_account_may_take_both_versions():
    settings = profile(public_key=public())
    assert telnyx.authenticate(version_1(), settings).scheme == "hmac"
    assert telnyx.authenticate(posted(), settings).scheme == "ed25519"


@pytest.mark.parametrize(
    ("request_", "settings"),
    [
        (version_1(HMAC.replace("1520983646", "1520983647")), profile()),
        (version_1(HMAC[:-4] + "AAA="), profile()),
        (version_1("h=,t="), profile()),
        (version_1("é"), profile()),
        (version_1(""), profile()),
        (version_1(body=RECORD + b" "), profile()),
        (version_1(at=THEN + timedelta(seconds=301)), profile()),
        (version_1(method="GET"), profile()),
        (version_1(), profile("another secret")),
        (version_1("t=1520983646,h=YhrRrMJ1U8ebMjlHAZwWmRMAD6tJKOzkVvyXdHQHBfM="), profile("")),
        (version_1(), account()),
        (posted(), profile()),
    ],
)
def test_what_api_v1_did_not_sign_so_is_refused(request_, settings):
    with pytest.raises(Unauthentic):
        telnyx.authenticate(request_, settings)
