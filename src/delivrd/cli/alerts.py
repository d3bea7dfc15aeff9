"""`delivrd alerts`: rules as sentences, what fired, channels, and rules run over the past."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from delivrd.cli import filters
from delivrd.cli.client import ConfigOption, connect, segment
from delivrd.cli.output import (
    FAILED,
    USAGE,
    Column,
    Failure,
    JsonOption,
    clean,
    marked,
    note,
    on_terminal,
    parse_time,
    print_fields,
    print_json,
    print_rows,
    print_table,
    working,
)
from delivrd.cli.sparkline import marks, sparkline
from delivrd.core.text import counted

app = typer.Typer(rich_markup_mode=None)


def rule_state(row: Mapping[str, Any]) -> str:
    """What a rule does now, in a word."""
    if not row["enabled"]:
        return "disabled"
    if row["firing"]:
        return f"firing ({row['firing']})"
    until = parse_time(row["snoozed_until"])
    return "snoozed" if until is not None and until > datetime.now(UTC) else "quiet"


def firing_state(row: Mapping[str, Any]) -> str:
    """How a firing is, and whether somebody is at it."""
    if row["state"] == "firing" and row["acknowledged_by"]:
        return "acknowledged"
    return f"{row['state']}, reported by another rule" if row["beside"] else str(row["state"])


RULES = (
    Column("name", "name"),
    Column("rule", lambda row: row["sentence"].replace("*", "")),
    Column("state", rule_state),
    Column("from", "source"),
)
FIRINGS = (
    Column("fired", "fired_at", when=True),
    Column("state", firing_state),
    Column("what", lambda row: marked(row["headline"], row)),
    Column("rule", "rule"),
    Column("ended", "ended_at", when=True),
    Column("id", "id"),
)
CHANNELS = (
    Column("name", "name"),
    Column("service", "service"),
    Column("state", "state"),
    Column("last sent", "sent_at", when=True),
    Column("waiting", "waiting", right=True),
    Column("why", "why"),
)
PERIODS = (
    Column("fired", "fired_at"),
    Column("until", lambda row: row["until"] or "still"),
    Column("what", lambda row: marked(row["headline"], row)),
)


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the alert rules, each as a sentence with its state.

    \b
    delivrd alerts list
    """
    found = list(connect(config).items("/v1/alerts/rules"))
    none = (
        "No rules. Remove defaults = false from [alerts] in delivrd.toml for the built-in ones, or "
        "write one of your own: [alerts.rules.NAME]"
    )
    print_rows(found, RULES, as_json, none)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="RULE|FIRING")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one rule, or one firing with its notices.

    \b
    delivrd alerts show many-failures
    """
    hub = connect(config)
    if name.startswith("fir_"):
        _print_firing(hub.get(f"/v1/alerts/firings/{segment(name)}"), as_json)
        return
    rule = hub.get(f"/v1/alerts/rules/{segment(name)}")
    if as_json:
        print_json(rule)
        return
    typer.echo(clean(rule["sentence"].replace("*", "")))
    fields = {name: value for name, value in rule.items() if name not in ("rule", "sentence")}
    print_fields(
        [*fields.items(), *(pair for pair in rule["rule"].items() if pair[0] not in fields)]
    )


def _print_firing(firing: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(firing)
        return
    typer.echo(clean(firing["headline"]))
    left_out = ("headline", "notices", "facts", "causes", "place", "messages")
    shown = {**firing, "sentence": firing["sentence"].replace("*", "")}
    print_fields((name, value) for name, value in shown.items() if name not in left_out)
    for status, reason, n in (firing["causes"] or {}).get("reasons", ()):
        typer.echo(f"  {n} × {clean(reason or status)}")
    for code, n in (firing["causes"] or {}).get("codes", ()):
        typer.echo(f"  {n} × code {clean(code)}")
    for told in (firing["causes"] or {}).get("also", ()):
        typer.echo(f"  {clean(told)}")
    for told in firing["notices"]:
        why = f": {clean(told['why'])}" if told["why"] else ""
        typer.echo(f"  {clean(told['channel'])}: {told['what']}, {told['state']}{why}")


@app.command()
def firings(
    state: Annotated[
        str | None, typer.Option(help="firing, recovered, merged, withdrawn or told.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only firings of this rule.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of firings.")] = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List firings, the newest first.

    \b
    delivrd alerts firings --state firing
    """
    wanted = {"state": state, "rule": rule}
    found = list(connect(config).items("/v1/alerts/firings", wanted, limit))
    print_rows(found, FIRINGS, as_json, "No firings. The rules: delivrd alerts list")


