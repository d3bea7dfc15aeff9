"""Rules about overdue messages where single networks of a country report nothing."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.data import Cell, Data, Route
from delivrd.insight.alerts.state import State, Update
from delivrd.insight.alerts.words import Causes, headline, notice_text
from delivrd.insight.silent_networks import Tally
from tests.insight.alert_support import DAY, HOUR, MINUTE, NOON, USUAL, data, play, route, whats

QUARTER = 15 * MINUTE
OVERDUE = Rule(kind="overdue")
Networks = dict[str, list[Tally]]


def reports(n: int, until: int, since: int = NOON - DAY) -> list[Tally]:
    return [Tally(at, n, 0) for at in range(since, until, QUARTER)]


def silent(n: int, since: int, until: int) -> list[Tally]:
    return [Tally(at, 0, n) for at in range(since, until, QUARTER)]


def stopped(until: int, since: int = NOON) -> Networks:
    """A fifth of a country's messages go to a network that has reported nothing since."""
    named = [*reports(12, since), *silent(12, since, until)]
    return {"23420": named, "23410": reports(48, until)}


def moment(now: int, networks: Networks, country: str = "GB", **more: Any) -> Data:
    """A route without any history of its own."""
    return Data(now, (Route(("main", country, ""), (), USUAL),),
                networks={("main", country): networks}, **more)  # fmt: skip


def at(network: str, country: str = "GB") -> tuple[tuple[str, str], ...]:
    return ("account", "main"), ("country", country), ("network", network)


def test_a_network_that_stops_reporting_is_named_and_not_its_country() -> None:
    moments = [moment(now, stopped(now)) for now in range(NOON, NOON + 4 * QUARTER, MINUTE)]
    (update,) = play(OVERDUE, moments)
    assert update.place == at("23420")
    assert update.since == NOON
    assert update.at - NOON <= 2 * QUARTER + USUAL.late
    assert headline(update, OVERDUE) == (
        "main → GB → 23420: no receipts: 24 messages, 20 % of those to the country; "
        "before, it sent 20 % of the receipts there"
    )
    told = notice_text(update, "overdue", OVERDUE, Causes(), "https://hub", "fir_1")
    assert "Other networks of the country report: ask the gateway about this one." in told.body
    assert "/messages?account=main&country=GB&network=23420&status=pending" in told.body


def test_messages_whose_receipts_would_name_the_network_are_found_without_it() -> None:
    """They are open, and of no network yet."""

    def networks(now: int) -> Networks:
        return {"23420": reports(12, NOON), "": silent(12, NOON, now), "23410": reports(48, now)}

    moments = [moment(now, networks(now)) for now in range(NOON, NOON + 4 * QUARTER, MINUTE)]
    (update,) = play(OVERDUE, moments)
    assert update.place == at("23420")
    told = notice_text(update, "overdue", OVERDUE, Causes(), "https://hub", "fir_1")
    assert "/messages?account=main&country=GB&network=none&status=pending" in told.body


def test_it_recovers_when_the_network_reports_again() -> None:
    again = NOON + 4 * QUARTER

    def networks(now: int) -> Networks:
        silence = silent(12, NOON, again)
        return {"23420": [*reports(12, NOON), *silence, *reports(12, now, again)],
                "23410": reports(48, now)}  # fmt: skip

    bad = [moment(NOON + 3 * QUARTER, stopped(NOON + 3 * QUARTER))]
    good = [moment(now, networks(now)) for now in range(again, again + 4 * QUARTER, MINUTE)]
    updates = play(OVERDUE, bad + good)
    assert whats(updates) == ["fired", "recovered"]
    assert updates[1].at - again <= 2 * QUARTER


def test_a_network_that_never_reported_fires_on_a_young_hub_and_then_never_again() -> None:
    now = NOON + 3 * QUARTER
    networks = {"23420": silent(12, NOON, now), "23410": reports(48, now, NOON)}
    never = frozenset({("main", "GB", "23420")})
    assert whats(play(OVERDUE, [moment(now, networks)])) == ["fired"]
    assert play(OVERDUE, [moment(now, networks, never_report=never)]) == []


def test_a_firing_about_a_network_that_never_reports_does_not_recover_by_the_years() -> None:
    now = NOON + 3 * QUARTER
    networks = {"23420": silent(12, NOON, now), "23410": reports(48, now, NOON)}
    never = frozenset({("main", "GB", "23420")})
    later = [moment(now + i * MINUTE, networks, never_report=never) for i in range(30)]
    assert whats(play(OVERDUE, [moment(now, networks), *later])) == ["fired"]


