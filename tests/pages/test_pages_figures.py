"""What the overview makes of the API's answers: pure functions, without any browser."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.statement import micros
from delivrd.core.units import MINUTE
from delivrd.insight.latency import latency
from delivrd.insight.rates import delivery
from delivrd.insight.statistics import latency_shown
from delivrd.store.counts import step as latency_step
from delivrd.store.histograms import digits, of
from delivrd.store.ids import now_micros
from delivrd.web.pages import delays, figures, issues, ranges, rate_table
from delivrd.web.pages.links import Links
from delivrd.web.pages.over_time import gapless, minutes_from, of_steps, step_of

NOW = micros(datetime(2026, 11, 26, 15, 7, tzinfo=UTC))
DAY = 24 * ranges.HOUR
SPAN = ranges.Range("24h", "Last 24 hours", 24, NOW - DAY)
LINKS = Links(SPAN)


def told(**counts: int) -> dict[str, Any]:
    """Counts as `GET /v1/stats/delivery` tells them."""
    of = delivery(counts)
    rate, failure = of.rate, of.failure
    return {
        "total": of.total,
        "counts": of.counts,
        "failed": of.failed,
        "delivery_rate": rate and rate.rate,
        "low": rate and rate.low,
        "high": rate and rate.high,
        "failure_rate": failure and failure.rate,
        "failure_low": failure and failure.low,
        "failure_high": failure and failure.high,
    }


def item(name: str, value: str | None, **counts: int) -> dict[str, Any]:
    return {name: value, **told(**counts)}


def times(*seconds: float) -> dict[str, Any]:
    """Times as `GET /v1/stats/latency` tells them."""
    steps = Counter(latency_step(int(each * 1_000_000)) for each in seconds)
    return latency_shown("messages", latency(digits(of(steps))))


def window(*seconds: float, length: int = DAY, **counts: int) -> figures.Window:
    return figures.Window(told(**counts), times(*seconds), length)


def five(now: figures.Window, then: figures.Window | None = None, **open_: int | None) -> Any:
    waiting = figures.Open(open_.get("overdue", 0), open_.get("silent") or 0)
    return figures.figures(now, then, waiting, LINKS)


# --- the five numbers ---------------------------------------------------------------------------


def test_no_data_is_no_0_per_cent() -> None:
    messages, rate, failed, waiting, took = five(window())
    assert (messages.value, rate.value, took.value) == ("0", "–", "–")
    assert (rate.note, failed.note) == ("none has ended yet", "none has ended yet")
    assert waiting.note == "nothing is pending"


def test_all_failed_is_0_per_cent() -> None:
    _, rate, *_ = five(window(undelivered=40))
    assert rate.value == "0.0 %"


def test_each_number_leads_to_the_messages_behind_it() -> None:
    links = [figure.href for figure in five(window(delivered=9, rejected=1))]
    since = "/messages?since=2026-11-25T15%3A07%3A00Z"
    assert links == [
        since,
        f"{since}&status=delivered",
        f"{since}&status=failed",
        f"{since}&status=pending",
        f"{since}&status=delivered",
    ]


def test_a_change_beyond_chance_is_marked_and_one_within_it_is_not() -> None:
    before = window(delivered=970, undelivered=30)
    worse = five(window(delivered=900, undelivered=100), before)
    same = five(window(delivered=965, undelivered=35), before)
    assert [worse[1].change.words, worse[1].change.tone] == ["−7.0 points", "bad"]
    assert worse[2].change.tone == "bad"
    assert [same[1].change.words, same[1].change.tone] == ["−0.5 points", ""]


def test_a_change_of_few_messages_is_not_marked() -> None:
    _, rate, *_ = five(window(undelivered=9), window(delivered=9))
    assert rate.change.tone == ""


def test_numbers_are_compared_by_the_time_that_they_took() -> None:
    messages, *_ = five(window(delivered=50, length=DAY // 2), window(delivered=100))
    assert messages.change.words == "±0 %"


def test_what_is_open_tells_how_many_are_overdue() -> None:
    *_, waiting, _ = five(window(pending=30), overdue=4, silent=20)
    assert waiting.note == "4 overdue"
    assert "20" in waiting.change.words


def test_nothing_is_said_of_overdue_ones_before_it_is_known_when_they_are() -> None:
    *_, waiting, _ = five(window(pending=30), overdue=None)
    assert "too early" in waiting.note


def settled(**fields: Any) -> str:
    known = {"total": 100, "pending": 40, "settled_rate": 0.96, "low": 0.93, "high": 0.98}
    return figures.settled_words({"rate_so_far": 0.8, "unreported": 0, **known, **fields})


def test_all_have_ended_is_not_said_of_routes_that_report_nothing() -> None:
    assert settled(pending=0).startswith("All 100 messages of the last hour have ended")
    assert "on routes that report have ended" in settled(pending=0, unreported=9)


def test_the_settled_rate_stands_beside_the_naive_one_in_words() -> None:
    words = settled()
    assert "96.0 % will be delivered" in words
    assert "between 93.0 and 98.0 %" in words
    assert "80.0 % were" in words
    assert "40 are still waiting" in words


def test_a_settled_rate_of_too_few_is_not_told() -> None:
    assert "too few" in settled(low=0.2, high=0.98)
    assert "have ended: 80.0 %" in settled(pending=0)


def test_without_a_message_that_this_hub_sent_there_is_nothing_to_estimate() -> None:
    """Others may stand beside it that another program sent."""
    none = {"total": 0, "settled_rate": None}
    assert settled(**none).startswith("This hub handed over no message in the last hour")
    assert "a route that reports" in settled(**none, unreported=9)


def test_one_message_is_told_in_the_singular() -> None:
    assert settled(total=1, pending=0).startswith("The one message of the last hour has ended")
    assert "1 is still waiting" in settled(pending=1)
    assert settled(total=1, pending=1, settled_rate=None).startswith("1 message in the last hour")


# --- rates side by side -------------------------------------------------------------------------


def rows(now: list[dict[str, Any]], then: list[dict[str, Any]]) -> list[rate_table.Row]:
    return list(rate_table.table(now, then, "country").rows)


def test_the_worst_change_comes_first_and_small_samples_last() -> None:
    now = [
        item("country", "GB", delivered=970, undelivered=30),
        item("country", "EE", delivered=300, undelivered=100),
        item("country", "US", delivered=2, undelivered=2),
        item("country", "DE", delivered=960, undelivered=40),
    ]
    then = [
        item("country", "GB", delivered=970, undelivered=30),
        item("country", "EE", delivered=390, undelivered=10),
        item("country", "US", delivered=100),
        item("country", "DE", delivered=970, undelivered=30),
    ]
    found = rows(now, then)
    assert [(row.value, row.word) for row in found] == [
        ("EE", "worse"), ("DE", "same"), ("GB", "same"), ("US", "few"),
    ]  # fmt: skip
    assert found[0].change == pytest.approx(-22.5)
    assert found[3].change is None


def test_what_has_no_end_yet_has_no_rate_and_no_plot() -> None:
    (row,) = rows([item("country", "GB", pending=500)], [])
    assert (row.rate, row.plot, row.word) == (None, None, "none")


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 50)), max_size=20)
)
def test_every_plot_lies_within_its_scale(counts: list[tuple[int, int, int]]) -> None:
    now = [
        item("country", f"C{n}", delivered=d, undelivered=u, pending=p)
        for n, (d, u, p) in enumerate(counts)
    ]
    for row in rate_table.table(now, now, "country", most=50).rows:
        if row.plot is not None:
            assert 0 <= row.plot.low <= row.plot.dot <= row.plot.high <= 100


def test_rows_beyond_the_most_are_counted() -> None:
    now = [item("country", f"C{n}", delivered=50 + n) for n in range(20)]
    assert rate_table.table(now, [], "country", most=12).more == 8


# --- how long deliveries take -------------------------------------------------------------------


@given(st.lists(st.floats(0.002, 90_000), min_size=1, max_size=60))
def test_bins_hold_every_delivery_and_leave_no_gap(seconds: list[float]) -> None:
    found = delays.bins(times(*seconds)["histogram"])
    assert sum(bin_.n for bin_ in found) == len(seconds)
    assert found[-1].within == pytest.approx(1)
    for first, second in pairwise(found):
        assert first.to == pytest.approx(second.over)


def test_the_shares_within_the_times_that_matter() -> None:
    shares = {
        mark["label"]: mark["share"]
        for mark in delays.marks(times(*[4.0] * 50, *[30.0] * 40, *[7200.0] * 10)["histogram"])
    }
    assert shares == {"10 s": 0.5, "1 min": 0.9, "1 h": 0.9}


def test_without_a_delivery_there_is_no_share() -> None:
    assert delays.bins([]) == []
    assert delays.within([], 10) is None


# --- what goes wrong ----------------------------------------------------------------------------


def reason(name: str | None, hour: str, **counts: int) -> dict[str, Any]:
    return {"reason": name, "hour": hour, **told(**counts)}


def test_reasons_have_their_share_trend_and_first_day() -> None:
    hours = [f"2026-11-26T{hour}:00:00+00:00" for hour in ("13", "14", "15")]
    over_time = [
        reason("unreachable", hours[0], undelivered=1),
        reason("unreachable", hours[2], undelivered=5),
        reason("blocked_by_carrier", hours[2], rejected=2),
        reason(None, hours[1], delivered=90),
    ]
    days = [
        {"reason": "unreachable", "day": "2026-10-28", **told(undelivered=1)},
        {"reason": "blocked_by_carrier", "day": "2026-11-26", **told(rejected=2)},
    ]
    first, second = issues.issues(over_time, hours, "hour", days, "2026-10-28")
    assert (first.reason, first.failed, first.trend) == ("unreachable", 6, [1, 0, 5])
    assert first.share == pytest.approx(0.75)
    assert (first.first_seen, second.first_seen) == (None, "2026-11-26")
    assert first.explanation
    assert second.advice


def test_a_code_has_the_meaning_that_its_gateway_gives_it() -> None:
    items = [
        {"account": "main", "code": "6", **told(undelivered=3)},
        {"account": "main", "code": None, **told(delivered=9)},
    ]
    (code,) = issues.codes(items, {"main": "vonage"})
    assert (code.code, code.failed) == ("6", 3)
    assert code.meaning


# --- spans of time ------------------------------------------------------------------------------


def test_an_address_says_a_span_by_its_name_or_by_its_moments() -> None:
    by_name = ranges.asked({"range": "7d"})
    assert by_name.query == {"range": "7d"}
    given_ = {"since": "2026-11-26T10:00:00Z", "until": "2026-11-26T12:00:00Z"}
    by_moments = ranges.asked(given_, "24h")
    assert by_moments.query == given_
    assert by_moments.label == "26 Nov 10:00 to 12:00 UTC"


def test_a_whole_day_is_called_by_its_date() -> None:
    day = {"since": "2026-11-26T00:00:00Z", "until": "2026-11-27T00:00:00Z"}
    assert ranges.asked(day).label == "26 Nov (UTC)"


def test_a_span_remembers_what_it_was_picked_out_of() -> None:
    given_ = {"since": "2026-11-26T10:00:00Z", "zoomed": "7d"}
    assert ranges.asked(given_).query == given_
    assert ranges.asked({**given_, "zoomed": "for ever"}).zoomed == ""
    assert ranges.asked({"range": "24h", "zoomed": "7d"}).query == {"range": "24h"}


@given(st.integers(1, 400), st.integers(0, 400))
def test_zooming_out_doubles_the_time_and_ends_no_later_than_now(length: int, ago: int) -> None:
    until = NOW // ranges.QUARTER * ranges.QUARTER - ago * ranges.QUARTER
    span = ranges.Range("", "", None, until - length * ranges.QUARTER, until, "24h")
    wide = ranges.wider(span, NOW)
    assert wide is not None
    assert wide.zoomed == "24h"
    assert wide.until is not None
    assert wide.until <= NOW + ranges.QUARTER
    assert wide.since is not None
    assert wide.since <= span.since <= span.until <= wide.until  # type: ignore[operator]
    assert wide.until - wide.since == pytest.approx(2 * length * ranges.QUARTER, abs=ranges.QUARTER)


def test_a_span_with_a_name_is_not_zoomed_out_of() -> None:
    assert ranges.wider(SPAN, NOW) is None
    assert ranges.wider(ranges.named("all"), NOW) is None


@pytest.mark.parametrize("since", ["yesterday", "0001-01-01", "9999-12-31T23:59:59", "", "\0"])
def test_a_moment_that_cannot_be_is_left_out(since: str) -> None:
    assert ranges.asked({"since": since}, "24h").value == "24h"


def test_the_window_before_is_as_long_and_ends_where_this_one_begins() -> None:
    span = ranges.counted(SPAN)
    before = ranges.before(span, NOW)
    assert before is not None
    assert before.until == span.since
    assert before.length(NOW) == pytest.approx(span.length(NOW), abs=ranges.QUARTER)


def test_before_all_time_there_is_nothing() -> None:
    assert ranges.before(ranges.named("all"), NOW) is None


def test_a_link_keeps_the_span_and_the_places() -> None:
    links = Links(SPAN, {"account": "main"})
    since = "since=2026-11-25T15%3A07%3A00Z"
    assert links.messages(status="failed") == f"/messages?account=main&{since}&status=failed"
    assert links.here(country="GB") == "/?account=main&range=24h&country=GB"
    assert links.here(account="") == "/?range=24h"
    assert links.within("A", "B") == "/messages?account=main&since=A&until=B"
    assert "/v1/stats/delivery?by=day&account=main&since=" in links.stats("delivery", "day")


def test_a_silent_hour_has_a_bar_of_its_own() -> None:
    hours = ["2026-11-26T12:00:00+00:00", "2026-11-26T15:00:00+00:00"]
    span = SPAN._replace(since=NOW - 3 * ranges.HOUR)
    found = gapless([{"hour": hour, **told(delivered=1)} for hour in hours], "hour", span, NOW)
    assert [one["total"] for one in found] == [1, 0, 0, 1]
    assert (found[0]["since"], found[0]["until"]) == (
        "2026-11-26T12:07:00Z", "2026-11-26T13:00:00Z",
    )  # fmt: skip


def test_bars_that_are_not_whole_say_so() -> None:
    span = SPAN._replace(since=NOW - 3 * ranges.HOUR)
    found = gapless([], "hour", span, NOW)
    assert [one["cut"] for one in found] == ["begin", "", "", "now"]
    ended = span._replace(until=NOW - ranges.HOUR)
    assert [one["cut"] for one in gapless([], "hour", ended, NOW)] == ["begin", "", "end"]


def test_counts_by_quarter_are_told_as_those_by_hour() -> None:
    first = NOW // ranges.QUARTER
    counted = {
        (first - 1, None): Counter(delivered=3),
        (first - 1, "unreachable"): Counter(undelivered=1),
        (first, None): Counter(pending=2),
    }
    items, reasons = of_steps(counted, "quarter")
    span = ranges.counted(SPAN._replace(since=NOW - ranges.HOUR))
    found = gapless(items, "quarter", span, NOW)
    assert [one["total"] for one in found] == [0, 0, 0, 4, 2]
    assert (found[3]["delivery_rate"], found[4]["delivery_rate"]) == (0.75, None)
    assert [(one["reason"], one["failed"]) for one in reasons if one["failed"]] == [
        ("unreachable", 1)
    ]


@pytest.mark.parametrize(
    ("name", "first", "minutes"),
    [
        ("24h", 0, 15),  # it has just begun
        ("24h", 10, 15),
        ("all", 40, 40),
        ("24h", 75, 75),
        ("24h", 76, None),
        ("1h", 24 * 60, 67),  # in whole quarters of an hour
    ],
)
def test_bars_are_of_minutes_while_an_hour_is_all_there_is(
    name: str, first: int, minutes: int | None
) -> None:
    hours = {"24h": 24, "1h": 1}.get(name)
    since = None if hours is None else NOW - hours * ranges.HOUR
    span = ranges.counted(SPAN._replace(value=name, hours=hours, since=since))
    begin = minutes_from(span, NOW - first * MINUTE, NOW)
    assert (begin and (NOW - begin) // MINUTE) == minutes


def test_bars_are_of_no_minutes_where_nothing_was_counted() -> None:
    assert minutes_from(SPAN, None, NOW) is None
    assert minutes_from(SPAN._replace(until=NOW - MINUTE), NOW - MINUTE, NOW) is None


def test_a_quarter_of_the_last_hour_is_seen_closer_by_the_minute() -> None:
    since = NOW // ranges.QUARTER * ranges.QUARTER - 2 * ranges.QUARTER
    picked = SPAN._replace(value="", hours=None, since=since, until=since + ranges.QUARTER)
    assert minutes_from(picked, NOW - DAY, NOW) == since


def test_the_present_minute_is_said_to_be_under_way() -> None:
    minute = NOW // MINUTE
    items, _ = of_steps({(minute - 1, None): Counter(delivered=3)}, "minute")
    begin = (minute - 14) * MINUTE
    found = gapless(items, "minute", SPAN._replace(since=begin), NOW + 1)
    assert [one["total"] for one in found] == [0] * 13 + [3, 0]
    assert {one["cut"] for one in found[:-1]} == {""}
    assert found[-1]["cut"] == "now"


@pytest.mark.parametrize(
    ("name", "step"), [("1h", "quarter"), ("24h", "hour"), ("7d", "day"), ("all", "day")]
)
def test_the_longer_a_span_the_wider_its_bars(name: str, step: str) -> None:
    assert step_of(ranges.named(name), now_micros()) == step
