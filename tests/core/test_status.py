"""The rules of statements and statuses (C2 to C7), for every set of statements there may be."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Kind, Receipt, Status, identity, micros
from delivrd.core.status import (
    PENDING,
    Handover,
    Outcome,
    State,
    Statement,
    add_prices,
    fold_attempt,
    fold_message,
    fold_part,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RANK = ["pending", "unknown", "expired", "undelivered", "rejected", "delivered"]

moments = st.none() | st.integers(-50, 50).map(lambda s: NOON + timedelta(seconds=s))
prices = st.none() | st.sampled_from(["0.0057", "0.01", "0"])
receipts = st.builds(
    Receipt,
    provider_message_id=st.just("A1"),
    status=st.sampled_from(Status),
    final=st.booleans(),
    provider_status=st.none() | st.sampled_from(["failed", "buffered", "DELIVRD"]),
    error_code=st.none() | st.sampled_from(["0", "6", "9"]),
    reason=st.none() | st.sampled_from(Reason),
    permanent=st.none() | st.booleans(),
    detail=st.none() | st.sampled_from(["phone off", "no route"]),
    network=st.none() | st.sampled_from(["23410", "26201"]),
    price=prices,
    currency=st.none() | st.sampled_from(["EUR", "USD"]),
    occurred_at=moments,
)


def state(receipt: Receipt, received_at: int = 0, kind: Kind = Kind.RECEIPT) -> Statement:
    at = micros(NOON) + received_at
    return Statement(kind, receipt, at, identity(kind, receipt))


def said(status: Status, final: bool = True, received_at: int = 0, **more: Any) -> Statement:
    return state(Receipt(provider_message_id="A1", status=status, final=final, **more), received_at)


statements = st.builds(state, receipts, st.integers(0, 100), st.sampled_from(Kind))
sets = st.lists(statements, max_size=6, unique_by=lambda s: s.hash)
parts = st.lists(sets.map(fold_part), max_size=4)
states = st.sampled_from(State)
handovers = st.builds(
    Handover,
    states,
    parts_expected=st.integers(1, 4),
    answered_at=st.just(5),
    reason=st.none() | st.sampled_from(Reason),
    timeout_at=st.none() | st.just(micros(NOON) + 1000),
)


def rank(outcome: Outcome) -> int:
    return RANK.index(outcome.status)


# --- C1: identity -------------------------------------------------------------------------------


@given(receipts, receipts, st.sampled_from(Kind), st.sampled_from(Kind))
def test_statements_are_the_same_exactly_when_all_that_they_say_is(
    one: Receipt, other: Receipt, kind: Kind, other_kind: Kind
) -> None:
    """D14."""
    same = one == other and kind is other_kind
    assert (identity(kind, one) == identity(other_kind, other)) == same


# --- C2: a part ---------------------------------------------------------------------------------


@given(st.data(), sets)
def test_neither_order_nor_copies_of_statements_change_a_part(
    data: st.DataObject, heard: list[Statement]
) -> None:
    """D3, D13."""
    copies = data.draw(st.lists(st.sampled_from(heard), max_size=4)) if heard else []
    shuffled = data.draw(st.permutations(heard + copies))
    assert fold_part(shuffled) == fold_part(heard)


@given(sets, statements)
def test_no_further_statement_takes_a_part_back(heard: list[Statement], more: Statement) -> None:
    """D3."""
    before, after = fold_part(heard), fold_part([*heard, more])
    assert rank(after) >= rank(before)
    assert after.final >= before.final


@given(sets, sets)
def test_delivered_beats_everything_however_late(
    before: list[Statement], after: list[Statement]
) -> None:
    """D4."""
    told = [*before, said(Status.DELIVERED, received_at=10_000_000), *after]
    assert (fold_part(told).status, fold_part(told).final) == (Status.DELIVERED, True)


@given(sets)
def test_the_strongest_word_counts(heard: list[Statement]) -> None:
    def place(statement: Statement) -> int:
        receipt = statement.receipt
        open_ = receipt.status is Status.UNKNOWN and not receipt.final
        return 0 if open_ else RANK.index(receipt.status)

    strongest = max(map(place, heard), default=0)
    assert fold_part(heard).status == RANK[strongest]


@given(sets)
def test_only_unknown_may_be_open_or_final_and_the_other_ends_are_final(
    heard: list[Statement],
) -> None:
    """C5."""
    outcome = fold_part(heard)
    assert outcome.final == (outcome.status is not Status.PENDING)


def test_an_unknown_that_is_not_final_is_pending_and_shows_its_word() -> None:
    """D19."""
    outcome = fold_part([said(Status.UNKNOWN, False, provider_status="quux")])
    assert (outcome.status, outcome.final, outcome.provider_status) == ("pending", False, "quux")


@given(st.permutations([0, 1]))
def test_an_unknown_that_is_not_final_never_covers_an_end(order: list[int]) -> None:
    heard = [said(Status.EXPIRED), said(Status.UNKNOWN, False, received_at=9)]
    assert fold_part([heard[i] for i in order]).status is Status.EXPIRED


def test_among_two_beginnings_the_later_word_is_shown() -> None:
    first = said(Status.PENDING, False, provider_status="accepted", occurred_at=NOON)
    later = NOON + timedelta(seconds=1)
    second = said(Status.PENDING, False, provider_status="buffered", occurred_at=later)
    assert fold_part([second, first]).provider_status == "buffered"


def test_an_unknown_that_is_not_final_gives_way_to_a_later_beginning() -> None:
    """D19: it ranks as pending, so that the later word is shown."""
    odd = said(Status.UNKNOWN, False, provider_status="quux", occurred_at=NOON)
    later = NOON + timedelta(seconds=1)
    clear = said(Status.PENDING, False, provider_status="buffered", occurred_at=later)
    assert fold_part([odd, clear]).provider_status == "buffered"


def test_of_two_ends_that_say_the_same_the_earlier_counts() -> None:
    first = said(Status.DELIVERED, received_at=7, occurred_at=NOON)
    second = said(Status.DELIVERED, received_at=3, occurred_at=NOON + timedelta(seconds=1))
    outcome = fold_part([second, first])
    assert (outcome.delivered_at, outcome.finished_at) == (micros(NOON), micros(NOON) + 7)


@pytest.mark.parametrize("occurred_at", [None, NOON])
def test_of_two_ends_of_one_moment_the_one_that_came_first_counts(
    occurred_at: datetime | None,
) -> None:
    came = [said(Status.EXPIRED, received_at=at, occurred_at=occurred_at, provider_status=word)
            for at, word in ((7, "EXPIRED"), (3, "expired"))]  # fmt: skip
    for order in (came, came[::-1]):
        outcome = fold_part(order)
        assert (outcome.finished_at, outcome.provider_status) == (micros(NOON) + 3, "expired")


@pytest.mark.parametrize("status", Status)
def test_of_two_that_came_at_one_moment_the_same_counts_in_every_order(status: Status) -> None:
    """D3: what is left to tell them apart is what they say."""
    words = [said(status, provider_status=word) for word in ("one", "two", "three")]
    shown = {fold_part(order).provider_status for order in permutations(words)}
    assert len(shown) == 1


def test_an_end_with_a_time_of_the_provider_counts_before_one_without() -> None:
    untold = said(Status.DELIVERED, received_at=0)
    told = said(Status.DELIVERED, received_at=9, occurred_at=NOON + timedelta(hours=1))
    assert fold_part([untold, told]).delivered_at == micros(NOON + timedelta(hours=1))


FIELDS = ("provider_status", "network", "price")


@given(sets, st.sampled_from(Status), st.booleans(), st.integers(-100, 100))
def test_a_statement_with_fewer_fields_wipes_nothing(
    heard: list[Statement], status: Status, final: bool, received_at: int
) -> None:
    """D20."""
    before, after = fold_part(heard), fold_part([*heard, said(status, final, received_at)])
    for name in FIELDS:
        if getattr(before, name) is not None:
            assert getattr(after, name) is not None


@given(sets, st.integers(-100, 100))
def test_a_failure_keeps_its_cause_when_another_failure_names_none(
    heard: list[Statement], received_at: int
) -> None:
    """D20."""
    before = fold_part(heard)
    assume(before.status in FAILURES)
    after = fold_part([*heard, said(Status.REJECTED, True, received_at)])
    for name in ("error_code", "reason", "detail"):
        if getattr(before, name) is not None:
            assert getattr(after, name) is not None


def test_a_stronger_failure_without_a_cause_shows_the_cause_of_the_weaker_whole() -> None:
    """D22: the code came with another step."""
    coded = said(Status.UNDELIVERED, error_code="3", reason=Reason.UNKNOWN_NUMBER, permanent=True)
    bare = said(Status.REJECTED, reason=Reason.OTHER, permanent=False)
    outcome = fold_part([bare, coded])
    assert (outcome.status, outcome.error_code) == (Status.REJECTED, "3")
    assert (outcome.reason, outcome.permanent) == (Reason.UNKNOWN_NUMBER, True)


def test_a_failure_with_a_cause_of_its_own_takes_none_from_others() -> None:
    own = said(Status.REJECTED, reason=Reason.BLOCKED_BY_RECIPIENT, permanent=True)
    other = said(Status.UNDELIVERED, error_code="3", reason=Reason.UNKNOWN_NUMBER, detail="x")
    outcome = fold_part([own, other])
    assert outcome.reason is Reason.BLOCKED_BY_RECIPIENT


def test_a_code_that_came_with_a_receipt_on_the_way_stays_with_the_failure() -> None:
    """D22: two-step gateways send the detailed code first."""
    on_the_way = said(Status.PENDING, False, error_code="27")
    assert fold_part([said(Status.UNDELIVERED), on_the_way]).error_code == "27"


@pytest.mark.parametrize("own", [None, "000"])
def test_a_code_on_the_way_gives_its_reason_to_a_failure_without_one(own: str | None) -> None:
    """D22. Zeros say that there is no code."""
    why = {"error_code": "27", "reason": Reason.UNKNOWN_NUMBER, "permanent": True}
    on_the_way = said(Status.PENDING, False, **why)
    bare = said(Status.UNDELIVERED, error_code=own, reason=Reason.OTHER, permanent=False)
    for heard in ([bare, on_the_way], [on_the_way, bare]):
        outcome = fold_part(heard)
        assert outcome.status is Status.UNDELIVERED
        assert (outcome.error_code, outcome.reason, outcome.permanent) == (
            "27", Reason.UNKNOWN_NUMBER, True
        )  # fmt: skip


def test_the_code_of_another_failure_counts_before_one_on_the_way() -> None:
    on_the_way = said(Status.PENDING, False, error_code="27", reason=Reason.UNREACHABLE)
    coded = said(Status.EXPIRED, error_code="3", reason=Reason.EXPIRED, permanent=False)
    assert fold_part([said(Status.UNDELIVERED), on_the_way, coded]).error_code == "3"


@pytest.mark.parametrize(
    ("reason", "permanent"),
    [(Reason.OTHER, True), (Reason.UNKNOWN_NUMBER, True), (Reason.NETWORK_ERROR, False)],
)
def test_a_refusal_without_a_reason_is_permanent(reason: Reason, permanent: bool) -> None:
    """The same text would be refused again, however the gateway told it."""
    refused = fold_attempt(Handover(State.REFUSED, answered_at=5, reason=reason), [])
    assert (refused.status, refused.permanent) == (Status.REJECTED, permanent)


@given(sets)
def test_only_a_failure_or_an_unknown_has_a_cause(heard: list[Statement]) -> None:
    outcome = fold_part(heard)
    if outcome.status in (Status.PENDING, Status.DELIVERED):
        assert (outcome.reason, outcome.error_code, outcome.detail) == (None, None, None)


@given(sets)
def test_a_price_keeps_its_own_currency(heard: list[Statement]) -> None:
    outcome = fold_part(heard)
    told = {(s.receipt.price, s.receipt.currency) for s in heard if s.receipt.price is not None}
    assert (outcome.price, outcome.currency) in told or not told


# --- C7: times ----------------------------------------------------------------------------------


@given(sets)
def test_an_end_has_our_time_and_only_a_delivery_the_time_of_delivery(
    heard: list[Statement],
) -> None:
    outcome = fold_part(heard)
    assert (outcome.finished_at is not None) == outcome.final
    assert (outcome.delivered_at is not None) == (outcome.status is Status.DELIVERED)
    assert outcome.finished_at in {None, *(s.received_at for s in heard)}


def test_a_delivery_without_a_time_of_the_provider_gets_ours() -> None:
    assert fold_part([said(Status.DELIVERED, received_at=4)]).delivered_at == micros(NOON) + 4


# --- segments that go by one id -----------------------------------------------------------------


def of_three(*told: tuple[str, Status]) -> tuple[str, bool]:
    heard = [said(s, s is not Status.PENDING, segment=f"{number}/3") for number, s in told]
    outcome = fold_part([said(Status.PENDING, False), *heard])
    return outcome.status.value, outcome.final


def test_an_id_of_several_segments_has_arrived_when_all_have() -> None:
    one, two, three = ((number, Status.DELIVERED) for number in "123")
    assert of_three(one, two) == ("pending", False)
    assert of_three(three, one, two, one) == ("delivered", True)


def test_an_id_of_several_segments_failed_when_one_has() -> None:
    arrived, failed = ("1", Status.DELIVERED), ("3", Status.UNDELIVERED)
    assert of_three(arrived, failed) == of_three(failed, arrived) == ("undelivered", True)


def test_what_is_said_of_the_whole_id_ends_all_its_segments() -> None:
    first = said(Status.DELIVERED, segment="1/3")
    assert fold_part([first, said(Status.DELIVERED)]).final
    assert fold_part([first, said(Status.UNDELIVERED)]).status == "delivered"


@given(st.data(), sets)
def test_the_order_of_segments_changes_nothing(data: st.DataObject, told: list[Statement]) -> None:
    segments = st.none() | st.sampled_from(["1/2", "2/2", "2/3"])
    labelled = [
        state(msgspec.structs.replace(s.receipt, segment=data.draw(segments)), 0, s.kind)
        for s in told
    ]
    shuffled = data.draw(st.permutations(labelled))
    assert fold_part(shuffled) == fold_part(labelled)


# --- C4: an attempt -----------------------------------------------------------------------------


@given(st.data(), handovers, parts)
def test_the_order_of_parts_changes_nothing(
    data: st.DataObject, handover: Handover, heard: list[Outcome]
) -> None:
    shuffled = data.draw(st.permutations(heard))
    assert fold_attempt(handover, shuffled) == fold_attempt(handover, heard)


@given(st.sampled_from([State.QUEUED, State.HANDING_OVER]), parts)
def test_what_is_not_handed_over_is_pending(waits: State, heard: list[Outcome]) -> None:
    assert fold_attempt(Handover(waits), heard) == PENDING


def test_what_was_not_handed_over_by_its_deadline_is_expired() -> None:
    outcome = fold_attempt(Handover(State.QUEUED, timeout_at=9), [])
    assert (outcome.status, outcome.final, outcome.finished_at) == ("expired", True, 9)


def test_what_is_just_being_handed_over_cannot_be_called_not_handed_over() -> None:
    assert fold_attempt(Handover(State.HANDING_OVER, timeout_at=9), []) == PENDING


REFUSAL = Handover(State.REFUSED, 1, 7, Reason.CONTENT_INVALID, "6", "Invalid message")


@given(parts)
def test_a_refusal_is_rejected_with_its_reason_unless_it_was_delivered(
    heard: list[Outcome],
) -> None:
    outcome = fold_attempt(REFUSAL, heard)
    taken = fold_attempt(msgspec.structs.replace(REFUSAL, state=State.UNSURE), heard)
    if taken.status is Status.DELIVERED:
        assert outcome == taken
        return
    assert (outcome.status, outcome.final, outcome.finished_at) == ("rejected", True, 7)
    assert (outcome.reason, outcome.permanent, outcome.error_code) == (
        Reason.CONTENT_INVALID, True, "6",
    )  # fmt: skip


def expected(handover: Handover, heard: Sequence[Outcome]) -> tuple[str, bool]:
    """Rule C4 word for word, for an attempt that was handed over."""
    failed = [part for part in heard if part.status in FAILURES]
    if failed:
        return RANK[max(map(rank, failed))], True
    if len(heard) < handover.parts_expected or not all(part.final for part in heard):
        return ("pending", False) if handover.timeout_at is None else ("unknown", True)
    if any(part.status is Status.UNKNOWN for part in heard):
        return "unknown", True
    return "delivered", True


@given(handovers, parts)
def test_parts_add_up_to_their_attempt(handover: Handover, heard: list[Outcome]) -> None:
    assume(handover.state in (State.ACCEPTED, State.UNSURE))
    outcome = fold_attempt(handover, heard)
    assert (outcome.status, outcome.final) == expected(handover, heard)


@given(handovers)
def test_parts_that_arrive_late_correct_the_time_out_of_their_attempt(handover: Handover) -> None:
    """D4: nothing that our own clock says stands against a receipt."""
    timed_out = msgspec.structs.replace(handover, state=State.ACCEPTED, timeout_at=1)
    arrived = fold_part([said(Status.DELIVERED)])
    all_arrived = [arrived] * max(1, handover.parts_expected)
    assert fold_attempt(timed_out, all_arrived).status is Status.DELIVERED


@given(handovers, parts)
def test_an_attempt_is_delivered_only_when_every_part_is(
    handover: Handover, heard: list[Outcome]
) -> None:
    outcome = fold_attempt(handover, heard)
    if outcome.status is Status.DELIVERED:
        assert len(heard) >= handover.parts_expected
        assert all(part.status is Status.DELIVERED for part in heard)
        assert outcome.delivered_at == max(part.delivered_at or 0 for part in heard)
        assert outcome.finished_at == max(part.finished_at or 0 for part in heard)


def test_of_two_parts_that_failed_alike_the_earlier_ended_their_attempt() -> None:
    """C7: a message that failed once does not fail again later."""
    first, second = (fold_part([said(Status.REJECTED, received_at=at)]) for at in (3, 7))
    outcome = fold_attempt(Handover(State.ACCEPTED, parts_expected=2), [second, first])
    assert outcome.finished_at == micros(NOON) + 3


def test_an_attempt_with_an_unknown_part_has_no_time_of_delivery() -> None:
    """C7: a part that arrived is not the message."""
    heard = [fold_part([said(status)]) for status in (Status.DELIVERED, Status.UNKNOWN)]
    outcome = fold_attempt(Handover(State.ACCEPTED, parts_expected=2), heard)
    assert (outcome.status, outcome.delivered_at) == (Status.UNKNOWN, None)


def test_an_unsure_attempt_of_several_parts_waits_for_all_of_them() -> None:
    arrived = fold_part([said(Status.DELIVERED)])
    unsure = Handover(State.UNSURE, parts_expected=2)
    assert fold_attempt(unsure, [arrived]).status is Status.PENDING
    assert fold_attempt(unsure, [arrived, arrived]).status is Status.DELIVERED


# --- C5: a message ------------------------------------------------------------------------------

attempts = st.lists(st.builds(fold_attempt, handovers, parts), max_size=4)


@given(attempts, st.booleans())
def test_attempts_add_up_to_their_message(tried: list[Outcome], planned: bool) -> None:
    outcome = fold_message(tried, planned=planned)
    shown = (outcome.status, outcome.final)
    if any(a.status is Status.DELIVERED for a in tried):
        assert shown == ("delivered", True)
    elif not tried or planned or not all(a.final for a in tried):
        assert shown == ("pending", False)
    else:
        assert shown == (tried[-1].status, True)


@given(attempts)
def test_a_message_is_final_never_while_an_attempt_is_planned_unless_it_arrived(
    tried: list[Outcome],
) -> None:
    outcome = fold_message(tried, planned=True)
    assert outcome.final == (outcome.status is Status.DELIVERED)


@given(st.permutations([Status.DELIVERED, Status.UNDELIVERED]))
def test_a_late_receipt_of_the_first_attempt_counts_for_the_message(order: list[Status]) -> None:
    """D23: the first attempt's receipt says of the first attempt what it says."""
    tried = [fold_part([said(status)]) for status in order]
    assert fold_message(tried).status is Status.DELIVERED


