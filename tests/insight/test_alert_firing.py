"""When a rule speaks, and when it holds its tongue: one evaluation after another."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd.alert_settings import Rule
from delivrd.insight.alerts import failures
from delivrd.insight.alerts.data import (
    Cell,
    Data,
    Endpoint,
    Failure,
    Lag,
    Mark,
    Normal,
    Outlook,
    Place,
    Route,
)
from delivrd.insight.alerts.defaults import DEFAULTS
from delivrd.insight.alerts.evaluate import evaluate
from delivrd.insight.alerts.state import State, Update
from delivrd.insight.settling import Estimate
from tests.insight.alert_support import (
    HOUR,
    MINUTE,
    NOON,
    USUAL,
    Minute,
    cell,
    data,
    play,
    route,
    whats,
)

CHANGE = Rule(kind="change")


def broken_from(begin: int, until: int = 2**40, sent: int = 20, phase: int = 0) -> Minute:
    """All that is sent fails within that time, and one in about forty beside it."""
    every = max(1, 40 // sent)
    return lambda at: cell(
        at, sent, sent if begin <= at < until else int((at // MINUTE + phase) % every == 0)
    )


def moments(begin: int, end: int, *routes: tuple[str, str, Minute]) -> list[Data]:
    """Every minute from ``begin`` to ``end``, as minutes after noon."""
    nows = [NOON + MINUTE * m for m in range(begin, end)]
    return [data(now, *(route(a, c, minute, now) for a, c, minute in routes)) for now in nows]


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_hub_that_does_nothing_is_quiet(name: str) -> None:
    assert play(DEFAULTS[name], [Data(NOON + MINUTE * i) for i in range(120)]) == []


def test_a_route_that_dies_is_told_once_within_minutes_and_its_recovery_too() -> None:
    died = broken_from(NOON, NOON + HOUR)
    updates = play(CHANGE, moments(-10, 200, ("main", "GB", died)))
    assert whats(updates) == ["fired", "recovered"]
    fired, recovered = updates
    assert fired.at - NOON <= 5 * MINUTE
    assert fired.place == (("account", "main"), ("country", "GB"))
    assert fired.facts["share"] > 0.5 > 0.03 == pytest.approx(fired.facts["normal"])
    assert NOON <= fired.since < fired.at
    assert 0 < recovered.at - NOON - HOUR <= 30 * MINUTE


def test_an_account_that_dies_everywhere_is_one_firing() -> None:
    """Two hundred countries: at first the first ones that prove it, then the account."""
    routes = [("main", f"C{i}", broken_from(NOON, sent=4, phase=i)) for i in range(200)]
    fine = [("other", f"C{i}", broken_from(2**40, sent=4, phase=i)) for i in range(20)]
    updates = play(CHANGE, moments(-2, 20, *routes, *fine))
    assert whats(updates) == ["fired"]
    assert updates[0].place == (("account", "main"),)


def test_a_firing_is_widened_when_the_rest_of_the_account_follows() -> None:
    big, small = broken_from(NOON, sent=40), broken_from(NOON + 10 * MINUTE, sent=20)
    routes = [("main", "GB", big), ("main", "DE", small), ("main", "FR", small)]
    fine = [("other", c, broken_from(2**40)) for c in ("GB", "DE", "FR")]
    updates = play(CHANGE, moments(-2, 40, *routes, *fine))
    assert whats(updates) == ["fired", "widened"]
    assert {update.firing for update in updates} == {1}
    assert updates[1].place == (("account", "main"),)


def test_two_firings_become_one_when_a_wider_place_explains_both() -> None:
    first, second = broken_from(NOON, sent=40), broken_from(NOON + 10 * MINUTE, sent=40)
    rest = broken_from(NOON + 20 * MINUTE, NOON + 60 * MINUTE, sent=20)
    routes = [("main", "GB", first), ("main", "DE", second),
              *(("main", country, rest) for country in ("FR", "IN", "US", "PL", "IT"))]  # fmt: skip
    fine = [("other", country, broken_from(2**40, sent=40)) for _, country, _ in routes]
    updates = play(CHANGE, moments(-2, 40, *routes, *fine))
    assert [(u.what, u.firing, u.into) for u in updates] == [
        ("fired", 1, None), ("fired", 2, None), ("widened", 1, None), ("merged", 2, 1),
    ]  # fmt: skip


def test_a_route_without_a_normal_is_not_judged_by_it() -> None:
    now = NOON
    unknown = route("main", "GB", broken_from(0), now, Normal(sent=10))
    assert play(CHANGE, [data(now, unknown)]) == []


def test_failures_that_come_late_are_expected_late() -> None:
    """A burst whose refusals come at once and whose deliveries take their time is no incident."""
    normal = USUAL._replace(known=((10.0, 0.5), (600.0, 1.0)))
    burst = data(NOON, route("main", "GB", lambda at: cell(at, 0), NOON))
    cells = (Cell(NOON - MINUTE, MINUTE, delivered=100, failed=14, pending=886),)
    burst = burst._replace(routes=(burst.routes[0]._replace(cells=cells, normal=normal),))
    assert play(CHANGE, [burst]) == []


def test_what_swings_within_the_quiet_period_is_told_once() -> None:
    swinging = lambda at: cell(at, 20, 20 if (at - NOON) // (20 * MINUTE) % 2 == 0 else 0)  # noqa: E731
    updates = play(Rule(kind="change", quiet=2 * HOUR), moments(1, 110, ("main", "GB", swinging)))
    assert whats(updates) == ["fired", *["recovered", "again"] * 2, "recovered"]


def test_hold_waits_for_it_to_last() -> None:
    rule = Rule(kind="failure_rate", hold=900, within=600, at_least=10)
    brief = play(rule, moments(0, 40, ("main", "GB", broken_from(NOON, NOON + 2 * MINUTE))))
    lasting = play(rule, moments(0, 40, ("main", "GB", broken_from(NOON))))
    assert whats(brief) == []
    assert whats(lasting) == ["fired"]
    assert lasting[0].at - NOON >= 900


def test_a_hushed_place_fires_after_the_hush_if_it_is_still_bad() -> None:
    state, first = State(), None
    for moment in moments(0, 60, ("main", "GB", broken_from(NOON))):
        evaluation = evaluate(CHANGE, moment, state, lambda _, now=moment.now: now < NOON + 1800)
        state = evaluation.state
        first = first or (evaluation.updates and evaluation.updates[0])
    assert first
    assert first.at == NOON + 1800


def test_a_firing_is_widened_after_the_hush_if_the_wider_place_is_still_bad() -> None:
    """One route was bad before; then maintenance begins, and takes the account down."""
    began, over = NOON + 10 * MINUTE, NOON + 40 * MINUTE
    big, rest = broken_from(NOON, sent=40), broken_from(began, sent=20)
    routes = [("main", "GB", big), ("main", "DE", rest), ("main", "FR", rest)]
    fine = [("other", c, broken_from(2**40)) for c in ("GB", "DE", "FR")]
    state, updates = State(), list[Update]()
    for moment in moments(-2, 60, *routes, *fine):
        hushed = began <= moment.now < over
        evaluation = evaluate(CHANGE, moment, state, lambda _, hushed=hushed: hushed)
        state = evaluation.state
        updates += evaluation.updates
    assert [(update.what, update.at >= over) for update in updates] == [
        ("fired", False),
        ("widened", True),
    ]


def test_what_lasts_is_held_long_enough_though_its_place_is_named_wider_or_narrower() -> None:
    """The hold is about the condition: first one route is bad, then all of its account."""
    rule = Rule(kind="failure_rate", by=("account", "country"), hold=15 * MINUTE, at_least=10)
    follow = broken_from(NOON + 10 * MINUTE, sent=20)
    routes = [("main", "GB", broken_from(NOON, sent=40)), ("main", "DE", follow),
              ("main", "FR", follow)]  # fmt: skip
    (fired,) = play(rule, moments(-30, 25, *routes))
    assert fired.place == (("account", "main"),)
    assert fired.at - NOON <= 20 * MINUTE


def test_messages_without_any_receipt_are_told_by_account() -> None:
    silent: Minute = lambda at: cell(at, 20, pending=20 if at >= NOON else 0)  # noqa: E731
    updates = play(Rule(kind="no_receipts"), moments(-5, 30, ("main", "GB", silent)))
    assert whats(updates) == ["fired"]
    assert updates[0].at - NOON <= 5 * MINUTE


def test_a_carrier_that_never_reports_is_no_outage() -> None:
    never = USUAL._replace(open_slow=1.0, open_late=1.0)
    silent: Minute = lambda at: cell(at, 20, pending=20)  # noqa: E731
    now = NOON
    found = data(now, route("main", "GB", silent, now, never))
    assert play(Rule(kind="no_receipts"), [found]) == []
    assert play(Rule(kind="overdue"), [found]) == []


def test_overdue_messages_are_told_when_there_are_more_than_usual() -> None:
    slow: Minute = lambda at: cell(at, 20, pending=3 if at >= NOON else 0)  # noqa: E731
    updates = play(Rule(kind="overdue"), moments(-5, 60, ("main", "GB", slow)))
    assert whats(updates) == ["fired"]


@pytest.mark.parametrize("hours", [3, 12])
def test_a_route_whose_receipts_take_hours_is_not_over_while_messages_go_out(hours: int) -> None:
    """None of the last two hours can be overdue yet: that is no silence of the route."""
    slow = USUAL._replace(late=float(hours * HOUR))
    quarters = range(NOON - 20 * HOUR, NOON + 30 * HOUR, HOUR // 4)
    sent = [Cell(at, HOUR // 4, 80, pending=20 if at >= NOON else 1) for at in quarters]
    nows = range(NOON, NOON + 30 * HOUR, HOUR // 4)
    seen = {now: tuple(one for one in sent if now - 24 * HOUR <= one.at < now) for now in nows}
    looks = [data(now, Route(("main", "GB", ""), cells, slow)) for now, cells in seen.items()]
    assert whats(play(Rule(kind="overdue"), looks)) == ["fired"]


def test_an_account_whose_receipts_take_hours_is_one_firing_too() -> None:
    """What counts is the traffic of the newest hour that can be judged, not of the last one."""
    slow = USUAL._replace(late=3.0 * HOUR)
    quarters = range(NOON - 9 * HOUR, NOON, HOUR // 4)

    def lost(account: str, country: str, pending: int) -> Route:
        sent = tuple(Cell(at, HOUR // 4, 100 - pending, pending=pending) for at in quarters)
        return Route((account, country, ""), sent, slow)

    bad = [lost("main", country, 40) for country in ("GB", "DE", "FR")]
    well = [lost("other", country, 1) for country in ("GB", "DE", "FR")]
    (said,) = play(Rule(kind="overdue"), [data(NOON, *bad, *well)])
    assert said.place == (("account", "main"),)


def test_a_rate_over_its_bound_needs_proof() -> None:
    rule = Rule(kind="failure_rate", at_least=10)
    few: Minute = lambda at: cell(at, 1, failed=1 if at % 600 == 0 else 0)  # noqa: E731
    many: Minute = lambda at: cell(at, 50, failed=5)  # noqa: E731
    assert play(rule, moments(0, 1, ("main", "GB", few))) == []
    assert whats(play(rule, moments(0, 1, ("main", "GB", many)))) == ["fired"]


def test_a_notice_about_a_rate_counts_since_the_rate_went_bad() -> None:
    """Not since the first failure within the hour, which may be a normal one."""
    bad = ("main", "GB", broken_from(NOON))
    (fired,) = play(Rule(kind="failure_rate"), moments(0, 10, bad))
    assert fired.since == NOON
    assert (
        fired.facts["n"]
        == fired.facts["k"]
        == fired.facts["share"] * 20 * ((fired.at - NOON) // MINUTE)
    )


def test_a_rate_that_is_normal_there_is_let_be_where_the_rule_says_so() -> None:
    usual = USUAL._replace(typical=0.12, failing=0.125)
    bad: Minute = lambda at: cell(at, 50, failed=6)  # noqa: E731
    found = data(NOON, route("main", "IN", bad, NOON, usual))
    assert whats(play(Rule(kind="failure_rate"), [found])) == ["fired"]
    assert play(Rule(kind="failure_rate", unless_normal=True), [found]) == []


def test_few_messages_in_a_week_are_no_normal_that_excuses_a_rate() -> None:
    few = USUAL._replace(sent=100, typical=0.5, failing=0.5)
    bad: Minute = lambda at: cell(at, 50, failed=6)  # noqa: E731
    found = data(NOON, route("main", "IN", bad, NOON, few))
    assert whats(play(Rule(kind="failure_rate", unless_normal=True), [found])) == ["fired"]


BY_ROUTE = Rule(kind="failure_rate", by=("account", "country"))
GB_OF_MAIN = (("account", "main"), ("country", "GB"))


def failing(one_in: int, every: int = 1) -> Minute:
    """A message every so many minutes, of which one in so many fails; 0: none."""
    return lambda at: cell(
        at, int(at % (every * MINUTE) == 0), int(bool(one_in) and at % (every * one_in * 60) == 0)
    )


def test_an_outage_of_an_account_is_one_firing_though_some_countries_send_too_little() -> None:
    """Three of eight countries have fifty messages, and in the others it is plain to see too."""
    many = [("main", country, failing(4)) for country in ("GB", "DE", "IN")]
    few = [("main", country, failing(3, every=2)) for country in ("EE", "FR", "KE", "NG", "US")]
    well = [("other", country, failing(0)) for country in ("GB", "DE", "IN", "EE", "FR")]
    (said,) = play(BY_ROUTE, moments(0, 1, *many, *few, *well))
    assert said.place == (("account", "main"),)


def test_a_small_route_that_is_to_blame_alone_is_named_and_not_its_account() -> None:
    ill, well = ("main", "EE", failing(2, every=2)), ("main", "GB", failing(0, every=2))
    (said,) = play(BY_ROUTE, moments(0, 1, ill, well))
    assert said.place == (("account", "main"), ("country", "EE"))
    assert said.facts["n"] == 30  # a minimum of 50 holds for the account


@pytest.mark.parametrize("kind", ["change", "failure_rate"])
def test_many_small_routes_that_are_out_are_one_firing_for_as_long_as_they_are(kind: str) -> None:
    """Of their account they are so little that it is well as a whole."""
    rule = Rule.model_validate({"kind": kind, "by": ["account", "country"]})
    small = USUAL._replace(sent=5000)
    out = broken_from(NOON, NOON + HOUR, sent=4)

    def look(now: int) -> Data:
        few = (route("main", f"B{i}", out, now, small) for i in range(5))
        many = (route("main", f"G{i}", lambda at: cell(at, 100, 2), now) for i in range(10))
        others = (route("other", f"B{i}", lambda at: cell(at, 100, 2), now) for i in range(5))
        return data(now, *few, *many, *others)

    looks = [look(NOON + MINUTE * minute) for minute in range(10, 180)]
    updates = play(rule, looks)
    fired = next(update for update in updates if update.place == (("account", "main"),))
    assert fired.facts["n"] > 1000 * fired.facts["share"] > 0
    assert fired.facts["worst"] == "B0, B1, B2, B3, B4"
    assert NOON <= fired.since < fired.at
    (recovered,) = [update for update in updates if update.what == "recovered"]
    assert recovered.firing == fired.firing
    assert recovered.at > NOON + HOUR


def test_an_account_that_was_out_has_recovered_though_small_routes_prove_it_late() -> None:
    """They send a message every three minutes: for long, that is no evidence."""
    end = NOON + 30 * MINUTE

    def seldom(at: int) -> Cell:
        n = int(at % (3 * MINUTE) == 0)
        return cell(at, n, n if NOON <= at < end else 0)

    routes = [("main", f"G{i}", broken_from(NOON, end)) for i in range(8)]
    small = [("main", f"S{i}", seldom) for i in range(8)]
    fine = [("other", f"G{i}", broken_from(2**40)) for i in range(8)]
    fired, recovered = play(CHANGE, moments(-2, 60, *routes, *small, *fine))
    assert fired.place == recovered.place == (("account", "main"),)
    assert recovered.at - end <= 15 * MINUTE


def test_a_firing_is_not_widened_because_its_route_sends_less() -> None:
    less: Minute = lambda at: cell(at, int(at < NOON), int(at < NOON and at % 120 == 0))  # noqa: E731
    routes = ("main", "EE", less), ("main", "GB", failing(0, every=2))
    updates = play(BY_ROUTE, moments(0, 20, *routes))
    assert whats(updates) == ["fired"]


def test_a_settled_rate_counts_what_is_overdue_as_lost() -> None:
    rule = Rule(kind="settled_rate", below=90)
    lost: Minute = lambda at: cell(at, 20, pending=6)  # noqa: E731
    updates = play(rule, moments(0, 12, ("main", "GB", lost)))
    assert whats(updates) == ["fired"]
    assert updates[0].facts["share"] == pytest.approx(0.7, abs=0.05)


def test_slow_deliveries_are_told_with_their_percentile() -> None:
    now = NOON
    slow = route("main", "GB", cell, now)._replace(
        took=((now - 900, 5.0, 80), (now - 900, 90.0, 20))
    )
    updates = play(Rule(kind="latency", over=30), [data(now, slow)])
    assert whats(updates) == ["fired"]
    assert updates[0].facts["seconds"] == 90.0
    assert updates[0].facts["slow"] == USUAL.slow


def test_the_percentile_is_the_time_that_so_many_deliveries_took_at_most() -> None:
    took = ((NOON - 900, 1.0, 50), (NOON - 900, 40.0, 40), (NOON - 900, 90.0, 10))
    slow = route("main", "GB", cell, NOON)._replace(took=took)
    (fired,) = play(Rule(kind="latency", over=30, share=90), [data(NOON, slow)])
    assert fired.facts["seconds"] == 40.0


def test_a_notice_about_slow_deliveries_counts_since_they_are_slow() -> None:
    """Not since the first slow one within the hour."""
    quarters = range(NOON - HOUR, NOON, 15 * MINUTE)
    usual = [one for at in quarters[:-1] for one in ((at, 5.0, 39), (at, 60.0, 1))]
    began = quarters[-1]
    took = (*usual, (began, 60.0, 40))
    slow = route("main", "GB", cell, NOON)._replace(took=took)
    (fired,) = play(Rule(kind="latency", over=30), [data(NOON, slow)])
    assert (fired.since, fired.facts["n"], fired.facts["k"]) == (began, 40, 40)


@pytest.mark.parametrize("minute", range(1, 16))
def test_slow_deliveries_of_a_short_time_are_seen_at_every_minute(minute: int) -> None:
    """How long deliveries took is counted by the quarter of an hour that they went out in."""
    now = NOON + minute * MINUTE
    slow = route("main", "GB", cell, now)._replace(took=((NOON, 90.0, 100),))
    rule = Rule(kind="latency", over=30, within=600)
    assert whats(play(rule, [data(now, slow)])) == ["fired"]


def test_nothing_sent_is_told_only_where_something_always_is() -> None:
    idle: Minute = lambda at: cell(at, 0)  # noqa: E731
    weekend = USUAL._replace(hours_before=(300, 0, 300, 300, 300, 300, 300))
    rule = Rule(kind="no_messages")
    assert whats(play(rule, [data(NOON, route("main", "GB", idle, NOON))])) == ["fired"]
    assert play(rule, [data(NOON, route("main", "GB", idle, NOON, weekend))]) == []


def test_nothing_sent_is_no_news_where_few_messages_are_usual() -> None:
    idle: Minute = lambda at: cell(at, 0)  # noqa: E731
    few = USUAL._replace(hours_before=(19,) * 7)
    found = data(NOON, route("main", "GB", idle, NOON, few))
    assert play(Rule(kind="no_messages", at_least=20), [found]) == []
    assert whats(play(Rule(kind="no_messages", at_least=19), [found])) == ["fired"]


@pytest.mark.parametrize("within", [HOUR, 10 * MINUTE])
def test_an_hour_that_has_just_begun_is_not_one_in_which_nothing_is_sent(within: int) -> None:
    """Who sends from noon on has sent nothing half a minute later."""
    idle: Minute = lambda at: cell(at, 0)  # noqa: E731
    begins = USUAL._replace(hours_before=(0,) * 7)
    rule, now = Rule(kind="no_messages", within=within), NOON + 30
    assert play(rule, [data(now, route("main", "GB", idle, now, begins))]) == []


def test_messages_at_the_full_hour_are_those_of_the_hour() -> None:
    """Nothing is missing though the next ones are half a minute late."""
    hourly: Minute = lambda at: cell(at, 300 if at % HOUR == 0 else 0)  # noqa: E731
    now = NOON + 30
    hub = route("main", "GB", hourly, now)
    ats = range(NOON - HOUR, NOON, MINUTE)
    sent = data(now, hub._replace(cells=tuple(map(hourly, ats))))
    silent = data(now, hub._replace(cells=tuple(map(hourly, ats[1:]))))
    assert play(Rule(kind="no_messages"), [sent]) == []
    assert whats(play(Rule(kind="no_messages"), [silent])) == ["fired"]


def test_a_short_silence_is_told_within_an_hour_that_has_messages() -> None:
    idle: Minute = lambda at: cell(at, 0)  # noqa: E731
    begins, now = USUAL._replace(hours_before=(0,) * 7), NOON + 10 * MINUTE
    found = data(now, route("main", "GB", idle, now, begins))
    assert whats(play(Rule(kind="no_messages", within=10 * MINUTE), [found])) == ["fired"]


def test_a_new_country_does_not_hide_that_an_account_sends_nothing() -> None:
    idle: Minute = lambda at: cell(at, 0)  # noqa: E731
    routes = route("main", "GB", idle, NOON), route("main", "DE", idle, NOON, Normal())
    assert whats(play(Rule(kind="no_messages"), [data(NOON, *routes)])) == ["fired"]


def test_nothing_is_sent_since_the_last_message_went_out() -> None:
    ended: Minute = lambda at: cell(at, 20 if at < NOON - HOUR // 2 else 0)  # noqa: E731
    rule = Rule(kind="no_messages", within=600)
    (said,) = play(rule, [data(NOON, route("main", "GB", ended, NOON))])
    assert said.since == NOON - HOUR // 2


def test_a_recovery_tells_of_the_whole_time_that_it_was_bad() -> None:
    died = broken_from(NOON, NOON + HOUR)
    fired, recovered = play(CHANGE, moments(-10, 200, ("main", "GB", died)))
    assert recovered.since == fired.since < fired.at


def test_marks_endpoints_and_lags_are_told_over_their_bounds() -> None:
    marks = {"rejected_signatures": (Mark(NOON - 60, "main", 11),), "unmapped": ()}
    endpoint = Endpoint("ep_1", "https://app.example.org", NOON - 700, "500")
    found = Data(
        NOON, marks=marks, endpoints=(endpoint,), lags={"fold": Lag(200.0), "relay": Lag(1.0)}
    )
    assert whats(play(DEFAULTS["refused-calls"], [found])) == ["fired"]
    assert play(DEFAULTS["unmapped-codes"], [found]) == []
    (update,) = play(DEFAULTS["refused-calls"], [found])
    assert update.since == NOON - 60  # when it began, not when the rule's time did
    assert whats(play(DEFAULTS["endpoints"], [found])) == ["fired"]
    later = found._replace(now=NOON + 120)
    updates = play(DEFAULTS["backlog"], [found, later])
    assert [update.place for update in updates] == [(("queue", "fold"),)]


def test_an_endpoint_that_fails_beside_another_is_told_too() -> None:
    """D39: what fires at one endpoint keeps nobody quiet about the next."""
    one, other = (Endpoint(f"ep_{i}", f"https://{i}.example.org", NOON - 700, "500") for i in "ab")
    alone, both = Data(NOON, endpoints=(one,)), Data(NOON + 60, endpoints=(one, other))
    updates = play(DEFAULTS["endpoints"], [alone, both, both._replace(now=NOON + 120)])
    assert [(update.what, dict(update.place)["endpoint"]) for update in updates] == [
        ("fired", "ep_a"),
        ("fired", "ep_b"),
    ]


def test_a_bound_that_is_jumped_over_is_told_as_one_that_is_reached() -> None:
    """D39: from no failure to all of them between two looks, and never just at the bound."""
    rule = Rule.model_validate({"kind": "rejected_signatures", "over": 10, "hold": "0 s"})
    looks = [Data(NOON + MINUTE * i, marks={"rejected_signatures": (Mark(NOON, "main", n),)})
             for i, n in enumerate((0, 500))]  # fmt: skip
    assert whats(play(rule, looks)) == ["fired"]


# --- when a firing ends, and what is too little to begin one --------------------------------------


def share_failing(share: int, at: int) -> Data:
    return data(at, route("main", "GB", lambda minute: cell(minute, 100, failed=share), at))


def share_slow(permille: int, at: int) -> Data:
    took = ((at - 900, 5.0, 1000 - permille), (at - 900, 90.0, permille))
    return data(at, route("main", "GB", cell, at)._replace(took=took))


def share_settled(permille: int, at: int) -> Data:
    known = Outlook(at - HOUR, {("main", "GB"): Estimate(10_000, 10 * permille)})
    return data(at, route("main", "GB", cell, at), outlooks={HOUR: known})


def refused(calls: int, at: int) -> Data:
    return Data(at, marks={"rejected_signatures": (Mark(at - MINUTE, "main", calls),)})


def waiting(seconds: int, at: int) -> Data:
    return Data(at, lags={"fold": Lag(float(seconds))})


Moment = Callable[[int, int], Data]
"""The data in which a number is so large, at a moment."""


@pytest.mark.parametrize(
    ("rule", "moment", "bad", "hovering", "good"),
    [
        ({"kind": "failure_rate", "over": 10}, share_failing, 20, 9, 7),
        ({"kind": "latency", "over": 30, "share": 95}, share_slow, 100, 45, 35),
        ({"kind": "settled_rate", "below": 90, "hold": 0}, share_settled, 850, 915, 925),
        ({"kind": "rejected_signatures", "over": 100}, refused, 101, 90, 80),
        ({"kind": "backlog", "over": 100, "hold": 0}, waiting, 101, 90, 80),
    ],
)
def test_a_firing_ends_well_clear_of_its_threshold_and_not_just_past_it(
    rule: dict[str, object], moment: Moment, bad: int, hovering: int, good: int
) -> None:
    made = Rule.model_validate({**rule, "recover": 0})
    hovered = [moment(value, NOON + MINUTE * i) for i, value in enumerate((bad, hovering))]
    assert whats(play(made, hovered)) == ["fired"]
    ended = moment(good, NOON + 2 * MINUTE)
    assert whats(play(made, [*hovered, ended])) == ["fired", "recovered"]


def test_a_recovery_takes_its_time_anew_after_each_relapse() -> None:
    rule = Rule(kind="backlog", over=100, hold=0, recover=300)
    waits = [200, 0, 0, 0, 0, 90, 0, 0, 0, 0, 0, 0]
    moments = [waiting(seconds, NOON + MINUTE * i) for i, seconds in enumerate(waits)]
    told = [(update.what, update.at) for update in play(rule, moments)]
    assert told == [("fired", NOON), ("recovered", NOON + 11 * MINUTE)]


@pytest.mark.parametrize(("quiet", "told"), [(301, "again"), (300, "fired")])
def test_a_relapse_after_the_quiet_period_is_a_new_firing(quiet: int, told: str) -> None:
    rule = Rule(kind="backlog", over=100, hold=0, recover=0, quiet=quiet)
    moments = [waiting(n, NOON + at) for n, at in ((200, 0), (0, 60), (200, 360))]
    assert whats(play(rule, moments)) == ["fired", "recovered", told]


def test_a_firing_that_is_bad_again_takes_as_long_to_recover_as_before() -> None:
    rule = Rule(kind="backlog", over=100, hold=0, recover=120, quiet=HOUR)
    waits = [200, 0, 0, 0, 200, 0, 0, 0]
    told = play(rule, [waiting(n, NOON + MINUTE * i) for i, n in enumerate(waits)])
    assert [(one.what, (one.at - NOON) // MINUTE) for one in told] == [
        ("fired", 0), ("recovered", 3), ("again", 4), ("recovered", 7),
    ]  # fmt: skip


def test_hold_begins_anew_after_a_moment_that_is_not_bad() -> None:
    rule = Rule(kind="backlog", over=100, hold=180, recover=0)
    waits = [200, 200, 200, 100, 200, 200, 200, 200]
    (fired,) = play(rule, [waiting(n, NOON + MINUTE * i) for i, n in enumerate(waits)])
    assert fired.at == NOON + 7 * MINUTE


@pytest.mark.parametrize(
    ("rule", "moment"),
    [
        ({"kind": "failure_rate"}, lambda n: (Cell(NOON - MINUTE, MINUTE, failed=n), ())),
        ({"kind": "settled_rate", "hold": 0}, lambda n: (Cell(NOON - MINUTE, MINUTE, 0, n), ())),
        ({"kind": "latency"}, lambda n: (Cell(NOON - MINUTE, MINUTE, n), ((NOON, 90.0, n),))),
    ],
)
def test_fewer_messages_than_the_rule_asks_for_are_not_judged(
    rule: dict[str, object], moment: Callable[[int], tuple[Cell, tuple[tuple[int, float, int]]]]
) -> None:
    made = Rule.model_validate({**rule, "at_least": 70})

    def found(n: int) -> Data:
        one, took = moment(n)
        return data(NOON, route("main", "GB", cell, NOON)._replace(cells=(one,), took=took))

    assert play(made, [found(69)]) == []
    assert whats(play(made, [found(70)])) == ["fired"]


@pytest.mark.parametrize("rule", [BY_ROUTE, CHANGE])
@pytest.mark.parametrize("recovered", [(), GB_OF_MAIN[:1], GB_OF_MAIN])
def test_messages_before_the_last_recovery_there_or_around_do_not_count(
    recovered: Place, rule: Rule
) -> None:
    well: Minute = lambda at: cell(at, 2000)  # noqa: E731
    ill = broken_from(0, NOON - 10 * MINUTE)
    routes = ("main", "GB", ill), ("main", "DE", well), ("other", "GB", well)
    (found,) = moments(0, 1, *routes)
    elsewhere = State(floors=(((("account", "other"),), NOON - 10 * MINUTE),))
    assert [update.place for update in play(rule, [found], elsewhere)] == [GB_OF_MAIN]
    assert play(rule, [found], State(floors=((recovered, NOON - 10 * MINUTE),))) == []


# --- single failures ------------------------------------------------------------------------------


def failure(number: int, **fields: str) -> Failure:
    given = {"account": "main", "country": "GB", "sender": "Acme", **fields}
    return Failure(
        number, NOON, f"id-{number}", given["account"], given["country"], "+44••••••••23",
        given["sender"], {"type": "otp"}, "undelivered", "unreachable", "1",
    )  # fmt: skip


def test_each_failure_is_told_up_to_the_cap_and_then_a_digest() -> None:
    rule = Rule(kind="failure", per_hour=3)
    burst = Data(NOON, failures=tuple(map(failure, range(10))))
    updates = play(rule, [burst, Data(NOON + HOUR)])
    assert whats(updates) == ["failure"] * 3 + ["digest"]
    assert updates[-1].facts["held"] == {"main: unreachable": 7}
    assert "sender" not in updates[-1].facts


def test_the_cap_is_for_the_whole_hour_and_its_digest_is_a_firing_of_its_own() -> None:
    rule = Rule(kind="failure", per_hour=3)
    looks = [Data(NOON + i * 600, failures=(failure(2 * i), failure(2 * i + 1))) for i in range(8)]
    updates = play(rule, looks)
    assert whats(updates) == ["failure"] * 3 + ["digest"] + ["failure"] * 3
    assert [update.firing for update in updates] == [1, 2, 3, 4, 5, 6, 7]
    digest = updates[3]
    assert (digest.at, digest.since) == (NOON + HOUR, NOON)
    assert (digest.facts["told"], digest.facts["n"]) == (3, 9)


def test_a_failure_that_is_read_twice_is_told_once() -> None:
    found = Data(NOON, failures=(failure(1),))
    assert whats(play(Rule(kind="failure"), [found, found])) == ["failure"]


def test_a_failure_that_is_read_again_in_the_next_hour_is_told_once() -> None:
    found = Data(NOON + HOUR - 1, failures=(failure(1),))
    assert whats(play(Rule(kind="failure"), [found, found._replace(now=NOON + HOUR)])) == [
        "failure"
    ]


def test_the_latest_failures_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "REMEMBERED", 2)
    first = Data(NOON, failures=tuple(map(failure, range(3))))
    again = Data(NOON + MINUTE, failures=(failure(1), failure(2)))
    assert len(play(Rule(kind="failure"), [first, again])) == 3


def test_single_failures_in_maintenance_are_never_told() -> None:
    """Neither at once, nor afterwards, nor in the digest."""
    rule, state = Rule(kind="failure", per_hour=1), State()
    burst = tuple(failure(n, account=account) for n, account in enumerate(["main", "other"] * 3))
    said = []
    for moment in (Data(NOON, failures=burst), Data(NOON + 30, failures=burst), Data(NOON + HOUR)):
        evaluation = evaluate(rule, moment, state, lambda place, now=moment.now: (
            ("account", "main") in place and now == NOON))  # fmt: skip
        state = evaluation.state
        said += evaluation.updates
    assert [(update.what, update.place[:1]) for update in said] == [
        ("failure", (("account", "other"),)), ("digest", ()),
    ]  # fmt: skip
    assert said[-1].facts["held"] == {"other: unreachable": 2}


def test_a_digest_is_not_told_while_the_rule_is_snoozed() -> None:
    rule, burst = Rule(kind="failure", per_hour=1), Data(NOON, failures=(failure(1), failure(2)))
    state = evaluate(rule, burst, State()).state
    evaluation = evaluate(rule, Data(NOON + HOUR), state, lambda place: True)
    assert evaluation.updates == ()
    assert evaluate(rule, Data(NOON + HOUR + 30), evaluation.state).updates == ()


def test_only_failures_that_match_are_told() -> None:
    rule = Rule(kind="failure", accounts="main", senders="Acme", metadata={"type": "otp"})
    found = Data(NOON, failures=(failure(1), failure(2, sender="Other"), failure(3, account="x")))
    assert [update.facts["message"] for update in play(rule, [found])] == ["id-1"]


@pytest.mark.parametrize("written", ["12025555511", "+12025555511"])
def test_a_number_is_one_sender_with_and_without_its_plus(written: str) -> None:
    found = Data(NOON, failures=(failure(1, sender="+12025555511"),))
    assert whats(play(Rule(kind="failure", senders=written), [found])) == ["failure"]


# --- whatever comes -------------------------------------------------------------------------------

cells = st.builds(cell, st.just(0), st.just(40), st.integers(0, 20), st.integers(0, 20))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["change", "overdue", "no_receipts", "failure_rate", "settled_rate"]),
    st.lists(st.lists(cells, min_size=4, max_size=4), min_size=5, max_size=40),
)
def test_firings_begin_and_end_in_order_and_never_overlap(
    kind: str, minutes: list[list[Cell]]
) -> None:
    rule = Rule.model_validate({"kind": kind, "by": ["account", "country"]})
    routes = [("a", "GB"), ("a", "DE"), ("b", "GB"), ("b", "DE")]
    state, firing = State(), dict[int, str]()
    for i in range(1, len(minutes) + 1):
        now = NOON + i * 5 * MINUTE
        moment = data(now, *(
            route(account, country, lambda at: cell(at, 0), now)._replace(
                cells=tuple(minutes[j][n]._replace(at=NOON + j * 5 * MINUTE) for j in range(i))
            )
            for n, (account, country) in enumerate(routes)
        ))  # fmt: skip
        evaluation = evaluate(rule, moment, state)
        state = evaluation.state
        for update in evaluation.updates:
            before = firing.get(update.firing)
            allowed = {
                "fired": {None}, "again": {"recovered"}, "widened": {"fired", "widened", "again"},
                "recovered": {"fired", "widened", "again"}, "merged": {"fired", "widened", "again"},
            }  # fmt: skip
            assert before in allowed[update.what], (before, update)
            firing[update.firing] = update.what
    assert evaluate(rule, moment, state) == evaluate(rule, moment, state)


def test_a_rule_about_one_place_names_it() -> None:
    def lost(at: int) -> Cell:
        return cell(at, failed=20)

    routes = (route("main", "GB", lost, NOON), route("other", "GB", lost, NOON),
              route("main", "DE", cell, NOON))  # fmt: skip
    for fields, named in (
        ({"countries": ["gb"]}, {"country": "GB"}),
        ({"countries": ["GB"], "accounts": ["main"]}, {"account": "main", "country": "GB"}),
        ({"countries": ["GB", "DE"]}, {}),
    ):
        rule = Rule.model_validate({"kind": "failure_rate", **fields})
        (update,) = play(rule, [data(NOON, *routes)])
        assert dict(update.place) == named
