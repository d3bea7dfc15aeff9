"""Requests that SNS signed, with a certificate made here in place of the vendor's."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import aws, aws_sns
from delivrd.providers.base import HttpAnswer, NeedsDocument, NotSent, Request, Unauthentic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-west-2:123456789012:receipts"
URL = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123abcd.pem"
SUBSCRIBE = (
    "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"
    "&TopicArn=arn:aws:sns:us-west-2:123456789012:receipts&Token=2336412f"
)
EVENT = json.dumps({"messageId": "m-1", "messageStatus": "DELIVERED", "isFinal": True})
NOTICE = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": "A subject",
    "Message": EVENT,
    "Timestamp": "2026-01-01T12:00:00.123Z",
    "SignatureVersion": "1",
    "SigningCertURL": URL,
    "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
}
CONFIRMATION = {
    **{name: value for name, value in NOTICE.items() if name != "Subject"},
    "Type": "SubscriptionConfirmation",
    "Message": "You have chosen to subscribe to the topic.",
    "Token": "2336412f",
    "SubscribeURL": SUBSCRIBE,
}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key=KEY, begins=NOW - timedelta(days=30), ends=NOW + timedelta(days=30)):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


CERTIFICATE = certificate()


@pytest.fixture(autouse=True)
def no_certificate_is_known(monkeypatch):
    monkeypatch.setattr(aws_sns, "_certificates", type(aws_sns._certificates)())


@pytest.fixture
def known():
    aws.learn(URL, CERTIFICATE)


def text_of(fields):
    """What the vendor's page says is signed."""
    if fields["Type"] == "Notification":
        subject = f"Subject\n{fields['Subject']}\n" if "Subject" in fields else ""
        return (
            f"Message\n{fields['Message']}\nMessageId\n{fields['MessageId']}\n{subject}"
            f"Timestamp\n{fields['Timestamp']}\nTopicArn\n{fields['TopicArn']}\n"
            f"Type\n{fields['Type']}\n"
        )
    return (
        f"Message\n{fields['Message']}\nMessageId\n{fields['MessageId']}\n"
        f"SubscribeURL\n{fields['SubscribeURL']}\nTimestamp\n{fields['Timestamp']}\n"
        f"Token\n{fields['Token']}\nTopicArn\n{fields['TopicArn']}\nType\n{fields['Type']}\n"
    )


def signed(fields=NOTICE, key=KEY):
    algorithm = hashes.SHA1() if fields["SignatureVersion"] == "1" else hashes.SHA256()
    signature = key.sign(text_of(fields).encode(), padding.PKCS1v15(), algorithm)
    return fields | {"Signature": base64.b64encode(signature).decode()}


def posted(fields, at=NOW):
    headers = (("content-type", "text/plain; charset=UTF-8"),)
    return Request("POST", headers=headers, body=json.dumps(fields).encode(), received_at=at)


def account(topic=TOPIC, **more):
    return aws.Settings(topic_arn=topic, **more)


def check(fields, settings=None, at=NOW):
    return aws.authenticate(posted(fields, at), settings or account())


@pytest.mark.parametrize(("version", "scheme"), [("1", "sns-sha1"), ("2", "sns-sha256")])
@pytest.mark.parametrize("fields", [NOTICE, CONFIRMATION], ids=["notice", "confirmation"])
def test_what_sns_signed_is_authentic(known, fields, version, scheme):
    assert check(signed(fields | {"SignatureVersion": version})) == (scheme, 0, None)


def test_the_end_of_a_subscription_is_signed_like_its_begin(known):
    assert check(signed(CONFIRMATION | {"Type": "UnsubscribeConfirmation"}))


@pytest.mark.parametrize("subject", [{}, {"Subject": None}], ids=["absent", "null"])
def test_a_notice_may_have_no_subject(known, subject):
    fields = {name: value for name, value in NOTICE.items() if name != "Subject"}
    assert check(signed(fields) | subject)


def test_the_spelling_of_functions_is_understood(known):
    fields = signed()
    fields["SigningCertUrl"] = fields.pop("SigningCertURL")
    assert check(fields)


@given(message=st.text(st.characters(codec="utf-8")), subject=st.text(st.characters(codec="utf-8")))
def test_whatever_is_said_is_signed_in_its_own_letters(message, subject):
    aws.learn(URL, CERTIFICATE)
    assert check(signed(NOTICE | {"Message": message, "Subject": subject}))


def test_a_certificate_that_nobody_fetched_is_asked_for():
    with pytest.raises(NeedsDocument) as asked:
        check(signed())
    assert asked.value.url == URL
    aws.learn(asked.value.url, CERTIFICATE)
    assert check(signed())


