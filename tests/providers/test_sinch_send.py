"""What goes out to Sinch, and what its answers mean."""

from datetime import UTC, datetime, timedelta

import pytest

from delivrd.core.reasons import Reason
from delivrd.providers import sinch
from delivrd.providers.base import Accepted, Refused, SentPart, Unsure
from tests.providers.sends import ACCOUNTS, MESSAGE, answered, send

BATCH = {"id": "01FC66621XXXXX119Z8PMV1QPQ", "to": ["447700900123"], "canceled": False}


def test_sinch_is_sent_a_batch_of_one_with_receipts_per_recipient():
    _, (seen,) = send(sinch, BATCH, status=201)
    assert seen[:2] == ("POST", "/xms/v1/plan-0123456789/batches")
    assert seen.headers["Authorization"] == "Bearer an api token"
    assert seen[2] == {
        "from": "AcmeInc",
        "to": ["447700900123"],
        "body": MESSAGE.text,
        "delivery_report": "per_recipient",
        "client_reference": "018f-attempt",
    }


def test_receipts_are_asked_for_at_the_message_s_own_address():
    url = "https://hub.example/webhooks/sinch"
    _, ((_, _, content),) = send(sinch, BATCH, message=MESSAGE._replace(callback_url=url))
    assert content["callback_url"] == url


@pytest.mark.parametrize(("validity", "seconds"), [(60, 60), (0, 1), (9_999_999, 259_200)])
def test_the_validity_is_the_time_at_which_it_expires(validity, seconds):
    _, ((_, _, content),) = send(sinch, BATCH, message=MESSAGE._replace(validity=validity))
    expected = datetime.now(UTC) + timedelta(seconds=seconds)
    told = datetime.fromisoformat(content["expire_at"])
    assert abs(told - expected) < timedelta(seconds=10)


def test_a_batch_that_is_created_is_accepted():
    assert answered(sinch, BATCH, status=201) == Accepted((SentPart(BATCH["id"]),))


def test_the_region_is_part_of_the_address():
    account = ACCOUNTS[sinch].model_copy(update={"region": "eu"})
    assert sinch._url(account) == "https://eu.sms.api.sinch.com/xms/v1/plan-0123456789/batches"


@pytest.mark.parametrize("code", sinch.SEND_ERRORS)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_each_of_sinch_s_refusals(code, status):
    answer = answered(sinch, {"code": code, "text": "So it is"}, status=status)
    assert answer == Refused(sinch.SEND_ERRORS[code].reason, code, "So it is")


def test_a_refusal_in_no_table_keeps_its_code():
    answer = answered(sinch, {"code": "brand_new", "text": "So it is"}, status=400)
    assert answer == Refused(Reason.OTHER, "brand_new", "HTTP 400: So it is")


def test_an_answer_without_an_id_leaves_us_unsure():
    assert isinstance(answered(sinch, {"to": ["447700900123"]}, status=201), Unsure)
