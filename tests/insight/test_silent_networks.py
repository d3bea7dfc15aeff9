"""Networks that do not report, told by counts alone."""

from hypothesis import given
from hypothesis import strategies as st

from delivrd.insight.silent_networks import SilentNetwork, Tally, silent_networks

QUARTER = 900
DAY = range(0, 96 * QUARTER, QUARTER)


def tallies(reported: int, silent: int = 0, ats: range = DAY) -> list[Tally]:
    """The same in every quarter of an hour."""
    return [Tally(at, reported, silent) for at in ats]


def stopped(reported: int, at: int) -> list[Tally]:
    """Reports until a moment, and none since."""
    return [Tally(t, *((reported, 0) if t < at else (0, reported))) for t in DAY]


def names(country: dict[str, list[Tally]]) -> list[str]:
    return [one.network for one in silent_networks(country)]


def test_a_network_that_stopped_is_named_with_its_beginning_and_share() -> None:
    country = {"23420": stopped(2, DAY[80]), "23410": tallies(8)}
    assert silent_networks(country) == [
        SilentNetwork("23420", DAY[80], messages=32, share=0.2, before=0.2, named=True)
    ]


def test_a_network_that_never_reported_needs_no_history() -> None:
    (found,) = silent_networks({"23420": tallies(0, 3), "23410": tallies(9, ats=DAY)})
    assert (found.network, found.since, found.before) == ("23420", DAY[0], 0.0)


def test_a_stray_report_does_not_hide_a_silent_network() -> None:
    quiet = tallies(0, 10)
    quiet[50] = Tally(quiet[50].at, 1, 9)
    assert names({"23420": quiet, "23410": tallies(40)}) == ["23420"]


def test_nothing_is_said_of_a_network_where_the_whole_country_is_silent() -> None:
    assert names({"23420": stopped(5, DAY[80]), "23410": stopped(5, DAY[80])}) == []


def test_few_messages_are_no_silence() -> None:
    country = {"23420": tallies(0, 1, DAY[:19]), "23410": tallies(9)}
    assert names(country) == []


def test_a_network_that_reports_a_third_is_not_silent() -> None:
    assert names({"23420": tallies(1, 2), "23410": tallies(9)}) == []


def test_a_network_that_seldom_reported_before_is_judged_by_its_own_past() -> None:
    seldom = [Tally(t, *((1, 9) if t < DAY[80] else (0, 2))) for t in DAY]
    assert names({"23420": seldom, "23410": tallies(8)}) == []


def test_a_network_whose_receipts_stop_is_named_by_the_receipts_alone() -> None:
    """The messages of such a gateway have no network until their receipt comes."""
    country = {
        "23420": tallies(2, ats=DAY[:80]),
        "23410": tallies(8),
        "": [*tallies(0, 0, DAY[:80]), *tallies(0, 2, DAY[80:])],
    }
    assert silent_networks(country) == [
        SilentNetwork("23420", DAY[80], messages=32, share=0.2, before=0.2, named=False)
    ]


def test_a_network_that_is_sent_nothing_any_more_is_not_silent() -> None:
    assert names({"23420": tallies(2, ats=DAY[:80]), "23410": tallies(10)}) == []


def test_messages_that_are_always_open_are_not_missing_from_a_network_without_traffic() -> None:
    country = {"23420": tallies(2, ats=DAY[:80]), "23410": tallies(8), "": tallies(0, 2)}
    assert names(country) == []


def test_more_open_messages_than_usual_are_too_few_to_be_those_of_a_whole_network() -> None:
    country = {
        "23420": tallies(20, ats=DAY[:80]), "23410": tallies(80),
        "": [*tallies(0, 10, DAY[:80]), *tallies(0, 14, DAY[80:])],
    }  # fmt: skip
    assert names(country) == []


def test_a_network_is_missing_once_it_has_sent_twenty_receipts() -> None:
    def until(end: int) -> dict[str, list[Tally]]:
        return {
            "23420": tallies(1, ats=DAY[:end]), "23410": tallies(4),
            "": tallies(0, 1, DAY[end:]),
        }  # fmt: skip

    assert (names(until(19)), names(until(20))) == ([], ["23420"])


