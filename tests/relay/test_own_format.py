"""delivrd's own format: its schema, its bytes, and signatures that the official libraries take."""

import base64
import json
from pathlib import Path

import jsonschema_rs
import pytest
import standardwebhooks
import standardwebhooks.webhooks as library
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

import delivrd.relay
from delivrd.core.statement import moment
from delivrd.relay.event import Event
from delivrd.relay.formats import render, sample, sign, standard
from tests.relay.relay_events import NOW, OLD, SECRET, URL, called, event, events, target

SCHEMA = json.loads((Path(delivrd.relay.__file__).parent / "event.schema.json").read_text("utf-8"))
OURS = target("delivrd")
BOTH = target("delivrd", secrets=(SECRET, OLD))
BATCH = target("delivrd", batch="true")


@pytest.fixture(autouse=True)
def at_now(monkeypatch):
    """The libraries look at the clock."""

    class Clock(library.datetime):
        @classmethod
        def now(cls, tz=None):
            return moment(NOW)

    monkeypatch.setattr(library, "datetime", Clock)


def test_the_call_of_an_event():
    call = called(event("delivered", metadata={"order": 7}), OURS)
    told = json.loads(call.body)
    assert (call.method, call.url) == ("POST", URL)
    assert dict(call.headers)["content-type"] == "application/json"
    assert list(told) == ["id", "type", "created_at", "data"]
    assert told["id"] == "evt_0000000000000001" == dict(call.headers)["webhook-id"]
    assert told["type"] == "message.delivered"
    assert told["created_at"] == "2026-11-21T20:50:07Z"
    assert told["data"]["status"] == "delivered"
    assert told["data"]["metadata"] == {"order": 7}


@given(events())
def test_every_event_is_as_the_schema_says(told):
    jsonschema_rs.validate(SCHEMA, json.loads(called(told, OURS).body))


def test_a_merge_is_as_the_schema_says():
    data = {"message_id": "1", "merged_into": "2", "status": "delivered", "final": True}
    written = json.loads(called(Event("evt_0a", "message.merged", NOW, data), OURS).body)
    jsonschema_rs.validate(SCHEMA, written)
    del written["data"]["merged_into"]
    assert not jsonschema_rs.is_valid(SCHEMA, written)


def test_the_event_to_try_with_is_as_the_schema_says():
    jsonschema_rs.validate(SCHEMA, json.loads(called(sample(NOW), OURS).body))


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "sent"), ("reason", "bad luck"), ("sent_at", "2026-11-21 20:50"), ("final", None)],
)
def test_the_schema_refuses_what_it_does_not_say(name, value):
    written = json.loads(called(event("delivered"), OURS).body)
    written["data"][name] = value
    assert not jsonschema_rs.is_valid(SCHEMA, written)


def test_an_event_without_one_of_its_members_is_not_of_the_schema():
    for name in SCHEMA["$defs"]["message"]["required"]:
        written = json.loads(called(event("delivered"), OURS).body)
        del written["data"][name]
        assert not jsonschema_rs.is_valid(SCHEMA, written)


@pytest.mark.parametrize("judge", [standardwebhooks.Webhook, svix.webhooks.Webhook])
@given(told=events())
def test_the_official_libraries_verify_what_we_sign(judge, told):
    call = called(told, OURS)
    judge(SECRET).verify(call.body, dict(call.headers))


@pytest.mark.parametrize("secret", [SECRET, OLD])
@pytest.mark.parametrize("judge", [standardwebhooks.Webhook, svix.webhooks.Webhook])
def test_while_a_secret_is_replaced_either_verifies(judge, secret):
    call = called(event(), BOTH)
    assert len(dict(call.headers)["webhook-signature"].split(" ")) == 2
    judge(secret).verify(call.body, dict(call.headers))


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_the_official_libraries_refuse_what_was_changed(part):
    call = called(event(), OURS)
    headers, body, secret = dict(call.headers), call.body, SECRET
    if part == "body":
        body += b" "
    elif part == "secret":
        secret = OLD
    else:
        headers[part] += "1" if part == "webhook-id" else ""
        headers[part] = headers[part].replace("9", "8")
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(body, headers)


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.integers(0, 2**33))
def test_a_signature_is_the_library_s(body, seconds):
    at = moment(seconds * 1_000_000)
    own = standard.signature(standard.key(SECRET), "evt_1", str(seconds), body.encode())
    assert own == standardwebhooks.Webhook(SECRET).sign("evt_1", at, body)


def test_what_is_signed_is_the_body_as_it_was_kept():
    """Failure D44: another order of keys, another number format, another signature."""
    kept = render([event()], OURS, NOW)
    again = [sign(kept, OURS, NOW + seconds * 1_000_000) for seconds in (0, 5, 36_000)]
    assert [call.body for call in again] == [kept.body] * 3
    assert len({dict(call.headers)["webhook-id"] for call in again}) == 1
    assert len({dict(call.headers)["webhook-timestamp"] for call in again}) == 3
    assert len({dict(call.headers)["webhook-signature"] for call in again}) == 3


def test_a_batch_is_an_array_in_the_order_of_its_events():
    batch = [event(number=number) for number in (3, 1, 2)]
    call = called(batch, OURS)
    assert [each["id"][-1] for each in json.loads(call.body)] == ["3", "1", "2"]
    standardwebhooks.Webhook(SECRET).verify(call.body, dict(call.headers))


def test_an_endpoint_that_takes_batches_gets_a_single_event_as_an_array_too():
    assert len(json.loads(called(event(), BATCH).body)) == 1


def test_a_batch_has_an_id_of_its_own_that_depends_on_its_members():
    def call_id(*numbers):
        call = called([event(number=number) for number in numbers], BATCH)
        return dict(call.headers)["webhook-id"]

    assert call_id(1, 2) == call_id(1, 2)
    assert len({call_id(1), call_id(1, 2), call_id(2, 1), event(number=1).id}) == 4


def test_a_new_secret_is_one_that_the_library_takes():
    secret = standard.new_secret()
    assert secret.startswith("whsec_")
    assert standardwebhooks.Webhook(secret)._whsecret == standard.key(secret)
    assert secret != standard.new_secret()


WRONG_SECRETS = [
    ("whsec_" + base64.b64encode(b"a" * 23).decode(), "this one 23"),
    ("whsec_" + base64.b64encode(b"a" * 65).decode(), "this one 65"),
    ("whsec_a-secret-of-people", "whsec_ and base64"),
    ("whsec_schlüssel", "whsec_ and base64"),
]


@pytest.mark.parametrize(
    ("secret", "why"), [("", "24 to 64 bytes"), ("whsec_", "24 to 64 bytes"), *WRONG_SECRETS]
)
def test_what_is_no_secret_signs_nothing(secret, why):
    with pytest.raises(ValueError, match=why):
        called(event(), target("delivrd", secrets=(secret,)))


@pytest.mark.parametrize("secret", [secret for secret, _ in WRONG_SECRETS])
def test_a_wrong_secret_is_refused_without_being_shown(secret):
    """Rule H1."""
    with pytest.raises(ValueError, match="a secret") as refusal:
        called(event(), target("delivrd", secrets=(secret,)))
    assert secret.removeprefix("whsec_") not in str(refusal.value)


def test_without_a_secret_nothing_goes_out():
    with pytest.raises(ValueError, match="no secret"):
        called(event(), target("delivrd", secrets=()))
