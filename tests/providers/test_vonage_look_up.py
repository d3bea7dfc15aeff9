"""What Vonage's Reports API is asked, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import vonage
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up

RECORD = {
    "message_id": "0A1",
    "status": "rejected",
    "error_code": "6",
    "to": "447700900123",
    "from": "AcmeInc",
    "network": "23410",
    "total_price": "0.0333",
    "currency": "EUR",
    "date_finalized": "2026-01-02T03:04:05+0000",
    "client_ref": "018f-attempt",
}


def test_the_look_up_is_by_the_id_of_the_part():
    _, (seen,) = look_up(vonage, {"records": []})
    assert seen[:2] == ("GET", "/v2/reports/records")
    assert seen.query == {
        "account_id": "abcd1234",
        "product": "SMS",
        "id": "0A1",
        "direction": "outbound",
    }
    assert seen.headers["Authorization"].startswith("Basic ")


def test_a_record_reads_as_a_receipt_does():
    found, _ = look_up(vonage, {"records": [RECORD]})
    assert (found.provider_message_id, found.provider_status) == ("0A1", "rejected")
    assert (found.status, found.reason) == (Status.REJECTED, Reason.BLOCKED_BY_CARRIER)
    assert (found.to, found.price, found.currency) == ("447700900123", "0.0333", "EUR")
    assert found.occurred_at.isoformat() == "2026-01-02T03:04:05+00:00"


def test_a_message_that_was_deleted_is_undelivered():
    """The Reports API has this word beyond those of receipts."""
    record = RECORD | {"status": "deleted", "error_code": "", "date_finalized": ""}
    found, _ = look_up(vonage, {"records": [record]})
    assert (found.status, found.final, found.reason) == (Status.UNDELIVERED, True, Reason.DELETED)


@pytest.mark.parametrize("answer", [{"records": []}, {}, {"records": "none"}, b"oops"])
def test_an_answer_without_a_record_gives_no_result(answer):
    assert isinstance(look_up(vonage, answer)[0], Unanswered)


def test_too_many_questions_wait_as_long_as_told():
    answer, _ = look_up(vonage, b"", status=429, headers={"Retry-After": "9"})
    assert answer.after == 9.0
