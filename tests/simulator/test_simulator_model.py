"""The traffic model, the recording and the journal's truth: pure parts."""

import random
from collections import Counter
from dataclasses import replace
from itertools import islice

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core import segments as hub_segments
from delivrd.core.statement import Kind, Receipt, Status, identity
from delivrd.core.status import (
    Handover,
    State,
    Statement,
    fold_attempt,
    fold_part,
)
from delivrd.simulator import (
    SCENARIOS,
    blank_accounts,
    dialect,
    expected_status,
    messages,
    record,
    scenario,
    spread,
)
from delivrd.simulator.dialects import vonage
from delivrd.simulator.journal import Part, Push, Submission, possible_statuses
from delivrd.simulator.segments import count, is_gsm
from delivrd.simulator.traffic import COUNTRIES, fate, place
from delivrd.simulator.words import CAUSES, UNKNOWN

START = 1_760_000_000.0


def test_every_recipient_is_a_valid_number_of_its_country():
    for text in messages(seed=3, number=400):
        number = phonenumbers.parse(text.to)
        assert phonenumbers.is_valid_number(number), text.to
        assert phonenumbers.region_code_for_number(number) == place(text.to[1:])[0].code


def test_the_default_mix_has_eight_countries_many_carriers_and_three_gateways():
    texts = list(messages(seed=1, number=3000))
    places = [place(text.to[1:]) for text in texts]
    assert len({country.code for country, _ in places}) == 8
    assert len({carrier.network for _, carrier in places}) >= 25
    assert set(Counter(text.gateway for text in texts)) == {"vonage", "smspm", "ruach"}


def test_texts_have_one_to_three_parts_in_both_alphabets():
    texts = [text.text for text in messages(seed=1, number=1000)]
    assert {count(text) for text in texts} == {1, 2, 3}
    assert {is_gsm(text) for text in texts} == {True, False}


def test_no_two_texts_of_a_run_begin_alike():
    texts = [text.text[:50] for text in messages(seed=1, number=2000)]
    assert len(set(texts)) == 2000


def test_messages_without_a_number_never_end():
    assert len(list(islice(messages(), 5000))) == 5000


def test_the_gateways_can_be_fixed():
    assert {text.gateway for text in messages(number=50, gateways={"ruach": 1})} == {"ruach"}


def test_gateways_beside_the_demo_s_get_equal_shares():
    assert spread(["smspm", "vonage", "ruach"]) is None
    assert spread(["vonage", "acme"]) == {"acme": 1.0, "vonage": 1.0}


def test_carriers_come_in_their_shares():
    seen = Counter(place(f"4474{number:08d}")[1].name for number in range(4000))
    for carrier in next(c for c in COUNTRIES if c.code == "GB").carriers:
        assert seen[carrier.name] / 4000 == pytest.approx(carrier.share, abs=0.03)


def test_shares_and_rates_add_up():
    for country in COUNTRIES:
        assert sum(carrier.share for carrier in country.carriers) == pytest.approx(1)
        for carrier in country.carriers:
            assert sum(carrier.failures.values()) < 0.5
            assert set(carrier.failures) <= set(CAUSES)


def test_most_texts_take_ten_to_thirty_seconds_and_some_much_longer():
    rng = random.Random(1)
    happy, carrier = scenario("happy"), COUNTRIES[0].carriers[0]
    fates = [fate(rng, happy, carrier, happy.validity) for _ in range(4000)]
    waits = sorted(f.after for f in fates if f.cause == "delivered")
    typical = sum(10 <= wait <= 30 for wait in waits) / len(waits)
    assert typical > 0.8
    assert waits[-1] > 300
    assert max(f.after for f in fates) <= happy.validity


def rate(network, name):
    """The share that a carrier delivers in that scenario."""
    carrier = next(c for k in COUNTRIES for c in k.carriers if c.network == network)
    rng, weather = random.Random(1), scenario(name)
    fates = [fate(rng, weather, carrier, weather.validity) for _ in range(1000)]
    return sum(f.cause == "delivered" for f in fates) / 1000


def test_one_carrier_is_notably_bad_where_routes_are_poor():
    assert rate("40471", "poor-routes") < 0.65
    assert rate("23430", "poor-routes") > 0.95


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)
def test_no_country_of_happy_traffic_fails_as_often_as_alerts_begin_at(country):
    """The rules that come with delivrd tell of 5 %; a few fail everywhere all the same."""
    shares = [(carrier.share, 1 - rate(carrier.network, "happy")) for carrier in country.carriers]
    assert 0.01 < sum(share * failing for share, failing in shares) < 0.04