def test_many_silent_networks_of_an_account_are_one_notice_for_as_long_as_they_are_silent() -> None:
    countries = ("GB", "DE", "EE", "US", "FR")
    nows = range(NOON + 3 * QUARTER, NOON + 6 * HOUR, QUARTER)
    (update,) = play(OVERDUE, [
        Data(now, networks={("main", country): stopped(now) for country in countries})
        for now in nows
    ])  # fmt: skip
    assert update.place == (("account", "main"),)
    assert update.facts["networks"] == "DE → 23420, EE → 23420, FR → 23420, GB → 23420, US → 23420"
    assert headline(update, OVERDUE) == "main: networks without receipts: 120 messages"


def late(share: int) -> Any:
    """A route in which of twenty messages a minute so many stay open since noon."""
    return lambda at: (
        Cell(at, MINUTE, 20 - share, 0, 0, share) if at >= NOON else Cell(at, MINUTE, 20)
    )


def test_what_a_silent_network_explains_is_told_once() -> None:
    """The route's overdue messages are the network's."""
    now = NOON + 4 * QUARTER
    found = data(now, route("main", "GB", late(4), now))
    state = State()
    assert [update.place for update in play(OVERDUE, [found], state)] == [at("23420")[:2]]
    found = found._replace(networks={("main", "GB"): stopped(now)})
    assert [update.place for update in play(OVERDUE, [found], state)] == [at("23420")]


def test_a_country_that_is_worse_than_its_silent_network_is_named_itself() -> None:
    now = NOON + 4 * QUARTER
    found = data(now, route("main", "GB", late(12), now), networks={("main", "GB"): stopped(now)})
    (update,) = play(OVERDUE, [found])
    assert update.place == at("23420")[:2]
    assert update.facts["networks"] == "23420"
    told = notice_text(update, "overdue", OVERDUE, Causes(), "https://hub", "fir_1")
    assert "Networks without receipts: 23420." in told.body


@pytest.mark.parametrize("silent_elsewhere", [4, 5])
def test_an_account_with_many_silent_networks_stands_for_its_countries_too(
    silent_elsewhere: int,
) -> None:
    """One of them is worse than its silent network, which is one of five or six."""
    now = NOON + 4 * QUARTER
    countries = ("GB", "DE", "EE", "US", "FR", "IE")[: silent_elsewhere + 1]
    networks = {("main", country): stopped(now) for country in countries}
    found = data(now, route("main", "GB", late(12), now), networks=networks)
    (update,) = play(OVERDUE, [found])
    assert update.place == (("account", "main"),)
    assert update.facts["n"] == 36 * len(countries)
    assert "GB → 23420" in str(update.facts["networks"])
    told = notice_text(update, "overdue", OVERDUE, Causes(), "https://hub", "fir_1")
    assert "Worst: GB." in told.body


def test_a_few_silent_networks_are_told_beside_a_country_that_is_worse_than_its_own() -> None:
    now = NOON + 4 * QUARTER
    networks = {("main", country): stopped(now) for country in ("GB", "DE", "EE", "US")}
    found = data(now, route("main", "GB", late(12), now), networks=networks)
    places = [update.place for update in play(OVERDUE, [found])]
    assert places == [at("23420")[:2], *(at("23420", country) for country in ("DE", "EE", "US"))]


COUNTRIES = ("GB", "DE", "EE", "US", "FR")


def test_an_account_that_is_overdue_as_a_whole_names_its_silent_networks() -> None:
    now = NOON + 4 * QUARTER
    bad = [route("main", country, late(12), now) for country in COUNTRIES]
    well = [route("other", country, late(0), now) for country in COUNTRIES]
    networks = {("main", country): stopped(now) for country in COUNTRIES}
    (update,) = play(OVERDUE, [data(now, *bad, *well, networks=networks)])
    assert update.place == (("account", "main"),)
    assert update.facts["normal"] == pytest.approx(USUAL.open_late)
    assert update.facts["networks"] == "DE → 23420, EE → 23420, FR → 23420, GB → 23420, US → 23420"


