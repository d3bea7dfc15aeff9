"""Signed receipts of Vonage, with the vendor's own SDK as the judge where it knows the method."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_http_client.auth import Auth

from delivrd.providers import vonage
from delivrd.providers.base import Request, Unauthentic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "a signature secret"
OLD = "an older signature secret"
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")
HMAC = METHODS[1:]  # the SDK has no md5hash

RECEIPT = {
    "msisdn": "447700900000",
    "to": "AcmeInc",
    "messageId": "0A0000001234567B",
    "price": "0.03330000",
    "status": "delivered",
    "err-code": "0",
    "client-ref": "a&b=c",
    "message-timestamp": "2026-01-01 12:00:00",
    "nonce": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "timestamp": str(int(NOW.timestamp())),
}


def account(method="sha256", secret=SECRET, **more):
    return vonage.Settings(
        receive_only=True, signature_secret=secret, signature_method=method, **more
    )


def signed(fields=RECEIPT, secret=SECRET, method="sha256"):
    return fields | {"sig": vonage.signature(fields, secret, method)}


def posted(fields, at=NOW):
    headers = (("content-type", "application/json"),)
    return Request("POST", headers=headers, body=json.dumps(fields).encode(), received_at=at)


def queried(fields):
    return Request("GET", query=urlencode(fields).encode(), received_at=NOW)


def sdk(method, secret=SECRET):
    return Auth(api_key="abcd1234", signature_secret=secret, signature_method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("write", [posted, queried])
def test_a_signed_receipt_is_authentic(method, write):
    proof = vonage.authenticate(write(signed(method=method)), account(method))
    assert proof == (method, 0, RECEIPT["nonce"])


@pytest.mark.parametrize("method", HMAC)
def test_what_the_sdk_signs_is_authentic(method):
    fields = RECEIPT | {"sig": sdk(method).sign_params(dict(RECEIPT))}
    assert vonage.authenticate(queried(fields), account(method))


@given(
    method=st.sampled_from(HMAC),
    fields=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="&="), min_size=1),
        st.text(st.characters(codec="utf-8"), min_size=1),
    ),
)
def test_what_we_sign_the_sdk_accepts(method, fields):
    fields = fields | {"timestamp": RECEIPT["timestamp"]}
    fields.pop("sig", None)
    assert sdk(method).check_signature(signed(fields, method=method))


def test_md5hash_is_the_hash_of_the_fields_and_the_secret():
    fields = {"b": "2&3=4", "a": "1", "timestamp": "5"}
    base = "&a=1&b=2_3_4&timestamp=5" + SECRET
    assert vonage.signature(fields, SECRET, "md5hash") == hashlib.md5(base.encode()).hexdigest()


KNOWN = {
    "message-timestamp": "2013-11-21 15:27:30",
    "messageId": "020000001B0FE827",
    "msisdn": "14843472194",
    "text": "Test again",
    "timestamp": "1385047698",
    "to": "13239877404",
    "type": "text",
}
KNOWN_SECRET = "my_secret_key_for_testing"


@pytest.mark.parametrize(
    ("method", "sig"),
    [
        ("md5hash", "d2e7b1dc968737c5998ad624e02f90b7"),
        ("md5", "DDEBD46008C2D4E93CCE578A332A52D5"),
        ("sha1", "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A"),
        ("sha256", "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330"),
        (
            "sha512",
            "E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481C"
            "D3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82",
        ),
    ],
)
def test_the_signatures_in_the_tests_of_the_vendor_s_sdks_are_authentic(method, sig):
    """Those for PHP and Ruby have the same."""
    at = datetime.fromtimestamp(int(KNOWN["timestamp"]), UTC)
    settings = account(method, KNOWN_SECRET)
    assert vonage.authenticate(posted(KNOWN | {"sig": sig}, at), settings)


def test_the_signature_of_a_captured_text_with_both_separators_is_authentic():
    """From the tests of the vendor's SDK for PHP."""
    fields = {
        "keyword": "TEST",
        "message-timestamp": "2017-04-04 22:57:47",
        "messageId": "0B00000042AC53BD",
        "msisdn": "14843472194",
        "nonce": "929d6744-bd28-42c8-b6cf-31d5b4f43732",
        "text": "Test with & and =",
        "timestamp": "1491346667",
        "to": "12192259404",
        "type": "text",
        "sig": "e06d9763e3fd0b9c31beb5fc2fcb011c",
    }
    at = datetime.fromtimestamp(int(fields["timestamp"]), UTC)
    request = Request("GET", query=urlencode(fields).encode(), received_at=at)
    assert vonage.authenticate(request, account("md5hash", KNOWN_SECRET))


def test_upper_case_hex_is_accepted():
    fields = signed()
    assert vonage.authenticate(posted(fields | {"sig": fields["sig"].upper()}), account())