def test_a_phone_off_beyond_the_validity_is_told_as_expired():
    rng = random.Random(1)
    off = replace(scenario("happy"), off=1.0, off_mean=1e9, failures=0.0)
    ends = {fate(rng, off, COUNTRIES[0].carriers[0], 600) for _ in range(20)}
    assert {(end.cause, end.after) for end in ends} == {("expired", 600)}


def recording(name="happy", **options):
    texts = messages(seed=2, number=200)
    account = vonage.Account(signature_secret="secret", shape="mixed")
    accounts = blank_accounts() | {"vonage": account}
    return record(texts, start=START, scenario_=name, seed=2, accounts=accounts, **options)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recording_is_the_same_bytes_each_time_and_in_order(name):
    first, second = recording(name), recording(name)
    assert [(c.at, c.call) for c in first.calls] == [(c.at, c.call) for c in second.calls]
    assert [c.at for c in first.calls] == sorted(c.at for c in first.calls)


def test_another_seed_or_run_gives_other_receipts():
    calls = {c.call for c in recording().calls}
    assert calls.isdisjoint(c.call for c in recording(run="another").calls)


def test_half_of_the_duplicates_are_byte_for_byte():
    calls = [c.call for c in recording("duplicates").calls]
    exact = len(calls) - len(set(calls))
    copies = len(calls) - len(
        {(c.push.part.id, c.push.word) for c in recording("duplicates").calls}
    )
    assert 0 < exact < copies


def test_a_recorded_path_bears_the_query():
    call = next(c for c in recording().calls if c.push.submission.dialect == "ruach")
    assert call.path.startswith("/webhooks/ruach?messageId=")


def test_an_answer_recorded_in_a_push_decides_the_expected_status():
    calls = recording().calls
    delivered = next(c for c in calls if c.push.word == "delivered")
    part = delivered.push.part
    assert {m.status for m in possible_statuses(part)} == {"pending"}
    delivered.push.answered(None)
    assert {m.status for m in possible_statuses(part)} == {"pending", "delivered"}
    delivered.push.answered(200)
    assert {m.status for m in possible_statuses(part)} == {"delivered"}


def test_an_unknown_scenario_is_named_with_the_known_ones():
    with pytest.raises(LookupError, match=r"no scenario 'sunny'.*happy.*unsigned"):
        scenario("sunny")


@given(st.text(alphabet="aé€[{я😀\n", max_size=400))
def test_the_simulator_and_the_hub_count_the_same_segments(text):
    assert count(text) == hub_segments.count(text).count


VONAGE = dialect("vonage")
WORDS = st.sampled_from(sorted(VONAGE.words)).flatmap(
    lambda word: st.tuples(st.just(word), st.sampled_from(["0", "1", "6", "14", "99"]))
)
MEANINGS = WORDS.map(lambda said: VONAGE.meaning(*said)) | st.just(UNKNOWN)


def submission(parts):
    made = Submission(
        dialect="vonage", to="447400000001", sender="Acme", text="x", reference=None,
        callback=None, shape="GET", at=0.0, taken_at=START, outcome="accepted",
    )  # fmt: skip
    for number, said in enumerate(parts):
        part = Part(f"{number:016X}")
        for meaning in said:
            push = Push(made, part, "word", "code", meaning, 1.0)
            push.answered(200)
            part.pushes.append(push)
        made.parts.append(part)
    return made


def outcome_by_the_hub_s_rules(parts):
    folded = []
    for said in parts:
        statements = []
        for number, (status, final) in enumerate(said):
            receipt = Receipt(provider_message_id="x", status=Status(status), final=final)
            statements.append(
                Statement(Kind.RECEIPT, receipt, number, identity(Kind.RECEIPT, receipt))
            )
        folded.append(fold_part(statements))
    outcome = fold_attempt(Handover(State.ACCEPTED, len(parts)), folded)
    return str(outcome.status), outcome.final


@given(st.lists(st.lists(MEANINGS, max_size=5), min_size=1, max_size=3))
def test_the_journal_s_truth_and_the_hub_s_rules_agree(parts):
    assert expected_status(submission(parts)) == {outcome_by_the_hub_s_rules(parts)}


@given(st.lists(MEANINGS, min_size=1, max_size=5), st.data())
def test_a_doubtful_push_allows_exactly_the_truths_with_and_without_it(said, data):
    made = submission([said])
    doubtful = data.draw(st.integers(0, len(said) - 1))
    made.parts[0].pushes[doubtful].tries[:] = []
    made.parts[0].pushes[doubtful].answered(503)
    without = [each for number, each in enumerate(said) if number != doubtful]
    assert expected_status(made) == {
        outcome_by_the_hub_s_rules([said]),
        outcome_by_the_hub_s_rules([without]),
    }
