"""Life tables with competing ends, against an independent implementation and simulated truth."""

import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd.insight.lifetimes import (
    DELIVERED,
    FAILED,
    KINDS,
    SIZE,
    Group,
    chance,
    chances,
    hazards,
    incidence,
    lower,
    mean,
    observe,
    passed,
    staying,
    step_of,
    time_of,
    together,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import AalenJohansenFitter

LITTLE = [30.0] * SIZE
steps = st.integers(4, 80)
kinds = st.none() | st.integers(0, len(KINDS) - 1)


@st.composite
def groups(draw):
    """Groups that are looked at where a step begins, so that no step is partly over."""
    end = draw(steps)
    now = draw(st.integers(end + 1, 90))
    kind = draw(kinds)
    return Group(lower(now), draw(st.integers(1, 30)), kind, end)


def against_lifelines(found: list[Group], kind: int) -> dict[int, float]:
    """The cumulative incidence by step, of lifelines; a censored age is just before its step."""
    durations, seen, weights = [], [], []
    for group in found:
        at = step_of(group.age) - 0.5 if group.kind is None else group.step
        durations.append(at)
        seen.append(0 if group.kind is None else group.kind + 1)
        weights.append(group.n)
    fitter = AalenJohansenFitter(calculate_variance=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter.fit(durations, seen, event_of_interest=kind + 1, weights=weights)
    told = fitter.cumulative_density_.iloc[:, 0]
    return {int(at): float(value) for at, value in told.items() if at == int(at)}


@given(st.lists(groups(), min_size=2, max_size=15, unique_by=lambda group: group.step))
@settings(max_examples=40, deadline=None)
def test_the_incidence_is_that_of_lifelines(found):
    """With one kind of end a step: lifelines shifts tied times at random."""
    mine = incidence(hazards(observe(found)))
    for kind in range(len(KINDS)):
        for step, value in against_lifelines(found, kind).items():
            assert mine[kind][step] == pytest.approx(value, abs=1e-9)


def test_without_anybody_open_the_incidence_is_the_share_that_ended_so():
    found = [Group(1e6, 90, DELIVERED, 30), Group(1e6, 10, FAILED, 50)]
    mine = incidence(hazards(observe(found)))
    assert mine[DELIVERED][-1] == pytest.approx(0.9)
    assert mine[FAILED][-1] == pytest.approx(0.1)
    assert mine[DELIVERED][29] == 0


def test_an_open_message_counts_until_its_age_and_no_longer():
    """Half are too young to have ended: the rate is not theirs."""
    found = [Group(1e5, 90, DELIVERED, 50), Group(1e5, 10, FAILED, 50), Group(0.05, 100)]
    assert incidence(hazards(observe(found)))[DELIVERED][-1] == pytest.approx(0.9)


@given(st.lists(groups(), min_size=1, max_size=10), st.integers(1, 9))
def test_tables_add_up(found, cut):
    one, other = observe(found[:cut]), observe(found[cut:])
    both, whole = together([one, other]), observe(found)
    assert both.at_risk == pytest.approx(list(whole.at_risk))
    for kind in range(len(KINDS)):
        assert both.ends[kind] == pytest.approx(list(whole.ends[kind]))


def test_only_what_happened_while_it_was_looked_at_is_seen():
    """Of a route that went dead 5 minutes ago, all that ended before is out of sight."""
    before = [Group(600.0 + n, 10, DELIVERED, step_of(10), 300.0 + n) for n in range(100)]
    after = [Group(float(n), 10) for n in range(1, 300)]
    table = observe([*before, *after])
    assert sum(map(sum, table.ends)) == 0
    assert table.at_risk[step_of(5)] > 0
    assert sum(map(sum, observe(group._replace(entry=0.0) for group in before).ends)) == 1000


def test_an_end_after_the_look_leaves_the_message_open():
    table = observe([Group(100.0, 1, DELIVERED, step_of(500))])
    assert sum(map(sum, table.ends)) == 0
    assert (table.at_risk[step_of(50)], table.at_risk[step_of(500)]) == (1, 0)


def test_a_message_is_at_risk_from_the_age_it_had_when_the_look_began():
    table = observe([Group(1000, 1, DELIVERED, step_of(950), 700.0)])
    assert table.at_risk[step_of(100)] == 0
    assert table.at_risk[step_of(800)] == 1
    assert table.ends[DELIVERED][step_of(950)] == 1


def test_a_step_counts_for_the_part_in_which_it_was_looked_at():
    quarter = lower(40) + (lower(41) - lower(40)) / 4
    until, since = observe([Group(quarter, 8)]), observe([Group(lower(50), 8, entry=quarter)])
    assert until.at_risk[39:42] == pytest.approx([8, 2, 0])
    assert since.at_risk[39:42] == pytest.approx([0, 6, 8])


@pytest.mark.parametrize(("share", "ends"), [(0.4, 0), (0.6, 1)])
def test_an_end_is_seen_where_the_middle_of_its_step_is(share, ends):
    within = lower(40) + (lower(41) - lower(40)) * share
    until = observe([Group(within, 1, DELIVERED, 40)])
    since = observe([Group(1e6, 1, DELIVERED, 40, entry=within)])
    assert (until.ends[DELIVERED][40], since.ends[DELIVERED][40]) == (ends, 1 - ends)
    assert until.at_risk[39:42] == pytest.approx([1, share, 0])


@given(st.floats(0.001, 1e6))
def test_a_step_holds_the_ages_between_its_ends(seconds):
    step = step_of(seconds)
    assert lower(step) <= seconds * (1 + 1e-9)
    assert seconds <= lower(step + 1) * (1 + 1e-9)
    assert 0 <= passed(seconds, step) <= 1


def test_little_data_leans_on_what_is_above_it_and_much_does_not():
    above = hazards(observe([Group(1e6, 95, DELIVERED, 40), Group(1e6, 5, FAILED, 40)]))
    few = observe([Group(1e6, 1, FAILED, 40)])
    many = observe([Group(1e6, 5000, FAILED, 40)])
    assert incidence(hazards(few, above, LITTLE))[DELIVERED][-1] > 0.9
    assert incidence(hazards(many, above, LITTLE))[DELIVERED][-1] < 0.01


def test_what_is_above_counts_as_that_many_messages_more():
    """Its mean is that of a Dirichlet distribution."""
    table = observe([Group(1e6, 4, DELIVERED, 40), Group(1e6, 2, FAILED, 40), Group(1e6, 4)])
    above = hazards(observe([Group(1e6, 5, DELIVERED, 40), Group(1e6, 1, FAILED, 40),
                             Group(1e6, 4)]))  # fmt: skip
    found = hazards(table, above, LITTLE)
    assert [found[DELIVERED][40], found[FAILED][40]] == pytest.approx([19 / 40, 5 / 40])


def test_two_levels_above_count_alike():
    quick, slow = (
        hazards(observe([Group(1e6, n, DELIVERED, 40), Group(1e6, 10 - n)])) for n in (8, 2)
    )
    assert mean([quick, slow])[DELIVERED][40] == pytest.approx(0.5)


@given(st.lists(groups(), min_size=1, max_size=10), st.lists(groups(), min_size=1, max_size=10))
def test_hazards_of_one_step_are_shares_of_those_at_risk(found, others):
    some = [hazards(observe(found)), hazards(observe(others))]
    for of in (*some, mean(some), hazards(observe(found), some[1], LITTLE)):
        for step in range(SIZE):
            assert 0 <= sum(one[step] for one in of) <= 1 + 1e-9


def test_the_chance_of_delivery_given_the_age_is_what_the_incidence_leaves():
    found = [
        Group(1e6, 60, DELIVERED, 20),
        Group(1e6, 20, DELIVERED, 60),
        Group(1e6, 20, FAILED, 60),
    ]
    of = hazards(observe(found))
    ahead = chances(of)
    assert ahead[0] == pytest.approx(0.8)
    assert chance(of, ahead, lower(30)) == pytest.approx(0.5)
    assert chance(of, ahead, lower(70)) == 0


def test_a_message_may_still_end_in_the_part_of_its_step_that_is_left():
    of = hazards(observe([Group(1e6, 4, DELIVERED, 40), Group(1e6, 6)]))
    assert chance(of, chances(of), (lower(40) + lower(41)) / 2) == pytest.approx(0.2)


def test_beyond_what_is_known_the_chance_is_the_one_that_is_given():
    of = hazards(observe([Group(1e6, 4, DELIVERED, 40), Group(1e6, 6)]))
    ahead = chances(of, until=41, then=0.5)
    assert chance(of, ahead, lower(39), until=41) == pytest.approx(0.4 + 0.6 * 0.5)
    assert chance(of, ahead, lower(45), until=41) == 0.5


def test_what_does_not_end_before_a_step_stays_open_until_then():
    of = hazards(observe([Group(1e6, 4, DELIVERED, 30), Group(1e6, 3, FAILED, 40),
                          Group(1e6, 3)]))  # fmt: skip
    open_then = staying(of, 50)
    assert [open_then[step] for step in (0, 31, 41, 60)] == pytest.approx([0.3, 0.5, 1, 1])
    assert staying(of, 40)[0] == pytest.approx(0.6)


def test_the_time_of_nearly_all_ends_is_read_from_the_incidence():
    of = hazards(observe([Group(1e6, 99, DELIVERED, 30), Group(1e6, 1, FAILED, 60)]))
    assert time_of(0.98, of) == lower(31)
    assert time_of(0.999, of) == lower(61)
    assert time_of(0.99, hazards(observe([Group(100.0, 5)]))) is None


def test_it_finds_the_truth_of_a_simulation_where_the_plain_rate_is_far_off():
    """Failures come late: two minutes on, the plain rate is 12 points too good."""
    chance_ = random.Random(7)
    truth, found = 0.8, []
    for _ in range(40_000):
        age = chance_.uniform(0, 3600)
        kind = DELIVERED if chance_.random() < truth else FAILED
        took = chance_.lognormvariate(2.0, 0.8) if kind == DELIVERED else chance_.uniform(60, 600)
        ended = took <= age
        found.append(Group(age, 1, kind if ended else None, step_of(took)))
    told = incidence(hazards(observe(found)))
    young = [g for g in found if g.age < 120 and g.kind is not None]
    plain = sum(g.kind == DELIVERED for g in young) / len(young)
    assert plain > truth + 0.12
    assert told[DELIVERED][-1] == pytest.approx(truth, abs=0.01)
