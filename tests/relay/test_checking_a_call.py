"""Checking by hand whether a received call is ours."""

import json

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.statement import moment
from delivrd.relay.formats.check import Unverified, verify
from tests.relay.relay_events import NOW, OLD, SECRET, called, event, target

CALL = called(event(metadata={"name": "Zoë"}), target("delivrd"))
HEADERS, BODY = dict(CALL.headers), CALL.body
SECONDS = NOW // 1_000_000


def why(headers=HEADERS, body=BODY, secrets=(SECRET,), now=NOW):
    with pytest.raises(Unverified) as refusal:
        verify(headers, body, secrets, now)
    return str(refusal.value)


def test_a_call_of_ours_is_verified():
    assert verify(HEADERS, BODY, [SECRET], NOW) == ("evt_0000000000000001", SECONDS, 0)


def test_names_of_headers_are_taken_in_any_case():
    assert verify({name.title(): f" {value} " for name, value in HEADERS.items()}, BODY, [SECRET],
                  NOW)  # fmt: skip


@pytest.mark.parametrize("secrets", [[OLD, SECRET], [SECRET, OLD]])
def test_it_says_which_secret_signed(secrets):
    assert verify(HEADERS, BODY, secrets, NOW).secret == secrets.index(SECRET)


def test_while_a_secret_is_replaced_either_verifies():
    both = called(event(), target("delivrd", secrets=(SECRET, OLD)))
    for secret in (SECRET, OLD):
        assert verify(dict(both.headers), both.body, [secret], NOW)


@given(st.text(st.characters(codec="utf-8", exclude_characters=" \r\n\t"), min_size=1))
def test_what_the_library_signs_is_verified(body):
    signature = standardwebhooks.Webhook(SECRET).sign("msg_1", moment(NOW), body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(SECONDS),
        "webhook-signature": f"v1a,abc {signature}",
    }
    assert verify(headers, body.encode(), [SECRET], NOW).id == "msg_1"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(name):
    assert why({n: v for n, v in HEADERS.items() if n != name}) == f"there is no header {name}"
    assert name in why(HEADERS | {name: " "})


def test_all_headers_that_are_missing_are_named():
    assert why({}).count("webhook-") == 3


@pytest.mark.parametrize("time", ["now", "-1", "1.5", "１", "1" * 13, "2026-11-21"])
def test_an_invalid_time_is_refused(time):
    assert "not a number of seconds" in why(HEADERS | {"webhook-timestamp": time})


@pytest.mark.parametrize("signature", ["x", "v1a,abc", "v2,abc", "v1"])
def test_a_signature_of_another_version_is_named_as_such(signature):
    assert "no signature of version 1" in why(HEADERS | {"webhook-signature": signature})


@pytest.mark.parametrize(("late", "word"), [(301, "old"), (86_400, "old"), (-301, "future")])
def test_a_signature_that_is_too_old_or_too_new_says_that_it_fits(late, word):
    said = why(now=NOW + late * 1_000_000)
    assert said.startswith("the signature fits, but is")
    assert str(abs(late)) in said
    assert word in said


@pytest.mark.parametrize("late", [300, 0, -300])
def test_five_minutes_are_allowed(late):
    assert verify(HEADERS, BODY, [SECRET], NOW + late * 1_000_000)


def test_another_secret_does_not_fit():
    assert "does not match" in why(secrets=[OLD])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (HEADERS, BODY.replace(b"delivered", b"rejected")),
        (HEADERS | {"webhook-id": "evt_2"}, BODY),
        (HEADERS | {"webhook-timestamp": str(SECONDS + 1)}, BODY),
        (HEADERS | {"webhook-signature": HEADERS["webhook-signature"][:-2]}, BODY),
        (HEADERS | {"webhook-signature": "v1,"}, BODY),
        (HEADERS | {"webhook-signature": "v1,\udcff"}, BODY),
        (HEADERS, b""),
        (HEADERS, b"\xff"),
        (HEADERS, b"[" * 100_000),
    ],
)
def test_what_was_changed_does_not_fit(headers, body):
    assert "does not match" in why(headers, body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BODY + b"\n", "without the line break"),
        (json.dumps(json.loads(BODY)).encode(), "written without spaces"),
        (json.dumps(json.loads(BODY), indent=2).encode(), "written without spaces"),
    ],
)
def test_a_body_that_was_read_and_written_again_is_recognised(body, said):
    assert said in why(body=body)
    assert "check the bytes as they came" in why(body=body)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [((), "no secret to check with"), (("",), "24 to 64"), (("whsec_ü",), "whsec_ and base64")],
)
def test_an_invalid_secret_is_refused(secrets, said):
    assert said in why(secrets=secrets)


@given(st.binary(max_size=100), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_bytes_pass_for_signed(body, call_id, time, signature):
    headers = {
        "webhook-id": call_id,
        "webhook-timestamp": time,
        "webhook-signature": f"v1,{signature}",
    }
    assert why(headers, body)


def test_no_refusal_reveals_a_secret():
    for said in (why(secrets=[OLD]), why(secrets=["whsec_not-one"]), why(body=b"")):
        assert "whsec_not-one" not in said
        assert OLD.removeprefix("whsec_") not in said
