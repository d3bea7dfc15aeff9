"""Signed webhooks of MessageBird and Bird; the vendor's own SDK judges two of the schemes."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messagebird.error import ValidationError
from messagebird.request_validator import RequestValidator
from messagebird.signed_request import SignedRequest

from delivrd.providers import messagebird
from delivrd.providers.base import Request, Unauthentic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "a signing key that is long enough for all of the digests, SHA-512 too"
OLD = "an older signing key"
URL = "https://hub.example/webhooks/messagebird"
QUERY = b"id=a1&recipient=447700900000&status=delivered&statusDatetime=2026-01-01T12:00:00%2B00:00"
BODY = json.dumps({"service": "channels", "payload": {"id": "a1", "status": "delivered"}}).encode()


def account(secret=SECRET, **more):
    return messagebird.Settings(receive_only=True, signature_secret=secret, **more)


def request(headers, query=QUERY, body=b"", at=NOW, url=URL):
    return Request(
        "POST" if body else "GET",
        query=query,
        headers=tuple(headers.items()),
        body=body,
        url=url,
        received_at=at,
    )


# --- the token


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def token(secret=SECRET, algorithm="HS256", query=QUERY, body=b"", **claims):
    stated = {
        "iss": "MessageBird",
        "nbf": int(STAMP) - 1,
        "exp": int(STAMP) + 60,
        "jti": "6a3c",
        "url_hash": sha256(URL.encode() + (b"?" + query if query else b"")),
    }
    if body:
        stated["payload_hash"] = sha256(body)
    stated = {name: value for name, value in (stated | claims).items() if value is not None}
    return {"messagebird-signature-jwt": jwt.encode(stated, secret, algorithm)}


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize(("query", "body"), [(QUERY, b""), (b"", BODY), (QUERY, BODY)])
def test_a_token_of_this_address_and_body_is_authentic(algorithm, query, body):
    headers = token(algorithm=algorithm, query=query, body=body)
    assert messagebird.authenticate(request(headers, query, body), account()) == ("jwt", 0, "6a3c")


@given(
    query=st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text()),
    body=st.binary(),
    tampered=st.binary(),
)
def test_the_sdk_judges_tokens_as_we_do(query, body, tampered):
    asked = urlencode(query, errors="replace").encode()
    now = int(datetime.now(UTC).timestamp())
    headers = token(query=asked, body=body, nbf=now - 1, exp=now + 60)
    url = (URL.encode() + (b"?" + asked if asked else b"")).decode()
    for told in (body, tampered):
        seen = request(headers, asked, told, at=datetime.now(UTC))
        try:
            RequestValidator(SECRET).validate_signature(
                headers["messagebird-signature-jwt"], url, told
            )
        except ValidationError:
            with pytest.raises(Unauthentic):
                messagebird.authenticate(seen, account())
        else:
            assert messagebird.authenticate(seen, account())


@pytest.mark.parametrize(
    "headers",
    [
        token(OLD),
        token(algorithm="none", secret=""),
        token(iss="Somebody"),
        token(iss=None),
        token(exp=None),
        token(nbf=None),
        token(exp=int(STAMP) - 11),
        token(nbf=int(STAMP) + 301),
        token(url_hash=None),
        token(url_hash=sha256(URL.encode())),
        token(url_hash=""),
        token(payload_hash=sha256(BODY)),
        {"messagebird-signature-jwt": "a.b.c"},
        {"messagebird-signature-jwt": token()["messagebird-signature-jwt"] + "x"},
        {"messagebird-signature-jwt": ""},
        {},
    ],
)
def test_a_token_that_is_wrong_is_refused(headers):
    with pytest.raises(Unauthentic):
        messagebird.authenticate(request(headers), account())


@pytest.mark.parametrize("stamp", ["soon", -1, 1.5, True, 10**12])
def test_a_token_whose_time_is_none_is_refused(stamp):
    signed = token()["messagebird-signature-jwt"]
    claims = jwt.decode(signed, options={"verify_signature": False}) | {"exp": stamp}
    parts = [{"alg": "HS256"}, claims]
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    proof = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha256"))
    headers = {"messagebird-signature-jwt": f"{text}.{proof.decode().rstrip('=')}"}
    with pytest.raises(Unauthentic, match="validity period"):
        messagebird.authenticate(request(headers), account())


def test_another_query_address_or_body_is_refused():
    headers = token(query=QUERY, body=BODY)
    for seen in (
        request(headers, QUERY.replace(b"delivered", b"expired"), BODY),
        request(headers, QUERY, BODY, url=URL + "2"),
        request(headers, QUERY, BODY + b" "),
        request(headers, QUERY),
        request(token(), QUERY, BODY),
    ):
        with pytest.raises(Unauthentic):
            messagebird.authenticate(seen, account())


def test_an_account_may_allow_a_token_to_be_late():
    late = NOW + timedelta(seconds=60 + 600)
    assert messagebird.authenticate(request(token(), at=late), account(replay_window=600))
    with pytest.raises(Unauthentic, match="too long ago"):
        messagebird.authenticate(request(token(), at=late), account(replay_window=599))


# --- the older signature, and that of Channels


def signed(about, body=b"", secret=SECRET, stamp=STAMP):
    text = f"{stamp}\n{about}\n".encode() + hashlib.sha256(body).digest()
    proof = base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
    return {"messagebird-signature": proof, "messagebird-request-timestamp": stamp}


def by_query(query=QUERY, **more):
    asked = parse_qs(query.decode(), keep_blank_values=True)
    return signed(urlencode(sorted(asked.items()), True), **more)


def test_a_signature_over_the_sorted_query_is_authentic():
    assert messagebird.authenticate(request(by_query()), account()) == ("sha256", 0, None)


@pytest.mark.filterwarnings("ignore:signed_request:DeprecationWarning")
@given(
    query=st.dictionaries(
        st.text(st.characters(codec="ascii"), min_size=1), st.text(st.characters(codec="ascii"))
    ),
    body=st.text(st.characters(codec="ascii")),
)
def test_what_the_sdk_signs_is_authentic(query, body):
    headers = by_query(urlencode(query).encode(), body=body.encode())
    assert SignedRequest(headers["messagebird-signature"], STAMP, body, query).verify(SECRET)
    seen = request(headers, urlencode(query).encode(), body.encode())
    assert messagebird.authenticate(seen, account())


@pytest.mark.parametrize("query", [b"", QUERY])
def test_a_signature_over_the_address_is_authentic(query):
    address = URL + ("?" + query.decode() if query else "")
    seen = request(signed(address, BODY), query, BODY)
    assert messagebird.authenticate(seen, account()) == ("sha256", 0, None)


def test_while_a_key_is_replaced_either_is_accepted():
    settings = account([SECRET, OLD])
    assert messagebird.authenticate(request(by_query(secret=OLD)), settings).secret == 1
    assert messagebird.authenticate(request(token(OLD)), settings).secret == 1


@pytest.mark.parametrize("name", by_query())
@pytest.mark.parametrize("value", ["", "1", None])
def test_a_header_that_is_tampered_with_or_missing_is_refused(name, value):
    headers = {n: v for n, v in by_query().items() if n != name}
    with pytest.raises(Unauthentic):
        messagebird.authenticate(
            request(headers if value is None else headers | {name: value}), account()
        )


def test_the_values_of_a_repeated_name_cannot_change_places():
    headers = by_query(b"id=a&status=failed&status=delivered")
    assert messagebird.authenticate(
        request(headers, b"status=failed&status=delivered&id=a"), account()
    )
    with pytest.raises(Unauthentic, match="does not match"):
        messagebird.authenticate(
            request(headers, b"id=a&status=delivered&status=failed"), account()
        )


def test_a_signature_of_something_else_is_refused():
    for seen in (
        request(by_query(), QUERY.replace(b"delivered", b"expired")),
        request(by_query(), QUERY + b"&x="),
        request(by_query(), QUERY, BODY),
        request(by_query(secret=OLD)),
        request(signed(URL, BODY), b"", BODY, url=URL + "2"),
    ):
        with pytest.raises(Unauthentic, match="does not match"):
            messagebird.authenticate(seen, account())


# --- the Bird API: Standard Webhooks

KEY = b"a key of thirty-two bytes, or so"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()


def standard(body=BODY, key=KEY, stamp=STAMP, message="msg_1"):
    text = f"{message}.{stamp}.".encode() + body
    proof = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1a,AAAA v1,AAAA v1,{proof}",
    }


@pytest.mark.parametrize("secret", [WHSEC, WHSEC.removeprefix("whsec_"), [SECRET, WHSEC]])
def test_a_standard_webhook_is_authentic_and_its_id_a_nonce(secret):
    proof = messagebird.authenticate(request(standard(), b"", BODY), account(secret))
    assert (proof.scheme, proof.nonce) == ("standard-webhooks", "msg_1")


@pytest.mark.parametrize("name", standard())
@pytest.mark.parametrize("value", ["", "1", "v1,", None])
def test_a_standard_webhook_without_its_headers_is_refused(name, value):
    headers = {n: v for n, v in standard().items() if n != name}
    with pytest.raises(Unauthentic):
        messagebird.authenticate(
            request(headers if value is None else headers | {name: value}, b"", BODY),
            account(WHSEC),
        )


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        (standard(b"other"), WHSEC),
        (standard(key=b"other"), WHSEC),
        (standard(key=b""), "whsec_"),
        (standard(key=b""), "not base64"),
        (standard(), SECRET),
    ],
)
def test_a_standard_webhook_that_is_wrong_is_refused(headers, secret):
    with pytest.raises(Unauthentic):
        messagebird.authenticate(request(headers, b"", BODY), account(secret))


# --- what all have in common


@pytest.mark.parametrize("secret", ["", [""], ["", ""]])
def test_an_empty_key_does_not_authenticate(secret):
    text = token()["messagebird-signature-jwt"].rpartition(".")[0]
    proof = base64.urlsafe_b64encode(hmac.digest(b"", text.encode(), "sha256")).decode()
    empty_token = {"messagebird-signature-jwt": f"{text}.{proof.rstrip('=')}"}
    for headers in (empty_token, by_query(secret=""), standard(key=b"")):
        with pytest.raises(Unauthentic):
            messagebird.authenticate(request(headers, QUERY), account(secret))


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("scheme", "late", "window", "accepted"),
    [
        ("hmac", DAY, None, True), ("hmac", DAY + 1, None, False),
        ("hmac", 60, 60, True), ("hmac", 61, 60, False),
        ("standard", 300, None, True), ("standard", 301, None, False),
        ("standard", 900, 900, True),
    ] + [(scheme, -300, None, True) for scheme in ("hmac", "standard")]
      + [(scheme, -301, None, False) for scheme in ("hmac", "standard")],
)  # fmt: skip
def test_a_signature_is_accepted_within_the_replay_window_only(scheme, late, window, accepted):
    """Rule B3: Bird's retries bear the first try's signature; by Standard Webhooks each its own."""
    headers, secret = (by_query(body=BODY), SECRET) if scheme == "hmac" else (standard(), WHSEC)
    seen = request(headers, QUERY, BODY, at=NOW + timedelta(seconds=late))
    settings = account(secret, replay_window=window)
    if accepted:
        assert messagebird.authenticate(seen, settings)
    else:
        with pytest.raises(Unauthentic, match="it was signed"):
            messagebird.authenticate(seen, settings)


def test_without_a_signing_key_there_is_nothing_to_check():
    assert messagebird.authenticate(request({}), messagebird.Settings(receive_only=True)) is None


def test_no_refusal_reveals_the_key():
    for headers in (token(OLD), by_query(secret=OLD), standard(), {}):
        with pytest.raises(Unauthentic) as refusal:
            messagebird.authenticate(request(headers), account())
        assert SECRET not in str(refusal.value)


HEADERS = [
    "messagebird-signature-jwt",
    "messagebird-signature",
    "messagebird-request-timestamp",
    "webhook-signature",
    "webhook-id",
    "webhook-timestamp",
]


@given(st.dictionaries(st.sampled_from(HEADERS), st.text(st.characters(codec="latin-1"))))
def test_no_headers_pass_for_signed(headers):
    with pytest.raises(Unauthentic):
        messagebird.authenticate(request(headers), account())
