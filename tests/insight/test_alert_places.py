"""One outage is one finding."""

from hypothesis import given
from hypothesis import strategies as st

from delivrd.insight.alerts.data import Place
from delivrd.insight.alerts.places import Part, explain, within


def leaf(account: str, country: str) -> Place:
    return (("account", account), ("country", country))


def account(name: str) -> Place:
    return (("account", name),)


def fleet(
    bad: set[tuple[str, str]], accounts: str = "abc", countries: int = 8
) -> dict[Place, Part]:
    return {
        leaf(a, str(c)): Part(20.0 if (a, str(c)) in bad else 0.5, 100)
        for a in accounts
        for c in range(countries)
    }


def test_an_account_that_is_out_is_one_finding_not_one_for_each_country() -> None:
    parts = fleet({("a", str(c)) for c in range(200)}, countries=200)
    bad = {p: 20.0 for p, part in parts.items() if part.score > 2} | {account("a"): 90.0}
    assert explain(bad, parts) == [account("a")]


def test_one_bad_country_is_named_and_not_its_account() -> None:
    parts = fleet({("a", "3")})
    bad: dict[Place, float] = {leaf("a", "3"): 20.0, account("a"): 14.0, (): 12.0}
    assert explain(bad, parts) == [leaf("a", "3")]


def test_a_country_that_is_out_at_every_account_is_one_finding() -> None:
    parts = fleet({(a, "3") for a in "abc"})
    country: Place = (("country", "3"),)
    bad = {leaf(a, "3"): 20.0 for a in "abc"} | {country: 50.0}
    assert explain(bad, parts) == [country]


def test_a_great_account_that_is_out_is_not_the_whole_hub() -> None:
    parts = {p: Part(s.score, 1000 if p[0][1] == "a" else 10)
             for p, s in fleet({("a", str(c)) for c in range(8)}).items()}  # fmt: skip
    bad = {p: 20.0 for p, part in parts.items() if part.score > 2}
    bad |= {account("a"): 90.0, (): 80.0}
    assert explain(bad, parts) == [account("a")]


def test_a_bad_route_beside_an_account_that_is_out_is_named_and_not_its_country() -> None:
    """The country is bad for the account's messages alone, which are told of already."""
    parts = fleet({("a", str(c)) for c in range(8)} | {("b", "3")}, accounts="ab")
    country: Place = (("country", "3"),)
    bad = {p: 20.0 for p, part in parts.items() if part.score > 2}
    assert explain(bad | {account("a"): 90.0, country: 50.0}, parts) == [
        account("a"), leaf("b", "3"),
    ]  # fmt: skip


def test_a_small_route_that_is_suspect_by_chance_is_not_blamed_with_a_great_one() -> None:
    """As happens now and then while an outage lasts; its own evidence has to be strong."""
    great, small = leaf("a", "3"), leaf("b", "3")
    country: Place = (("country", "3"),)
    bad = {great: 200.0, country: 190.0}
    by_chance = {great: Part(200.0, 40), small: Part(4.0, 6)}
    assert explain(bad, by_chance) == [great]
    assert explain(bad, {**by_chance, small: Part(8.0, 6)}) == [country]


def test_a_route_that_is_out_is_named_beside_a_greater_one_that_is_suspect_by_chance() -> None:
    out, greater = leaf("a", "3"), leaf("a", "4")
    parts = {out: Part(700.0, 34), greater: Part(4.6, 36)}
    assert explain({out: 700.0, account("a"): 500.0}, parts) == [out]


def test_a_hub_that_is_out_is_one_finding() -> None:
    parts = fleet({(a, str(c)) for a in "abc" for c in range(8)})
    bad = dict.fromkeys(parts, 20.0) | {account(a): 60.0 for a in "abc"} | {(): 150.0}
    assert explain(bad, parts) == [()]


def test_what_is_spread_too_thin_for_any_country_is_named_by_its_account() -> None:
    parts = fleet(set())
    assert explain({account("b"): 15.0}, parts) == [account("b")]


places = st.sampled_from([leaf(a, str(c)) for a in "abc" for c in range(4)])


@given(st.sets(places))
def test_every_bad_part_is_told_and_none_twice(bad: set[Place]) -> None:
    parts = {p: Part(20.0 if p in bad else 0.1, 100)
             for a in "abc" for c in range(4) for p in [leaf(a, str(c))]}  # fmt: skip
    found = explain(dict.fromkeys(bad, 20.0), parts)
    assert all(sum(within(place, told) for told in found) == 1 for place in bad)
