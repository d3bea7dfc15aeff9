"""Rules as forms and words: pure functions, without any browser."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivrd.alert_settings import SPECS, Kind, Rule
from delivrd.insight.alerts.defaults import DEFAULTS
from delivrd.web.api.alert_views import AlertFiring, AlertRule
from delivrd.web.pages import alert_form, alert_words, compare
from delivrd.web.pages.alert_preview import limit
from delivrd.web.pages.show import each_cost, price

NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)


def sent(rule: Rule, **changes: Any) -> alert_form.RuleOrErrors:
    """What comes of a rule's form, sent with these changes."""
    form = {**alert_form.form_of(rule), "name": "mine"}
    many = {name: form[name] for name in ("accounts", "by", "channels")}
    plain = {name: value for name, value in form.items() if name not in many}
    plain = {name: "1" if value is True else value for name, value in plain.items()}
    return alert_form.rule_of(alert_form.read({**plain, **changes}, many))


@pytest.mark.parametrize("kind", list(SPECS))
def test_the_form_of_a_kind_makes_the_rule_of_that_kind(kind: Kind) -> None:
    rule = Rule.model_validate({"kind": kind})
    assert sent(rule).rule == rule


@pytest.mark.parametrize("name", list(DEFAULTS))
def test_a_rule_that_nobody_changes_stays_as_it_is(name: str) -> None:
    assert sent(DEFAULTS[name]).rule == DEFAULTS[name]


FULL = Rule.model_validate({
    "kind": "failure_rate", "by": ["account"], "accounts": ["main", "other"], "countries": ["GB"],
    "networks": ["23410"], "over": 7.5, "within": 5400, "at_least": 20, "hold": 600,
    "recover": 90, "quiet": 0, "channels": ["ops"], "description": "Ours.", "enabled": False,
    "unless_normal": True,
})  # fmt: skip


def test_all_fields_of_a_rule_pass_through_its_form() -> None:
    assert sent(FULL).rule == FULL


def test_metadata_and_senders_are_written_with_commas() -> None:
    made = sent(
        Rule.model_validate({"kind": "failure"}),
        senders="Acme, Shop",
        metadata="team=shop, kind=otp",
    )
    assert made.rule is not None
    assert made.rule.senders == ("Acme", "Shop")
    assert made.rule.metadata == {"team": "shop", "kind": "otp"}


def test_an_empty_field_takes_what_the_kind_takes_by_itself() -> None:
    made = sent(FULL, over="", within="")
    assert made.rule is not None
    assert (made.rule.over, made.rule.within) == (5, 3600)


@pytest.mark.parametrize("text", ["1,000", "1.000", "1_000", "5 %%", "٣", "1e3", "nan"])
def test_a_number_that_could_be_another_is_refused(text: str) -> None:
    made = sent(FULL, at_least=text)
    assert made.errors == {"at_least": "must be a number, without separators of thousands"}


@pytest.mark.parametrize("text", ["7.5", "7,5", "7.50 %", "7,5%"])
def test_a_share_is_taken_with_either_mark_and_with_its_unit(text: str) -> None:
    made = sent(FULL, over=text)
    assert made.rule is not None
    assert made.rule.over == 7.5


def test_a_number_of_many_digits_passes_through_its_form() -> None:
    rule = FULL.model_copy(update={"at_least": 1_000_000, "over": 0.125})
    assert sent(rule).rule == rule


@pytest.mark.parametrize(
    ("field", "text"),
    [("over", "lots"), ("within", "soon"), ("within", "5 s"), ("at_least", "-3"),
     ("hold", "90 d"), ("metadata", "otp")],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_field(field: str, text: str) -> None:
    rule = Rule.model_validate({"kind": "failure"}) if field == "metadata" else FULL
    made = sent(rule, **{field: text})
    assert made.rule is None
    assert made.errors[field]


@pytest.mark.parametrize("name", ["", "Mine", "a b", "-x", "x" * 64, "ä"])
def test_a_name_that_no_rule_can_have_is_refused(name: str) -> None:
    assert alert_form.name_trouble(name)


def test_every_kind_has_words() -> None:
    assert set(alert_words.KINDS) == set(SPECS)


def test_what_can_be_set_stands_in_bold_and_nothing_else_is_markup() -> None:
    assert str(alert_words.marked("over *5 %* <b>")) == "over <b>5 %</b> &lt;b&gt;"


def firing(kind: str, **more: Any) -> AlertFiring:
    fields: dict[str, Any] = {
        "id": "fir_1", "rule": "r", "kind": kind, "sentence": "", "state": "firing",
        "place": {"account": "main"}, "where": "main", "headline": "", "since": NOW,
        "simulated": False,
        "fired_at": NOW, "ended_at": None, "merged_into": None, "beside": None, "facts": {},
        "causes": None, "messages": {"account": "main", "since": NOW.isoformat()},
        "acknowledged_at": None, "acknowledged_by": None, "snoozed_until": None, "notices": [],
    }  # fmt: skip
    return AlertFiring(**{**fields, **more})


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("change", "account=main&status=failed&since=2026-11-26T15%3A00%3A00Z"),
        ("overdue", "account=main&status=pending&since=2026-11-26T15%3A00%3A00Z"),
        ("unmapped", "account=main&since=2026-11-26T15%3A00%3A00Z"),
    ],
)
def test_a_firing_leads_to_its_messages(kind: str, query: str) -> None:
    assert alert_words.behind(firing(kind)) == f"/messages?{query}"


