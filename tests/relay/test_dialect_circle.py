"""What a dialect's call says, the adapter of that gateway reads back: written and read apart."""

import pytest
from hypothesis import given

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status
from delivrd.providers import kannel, reading, ruach, smspm, twilio, vonage, vonage_sms
from delivrd.relay.formats import FORMATS, Unfit
from tests.relay.relay_events import AT, called, event, events, received, target

SECRET = "a signature secret"
TEMPLATE = "https://app.example/dlr?F=%F&d=%d&A=%A&p=%p&P=%P&T=%T&ref=%%23%#delivrd#reference#"

SIGNED = {"signature_secret": SECRET, "signature_method": "sha512"}
VONAGE = vonage.Settings(receive_only=True, **SIGNED)
ADAPTERS = {
    "vonage-json": (vonage, VONAGE, target("vonage-json", **SIGNED)),
    "vonage-form": (vonage, VONAGE, target("vonage-form", **SIGNED)),
    "vonage-get": (vonage, VONAGE, target("vonage-get", "https://app.example/?team=7", **SIGNED)),
    "smspm": (smspm, None, target("smspm")),
    "ruach": (ruach, None, target("ruach", "https://app.example/r?team=7#top")),
    "twilio": (
        twilio,
        twilio.Settings(receive_only=True, auth_token=SECRET),
        target("twilio", "https://app.example/t?team=a%20b", auth_token=SECRET),
    ),
    "kannel": (kannel, None, target("kannel", TEMPLATE)),
}
WORDLESS = {("smspm", Status.UNKNOWN), ("twilio", Status.UNKNOWN)}
dialects = pytest.mark.parametrize("name", ADAPTERS)

R = Reason
LOST = set(Reason)
VONAGE_FAILED = {R.NOT_MOBILE: R.UNKNOWN_NUMBER, R.ROAMING: R.NETWORK_ERROR} | dict.fromkeys(
    {R.BLOCKED_BY_CARRIER, R.SENDER_NOT_ALLOWED, R.CONTENT_INVALID, R.ACCOUNT_PROBLEM, R.THROTTLED,
     R.EXPIRED, R.DELETED, R.NO_HANDSET_PROOF},
    R.OTHER,
)  # fmt: skip
HEARD = {
    ("vonage", Status.UNDELIVERED): VONAGE_FAILED,
    ("vonage", Status.EXPIRED): {
        reason: R.EXPIRED if heard is R.OTHER else heard
        for reason, heard in (VONAGE_FAILED | {R.OTHER: R.OTHER}).items()
    },
    ("vonage", Status.REJECTED): {
        R.NOT_MOBILE: R.UNKNOWN_NUMBER,
        R.ROAMING: R.NETWORK_ERROR,
        R.THROTTLED: R.ACCOUNT_PROBLEM,
        **dict.fromkeys({R.EXPIRED, R.DELETED, R.NO_HANDSET_PROOF}, R.OTHER),
    },
    ("smspm", Status.UNDELIVERED): dict.fromkeys(LOST, R.OTHER),
    ("smspm", Status.REJECTED): dict.fromkeys(LOST, R.OTHER),
    ("smspm", Status.EXPIRED): dict.fromkeys(LOST, R.EXPIRED),
    ("ruach", Status.UNDELIVERED): dict.fromkeys(LOST - {R.DELETED}, R.OTHER),
    ("ruach", Status.REJECTED): dict.fromkeys(LOST - {R.BLOCKED_BY_RECIPIENT}, R.OTHER),
    ("ruach", Status.EXPIRED): dict.fromkeys(LOST, R.EXPIRED),
    ("twilio", Status.UNDELIVERED): {
        R.ROAMING: R.UNREACHABLE,
        R.HANDSET_ERROR: R.UNREACHABLE,
        **dict.fromkeys(
            {R.BLOCKED_BY_RECIPIENT, R.BLOCKED_BY_CARRIER, R.SENDER_NOT_ALLOWED, R.CONTENT_INVALID,
             R.PORTED, R.ACCOUNT_PROBLEM, R.EXPIRED, R.DELETED, R.NO_HANDSET_PROOF},
            R.OTHER,
        ),
    },
    ("twilio", Status.REJECTED): dict.fromkeys(
        {R.UNREACHABLE, R.HANDSET_ERROR, R.NETWORK_ERROR, R.ROAMING, R.PORTED, R.EXPIRED,
         R.NO_HANDSET_PROOF, R.OTHER},
        R.BLOCKED_BY_CARRIER,
    ),
    ("twilio", Status.EXPIRED): dict.fromkeys(LOST, R.EXPIRED),
    ("kannel", Status.UNDELIVERED): dict.fromkeys(LOST - {R.DELETED}, R.OTHER),
    ("kannel", Status.REJECTED): {
        R.NOT_MOBILE: R.UNKNOWN_NUMBER,
        **dict.fromkeys(
            {R.UNREACHABLE, R.BLOCKED_BY_RECIPIENT, R.BLOCKED_BY_CARRIER, R.HANDSET_ERROR,
             R.ROAMING, R.PORTED, R.EXPIRED, R.DELETED, R.NO_HANDSET_PROOF},
            R.OTHER,
        ),
    },
    ("kannel", Status.EXPIRED): dict.fromkeys(LOST, R.EXPIRED),
}  # fmt: skip
"""Reasons for which a dialect has no code of its own, and what is heard instead."""


