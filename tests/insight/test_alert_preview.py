"""A rule run over the past: it fires when it would have, and knows nothing of what came after."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import Failure, Mark, Place
from delivrd.insight.alerts.normal import History, Hour
from delivrd.insight.alerts.preview import Past, periods, preview
from delivrd.insight.alerts.state import Update
from delivrd.insight.alerts.timeline import End
from tests.insight.alert_support import DAY, HOUR, NOON

QUARTER = 900
KEY = ("main", "GB", "")
FIRST = NOON - 9 * DAY


def known(until: int, failed_from: int = 2**40, failed_until: int = 2**40) -> Past:
    """Nine days of 60 messages a quarter of an hour, of which two fail, or all for a while."""
    cells = {}
    hours: dict[int, list[int]] = {}
    for at in range(FIRST, NOON + DAY, QUARTER):
        failed = 60 if failed_from <= at < failed_until else 2
        cells[at] = [60 - failed, failed, 0, 0]
        of = hours.setdefault(at // HOUR, [0, 0, 0])
        of[0], of[1], of[2] = of[0] + 60, of[1] + failed, of[2] + 60
    histories = {KEY: History({h: Hour(*of) for h, of in hours.items()}, {64: 1000})}
    return Past(NOON - DAY, until, {KEY: cells}, {}, histories, (), ())


def test_an_outage_of_the_past_is_one_firing_with_its_end() -> None:
    begin = NOON - 10 * HOUR
    (found,) = preview(Rule(kind="change"), known(NOON, begin, begin + HOUR)).firings
    assert found.place == (("account", "main"), ("country", "GB"))
    assert begin < found.fired_at <= begin + QUARTER
    assert found.until is not None
    assert begin + HOUR <= found.until <= begin + 2 * HOUR


def test_failures_count_from_the_time_that_their_word_came() -> None:
    """All messages of an hour fail, each an hour and a half after it went out."""
    rule = Rule.model_validate({"kind": "failure_rate", "over": 20, "within": "2 h"})
    begin, slow = NOON - 10 * HOUR, 90 * 60
    past = known(NOON, begin, begin + HOUR)
    (at_once,) = preview(rule, past).firings
    late = {
        at: [End(slow, 1, past.cells[KEY][at][1])] for at in range(begin, begin + HOUR, QUARTER)
    }
    (found,) = preview(rule, past._replace(ends={KEY: late})).firings
    assert at_once.fired_at < begin + slow < found.fired_at


def test_an_outage_that_ended_by_itself_left_messages_open_while_it_lasted() -> None:
    """For two hours no receipt comes; then those of all its messages, which had arrived."""
    rule = Rule(kind="no_receipts")
    begin, end = NOON - 10 * HOUR, NOON - 8 * HOUR
    held = {at: [End(end - at, 0, 58)] for at in range(begin, end, QUARTER)}
    assert preview(rule, known(NOON)).firings == ()
    (found,) = preview(rule, known(NOON)._replace(ends={KEY: held})).firings
    assert begin < found.fired_at < end
    assert found.until is not None
    assert end < found.until < end + 2 * HOUR


def test_slow_deliveries_count_once_they_have_arrived() -> None:
    rule = Rule.model_validate({"kind": "latency", "over": "10 m", "within": "2 h"})
    begin, slow = NOON - 10 * HOUR, HOUR
    late = {at: [End(slow, 0, 58)] for at in range(begin, begin + HOUR, QUARTER)}
    (found,) = preview(rule, known(NOON)._replace(ends={KEY: late})).firings
    assert begin + slow < found.fired_at <= begin + slow + 2 * QUARTER


def test_refused_calls_of_the_past_count_for_the_time_of_the_rule() -> None:
    """Six in each of three minutes in a row, and as many once more an hour later."""
    ats = (*(NOON - 10 * HOUR + 60 * i for i in range(3)), NOON - 9 * HOUR)
    past = Past(NOON - DAY, NOON, {}, {}, {}, tuple(Mark(at, "main", 6) for at in ats), ())
    (found,) = preview(Rule(kind="rejected_signatures"), past).firings
    assert (found.since, found.fired_at) == (NOON - 10 * HOUR, NOON - 10 * HOUR + QUARTER)
    assert found.update.facts["n"] == 18


def test_single_failures_of_the_past_are_told_at_the_end_of_their_quarter() -> None:
    failed = Failure(
        1, NOON - 100, "id-1", "main", "GB", "", "", {}, "undelivered", "unreachable", "1"
    )
    past = Past(NOON - DAY, NOON, {}, {}, {}, (), (failed,))
    (found,) = preview(Rule(kind="failure"), past).firings
    assert (found.since, found.fired_at, found.until) == (NOON - 100, NOON, NOON)


def test_what_is_normal_is_renewed_with_every_hour() -> None:
    """Nothing is sent at night, on any day: that is no silence."""
    idle = range(NOON // HOUR - 10 * 24, NOON // HOUR)
    hours = {hour: Hour(100 if 6 <= hour % 24 < 22 else 0) for hour in idle}
    cells = {
        hour * HOUR + i * QUARTER: [25, 0, 0, 0] for hour, of in hours.items() if of.sent
        for i in range(4)
    }  # fmt: skip
    past = Past(NOON - DAY, NOON, {KEY: cells}, {}, {KEY: History(hours)}, (), ())
    rule = Rule(kind="no_messages", by=("account",))
    assert preview(rule, past).firings == ()
    lost = {at: four for at, four in cells.items() if not NOON - 3 * HOUR <= at < NOON - HOUR}
    assert len(preview(rule, past._replace(cells={KEY: lost})).firings) == 1


@pytest.mark.parametrize("kind", ["failure", "rejected_signatures", "unmapped"])
def test_the_line_shows_what_the_rule_is_about_and_nothing_else(kind: str) -> None:
    at = NOON - 10 * HOUR
    marks = (Mark(at, "main", 3), Mark(at, "other", 50))
    failures = tuple(
        Failure(i, at, f"id-{i}", account, "GB", "", "", {}, "undelivered", "other", "")
        for i, account in enumerate(("main", "main", "main", "other"))
    )
    which = {"failures": failures} if kind == "failure" else {"marks": marks}
    past = Past(NOON - DAY, NOON, {}, {}, {}, (), ())._replace(**which)
    line = preview(Rule.model_validate({"kind": kind, "accounts": ["main"]}), past).line
    assert [point for point in line if point.n] == [(at, 3, 3)]


def test_the_line_adds_up_to_what_was_sent_and_failed_in_the_time_that_is_shown() -> None:
    begin = NOON - 10 * HOUR
    line = preview(Rule(kind="change"), known(NOON, begin, begin + HOUR)).line
    assert (sum(point.n for point in line), sum(point.k for point in line)) == (
        96 * 60,
        92 * 2 + 240,
    )
    assert [point.at for point in line if point.k == point.n] == [*range(begin, begin + HOUR, 900)]


@pytest.mark.parametrize(
    ("rule", "bad"),
    [({"kind": "latency", "over": 700.0}, 8), ({"kind": "overdue"}, 13), ({"kind": "change"}, 4)],
)
def test_the_line_is_of_what_the_rule_takes_for_bad(rule: dict[str, object], bad: int) -> None:
    at = NOON - HOUR
    ends = [End(700.0, 0, 35), End(701.0, 0, 8), End(701.0, 1, 4)]
    past = Past(
        NOON - DAY, NOON, {KEY: {at: [43, 4, 3, 10]}}, {KEY: {at: ends}}, {KEY: History({})}, (), ()
    )
    line = preview(Rule.model_validate(rule), past).line
    assert [(point.n, point.k) for point in line if point.n] == [(60, bad)]


@pytest.mark.parametrize("days", [1, 2, 31])
def test_the_line_has_about_a_hundred_points_whatever_the_time(days: int) -> None:
    marks = tuple(Mark(at, "main", 1) for at in range(NOON - 40 * DAY, NOON, HOUR))
    past = Past(NOON - days * DAY, NOON, {}, {}, {}, marks, ())
    line = preview(Rule(kind="unmapped"), past).line
    assert 90 <= len(line) <= 110
    assert (line[0].at, sum(point.n for point in line)) == (NOON - days * DAY, 24 * days)


def test_a_firing_of_the_past_is_shown_as_wide_and_as_long_as_it_was() -> None:
    gb, main = (("account", "main"), ("country", "GB")), (("account", "main"),)

    def at(minute: int, what: str, firing: int = 1, place: Place = gb) -> Update:
        return Update(what=what, at=minute, firing=firing, place=place, since=minute - 1)

    told = [at(10, "fired"), at(20, "recovered")]
    assert [(p.since, p.fired_at, p.until) for p in periods(told)] == [(9, 10, 20)]
    assert [p.until for p in periods([*told, at(30, "again")])] == [None]
    wide = [*told, at(25, "fired", 2), at(30, "widened", place=main), at(30, "merged", 2)]
    assert [(p.place, p.fired_at) for p in periods(wide)] == [(main, 10)]


def test_a_quiet_past_has_no_firing_and_others_are_let_run_after_each_quarter() -> None:
    looks: list[None] = []
    told = preview(Rule(kind="change"), known(NOON), lambda: looks.append(None))
    assert told.firings == ()
    assert len(looks) == DAY // QUARTER + 1


def test_a_preview_says_since_when_there_is_anything_to_judge() -> None:
    rule = Rule(kind="change")
    for begun, told in (
        (FIRST, NOON - DAY),
        (NOON - 3 * HOUR, NOON - 3 * HOUR),
        (NOON, None),
        (None, None),
    ):
        assert preview(rule, known(NOON)._replace(begun=begun)).known_since == told


@pytest.mark.parametrize("within", [60, 600, 900, 1000])
def test_a_time_shorter_than_what_the_past_is_known_by_is_taken_as_so_long(within: int) -> None:
    """By less than a quarter of an hour no count of the past would be in it, and nothing sent."""
    begin = NOON - 10 * HOUR
    rate = Rule(kind="failure_rate", within=within, over=50)
    (found,) = preview(rule=rate, known=known(NOON, begin, begin + HOUR)).firings
    assert begin < found.fired_at <= begin + 2 * QUARTER
    idle = Rule(kind="no_messages", by=("account",), within=within)
    assert preview(idle, known(NOON)).firings == ()


def test_of_a_place_that_nothing_went_to_there_is_nothing_to_judge() -> None:
    of_elsewhere = Rule(kind="change", countries=("DE",))
    assert preview(of_elsewhere, known(NOON)).known_since is None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 95), st.integers(1, 95), st.sampled_from(["change", "failure_rate"]))
def test_what_came_after_changes_no_firing_before(begins: int, shown: int, kind: str) -> None:
    rule = Rule.model_validate({"kind": kind, "by": ["account", "country"]})
    begin, end = NOON - DAY + begins * QUARTER, NOON - DAY + shown * QUARTER
    whole = preview(rule, known(NOON, begin, begin + HOUR)).firings
    part = preview(rule, known(end, begin, begin + HOUR)).firings
    assert [f.fired_at for f in part] == [f.fired_at for f in whole if f.fired_at <= end]
