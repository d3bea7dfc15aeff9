"""The sentences, times and marks of the pages: pure functions, without any browser."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import names
from delivrd.web.pages import show, timeline, words
from delivrd.web.pages.messages import asked, beside, filters_of
from delivrd.web.pages.provider_tables import meaning, steps
from delivrd.web.pages.send import counted

START = datetime(2026, 11, 21, 20, 0, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def receipt(status: str, came: float, said: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": str(came),
        "kind": "receipt",
        "account": "main",
        "provider": "vonage",
        "provider_message_id": "A",
        "status": status,
        "final": status != "pending",
        "provider_status": status,
        "error": None,
        "received_at": at(came),
        "occurred_at": None if said is None else at(said),
        "count": 1,
        "unverified": False,
        "unmapped": False,
        "simulated": False,
        "requests": [],
        **more,
    }


def attempt(**more: Any) -> dict[str, Any]:
    return {
        "account": "main",
        "provider": "vonage",
        "state": "accepted",
        "error": None,
        "detail": None,
        "tries": 1,
        "sent_at": at(1),
        "answered_at": at(2),
        "timeout_at": None,
        "parts_expected": 1,
        "parts": [],
        **more,
    }


def message(status: str, *receipts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "status": status,
        "origin": "api",
        "parts": 1,
        "created_at": at(0),
        "sent_at": at(1),
        "finished_at": None if status == "pending" else at(5),
        "provider_status": None,
        "error": None,
        "attempts": [attempt()],
        "receipts": list(receipts),
        **more,
    }


def notes(told: dict[str, Any]) -> set[str]:
    return {note.word for event in timeline.events(told) for note in event.notes}


def test_every_status_has_a_verdict() -> None:
    for status in Status:
        what = words.of_message(message(status.value)).what
        assert what.endswith(".")
        assert len(what) > 15


def test_every_reason_that_can_be_acted_on_has_advice() -> None:
    without = {reason.value for reason in Reason} - set(words.ADVICE)
    assert without == {"other", "deleted"}


def test_a_failure_names_reason_code_and_permanence() -> None:
    error = {
        "code": "2",
        "reason": "unreachable",
        "permanent": False,
        "explanation": "The phone was off or out of coverage.",
    }
    told = words.of_message(message("undelivered", receipt("undelivered", 5), error=error))
    assert told.what == "Not delivered: the phone was off or out of coverage."
    assert told.more == (
        "Code 2 of main, “Absent subscriber, temporary”; temporary. "
        "Final after 1 receipt in 4.0 s. "
        "Sending it again later may work."
    )


def test_what_waits_to_be_handed_over_again_says_why() -> None:
    held = attempt(state="queued", sent_at=None, tries=3, detail="no connection to the gateway")
    told = words.of_message(message("pending", attempts=[held]))
    assert told.what == "Pending: waiting to be handed over to main."
    assert told.more == "No connection to the gateway. It is tried again."


@pytest.mark.parametrize("state", ["queued", "handing_over", "accepted", "unsure"])
def test_a_pending_message_says_how_far_it_has_come(state: str) -> None:
    told = words.of_message(message("pending", attempts=[attempt(state=state)]))
    assert told.what.startswith("Pending: ")
    assert "main" in told.what


def test_a_hand_over_without_a_clear_answer_says_why() -> None:
    unsure = attempt(state="unsure", answered_at=None, detail="the gateway answered HTTP 500")
    told = message("pending", attempts=[unsure])
    assert words.of_message(told).more.startswith("The gateway answered HTTP 500. It is not sent")
    assert (
        timeline.events(told)[-1].more == "it may have accepted it: the gateway answered HTTP 500"
    )


def test_a_message_that_was_never_handed_over_says_so() -> None:
    error = {"reason": "expired", "explanation": "It could not be delivered.", "code": None}
    held = attempt(state="queued", sent_at=None, timeout_at=at(60), detail="HTTP 429")
    told = message("expired", attempts=[held], error=error)
    assert words.of_message(told).what == (
        "Expired: it was not handed over before its deadline (HTTP 429)."
    )
    assert timeline.events(told)[-1].more == "not handed over before its deadline"


def test_a_delivered_message_says_when_it_was() -> None:
    told = words.of_message(message("delivered", receipt("delivered", 5, 4), delivered_at=at(4)))
    assert told.more == "On 21 November 2026 at 20:00:04 UTC."


def test_the_words_of_a_code_are_said_once() -> None:
    error = {"code": "1", "reason": "other", "permanent": False, "detail": None}
    told = words.of_message(
        message("undelivered", receipt("undelivered", 5), error=error, attempts=[attempt()])
    )
    assert told.what == "Not delivered: main says “Unknown”."
    assert told.more.startswith("Code 1 of main; temporary.")


def test_of_a_code_in_no_table_nothing_is_claimed() -> None:
    error = {"code": "4711", "reason": "other", "permanent": False, "detail": None}
    told = words.of_message(message("undelivered", receipt("undelivered", 5), error=error))
    assert told.what == "Not delivered: main gave code 4711, which is unknown."
    assert told.more == "Final after 1 receipt in 4.0 s."
    said = words.of_message(message("undelivered", error={**error, "detail": "No luck."}))
    assert said == ("Not delivered: main says “No luck”.", "Code 4711 of main.")


def test_every_refusal_of_the_webhook_has_a_fix() -> None:
    for why in (
        "there is no such webhook",
        "192.0.2.1 is not in allow_from",
        "the user name and password (Basic) are missing or wrong",
        "there is no signature (sig)",
        "the signature does not match",
        "it was signed 99999 seconds ago, more than 300",
        "the body is larger than 4194304 bytes",
        "the request was not received in time",
    ):
        call = {"verdict": "refused", "why": why, "status": 401, "admissible": False}
        assert words.of_request(call).more, why


def test_events_stand_in_the_order_of_our_clock_with_the_gaps_between() -> None:
    found = timeline.events(message("delivered", receipt("delivered", 5, 4)))
    assert [event.gap for event in found] == ["", "+1.0 s", "+1.0 s", "+3.0 s"]
    assert [event.decides for event in found] == [False, False, False, True]


@pytest.mark.parametrize(("simulated", "marks"), [(False, {"Unverified"}), (True, set())])
def test_a_receipt_that_nothing_proves_is_marked_unless_it_is_simulated(
    simulated: bool, marks: set[str]
) -> None:
    """H2."""
    told = receipt("delivered", 3, unverified=True, simulated=simulated)
    assert notes(message("delivered", told)) == marks


def test_copies_are_marked() -> None:
    assert notes(message("delivered", receipt("delivered", 5, 4, count=3))) == {"Duplicate"}


def test_a_receipt_before_the_answer_is_marked() -> None:
    assert notes(message("delivered", receipt("delivered", 1.5, 1.4))) == {"Early"}


def test_a_receipt_dated_before_an_earlier_one_is_marked() -> None:
    told = message("pending", receipt("pending", 5, 4), receipt("pending", 6, 3))
    assert notes(told) == {"Out of order"}


def test_a_weaker_receipt_after_the_end_is_marked_and_does_not_decide() -> None:
    told = message("delivered", receipt("delivered", 5, 4), receipt("undelivered", 6, 5))
    assert notes(told) == {"After the final status"}
    deciding = [event.status for event in timeline.events(told) if event.decides]
    assert deciding == ["delivered"]


def test_a_late_confirmation_is_marked_as_a_correction() -> None:
    told = message("delivered", receipt("undelivered", 5, 4), receipt("delivered", 6, 5))
    assert notes(told) == {"Correction"}


def test_receipts_of_other_parts_are_no_contradiction() -> None:
    other = receipt("undelivered", 6, 3, provider_message_id="B")
    assert notes(message("undelivered", receipt("delivered", 5, 4), other)) == set()


def test_what_others_sent_shows_no_hand_over_of_ours() -> None:
    told = message("delivered", receipt("delivered", 5, 4), origin="received")
    assert [event.what for event in timeline.events(told)] == [
        "First seen in a receipt",
        "Receipt: delivered",
    ]


@pytest.mark.parametrize(
    ("seconds", "words_"),
    [
        (0.0021, "2 ms"),
        (2.14, "2.1 s"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (90000, "25 h"),
        (200000, "2 d"),
    ],
)
def test_a_span_is_told_in_two_figures_at_most(seconds: float, words_: str) -> None:
    assert show.span(seconds) == words_


def test_the_last_day_of_the_calendar_ends_with_it() -> None:
    assert show.day_edges("2026-11-26") == ("2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z")
    assert show.day_edges("9999-12-31") == ("9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z")


def test_only_a_whole_is_a_hundred_percent() -> None:
    assert show.percent(1.0) == "100 %"
    assert show.percent(0.99999) == "> 99.9 %"
    assert show.percent(0.973) == "97.3 %"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("+447700900123", "+44 7700 900123"),
        ("Acme", "Acme"),
        ("\u202e+37251234567", "+37251234567"),
        ("a\u2067b", "ab"),
        (None, ""),
    ],
)
def test_a_number_cannot_be_turned_into_another(told: str | None, shown: str) -> None:
    assert show.phone(told) == shown


@pytest.mark.parametrize("kind", names())
def test_the_steps_of_an_account_name_it_and_its_address(kind: str) -> None:
    """An example in them would be taken for what is to be typed."""
    told = steps(kind, "my-own", "https://sms.example.org")
    code = " ".join(piece for step in told for piece, is_code in step if is_code)
    assert "YOUR-HOST" not in code
    named = re.findall(r"\[accounts\.([\w-]+)|webhooks/([\w-]+)|--(?:via|account) (\S+)", code)
    assert {"".join(one) for one in named} == {"my-own"}
    assert set(re.findall(r"ACCOUNTS__(.+?)__", code)) <= {"MY_OWN"}


def test_the_steps_of_a_hub_without_an_address_leave_it_open() -> None:
    assert "https://YOUR-HOST/webhooks/main" in str(steps("vonage", "main", None))


def test_a_text_shows_the_characters_that_would_turn_it_round() -> None:
    assert show.unturned("a\u202eb") == "a\\u202eb"
    assert show.unturned("שלום") == "שלום"


def test_no_data_is_no_zero() -> None:
    assert show.percent(None) == "–"
    assert show.percent(0.0) == "0.0 %"


def test_the_counter_names_what_makes_a_text_longer() -> None:
    told = counted("a" * 100 + "’")
    assert told["counted"]["encoding"] == "ucs2"
    assert told["culprits"] == [("’", "right single quotation mark")]
    assert told["without"] == 1


def test_what_happened_never_lies_ahead_though_clocks_differ() -> None:
    assert show.ago(at(3), START) == "now"
    assert show.ago(at(-3), START) == "3 s ago"
    assert show.due(at(240), START) == "in 4 min"
    assert show.due(at(-3), START) == "due now"


def test_messages_are_filtered_by_their_sender_as_a_digest_links_to_them() -> None:
    given = asked({"from": "Acme", "status": "failed"})
    assert filters_of(given, None).sender == "Acme"
    (mark,) = beside(given)
    assert (mark["words"], mark["without"]) == ("from Acme", "/messages?status=failed")


def test_a_mark_says_a_filter_in_words_and_an_id_as_it_is() -> None:
    given = {"network": "none", "reason": "blocked_by_carrier", "provider_message_id": "a_1"}
    assert [mark["words"] for mark in beside(given)] == [
        "network not known",
        "reason blocked by carrier",
        "provider message id a_1",
    ]


@pytest.mark.parametrize(
    ("provider", "code", "reason", "as_in_the_table"),
    [
        ("infobip", "EC_ABSENT_SUBSCRIBER_SM", "unreachable", "6"),
        ("kannel", "11", "unknown_number", "0x0000000b"),
        ("kannel", "0xB", "unknown_number", "0x0000000b"),
    ],
)
def test_a_code_has_its_words_also_where_it_is_written_otherwise_than_in_the_table(
    provider: str, code: str, reason: str, as_in_the_table: str
) -> None:
    assert meaning(provider, code, reason) == meaning(provider, as_in_the_table) != ""


def test_a_code_that_only_looks_like_that_of_a_refusal_has_no_words() -> None:
    assert meaning("kannel", "11", "unreachable") == ""
