"""The dialects' calls in full, and their signatures before the vendors' own tools."""

import json
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from vonage_http_client.auth import Auth

from delivrd.core.statement import Status
from delivrd.core.units import HOUR
from delivrd.providers import vonage as adapter
from delivrd.relay.formats import render, sign
from tests.relay.relay_events import AT, MESSAGE, NOW, URL, called, event, events, received, target

TOKEN = "an auth token"
FAILED = event(
    "undelivered", reason="unreachable", reference="order 7", network="23415", price="0.03"
)
VONAGE = {
    "msisdn": "447700900123",
    "to": "Acme",
    "network-code": "23415",
    "messageId": MESSAGE,
    "price": "0.03",
    "status": "failed",
    "scts": "2611212050",
    "err-code": "2",
    "message-timestamp": "2026-11-21 20:50:07",
    "client-ref": "order 7",
}
TWILIO = {
    "SmsSid": MESSAGE,
    "SmsStatus": "undelivered",
    "MessageSid": MESSAGE,
    "MessageStatus": "undelivered",
    "To": "+447700900123",
    "From": "Acme",
    "ApiVersion": "2010-04-01",
    "ErrorCode": "30003",
    "RawDlrDoneDate": "2611212050",
}


def query(call):
    return dict(parse_qsl(urlsplit(call.url).query, keep_blank_values=True))


def form(call):
    return dict(parse_qsl(call.body.decode(), keep_blank_values=True))


def fields(call):
    if call.method == "GET":
        return query(call)
    return json.loads(call.body) if call.body.startswith(b"{") else form(call)


def test_a_call_in_vonage_s_dialect_may_be_json():
    call = called(FAILED, target("vonage-json"))
    assert (call.method, call.url) == ("POST", URL)
    assert call.headers == (("content-type", "application/json"),)
    assert json.loads(call.body) == VONAGE


def test_a_call_in_vonage_s_dialect_may_be_a_form():
    call = called(FAILED, target("vonage-form", api_key="abcd1234"))
    assert (call.method, call.url) == ("POST", URL)
    assert call.headers == (("content-type", "application/x-www-form-urlencoded"),)
    assert form(call) == VONAGE | {"api-key": "abcd1234"}


def test_a_call_in_vonage_s_dialect_may_be_a_get():
    call = called(FAILED, target("vonage-get", URL + "?team=7&x=%20#top"))
    assert (call.method, call.headers, call.body) == ("GET", (), b"")
    assert call.url.startswith(URL + "?team=7&x=%20&msisdn=447700900123&")
    assert query(call) == {"team": "7", "x": " "} | VONAGE


def test_a_call_in_smspm_s_dialect_is_json():
    call = called(event("undelivered", reason="unreachable"), target("smspm"))
    assert (call.method, call.url) == ("POST", URL)
    assert json.loads(call.body) == {
        "messageId": MESSAGE,
        "status": "undelivered",
        "to": "447700900123",
        "timestamp": "2026-11-21T20:50:07Z",
    }


def test_a_call_in_ruach_s_dialect_is_a_get_with_its_fields():
    told = event("expired", reason="expired", error_code="003")
    call = called(told, target("ruach", URL + "?key=1"))
    assert call.method == "GET"
    assert query(call) == {
        "key": "1",
        "messageId": MESSAGE,
        "mobile": "447700900123",
        "status": "EXPIRED",
        "errorCode": "003",
        "submitDate": "2026-11-21 20:49:59",
        "doneDate": "2026-11-21 20:50:07",
        "shortMessage": "",
    }


def test_a_call_in_twilio_s_dialect_is_a_form():
    call = called(FAILED, target("twilio", "https://app.example#rc=3"))
    assert (call.method, call.url) == ("POST", "https://app.example/")
    assert call.headers == (("content-type", "application/x-www-form-urlencoded"),)
    assert form(call) == TWILIO


def test_twilio_names_the_account_where_it_is_told():
    call = called(FAILED, target("twilio", account_sid="AC1"))
    assert form(call) == TWILIO | {"AccountSid": "AC1"}


@pytest.mark.parametrize(
    "url", [URL, "https://app.example", "http://app.example:8080/t?a=b%20c&d", URL + "?x=é"]
)
@given(told=events(statuses=[status for status in Status if status is not Status.UNKNOWN]))
def test_the_vendor_s_sdk_takes_our_twilio_signature(url, told):
    call = called(told, target("twilio", url, auth_token=TOKEN))
    given_fields = {n: v[0] for n, v in parse_qs(call.body.decode(), True).items()}
    signature = dict(call.headers)["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(call.url, given_fields, signature)
    assert not RequestValidator("another").validate(call.url, given_fields, signature)
    assert not RequestValidator(TOKEN).validate(call.url + "x", given_fields, signature)
    assert not RequestValidator(TOKEN).validate(call.url, given_fields | {"To": "1"}, signature)


@pytest.mark.parametrize("name", ["vonage-json", "vonage-form", "vonage-get"])
@given(
    method=st.sampled_from(["md5", "sha1", "sha256", "sha512"]),
    secret=st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1),
    told=events(),
)
def test_the_vendor_s_sdk_takes_our_vonage_signature(name, method, secret, told):
    options = {"signature_secret": secret, "signature_method": method}
    told_fields = fields(called(told, target(name, URL + "?team=7", **options)))
    sdk = Auth(api_key="abcd1234", signature_secret=secret, signature_method=method)
    assert sdk.check_signature(dict(told_fields))
    assert not sdk.check_signature(told_fields | {"messageId": "1"})


def test_vonage_signs_by_md5hash_where_that_is_asked_for():
    options = {"signature_secret": TOKEN, "signature_method": "md5hash"}
    settings = adapter.Settings(receive_only=True, **options)
    call = called(FAILED, target("vonage-form", **options))
    assert adapter.authenticate(received(call), settings).scheme == "md5hash"


def test_vonage_signs_by_sha256_where_no_method_is_named():
    settings = adapter.Settings(
        receive_only=True, signature_secret=TOKEN, signature_method="sha256"
    )
    call = called(FAILED, target("vonage-json", signature_secret=TOKEN))
    assert adapter.authenticate(received(call), settings)


@pytest.mark.parametrize("name", ["vonage-json", "vonage-form", "vonage-get"])
def test_each_try_is_signed_anew_over_the_fields_that_were_kept(name):
    to = target(name, signature_secret=TOKEN)
    kept = render([FAILED], to, NOW)
    assert fields(kept) == VONAGE
    tries = [fields(sign(kept, to, NOW + seconds * 1_000_000)) for seconds in (0, 0, 300)]
    assert tries[0] == tries[1]
    for name in ("timestamp", "nonce", "sig"):
        assert tries[0][name] != tries[2].pop(name)
    assert tries[2] == VONAGE


@pytest.mark.parametrize("name", ["vonage-json", "vonage-form", "vonage-get", "twilio"])
def test_without_a_secret_of_its_own_a_dialect_signs_nothing(name):
    to = target(name, secrets=("whsec_" + "c2VjcmV0" * 4,))
    assert called(FAILED, to) == render([FAILED], to, NOW)


def test_times_are_those_of_the_status_not_of_the_try():
    late = NOW + 72 * HOUR
    assert fields(called(FAILED, target("vonage-json"), late)) == VONAGE
    assert AT.strftime("%y%m%d%H%M") == VONAGE["scts"]