def test_numbers_in_json_are_signed_by_their_literal_text():
    fields = signed(RECEIPT | {"price": "0.03330000", "err-code": "0"})
    body = json.dumps(fields).replace('"0.03330000"', "0.03330000").replace('"0"', "0")
    assert vonage.authenticate(Request("POST", body=body.encode(), received_at=NOW), account())


def test_a_truth_in_json_is_signed_as_it_is_written_even_alone():
    assert vonage.signature({"final": True, "sig": "…"}, SECRET, "sha256") == (
        hmac.digest(SECRET.encode(), b"&final=true", "sha256").hex()
    )


def test_blank_values_may_be_signed_or_left_out():
    """Failure mode D31."""
    for blank in ("", "  ", None):
        with_blank = RECEIPT | {"client-ref": blank}
        without = {name: value for name, value in RECEIPT.items() if name != "client-ref"}
        for fields in (with_blank, without):
            request = posted(with_blank | {"sig": vonage.signature(fields, SECRET, "sha256")})
            assert vonage.authenticate(request, account())


def test_while_a_secret_is_replaced_either_is_accepted():
    settings = account(secret=[SECRET, OLD])
    assert vonage.authenticate(posted(signed()), settings).secret == 0
    assert vonage.authenticate(posted(signed(secret=OLD)), settings).secret == 1


@pytest.mark.parametrize("field", [*RECEIPT, "sig"])
def test_a_receipt_tampered_with_is_refused(field):
    fields = signed()
    with pytest.raises(Unauthentic):
        vonage.authenticate(posted(fields | {field: fields[field] + "1"}), account())


@pytest.mark.parametrize("field", [*RECEIPT, "sig"])
def test_a_receipt_that_lost_a_field_is_refused(field):
    fields = signed()
    del fields[field]
    with pytest.raises(Unauthentic):
        vonage.authenticate(posted(fields), account())


def test_a_field_added_is_refused():
    with pytest.raises(Unauthentic, match="does not match"):
        vonage.authenticate(posted(signed() | {"network-code": "23410"}), account())


def test_fields_cannot_be_hidden_in_the_name_of_another():
    """The signed text is the same, but the nonce and the time would be gone."""
    fields = signed()
    nonce, price = fields.pop("nonce"), fields.pop("price")
    fields[f"nonce={nonce}&price"] = price
    with pytest.raises(Unauthentic, match="name contains"):
        vonage.authenticate(posted(fields), account())


@pytest.mark.parametrize("secret", ["", [""], ["", ""]])
def test_an_empty_secret_does_not_authenticate(secret):
    with pytest.raises(Unauthentic):
        vonage.authenticate(posted(signed(secret="")), account(secret=secret))


def test_the_method_is_not_the_sender_s_choice():
    with pytest.raises(Unauthentic, match="check signature_method"):
        vonage.authenticate(posted(signed(method="md5hash")), account("sha256"))


@pytest.mark.parametrize(
    ("late", "window", "accepted"),
    [
        (0, None, True),
        (72 * 3600, None, True),
        (72 * 3600 + 1, None, False),
        (-300, None, True),
        (-301, None, False),
        (600, 600, True),
        (601, 600, False),
    ],
)
def test_a_signature_is_accepted_within_the_replay_window_only(late, window, accepted):
    """Rule B3: receipts are pushed again for 72 hours with their first signature."""
    request = posted(signed(), at=NOW + timedelta(seconds=late))
    settings = account(replay_window=window)
    if accepted:
        assert vonage.authenticate(request, settings)
    else:
        with pytest.raises(Unauthentic, match="it was signed"):
            vonage.authenticate(request, settings)


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "9" * 30, "１", "2026-01-01"])
def test_an_invalid_time_is_refused(stamp):
    with pytest.raises(Unauthentic):
        vonage.authenticate(posted(signed(RECEIPT | {"timestamp": stamp})), account())


def test_a_receipt_without_a_nonce_is_authentic_and_has_none():
    fields = {name: value for name, value in RECEIPT.items() if name != "nonce"}
    assert vonage.authenticate(posted(signed(fields)), account()).nonce is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'[{"sig":"1"}]', b'{"sig":{}}'])
def test_what_cannot_be_signed_is_refused(body):
    with pytest.raises(Unauthentic):
        vonage.authenticate(Request("POST", body=body, received_at=NOW), account())


def test_without_a_signature_secret_there_is_nothing_to_check():
    settings = vonage.Settings(receive_only=True)
    assert vonage.authenticate(posted(RECEIPT), settings) is None


def test_no_refusal_reveals_the_secret():
    for fields in (RECEIPT, signed(secret=OLD), signed(method="md5")):
        with pytest.raises(Unauthentic) as refusal:
            vonage.authenticate(posted(fields), account())
        assert SECRET not in str(refusal.value)
    assert SECRET not in repr(account())


@given(st.binary(max_size=200))
def test_no_bytes_pass_for_signed(body):
    for request in (Request("POST", body=body), Request("GET", query=body)):
        with pytest.raises(Unauthentic):
            vonage.authenticate(request, account())