def heard(name, told):
    """The receipt that the gateway's adapter reads, after it has taken the signature."""
    adapter, settings, to = ADAPTERS[name]
    request = received(called(told, to), at=AT.replace(year=2036))
    if settings:
        signed_now = received(called(told, to))
        assert adapter.authenticate(signed_now, settings)
    [receipt] = adapter.read(request).receipts
    return receipt


def as_status(name, told):
    dialect = ADAPTERS[name][0].NAME
    status, reason = Status(told.data["status"]), told.data["reason"]
    reason = HEARD.get((dialect, status), {}).get(reason, reason)
    return status, reason


def test_every_dialect_is_read_back():
    assert set(ADAPTERS) | {"delivrd"} == set(FORMATS)


@dialects
@given(told=events())
def test_status_reason_recipient_id_and_time_come_back(name, told):
    if (name, told.data["status"]) in WORDLESS:
        with pytest.raises(Unfit, match="no word for unknown"):
            heard(name, told)
        return
    receipt = heard(name, told)
    assert (receipt.status, receipt.reason) == as_status(name, told)
    assert receipt.final == told.data["final"]
    assert receipt.provider_message_id == told.data["message_id"]
    assert receipt.to == told.data["to"].removeprefix("+")
    assert not receipt.unmapped


@dialects
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("reason", Reason)
def test_every_status_for_every_reason_comes_back(name, status, reason):
    if (name, status) in WORDLESS:
        return
    told = event(status, reason=reason if status in FAILURES else None)
    receipt = heard(name, told)
    assert (receipt.status, receipt.reason) == as_status(name, told)


@pytest.mark.parametrize("name", ["vonage-json", "vonage-form", "vonage-get", "smspm", "ruach"])
@given(told=events(statuses=(Status.DELIVERED, Status.UNDELIVERED)))
def test_the_time_of_the_status_is_the_event_s(name, told):
    reached = told.data["delivered_at"] or told.data["finished_at"]
    assert heard(name, told).occurred_at.isoformat() == reached.replace("Z", "+00:00")


@pytest.mark.parametrize("name", ["vonage-json", "vonage-form", "vonage-get"])
@given(told=events())
def test_vonage_says_sender_reference_network_and_price(name, told):
    receipt = heard(name, told)
    said = (receipt.sender, receipt.reference, receipt.network, receipt.price)
    names = ("from", "reference", "network", "price")
    sender, *others = (told.data[name] for name in names)
    assert said == (sender.removeprefix("+"), *others)


@pytest.mark.parametrize("word", ["failed", "rejected", "expired"])
@pytest.mark.parametrize("code", vonage_sms.ERRORS)
def test_a_code_of_vonage_goes_on_as_it_came(word, code):
    first = reading.receipt(
        vonage_sms.STATUSES,
        vonage_sms.ERRORS,
        provider_message_id="1",
        provider_status=word,
        error_code=code,
    )
    told = event(first.status, reason=first.reason, provider="vonage", error_code=code)
    receipt = heard("vonage-form", told)
    assert (receipt.status, receipt.reason) == (first.status, first.reason)
    assert receipt.error_code == code


@pytest.mark.parametrize("word", ["failed", "undelivered"])
def test_codes_of_twilio_go_on_as_they_came(word):
    for code in twilio.ERRORS:
        first = twilio.reading.receipt(
            twilio.STATUSES,
            twilio.ERRORS,
            provider_message_id="1",
            provider_status=word,
            error_code=code,
        )
        told = event(first.status, reason=first.reason, provider="twilio", error_code=code)
        receipt = heard("twilio", told)
        assert (receipt.status, receipt.reason) == (first.status, first.reason)
        assert receipt.error_code == code


def test_a_code_of_another_gateway_is_not_passed_off_as_one_of_the_dialect():
    told = event("undelivered", reason="unreachable", provider="telnyx", error_code="9")
    assert heard("vonage-json", told).error_code == "2"
    assert heard("twilio", told).error_code == "30003"


@dialects
def test_a_delivery_after_a_failure_bears_no_code_of_it(name):
    told = event("delivered", provider="vonage", error_code="9", correction=True)
    receipt = heard(name, told)
    assert receipt.status is Status.DELIVERED
    assert receipt.error_code in (None, "0", "000")


@dialects
def test_what_nobody_knows_of_a_message_is_left_out(name):
    told = event("delivered", **{"to": None, "from": None, "account": None, "sent_at": None})
    assert heard(name, told).to is None


@dialects
def test_a_merge_has_no_word_in_any_dialect(name):
    merge = event("delivered", merged_into="other")
    merge = type(merge)(merge.id, "message.merged", merge.created_at, merge.data)
    with pytest.raises(Unfit, match=r"no word for message\.merged"):
        called(merge, ADAPTERS[name][2])


@dialects
def test_a_dialect_says_one_event_at_a_time(name):
    with pytest.raises(ValueError, match="too many values"):
        called([event(), event()], ADAPTERS[name][2])