@pytest.mark.parametrize("elsewhere", [COUNTRIES[1:], (*COUNTRIES[1:], "PL")])
def test_a_country_that_is_overdue_at_every_account_stands_for_its_networks_alone(
    elsewhere: tuple[str, ...],
) -> None:
    """Four others of the account are too few to be told as one; five are not."""
    now = NOON + 4 * QUARTER
    bad = [route(account, "GB", late(12), now) for account in ("main", "other")]
    well = [route(account, "IE", late(0), now) for account in ("main", "other")]
    networks = {("main", country): stopped(now) for country in ("GB", *elsewhere)}
    networks["other", "GB"] = {"23410": reports(60, now)}
    whole, *others = play(OVERDUE, [data(now, *bad, *well, networks=networks)])
    assert (whole.place, whole.facts["networks"]) == ((("country", "GB"),), "main → 23420")
    if len(elsewhere) == 4:
        assert {update.place for update in others} == {at("23420", c) for c in elsewhere}
    else:
        assert [update.place for update in others] == [(("account", "main"),)]
        assert "GB" not in str(others[0].facts["networks"])


def test_an_account_with_many_silent_networks_does_not_stand_for_another_one() -> None:
    now = NOON + 4 * QUARTER
    networks = {("main", country): stopped(now) for country in COUNTRIES}
    networks["other", "PL"] = stopped(now)
    routes = (route("other", "AT", late(12), now), route("other", "IE", late(0), now))
    updates = play(OVERDUE, [data(now, *routes, networks=networks)])
    assert [update.place for update in updates] == [
        (("account", "other"), ("country", "AT")),
        (("account", "main"),),
        (("account", "other"), ("country", "PL"), ("network", "23420")),
    ]
    assert "PL" not in str(updates[1].facts["networks"])
    assert "worst" not in updates[1].facts


def test_an_account_is_told_of_since_the_first_of_its_networks_or_countries_went_bad() -> None:
    now, later = NOON + 4 * QUARTER, NOON + QUARTER
    networks = {("main", country): stopped(now, later) for country in COUNTRIES}
    (update,) = play(OVERDUE, [data(now, networks=networks)])
    assert update.since == later
    (update,) = play(OVERDUE, [data(now, route("main", "GB", late(12), now), networks=networks)])
    assert update.since == NOON
    networks["main", "FR"] = stopped(now)
    (update,) = play(OVERDUE, [data(now, networks=networks)])
    assert update.since == NOON


@pytest.mark.parametrize(("pending", "told"), [(23, 3), (26, 2)])
def test_a_country_is_told_of_where_more_is_overdue_than_its_rule_takes_for_normal(
    pending: int, told: int
) -> None:
    """Twenty in a hundred messages are of its silent network, and up to five are no news."""
    now = NOON + 4 * QUARTER
    minute = lambda at: Cell(at, MINUTE, 100 - pending, 0, 0, pending)  # noqa: E731
    found = data(now, route("main", "GB", minute, now), networks={("main", "GB"): stopped(now)})
    (update,) = play(OVERDUE, [found])
    assert len(update.place) == told


def test_silent_networks_of_two_accounts_explain_as_much_as_their_messages() -> None:
    """A fifth of each account's messages to the country is a fifth of all, not two fifths."""
    now = NOON + 4 * QUARTER
    networks = {(account, "GB"): stopped(now) for account in ("main", "other")}
    networks |= {(account, "DE"): {"26201": reports(60, now)} for account in ("main", "other")}
    for pending, told in ((4, 2), (8, 1)):
        routes = (route(account, "GB", late(pending), now) for account in ("main", "other"))
        well = (route(account, "DE", late(0), now) for account in ("main", "other"))
        updates = play(OVERDUE, [data(now, *routes, *well, networks=networks)])
        assert len(updates) == told
        assert {dict(update.place)["country"] for update in updates} == {"GB"}
        assert ("networks" in updates[0].facts) == (told == 1)


def test_a_rule_by_network_compares_each_with_its_own_past() -> None:
    now = NOON + 3 * QUARTER
    by_network = Rule(kind="overdue", by=("account", "country", "network"))
    assert play(by_network, [moment(now, stopped(now))]) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"countries": ["DE"]}, 0), ({"countries": ["GB"]}, 1),
     ({"accounts": ["other"]}, 0), ({"accounts": ["main"]}, 1)],
)  # fmt: skip
def test_a_rule_is_about_the_networks_of_its_countries_and_accounts(
    fields: dict[str, Any], told: int
) -> None:
    now = NOON + 3 * QUARTER
    rule = Rule.model_validate({"kind": "overdue", **fields})
    assert len(play(rule, [moment(now, stopped(now))])) == told


@pytest.mark.parametrize(("late", "told"), [((120.0, 120.0), 1), ((120.0, 7200.0), 0)])
def test_a_network_is_silent_once_the_slowest_receipts_of_the_country_are_late(
    late: tuple[float, ...], told: int
) -> None:
    """Where a rule names networks, a country has several routes."""
    now = NOON + 3 * QUARTER
    slow, fast = (USUAL._replace(late=seconds) for seconds in sorted(late, reverse=True))
    for normals in ((slow, fast), (fast, slow)):
        routes = tuple(
            Route(("main", "GB", f"2341{i}"), (), normal) for i, normal in enumerate(normals)
        )
        found = moment(now, stopped(now))._replace(routes=routes)
        assert len(play(OVERDUE, [found])) == told