def test_a_reason_that_two_statuses_have_says_which_and_leads_to_its_messages() -> None:
    told = [["undelivered", "other", 4], ["expired", "", 3], ["rejected", "other", 1]]
    found = alert_words.reasons(
        firing("change", causes={"reasons": told, "codes": [], "also": []}, messages={"to": "x"})
    )
    assert found == [
        ("undelivered: other", "/messages?to=x&status=undelivered&reason=other", 4),
        ("expired", "/messages?to=x&status=expired&reason=none", 3),
        ("rejected: other", "/messages?to=x&status=rejected&reason=other", 1),
    ]


def test_a_single_failure_leads_to_its_message_and_refused_calls_to_the_requests() -> None:
    assert alert_words.behind(firing("failure", facts={"message": "0199"})) == "/messages/0199"
    refused = firing("rejected_signatures", messages=None)
    assert alert_words.behind(refused) == "/requests?verdict=refused&account=main"
    assert alert_words.behind(firing("backlog", messages=None)) == ""


def test_a_firing_about_silent_networks_names_them() -> None:
    several = {"n": 473, "k": 473, "share": 1.0, "since": 0, "networks": "US → 310410, GB → 23420"}
    assert ("Networks without receipts", "US → 310410, GB → 23420") in alert_words.evidence(several)
    one = {"n": 41, "k": 41, "share": 1.0, "since": 0, "part": 0.2, "before": 0.25}
    assert ("Of all messages to the country", "20.0 %") in alert_words.evidence(one)


def rule_view(**more: Any) -> AlertRule:
    fields: dict[str, Any] = {
        "name": "r", "source": "api", "sentence": "", "enabled": True, "rule": {}, "firing": 0,
        "evaluated_at": NOW, "snoozed_until": None,
    }  # fmt: skip
    return AlertRule(**{**fields, **more})


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "quiet"),
        ({"firing": 1}, "firing"),
        ({"firing": 3}, "firing (3)"),
        ({"enabled": False, "firing": 1}, "off"),
        ({"snoozed_until": NOW + timedelta(hours=1)}, "snoozed"),
        ({"snoozed_until": NOW - timedelta(hours=1)}, "quiet"),
    ],
)
def test_the_state_of_a_rule_is_a_word(fields: dict[str, Any], word: str) -> None:
    assert alert_words.of_rule(rule_view(**fields), NOW).word == word


@pytest.mark.parametrize(
    ("kind", "share"),
    [("failure_rate", 0.05), ("settled_rate", 0.1), ("latency", 0.05), ("change", None)],
)
def test_the_limit_of_a_preview_is_the_share_that_the_rule_calls_bad(
    kind: str, share: float | None
) -> None:
    assert limit(Rule.model_validate({"kind": kind})) == pytest.approx(share)


# --- accounts side by side ----------------------------------------------------------------------


def account(name: str, ended: int, rate: float | None = 0.9, **more: Any) -> dict[str, Any]:
    known = {"low": None, "high": None} if rate is None else {"low": rate - 0.05, "high": rate}
    return {
        "account": name, "rank": None, "total": ended, "ended": ended, "delivery_rate": rate,
        **known, "p50": None, "p95": None, "cost": None, **more,
    }  # fmt: skip


def test_an_account_under_the_minimum_is_hatched() -> None:
    items = [account("a", 500), account("b", 20), account("c", 0, None)]
    assert [row.word for row in compare.rows(items, 100)] == ["same", "few", "none"]


def test_times_share_one_logarithmic_scale() -> None:
    found = compare.times(
        [account("a", 9, p50=1.0, p95=10.0), account("b", 9, p50=10.0, p95=100.0)]
    )
    assert found["a"][1] == found["b"][0]
    assert 0 <= found["a"][0] < found["b"][1] <= 100
    assert compare.times([account("a", 9)]) == {}


def test_a_price_keeps_its_figures() -> None:
    assert each_cost({"per_delivered": "0.041234", "currency": "EUR"}) == "0.04123 EUR"
    untold = each_cost({"per_delivered": "0.041234", "currency": None})
    assert untold == "0.04123 (no currency given)"
    assert price({"amount": "0.0710000", "currency": "EUR"}) == "0.071 EUR"
    assert price({"amount": "0.0710000", "currency": None}) == "0.071 (no currency given)"
