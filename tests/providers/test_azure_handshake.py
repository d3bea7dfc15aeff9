"""Event Grid's question whether this webhook wants its events."""

import json

import pytest

from delivrd.providers import azure
from delivrd.providers.base import OK, Request

CODE = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
VALIDATION = {
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "data": {"validationCode": CODE, "validationUrl": "https://example.com/validate"},
}
REPORT = {
    "eventType": "Microsoft.Communication.SMSDeliveryReportReceived",
    "data": {"messageId": "m-1", "deliveryStatus": "Delivered"},
}


def answered(content):
    request = Request("POST", body=json.dumps(content).encode())
    return azure.answer(request, azure.read(request, None))


@pytest.mark.parametrize("content", [[VALIDATION], VALIDATION], ids=["array", "object"])
def test_the_validation_is_answered_with_its_code(content):
    answer = answered(content)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body) == {"validationResponse": CODE}


def test_a_validation_without_a_code_is_answered_too():
    assert json.loads(answered([VALIDATION | {"data": 7}]).body) == {"validationResponse": None}


@pytest.mark.parametrize("content", [[REPORT], REPORT, [VALIDATION, REPORT], []], ids=repr)
def test_nothing_else_is(content):
    assert answered(content) == OK
