"""What seven's status endpoint is asked, and what its answers mean."""

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import seven
from delivrd.providers.base import Unanswered
from tests.providers.sends import look_up

REPORT = {"id": "0A1", "status": "EXPIRED", "status_time": "2026-01-02 03:04:05.678"}


def test_the_look_up_is_by_the_id_of_the_message():
    _, (seen,) = look_up(seven, [])
    assert seen[:2] == ("GET", "/api/status")
    assert seen.query == {"msg_id": "0A1"}
    assert seen.headers["X-Api-Key"] == "the api key of it"


@pytest.mark.parametrize("answer", [[REPORT], REPORT, [{"id": "0B2"} | REPORT, 7]])
def test_a_report_reads_as_a_receipt_does(answer):
    found, _ = look_up(seven, answer)
    assert (found.provider_message_id, found.provider_status) == ("0A1", "EXPIRED")
    assert (found.status, found.final, found.reason) == (Status.EXPIRED, True, Reason.EXPIRED)
    assert found.occurred_at.isoformat() == "2026-01-02T02:04:05.678000+00:00"


def test_two_lines_of_text_are_a_report_too():
    found, _ = look_up(seven, b"DELIVERED\n2026-07-02 03:04:05.678")
    assert (found.provider_message_id, found.status) == ("0A1", Status.DELIVERED)
    assert found.occurred_at.isoformat() == "2026-07-02T01:04:05.678000+00:00"


def test_a_word_alone_is_a_report_without_a_time():
    found, _ = look_up(seven, b'"TRANSMITTED"')
    assert (found.status, found.final, found.occurred_at) == (Status.PENDING, False, None)


@pytest.mark.parametrize(
    "answer",
    [b"", b"900", b"901", b"<html>", b"[", [], {}, [7], [REPORT | {"id": "0B2"}],
     [REPORT | {"status": None}], [REPORT | {"status": "sent_to_moon"}]],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_a_report_gives_no_result(answer, status):
    assert isinstance(look_up(seven, answer, status=status)[0], Unanswered)


def test_too_many_questions_wait_as_long_as_told():
    answer, _ = look_up(seven, b"", status=429, headers={"Retry-After": "9"})
    assert answer.after == 9.0