@given(st.integers(0, 2**32), st.sampled_from([0.003, 0.03, 0.1]))
def test_networks_that_report_raise_no_alarm(seed: int, open_share: float) -> None:
    """However their messages happen to be spread over three hours."""
    chance = random.Random(seed)
    shares = (0.5, 0.3, 0.15, 0.05)

    def tallies(now: int, share: float) -> list[Tally]:
        found = []
        for at in range(now - 12 * QUARTER, now, QUARTER):
            n = sum(chance.random() < share for _ in range(60))
            kept = sum(chance.random() < open_share for _ in range(n))
            found.append(Tally(at, n - kept, kept))
        return found

    networks = {f"2342{i}": tallies(NOON, share) for i, share in enumerate(shares)}
    updates: list[Update] = play(OVERDUE, [moment(NOON, networks)])
    assert updates == []


def after_a_silence(until: int, *since_noon: Tally) -> Networks:
    """A network that was silent for the hour before noon, and what it did since."""
    told = [*reports(12, NOON - HOUR), *silent(12, NOON - HOUR, NOON), *since_noon]
    return {"23420": told, "23410": reports(48, until)}


def test_a_network_that_reports_half_of_its_messages_again_has_recovered() -> None:
    quarters = range(NOON, NOON + HOUR, QUARTER)
    for reported, told in ((6, ["fired", "recovered"]), (5, ["fired"])):
        again = [Tally(at, reported, 12 - reported) for at in quarters]
        nows = range(NOON, NOON + HOUR, MINUTE)
        looks = [moment(now, after_a_silence(now, *(t for t in again if t.at < now)))
                 for now in nows]  # fmt: skip
        assert whats(play(OVERDUE, [moment(NOON, after_a_silence(NOON)), *looks])) == told


def test_a_network_to_which_nothing_is_sent_for_two_hours_is_no_longer_told_of() -> None:
    """The receipts of its messages came after all, and nobody can say whether more would."""
    silence = moment(NOON, after_a_silence(NOON))
    nows = range(NOON + QUARTER, NOON + 4 * HOUR, QUARTER)
    came = [moment(now, {"23420": reports(12, NOON), "23410": reports(48, now)}) for now in nows]
    fired, recovered = play(OVERDUE, [silence, *came])
    assert (fired.what, recovered.what) == ("fired", "recovered")
    assert recovered.facts == {"silent": 1}
    assert recovered.at - NOON >= 2 * HOUR


def test_a_silent_network_with_fewer_messages_than_the_rule_wants_is_not_told() -> None:
    found = moment(NOON, after_a_silence(NOON))
    assert whats(play(Rule(kind="overdue", at_least=36), [found])) == ["fired"]
    assert play(Rule(kind="overdue", at_least=37), [found]) == []


def test_a_network_that_is_silent_again_after_a_stray_receipt_is_told_again() -> None:
    """Though it has been silent for longer than it takes that receipt for: one in a hundred."""
    quarters = [Tally(NOON, 1, 0), *silent(12, NOON + QUARTER, NOON + HOUR)]

    def look(now: int) -> Data:
        told = [*reports(12, NOON - 2 * HOUR), *silent(12, NOON - 2 * HOUR, NOON), *quarters]
        seen = {"23420": [t for t in told if t.at < now], "23410": reports(48, now)}
        return moment(now, seen)

    looks = [look(now) for now in range(NOON, NOON + HOUR, MINUTE)]
    assert whats(play(OVERDUE, looks)) == ["fired", "recovered", "again"]


@pytest.mark.parametrize("elsewhere", [{}, {("main", "DE"): stopped(NOON)}])
def test_a_country_is_well_again_whatever_is_silent_in_others(
    elsewhere: dict[tuple[str, str], Networks],
) -> None:
    ill = data(NOON, route("main", "GB", lambda at: Cell(at, MINUTE, 8, 0, 0, 12), NOON))
    nows = range(NOON + MINUTE, NOON + HOUR, MINUTE)
    well = [data(now, route("main", "GB", late(0), now), networks=elsewhere) for now in nows]
    told = [update.what for update in play(OVERDUE, [ill, *well]) if at("23420")[1] in update.place]
    assert told == ["fired", "recovered"]
