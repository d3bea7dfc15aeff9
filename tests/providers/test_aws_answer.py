"""What Firehose wants to hear, and that nothing else hears it."""

import json
from datetime import UTC, datetime

from delivrd.core.statement import Reading
from delivrd.providers import aws
from delivrd.providers.base import OK, Request

AT = datetime(2026, 1, 1, 12, 0, 0, 250_000, UTC)
ID = ("x-amz-firehose-request-id", "ed4acda5-034f-9f42-bba1-f29aea6d7d8f")


def test_firehose_hears_its_request_id_and_the_time():
    answer = aws.answer(Request("POST", headers=[ID], received_at=AT), Reading())
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body) == {"requestId": ID[1], "timestamp": 1767268800250}


def test_a_time_is_told_where_the_request_has_none():
    answer = aws.answer(Request("POST", headers=[ID]), Reading())
    assert json.loads(answer.body)["timestamp"] > 1767268800250


def test_nothing_else_does():
    assert aws.answer(Request("POST", received_at=AT), Reading()) == OK