@app.command()
def ack(
    firing_id: Annotated[str, typer.Argument(metavar="FIRING")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Acknowledge a firing: from now on only its end is notified.

    \b
    delivrd alerts ack fir_0c62e016f3c1d000
    """
    path = f"/v1/alerts/firings/{segment(firing_id)}/acknowledge"
    found = connect(config).post(path, None)
    if as_json:
        print_json(found)
    else:
        note(f"{firing_id} is acknowledged: {found['headline']}")


@app.command()
def snooze(
    name: Annotated[str, typer.Argument(metavar="RULE|FIRING")],
    time: Annotated[
        str, typer.Option("--for", help='For how long: "30 min", "2 h"; 0 ends the snooze.')
    ] = "1 h",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send no notices about a firing, or a whole rule, for some time.

    \b
    delivrd alerts snooze many-failures
    """
    kind = "firings" if name.startswith("fir_") else "rules"
    path = f"/v1/alerts/{kind}/{segment(name)}/snooze"
    found = connect(config).post(path, {"seconds": int(filters.seconds(time, "--for"))})
    if as_json:
        print_json(found)
    elif found["snoozed_until"]:
        note(f"{name} is quiet until {found['snoozed_until']}.")
    else:
        note(f"{name} is snoozed no more.")


@app.command()
def channels(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the channels for notices, with their last result.

    \b
    delivrd alerts channels
    """
    found = list(connect(config).items("/v1/alerts/channels"))
    none = 'No channels. Write one into delivrd.toml: [alerts.channels.NAME] url = "…"'
    print_rows(found, CHANNELS, as_json, none)


@app.command("test")
def try_out(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send a test notice to a channel now. Exits with 1 if that fails.

    \b
    delivrd alerts test ops
    """
    told = connect(config).post(f"/v1/alerts/channels/{segment(channel)}/test", None)
    if as_json:
        print_json(told)
    else:
        note(f"{channel} took it." if told["sent"] else f"{channel} did not: {told['why']}")
    if not told["sent"]:
        raise typer.Exit(FAILED)


# --- the past -------------------------------------------------------------------------------------


@app.command()
def preview(
    rule: Annotated[str, typer.Argument(metavar="RULE")],
    days: Annotated[int, typer.Option(min=1, help="Number of days up to now.")] = 7,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE to change in the rule; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Evaluate a rule on the past, and say when it would have fired.

    \b
    delivrd alerts preview many-failures --days 14 --set over="8 %"
    """
    hub = connect(config)
    asked: Any = rule
    if changes:
        known = hub.get(f"/v1/alerts/rules/{segment(rule)}")["rule"]
        asked = {**known, **dict(map(_change, changes))}
    with working(f"running {rule} over {counted(days, 'day')}"):
        found = hub.call(
            "POST", "/v1/alerts/preview", body={"rule": asked, "days": days}, timeout=300.0
        )
    if as_json:
        print_json(found)
        return
    if found["known_since"] is None:
        note(NO_HISTORY)
        return
    if on_terminal():
        _draw(found)
    print_table(found["firings"], PERIODS)
    note(f"It would {often(len(found['firings']))} {over(found, days)}.")


NO_HISTORY = (
    "There is no history to judge: nothing is kept yet of what this rule is about. Try again when "
    "messages have gone out for a quarter of an hour or more."
)


def often(times: int) -> str:
    """How often it would have fired, as a sentence has it."""
    few = {0: "not have fired", 1: "have fired once", 2: "have fired twice"}
    return few.get(times, f"have fired {times} times")


def over(found: Mapping[str, Any], days: int) -> str:
    """In what time it would have fired so often."""
    if found["known_since"] == found["since"]:
        return f"in {counted(days, 'day')}"
    return f"since {found['known_since'][:16]} UTC, where history begins"


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Failure(f"--set {text!r}", "there is no =", "write KEY=VALUE", USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _draw(found: Mapping[str, Any]) -> None:
    """The share of what was bad, and where the rule would have fired."""
    line: Sequence[Mapping[str, Any]] = found["line"]
    shares = [None if not point["n"] else point["k"] / point["n"] for point in line]
    begins = [parse_time(point["at"]) for point in line]
    fired = [parse_time(one["fired_at"]) for one in found["firings"]]
    typer.echo(clean(found["sentence"]))
    typer.echo(sparkline(shares))
    typer.echo(marks(begins, fired))
    worst = max((share for share in shares if share is not None), default=None)
    if worst is not None:
        typer.echo(f"{found['since'][:16]} to {found['until'][:16]} UTC, at most {worst:.1%}")
