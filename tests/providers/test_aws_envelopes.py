"""What AWS compresses: Firehose's requests, and what CloudWatch Logs passes on.

Sources: docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html,
…/AmazonCloudWatch/latest/logs/SubscriptionFilters.html; opengovsg/postmangovsg (a log's two lines).
"""

import base64
import gzip
import json

import pytest

from delivrd.providers import aws, aws_envelopes
from delivrd.providers.base import Request, Unreadable

EVENT = {"eventType": "TEXT_DELIVERED", "messageId": "e-1", "messageStatus": "DELIVERED"}


def line(message_id, response="Message has been accepted by phone"):
    return {
        "notification": {"messageId": message_id, "timestamp": "2021-04-07 09:00:00.000"},
        "delivery": {"destination": "+6591234567", "providerResponse": response},
        "status": "SUCCESS",
    }


def log(*messages, kind="DATA_MESSAGE"):
    """What a subscription of CloudWatch Logs sends, one event for each message."""
    events = [{"id": "1", "timestamp": 1617788406750, "message": text} for text in messages]
    return {"messageType": kind, "logGroup": "sns/ap-southeast-1/1/x", "logEvents": events}


def packed(content):
    return base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()


def plain(content):
    return base64.b64encode(json.dumps(content).encode()).decode()


def read(content, compress=False):
    body = json.dumps(content).encode()
    headers = [("content-encoding", "gzip")] if compress else []
    return aws.read(
        Request("POST", headers=headers, body=gzip.compress(body) if compress else body)
    )


def ids(reading):
    return [receipt.provider_message_id for receipt in reading.receipts]


LOG = log(json.dumps(line("l-1")), json.dumps(line("l-2")))


@pytest.mark.parametrize(
    "content",
    [
        {"requestId": "r", "records": [{"data": packed(LOG)}]},
        {"requestId": "r", "records": [{"data": plain(LOG)}]},
        {"Records": [{"kinesis": {"data": packed(LOG)}, "eventSource": "aws:kinesis"}]},
        {"awslogs": {"data": packed(LOG)}},
    ],
    ids=["firehose", "firehose that uncompresses", "kinesis", "lambda"],
)
def test_every_line_of_a_subscribed_log_is_a_receipt(content):
    reading = read(content)
    assert ids(reading) == ["l-1", "l-2"]
    assert {receipt.status for receipt in reading.receipts} == {"delivered"}


@pytest.mark.parametrize(
    "body", [EVENT, {"Type": "Notification", "MessageId": "s-1", "Message": json.dumps(EVENT)}]
)
def test_a_message_of_a_queue_has_an_id_of_its_own(body):
    """docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    record = {"messageId": "q-1", "eventSource": "aws:sqs", "body": json.dumps(body)}
    assert ids(read({"Records": [record]})) == ["e-1"]


def test_the_messages_of_a_log_may_stand_one_to_a_line():
    """As Firehose passes them on where it uncompresses logs and takes their messages out."""
    told = "\n".join([json.dumps(line("a")), "{broken", json.dumps(line("b")), ""])
    data = base64.b64encode(told.encode()).decode()
    body = json.dumps({"requestId": "r", "timestamp": 1, "records": [{"data": data}]})
    found = aws.read(Request("POST", body=body.encode()), None)
    assert [receipt.provider_message_id for receipt in found.receipts] == ["a", "b"]
    assert [fault.position for fault in found.faults] == [1]


def test_lines_too_short_for_events_are_not_taken_apart():
    data = base64.b64encode(gzip.compress(b"{\n" * 1_000_000)).decode()
    found = read({"records": [{"data": data}]})
    assert (len(found.receipts), len(found.faults)) == (0, 1)


def test_a_compressed_request_of_firehose_is_read_as_any_other():
    assert ids(read({"records": [{"data": plain(EVENT)}]}, compress=True)) == ["e-1"]


def test_a_compressed_event_is_read_too():
    assert ids(read({"records": [{"data": packed(EVENT)}]})) == ["e-1"]


def test_the_test_that_a_log_makes_of_its_destination_is_no_receipt():
    control = log("CWL CONTROL MESSAGE: Checking health of destination.", kind="CONTROL_MESSAGE")
    assert read({"records": [{"data": packed(control)}]}).kind == "other"


def test_a_record_that_cannot_be_unpacked_harms_no_other():
    cut = base64.b64encode(gzip.compress(b"{}")[:-4]).decode()
    broken = base64.b64encode(b"\x1f\x8b not compressed").decode()
    reading = read({"records": [{"data": cut}, {"data": broken}, {"data": packed(EVENT)}]})
    assert ids(reading) == ["e-1"]
    assert [fault.position for fault in reading.faults] == [0, 1]
    assert all("uncompressed" in fault.why for fault in reading.faults)


def test_a_request_that_unpacks_to_too_much_is_kept_unread(monkeypatch):
    monkeypatch.setattr(aws_envelopes, "MOST", 1000)
    with pytest.raises(Unreadable, match="more than 1000 bytes"):
        read({"records": [{"data": packed(EVENT | {"x": " " * 600})}] * 2})
    with pytest.raises(Unreadable, match="more than 1000 bytes"):
        read({"records": [], "x": " " * 2000}, compress=True)


def test_a_body_that_is_compressed_badly_is_unreadable():
    with pytest.raises(Unreadable, match="cannot be uncompressed"):
        aws.read(Request("POST", body=gzip.compress(b"{}")[:-4]))