@pytest.mark.parametrize(
    "field", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
)
def test_a_notice_tampered_with_is_refused(known, field):
    settings = account([TOPIC, TOPIC + "1"])
    at = NOW + timedelta(seconds=1)
    value = "2026-01-01T12:00:01.123Z" if field == "Timestamp" else signed()[field] + "1"
    with pytest.raises(Unauthentic):
        check(signed() | {field: value}, settings, at)


@pytest.mark.parametrize("field", ["Token", "SubscribeURL", "Message"])
def test_a_confirmation_tampered_with_is_refused(known, field):
    with pytest.raises(Unauthentic, match="does not match"):
        check(signed(CONFIRMATION) | {field: signed(CONFIRMATION)[field] + "1"})


@pytest.mark.parametrize("field", [name for name in NOTICE if name != "UnsubscribeURL"])
@pytest.mark.parametrize("value", [None, 7, ["x"], {}], ids=repr)
def test_a_field_of_another_kind_is_refused(known, field, value):
    with pytest.raises(Unauthentic):
        check(signed() | {field: value})


def test_a_subject_taken_away_or_put_there_is_refused(known):
    without = {name: value for name, value in NOTICE.items() if name != "Subject"}
    for fields in (signed() | {"Subject": None}, signed(without) | {"Subject": "A subject"}):
        with pytest.raises(Unauthentic, match="does not match"):
            check(fields)


def test_another_key_is_refused(known):
    with pytest.raises(Unauthentic, match="does not match"):
        check(signed(key=OTHER_KEY))


def test_another_s_topic_is_refused_before_anything_is_fetched():
    """Anybody can own a topic, and have SNS sign for it."""
    with pytest.raises(Unauthentic, match="topic"):
        check(signed(NOTICE | {"TopicArn": "arn:aws:sns:us-west-2:999999999999:receipts"}))


def test_several_topics_may_be_allowed(known):
    assert check(signed(), account(["arn:aws:sns:eu-west-1:123456789012:other", TOPIC]))


def test_without_a_topic_there_is_nothing_to_check():
    assert aws.authenticate(posted({}), aws.Settings()) is None


@pytest.mark.parametrize(
    "signature", ["", "AAAA", "no base64!", None, "x" * 5000], ids=lambda s: repr(s)[:12]
)
def test_another_signature_is_refused(known, signature):
    with pytest.raises(Unauthentic):
        check(signed() | {"Signature": signature})


@pytest.mark.parametrize("version", ["0", "3", "", None, 2.0])
def test_another_version_is_refused(known, version):
    with pytest.raises(Unauthentic):
        check(signed() | {"SignatureVersion": version})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"hello", json.dumps([NOTICE]).encode()])
def test_what_is_no_envelope_is_refused(body):
    with pytest.raises(Unauthentic):
        aws.authenticate(Request("POST", body=body, received_at=NOW), account())


def test_raw_message_delivery_is_not_authentic():
    with pytest.raises(Unauthentic, match="raw message delivery"):
        check(json.loads(EVENT))


