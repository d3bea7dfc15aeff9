"""Rules as data: what each kind takes, its defaults, and how it reads as a sentence."""

import pytest
from pydantic import ValidationError

from delivrd.alert_settings import SPECS, Maintenance, Rule, span_seconds
from delivrd.insight.alerts.defaults import DEFAULTS
from delivrd.insight.alerts.evaluate import FINDERS
from delivrd.insight.alerts.sentence import plain, sentence


def told(**fields: object) -> str:
    return sentence(Rule.model_validate(fields))


def test_a_rule_reads_as_a_sentence() -> None:
    rule = {"kind": "settled_rate", "accounts": "vonage", "countries": ["gb"], "hold": "10 min"}
    assert told(**rule) == (
        "Delivery rate of *vonage* → *GB*, once settled, below *90 %* in *1 h*, "
        "at least *100* messages, for *10 min*"
    )


def test_the_failure_rate_is_over_5_percent_in_an_hour_where_nothing_is_said() -> None:
    rule = Rule(kind="failure_rate")
    assert (rule.over, rule.within) == (5, 3600)


def test_a_rule_about_single_failures_names_its_filter() -> None:
    rule = {"kind": "failure", "senders": "Acme", "metadata": {"type": "otp"}}
    words = plain(told(**rule))
    assert words == (
        "Each failed message of any account from Acme with type otp, at most 10 an hour"
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("30 s", 30), ("10 min", 600), ("1h", 3600), ("7 d", 604800), (90, 90)]
)
def test_spans_of_time_are_written_as_people_do(text: object, seconds: int) -> None:
    assert span_seconds(text) == seconds


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": ["failure_rate"]}, "kind"),
        ({"kind": "failure_rate", "times": 3}, "has no times; it has"),
        ({"kind": "latency", "over": "5 mins"}, "over must be a span of time"),
        ({"kind": "failure_rate", "over": "much"}, "over must be a share"),
        ({"kind": "backlog", "by": ["account"]}, "has no by"),
        ({"kind": "failure_rate", "over": "500 %"}, "over must be under 100 %"),
        ({"kind": "failure_rate", "within": "2 d"}, "must be from 1 min to 1 d"),
        ({"kind": "failure_rate", "hold": "9" * 400 + " d"}, "must be a span of time"),
        ({"kind": "failure_rate", "hold": "60 d"}, "must be from 0 s to 30 d"),
    ],
)
def test_what_a_kind_does_not_take_is_refused_in_words(
    fields: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        Rule.model_validate(fields)


def test_a_maintenance_is_once_or_every_day() -> None:
    assert Maintenance.model_validate({"daily": "02:00-04:00"}).daily is not None
    with pytest.raises(ValidationError, match="begin and end, or daily"):
        Maintenance.model_validate({})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"begin": "2026-12-01T20:00:00Z", "end": "2026-12-01T10:00:00Z"}, "end must be after"),
        ({"begin": "2026-12-01T20:00:00Z", "end": "2026-12-01T20:30:00", "zone": "Europe/Vienna"},
         "end must be after"),
        ({"daily": "02:00-02:00"}, "two different times"),
    ],
)  # fmt: skip
def test_a_maintenance_that_never_is_is_refused(fields: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Maintenance.model_validate(fields)


def test_a_sentence_reads_on_after_what_is_judged_apart() -> None:
    fields = {"by": ["account", "country"], "accounts": ["vonage"]}
    assert "of *vonage*, each country apart, over *5 %*" in told(kind="failure_rate", **fields)
    assert "each country apart, once settled, below" in told(kind="settled_rate", **fields)


def test_more_than_none_is_any() -> None:
    assert told(kind="unmapped").startswith("Any receipt of any account in *1 h* with")
    assert told(kind="unmapped", over=3).startswith("More than *3* receipts of any account")


def test_every_kind_is_judged_and_has_a_sentence() -> None:
    assert set(SPECS) == {*FINDERS, "failure"}
    for kind in SPECS:
        assert sentence(Rule(kind=kind))


def test_the_rules_that_come_with_it_cover_what_breaks() -> None:
    kinds = {rule.kind for rule in DEFAULTS.values()}
    assert {"change", "failure_rate", "no_receipts", "overdue", "rejected_signatures"} <= kinds
