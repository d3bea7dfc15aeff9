"""`delivrd alerts`, against a server that answers as a hub does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from delivrd.cli.sparkline import marks, sparkline
from tests.cli.conftest import Ran, StubHub

Delivrd = Callable[..., Ran]

RULE = {
    "name": "rate", "source": "api", "enabled": True, "firing": 2, "snoozed_until": None,
    "sentence": "Failure rate of any account over *5 %* in *1 h*", "evaluated_at": None,
    "rule": {"kind": "failure_rate", "over": 5.0},
}  # fmt: skip
FIRING = {
    "id": "fir_0000000000000001", "rule": "rate", "kind": "failure_rate", "state": "firing",
    "headline": "main: 40 % fail (normal 3 %)", "sentence": "Over *5 %*",
    "fired_at": "2026-11-26T10:00:00Z",
    "ended_at": None, "acknowledged_by": None, "beside": None, "snoozed_until": None,
    "causes": {"reasons": [["undelivered", "unreachable", 7]], "codes": [["2", 7]]},
    "facts": {}, "place": {}, "messages": {}, "notices": [
        {"channel": "ops", "what": "fired", "state": "waiting", "why": "connection refused"}
    ],
}  # fmt: skip


def page(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": None}


def test_rules_are_listed_as_sentences(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("GET", "/v1/alerts/rules", page(RULE))
    lines = delivrd("alerts", "list").out.splitlines()
    assert lines[1] == "rate\tFailure rate of any account over 5 % in 1 h\tfiring (2)\tapi"
    assert delivrd("alerts", "list", "--json").json == [RULE]


@pytest.mark.parametrize(("until", "state"), [("2999-01-01", "snoozed"), ("2020-01-01", "quiet")])
def test_a_rule_is_snoozed_until_then(
    hub: StubHub, delivrd: Delivrd, until: str, state: str
) -> None:
    rule = {**RULE, "firing": 0, "snoozed_until": f"{until}T00:00:00Z"}
    hub.answer("GET", "/v1/alerts/rules", page(rule))
    assert delivrd("alerts", "list").out.splitlines()[1].split("\t")[2] == state


def test_show_tells_rules_and_firings_apart_by_their_name(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("GET", "/v1/alerts/rules/rate", RULE)
    hub.answer("GET", f"/v1/alerts/firings/{FIRING['id']}", FIRING)
    assert "over\t5.0" in delivrd("alerts", "show", "rate").out
    told = delivrd("alerts", "show", FIRING["id"]).out
    assert told.startswith("main: 40 % fail (normal 3 %)")
    assert "7 × unreachable" in told
    assert "7 × code 2" in told
    assert "ops: fired, waiting: connection refused" in told


def test_firings_are_filtered_by_the_hub(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("GET", "/v1/alerts/firings", page({**FIRING, "acknowledged_by": "ann"}))
    ran = delivrd("alerts", "firings", "--state", "firing", "--rule", "rate")
    assert "acknowledged\tmain: 40 % fail" in ran.out
    assert hub.asked[-1].query["state"] == "firing"


def test_a_firing_of_a_simulator_is_marked(hub: StubHub, delivrd: Delivrd) -> None:
    simulated = {**FIRING, "simulated": True}
    hub.answer("GET", "/v1/alerts/firings", page(simulated))
    hub.answer("GET", f"/v1/alerts/firings/{FIRING['id']}", simulated)
    assert "\tmain: 40 % fail (normal 3 %) (simulated)\t" in delivrd("alerts", "firings").out
    assert "simulated\tyes\n" in delivrd("alerts", "show", FIRING["id"]).out


def test_snooze_is_told_for_how_long(hub: StubHub, delivrd: Delivrd) -> None:
    until = {"snoozed_until": "2026-11-26T12:00:00Z"}
    hub.answer("POST", "/v1/alerts/rules/rate/snooze", until)
    hub.answer("POST", f"/v1/alerts/firings/{FIRING['id']}/snooze", {"snoozed_until": None})
    assert "quiet until 2026" in delivrd("alerts", "snooze", "rate", "--for", "2 h").err
    assert hub.asked[-1].body == {"seconds": 7200}
    assert "no more" in delivrd("alerts", "snooze", FIRING["id"], "--for", "0").err
    assert hub.asked[-1].body == {"seconds": 0}
    assert delivrd("alerts", "snooze", "rate", "--for", "long").code == 2


def test_ack_says_what_it_is_about(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("POST", f"/v1/alerts/firings/{FIRING['id']}/acknowledge", FIRING)
    assert "40 % fail" in delivrd("alerts", "ack", FIRING["id"]).err


def test_a_channel_that_does_not_take_its_test_ends_with_1(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("POST", "/v1/alerts/channels/ops/test", {"sent": False, "why": "HTTP 500"})
    ran = delivrd("alerts", "test", "ops")
    assert (ran.code, ran.err) == (1, "ops did not: HTTP 500\n")
    hub.answer("POST", "/v1/alerts/channels/ops/test", {"sent": True, "why": None})
    assert delivrd("alerts", "test", "ops").code == 0


@pytest.mark.parametrize(
    ("path", "command", "next_step"),
    [
        ("rules", "list", "[alerts.rules.NAME]"),
        ("channels", "channels", "[alerts.channels.NAME]"),
        ("firings", "firings", "delivrd alerts list"),
    ],
)
def test_where_there_is_nothing_the_next_step_is_told(
    hub: StubHub, delivrd: Delivrd, monkeypatch: Any, path: str, command: str, next_step: str
) -> None:
    monkeypatch.setattr("delivrd.cli.output.on_terminal", lambda: True)
    hub.answer("GET", f"/v1/alerts/{path}", page())
    assert next_step in delivrd("alerts", command).err
    assert delivrd("alerts", command, "--json").err == ""


PREVIEW = {
    "sentence": "Failure rate over 8 %", "since": "2026-11-25T10:00:00Z",
    "until": "2026-11-26T10:00:00Z", "known_since": "2026-11-25T10:00:00Z",
    "firings": [
        {"fired_at": "2026-11-25T16:15:00Z", "until": None, "headline": "main: 40 % fail"}
    ],
    "line": [
        {"at": "2026-11-25T10:00:00Z", "n": 10, "k": 1},
        {"at": "2026-11-25T16:00:00Z", "n": 10, "k": 4},
        {"at": "2026-11-25T22:00:00Z", "n": 0, "k": 0},
    ],
}  # fmt: skip


def test_a_preview_says_when_it_would_have_fired(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("POST", "/v1/alerts/preview", PREVIEW)
    ran = delivrd("alerts", "preview", "rate", "--days", "1")
    assert "still\tmain: 40 % fail" in ran.out
    assert ran.err == "It would have fired once in 1 day.\n"
    assert hub.asked[-1].body == {"rule": "rate", "days": 1}


def test_a_preview_marks_what_a_simulator_is_behind(hub: StubHub, delivrd: Delivrd) -> None:
    firing = {**PREVIEW["firings"][0], "simulated": True}
    hub.answer("POST", "/v1/alerts/preview", {**PREVIEW, "firings": [firing]})
    assert "still\tmain: 40 % fail (simulated)\n" in delivrd("alerts", "preview", "rate").out


def test_a_preview_says_what_there_is_to_judge(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("POST", "/v1/alerts/preview", {**PREVIEW, "known_since": "2026-11-26T07:15:00Z"})
    told = delivrd("alerts", "preview", "rate").err
    assert told == "It would have fired once since 2026-11-26T07:15 UTC, where history begins.\n"
    hub.answer("POST", "/v1/alerts/preview", {**PREVIEW, "known_since": None, "firings": []})
    ran = delivrd("alerts", "preview", "rate")
    assert ran.err.startswith("There is no history to judge")
    assert "fired" not in ran.out + ran.err
    assert delivrd("alerts", "preview", "rate", "--json").json["known_since"] is None


def test_a_preview_takes_changes_to_a_rule(hub: StubHub, delivrd: Delivrd) -> None:
    hub.answer("GET", "/v1/alerts/rules/rate", RULE)
    hub.answer("POST", "/v1/alerts/preview", PREVIEW)
    delivrd("alerts", "preview", "rate", "--set", "over=8 %", "--set", "at_least=20")
    asked = hub.asked[-1].body["rule"]
    assert asked == {"kind": "failure_rate", "over": "8 %", "at_least": 20}
    assert delivrd("alerts", "preview", "rate", "--set", "over").code == 2


def test_a_line_of_bars_has_a_dot_where_nothing_is_known() -> None:
    assert sparkline([0.0, 0.5, 1.0, None]) == "▁▅█·"
    assert sparkline([0.0, None]) == "▁·"
    begins = [datetime(2026, 11, 26, hour, tzinfo=UTC) for hour in range(4)]
    assert marks(begins, [datetime(2026, 11, 26, 2, 30, tzinfo=UTC)]) == "  ▲"