def test_a_message_that_arrived_twice_was_delivered_by_the_first_to_arrive() -> None:
    """C5, whichever attempt was made first."""
    tried = [fold_part([said(Status.DELIVERED, received_at=at)]) for at in (7, 3)]
    assert fold_message(tried).finished_at == micros(NOON) + 3


# --- prices -------------------------------------------------------------------------------------


def costs(price: str | None, currency: str | None = "EUR") -> Outcome:
    return Outcome(Status.DELIVERED, True, price=price, currency=currency)


@given(st.lists(st.decimals("0", "99", places=5), min_size=2, max_size=5))
def test_what_parts_cost_is_added_exactly(amounts: list[Decimal]) -> None:
    price, currency = add_prices([costs(str(amount)) for amount in amounts])
    assert price is not None
    assert (Decimal(price), currency) == (sum(amounts), "EUR")


@pytest.mark.parametrize(
    ("charged", "total"),
    [
        ([costs(None)], (None, None)),
        ([costs("0.00570000")], ("0.00570000", "EUR")),
        ([costs("0.1"), costs(None), costs("0.2")], ("0.3", "EUR")),
        ([costs("0.1", "EUR"), costs("0.1", "USD")], (None, None)),
        ([costs("0.1"), costs("a lot")], (None, None)),
    ],
    ids=["none", "as told", "some", "mixed", "nonsense"],
)
def test_prices_are_added_where_they_can_be(
    charged: list[Outcome], total: tuple[str | None, str | None]
) -> None:
    assert add_prices(charged) == total