@pytest.mark.parametrize(
    ("late", "window", "accepted"),
    [(3600, None, True), (3601, None, False), (-300, None, True), (-301, None, False),
     (7200, 7200, True), (61, 60, False)],
)  # fmt: skip
def test_a_signature_is_accepted_within_the_replay_window_only(known, late, window, accepted):
    """Rule B3: SNS tries again for an hour with the first signature."""
    settings, at = account(replay_window=window), NOW + timedelta(seconds=late)
    if accepted:
        assert check(signed(), settings, at)
    else:
        with pytest.raises(Unauthentic, match="it was signed"):
            check(signed(), settings, at)


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123abcd.pem",
        "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.ap-southeast-5.amazonaws.com/SimpleNotificationService-A_b-1.pem",
    ],
)
def test_the_vendor_s_addresses_are_asked(url):
    with pytest.raises(NeedsDocument):
        check(signed() | {"SigningCertURL": url})
    aws.learn(url, CERTIFICATE)
    assert check(signed() | {"SigningCertURL": url})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.us-west-2.amazonaws.com.example.com/SimpleNotificationService-0.pem",
        "https://sns.us-west-2.amazonaws.com.cn.example/SimpleNotificationService-0.pem",
        "https://example.com/sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-west-2.amazonaws.com@example.com/SimpleNotificationService-0.pem",
        "https://user@sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-west-2.amazonaws.com:8443/SimpleNotificationService-0.pem",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem?x=1",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem#x",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem\n",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-../x.pem",
        "https://sns.us-west-2.amazonaws.com/x/SimpleNotificationService-0.pem",
        "https://sns.us-west-2.amazonaws.com/other.pem",
        "https://sns.us-west-2.amazonaws.com/",
        "https://s3.us-west-2.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us.west.2.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-west-2xamazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-west-2.amazonaws.com\\@example.com/SimpleNotificationService-0.pem",
        "//sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem",
    ],
)
def test_any_other_address_is_neither_asked_nor_learnt(url):
    with pytest.raises(Unauthentic):
        check(signed() | {"SigningCertURL": url})
    with pytest.raises(Unauthentic):
        aws.learn(url, CERTIFICATE)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"x" * 200_000 + CERTIFICATE,
        certificate(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["empty", "a page", "broken", "too long", "of another kind"],
)
def test_what_is_no_certificate_is_not_learnt(document):
    with pytest.raises(Unauthentic):
        aws.learn(URL, document)
    with pytest.raises(NeedsDocument):
        check(signed())


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (NOW - timedelta(days=2), NOW - timedelta(seconds=1)),
        (NOW + timedelta(seconds=1), NOW + timedelta(days=2)),
    ],
    ids=["over", "not yet"],
)
def test_a_certificate_out_of_its_time_is_refused(begins, ends):
    aws.learn(URL, certificate(begins=begins, ends=ends))
    with pytest.raises(Unauthentic, match="not valid at this time"):
        check(signed())


def test_only_the_certificates_needed_last_are_kept(known):
    for number in range(100):
        aws.learn(URL.replace("0123abcd", str(number)), CERTIFICATE)
        assert check(signed())
    assert len(aws_sns._certificates) == 32
    with pytest.raises(NeedsDocument):
        check(signed() | {"SigningCertURL": URL.replace("0123abcd", "0")})


def test_what_is_not_signed_beside_the_message_is_not_read(known):
    forged = {"messageId": "m-2", "messageStatus": "SPAM", "isFinal": True}
    request = posted(signed() | {"detail": forged, "Sns": {"Message": forged}} | forged)
    assert aws.authenticate(request, account())
    (receipt,) = aws.read(request, None).receipts
    assert (receipt.provider_message_id, receipt.status) == ("m-1", "delivered")


class Visited:
    """A client that keeps the addresses that it is asked for."""

    def __init__(self, answer=200):
        self.answer, self.urls = answer, []

    async def request(self, method, url, **content):
        self.urls.append((method, url, content))
        if isinstance(self.answer, Exception):
            raise self.answer
        return HttpAnswer(self.answer, {}, b"<ConfirmSubscriptionResponse/>")


def confirm(fields, http, topic=TOPIC):
    return asyncio.run(aws.confirm(posted(fields), account(topic), http))


def test_a_subscription_is_confirmed_by_visiting_its_address():
    http = Visited()
    confirm(signed(CONFIRMATION), http)
    assert http.urls == [("GET", SUBSCRIBE, {})]


@pytest.mark.parametrize("answer", [403, 500, 302, OSError("reset"), NotSent("refused")], ids=repr)
def test_a_visit_that_fails_is_told_so_that_sns_asks_again(answer):
    with pytest.raises((OSError, NotSent)):
        confirm(signed(CONFIRMATION), Visited(answer))


@pytest.mark.parametrize(
    "change",
    [
        {"Type": "UnsubscribeConfirmation"},
        {"Type": "Notification"},
        {"TopicArn": TOPIC + "1"},
        {"SubscribeURL": None},
        {"SubscribeURL": "http" + SUBSCRIBE.removeprefix("https")},
        {"SubscribeURL": SUBSCRIBE.replace("amazonaws.com", "amazonaws.com.example.com")},
        {"SubscribeURL": SUBSCRIBE.replace("https://", "https://example.com@")},
        {"SubscribeURL": SUBSCRIBE.replace(".com/", ".com:99/")},
        {"SubscribeURL": SUBSCRIBE.replace("ConfirmSubscription", "Unsubscribe")},
        {"SubscribeURL": SUBSCRIBE + "\n"},
        {"SubscribeURL": "http://127.0.0.1/?Action=ConfirmSubscription&x=1"},
    ],
    ids=str,
)
def test_no_other_address_is_visited(change):
    http = Visited()
    confirm(signed(CONFIRMATION) | change, http)
    assert http.urls == []


def test_without_a_topic_nothing_is_visited():
    http = Visited()
    confirm(signed(CONFIRMATION), http, topic=())
    assert http.urls == []
