"""What rules with a fixed threshold count, and what they say of it."""

import pytest

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import Cell, Data, Normal, Outlook, Route
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

BY_ACCOUNT = ("account",)
RATE = Rule(kind="failure_rate", by=BY_ACCOUNT)


def failing(failed: int, sent: int = 20, unknown: int = 0) -> Minute:
    return lambda at: cell(at, sent, failed, unknown=unknown)


def gb(minute: Minute, now: int = NOON, normal: Normal = USUAL) -> Data:
    return data(now, route("main", "GB", minute, now, normal))


def slow(now: int, *took: tuple[float, int], normal: Normal = USUAL, country: str = "GB") -> Route:
    """A route whose deliveries of the last quarter of an hour took so many seconds."""
    found = route("main", country, cell, now, normal)
    return found._replace(took=tuple((now - 900, seconds, n) for seconds, n in took))


# --- what is normal -------------------------------------------------------------------------------


def test_normal_at_a_place_is_that_of_its_routes_by_their_messages() -> None:
    often, seldom = (
        USUAL._replace(sent=sent, typical=share) for sent, share in ((30_000, 0.02), (10_000, 0.06))
    )
    new = Normal()
    routes = [
        route("main", country, failing(10), NOON, normal)
        for country, normal in (("GB", often), ("DE", seldom), ("FR", new))
    ]
    (fired,) = play(RATE, [data(NOON, *routes)])
    assert fired.facts["normal"] == pytest.approx(0.03)
    (fired,) = play(RATE, [data(NOON, routes[-1])])
    assert "normal" not in fired.facts


def test_normal_is_a_settled_rate_where_the_rule_is_about_one() -> None:
    rule = Rule(kind="settled_rate", by=BY_ACCOUNT, hold=0)
    known = Outlook(NOON - HOUR, {("main", "GB"): Estimate(1200, 900)})
    (fired,) = play(rule, [gb(failing(0))._replace(outlooks={HOUR: known})])
    assert fired.facts["normal"] == pytest.approx(0.97)


def test_a_rate_is_excused_by_what_is_normal_only_as_far_as_chance_goes_beyond_it() -> None:
    """Twelve in a hundred are normal. A firing ends at that, and not before."""
    rule = Rule(kind="failure_rate", by=BY_ACCOUNT, unless_normal=True, recover=0)
    usual = USUAL._replace(typical=0.12, failing=0.12)
    moments = [
        gb(failing(failed, 100), NOON + MINUTE * i, usual)
        for i, failed in enumerate((13, 20, 13, 12))
    ]
    told = [(update.what, update.at) for update in play(rule, moments)]
    assert told == [("fired", NOON + MINUTE), ("recovered", NOON + 3 * MINUTE)]


# --- what is counted ------------------------------------------------------------------------------


def test_messages_without_a_known_end_have_ended_without_failing() -> None:
    (fired,) = play(RATE, [gb(failing(4, 20, unknown=12))])
    assert fired.facts["share"] == 0.2


@pytest.mark.parametrize("now", [NOON + MINUTE, NOON + 14 * MINUTE])
@pytest.mark.parametrize("kind", ["failure_rate", "no_messages"])
def test_messages_without_a_known_hand_over_count_in_rules_of_a_few_minutes(
    kind: str, now: int
) -> None:
    """They stand in a quarter of an hour, and not in its minutes."""
    rule = Rule.model_validate({"kind": kind, "by": ["account"], "within": "2 min", "hold": 0})
    busy = USUAL._replace(same_hours=(200,) * 7, hours_before=(200,) * 7)
    quarter = Route(("main", "GB", ""), (Cell(NOON, 15 * MINUTE, failed=400),), busy)
    fired = play(rule, [data(now, quarter)])
    assert [update.facts["n"] for update in fired] == ([400] if kind == "failure_rate" else [])


@pytest.mark.parametrize("kind", ["failure_rate", "latency"])
def test_a_firing_ends_when_nothing_is_left_to_judge_by_and_not_when_it_is_little(
    kind: str,
) -> None:
    """Nothing was sent within the time of the rule."""
    rule = Rule.model_validate({"kind": kind, "by": BY_ACCOUNT, "over": 30, "recover": 0})
    bad = data(NOON, slow(NOON, (90.0, 100))) if kind == "latency" else gb(failing(20))
    later = NOON + 2 * HOUR
    little = data(later, slow(later, (1.0, 5))._replace(cells=(cell(later - MINUTE, 5),)))
    nothing = data(later, slow(later)._replace(cells=()))
    assert whats(play(rule, [bad, little])) == ["fired"]
    assert whats(play(rule, [bad, nothing])) == ["fired", "recovered"]


def test_a_small_route_is_to_blame_alone_for_a_low_settled_rate() -> None:
    rule = Rule(kind="settled_rate", by=("account", "country"), hold=0)
    known = {("main", "GB"): Estimate(90, 90), ("main", "EE"): Estimate(60, 20)}
    routes = (route("main", country, cell, NOON) for _, country in known)
    (fired,) = play(rule, [data(NOON, *routes, outlooks={HOUR: Outlook(NOON - HOUR, known)})])
    assert fired.place == (("account", "main"), ("country", "EE"))
    assert (fired.facts["n"], fired.facts["k"]) == (60, 20)


# --- how long deliveries take ---------------------------------------------------------------------


def test_a_delivery_that_takes_as_long_as_is_allowed_is_not_late() -> None:
    rule = Rule(kind="latency", over=30, within=HOUR)
    assert play(rule, [data(NOON, slow(NOON, (30.0, 100)))]) == []
    assert whats(play(rule, [data(NOON, slow(NOON, (30.5, 100)))])) == ["fired"]


def test_usual_is_the_time_of_the_slowest_route_that_sends_enough_to_have_one() -> None:
    seldom, fast, slower = (
        USUAL._replace(sent=sent, slow=seconds)
        for sent, seconds in ((199, 500.0), (200, 20.0), (5000, 40.0))
    )
    normals = {"GB": seldom, "DE": fast, "FR": slower}
    rule = Rule(kind="latency", over=30)
    routes = [slow(NOON, (90.0, 50), normal=one, country=name) for name, one in normals.items()]
    for shown, usual in ((routes, 40.0), (routes[:2], 20.0), (routes[:1], None)):
        (fired,) = play(rule, [data(NOON, *shown)])
        assert fired.facts.get("slow") == usual


# --- that nothing was sent ------------------------------------------------------------------------


def test_usual_are_as_many_messages_as_the_mean_of_the_days() -> None:
    rule = Rule(kind="no_messages", by=BY_ACCOUNT)
    days = USUAL._replace(hours_before=(10, 20, 30, 40, 50, 60, 70))
    (fired,) = play(rule, [gb(lambda at: cell(at, 0), normal=days)])
    assert fired.facts["usual"] == 40


def test_one_message_in_an_hour_of_each_day_is_enough_where_the_rule_says_so() -> None:
    rule = Rule(kind="no_messages", by=BY_ACCOUNT, at_least=1)
    found = gb(lambda at: cell(at, 0), normal=USUAL._replace(hours_before=(1,) * 7))
    assert whats(play(rule, [found])) == ["fired"]