def test_a_country_of_which_less_than_half_reports_tells_nothing_of_one_network() -> None:
    half = [Tally(at, 5, 5) for at in DAY]
    less = [Tally(at, 4, 6) for at in DAY]
    assert names({"23420": stopped(10, DAY[80]), "23410": half}) == ["23420"]
    assert names({"23420": stopped(10, DAY[80]), "23410": less}) == []


def test_twenty_messages_are_enough() -> None:
    assert names({"23420": tallies(0, 1, DAY[-20:]), "23410": tallies(9)}) == ["23420"]
    assert names({"23420": tallies(0, 1, DAY[-20:]), "23410": tallies(1, 0, DAY[-20:])}) == [
        "23420"
    ]


def test_a_network_that_gets_another_code_is_not_silent() -> None:
    country = {
        "23420": tallies(2, ats=DAY[:80]), "23499": tallies(2, ats=DAY[80:]),
        "23410": tallies(8), "": tallies(0, 1),
    }  # fmt: skip
    assert names(country) == []


def test_open_messages_of_one_network_are_not_missing_from_two() -> None:
    country = {
        "23420": tallies(4, ats=DAY[:80]), "23430": tallies(3, ats=DAY[:80]),
        "23410": tallies(8), "": tallies(0, 4, DAY[80:]),
    }  # fmt: skip
    assert names(country) == ["23420"]


def test_a_network_that_is_sent_nothing_any_more_is_not_missing_while_another_is() -> None:
    """That the other went silent long before is no reason to look for its messages here too."""
    country = {
        "23420": tallies(5, ats=DAY[:40]), "23430": tallies(2, ats=DAY[:70]),
        "23410": tallies(8), "": tallies(0, 5, DAY[40:]),
    }  # fmt: skip
    assert names(country) == ["23420"]


def test_a_network_that_goes_silent_after_another_is_missing_too() -> None:
    country = {
        "23420": tallies(5, ats=DAY[:40]), "23430": tallies(2, ats=DAY[:70]),
        "23410": tallies(8), "": [*tallies(0, 5, DAY[40:70]), *tallies(0, 7, DAY[70:])],
    }  # fmt: skip
    (first, second) = silent_networks(country)
    assert (first.network, first.since) == ("23420", DAY[40])
    assert (second.network, second.since, second.messages) == ("23430", DAY[70], 52)


counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12)
countries = st.dictionaries(
    st.sampled_from(["", "23410", "23415", "23420", "23430"]),
    counts.map(lambda some: [Tally(at * QUARTER, *two) for at, two in enumerate(some)]),
    max_size=5,
)


@given(countries)
def test_what_is_said_to_be_silent_reported_next_to_nothing(
    country: dict[str, list[Tally]],
) -> None:
    for one in silent_networks(country):
        own = [tally for tally in country[one.network] if tally.at >= one.since]
        reported, total = sum(t.reported for t in own), sum(t.total for t in own)
        assert reported <= 0.01 * total
        assert 0 < one.messages <= sum(t.silent for of in country.values() for t in of)
        assert 0 < one.share <= 1
        assert 0 <= one.before <= 1


@given(countries, st.integers(1, 1000))
def test_only_the_differences_of_times_matter(country: dict[str, list[Tally]], later: int) -> None:
    moved = {
        name: [tally._replace(at=tally.at + later) for tally in of]
        for name, of in country.items()
    }  # fmt: skip
    found = [one._replace(since=one.since + later) for one in silent_networks(country)]
    assert silent_networks(moved) == found


@given(st.integers(20, 400), st.floats(0, 0.2), st.randoms(use_true_random=True))
def test_networks_that_report_are_never_called_silent(n, share, random) -> None:
    """Whatever the share of messages that are open for a while."""
    country = {
        name: [
            Tally(at, n - (silent := sum(random.random() < share for _ in range(n))), silent)
            for at in DAY[:4]
        ]
        for name in ("23410", "23420", "23430")
    }
    assert silent_networks(country) == []
