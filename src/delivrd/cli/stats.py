"""`delivrd stats`: how many arrive, how fast, and what is in flight will come to."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import typer

from delivrd.cli import filters
from delivrd.cli.client import ConfigOption, Hub, connect
from delivrd.cli.output import (
    Column,
    JsonOption,
    note,
    on_terminal,
    print_json,
    print_table,
    span,
    working,
)
from delivrd.core.text import counted

app = typer.Typer(rich_markup_mode=None)

By = Annotated[str, typer.Option(help="Dimensions to group by: account,country.")]
Provider = Annotated[str | None, typer.Option(help="Gateway.")]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone of days: Europe/Vienna.")]


@app.command()
def delivery(
    by: By = "day",
    account: filters.Account = None,
    provider: Provider = None,
    country: filters.Country = None,
    network: filters.Network = None,
    since: filters.Since = None,
    until: filters.Until = None,
    tz: Zone = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show counts, delivery rate, failure rate and cost.

    \b
    delivrd stats delivery --by account,country --since 7d
    """
    wanted = filters.query(
        since, until, by=by, account=account, provider=provider, country=country,
        network=network, tz=tz,
    )  # fmt: skip
    told = _all_pages(connect(config), "/v1/stats/delivery", wanted)
    names = by.split(",")
    if {*names} & {"reason", "code", "status"}:  # ends of one kind have no rate worth a look
        whole = told["summary"].get("total") or 1
        shares = {id(item): item["total"] / whole for item in told["items"]}
        share = Column("share", lambda item: _percent(shares[id(item)]), right=True)
        _print(told, names, [Column(told["unit"], "total", right=True), share], as_json)
        return
    columns = (
        Column(told["unit"], "total", right=True),
        Column("delivered", "counts.delivered", right=True),
        Column("rate", _share("delivery_rate"), right=True),
        Column("95 %", _interval, right=True),
        Column("failed", "failed", right=True),
        Column("failure rate", _share("failure_rate"), right=True),
        Column("health", _health),
        Column("cost per delivered", _cost, right=True),
    )
    _print(told, names, columns, as_json)


@app.command()
def latency(
    by: Annotated[str | None, typer.Option(help="Dimensions to group by: account,country.")] = None,
    status: filters.Status = None,
    account: filters.Account = None,
    provider: Provider = None,
    country: filters.Country = None,
    network: filters.Network = None,
    since: filters.Since = None,
    until: filters.Until = None,
    tz: Zone = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the time from hand-over to the receipt, of deliveries or of another end.

    \b
    delivrd stats latency --by account,country --since 7d
    delivrd stats latency --by reason --status undelivered
    """
    wanted = filters.query(
        since, until, by=by, status=status, account=account, provider=provider, country=country,
        network=network, tz=tz,
    )  # fmt: skip
    told = _all_pages(connect(config), "/v1/stats/latency", wanted)
    columns = (
        Column(told["unit"], "total", right=True),
        *(Column(f"p{share}", _time(f"p{share}"), right=True) for share in (50, 90, 95, 99)),
    )
    _print(told, by.split(",") if by else [], columns, as_json)


@app.command()
def settled(
    by: Annotated[
        str | None, typer.Option(help="Dimensions to group by: account, provider, country.")
    ] = None,
    account: filters.Account = None,
    provider: Provider = None,
    country: filters.Country = None,
    since: filters.Since = None,
    until: filters.Until = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the delivery rate at which the last hour will settle.

    \b
    delivrd stats settled --by account,country --since 30m
    """
    wanted = filters.query(since, until, by=by, account=account, provider=provider, country=country)
    told = connect(config).get("/v1/stats/settled", wanted)
    columns = (
        Column("attempts", "total", right=True),
        Column("will settle at", _share("settled_rate"), right=True),
        Column("95 %", _interval, right=True),
        Column("so far", _share("rate_so_far"), right=True),
        Column("pending", "pending", right=True),
        Column("overdue", "overdue", right=True),
    )
    _print(told, by.split(",") if by else [], columns, as_json)
    for route in () if as_json else told["no_receipts"]:
        place = f"{route['account']}, {route['country'] or 'no country'}"
        note(f"{place}: never reports; {_excluded(route)}")
    for route in () if as_json else told["stopped"]:
        place = f"{route['account']}, {route['country'] or 'no country'}"
        note(
            f"{place}: reported until {route['reported_on']} and no more; {_excluded(route)}. "
            "`delivrd doctor` looks whether its webhook is reached"
        )


def _excluded(route: Mapping[str, Any]) -> str:
    return f"{counted(route['messages'], 'message is', 'messages are')} in no rate"


@app.command()
def compare(
    country: Annotated[str, typer.Argument(help="Country, two letters: GB.")],
    network: filters.Network = None,
    minimum: Annotated[
        int, typer.Option(min=1, help="Minimum of ended attempts to be ranked.")
    ] = 100,
    since: filters.Since = None,
    until: filters.Until = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare accounts for one country by rate, latency and cost. Some may share a rank.

    \b
    delivrd stats compare GB
    """
    wanted = filters.query(since, until, country=country, network=network, minimum=minimum)
    told = connect(config).get("/v1/stats/comparison", wanted)
    columns = (
        Column("rank", "rank", right=True),
        Column("account", "account"),
        Column("ended", "ended", right=True),
        Column("rate", _share("delivery_rate"), right=True),
        Column("95 %", _interval, right=True),
        Column("p50", _time("p50"), right=True),
        Column("p95", _time("p95"), right=True),
        Column("cost per delivered", _cost, right=True),
    )
    _print(told, [], columns, as_json)
    if not as_json and told["why"]:
        note(f"Not ranked: {told['why']}.")


@app.command()
def honesty(
    account: filters.Account = None,
    provider: Provider = None,
    country: filters.Country = None,
    since: filters.Since = None,
    until: filters.Until = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show routes whose receipts look made up, with the evidence.

    \b
    delivrd stats honesty --account twilio
    """
    wanted = filters.query(since, until, account=account, provider=provider, country=country)
    told = connect(config).get("/v1/stats/honesty", wanted)
    columns = (
        Column("flagged", "flagged"),
        Column("account", "account"),
        Column("country", "country"),
        Column("delivered", "delivered", right=True),
        Column("conversion", _share("conversion_rate"), right=True),
        Column("evidence", lambda route: "; ".join(one["words"] for one in route["evidence"])),
    )
    _print(told, [], columns, as_json)


def _all_pages(hub: Hub, path: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The whole answer: pages come newest first, their items oldest first."""
    told = page = hub.get(path, wanted)
    items = [told["items"]]
    with working("reading"):
        while cursor := page.get("next_cursor"):
            page = hub.get(path, {**wanted, "cursor": cursor})
            items.append(page["items"])
    return {**told, "items": list(chain(*reversed(items))), "next_cursor": None}


NONE = (
    "No messages that these numbers could be of. Look at another time, or leave out a filter; "
    "which messages there are: delivrd messages list"
)

Get = Callable[[Mapping[str, Any]], Any]


def _print(
    told: Mapping[str, Any], by: Sequence[str], columns: Sequence[Column], as_json: bool
) -> None:
    """The items, or where nothing is grouped the summary alone."""
    if as_json:
        print_json(told)
        return
    rows = told["items"] if by or "summary" not in told else [told["summary"]]
    print_table(rows, [*(Column(name, name) for name in by), *columns])
    if on_terminal() and not any(row.get("total", 1) for row in rows):
        note(NONE)
    if simulated := told.get("simulated"):
        note(f"Simulated traffic is in these numbers: that of {', '.join(simulated)}.")


def _share(name: str) -> Get:
    """A share in per cent; a pipe gets it as it is."""

    def get(row: Mapping[str, Any]) -> Any:
        value = row[name]
        return None if value is None else _percent(value)

    return get


def _percent(value: float) -> str | float:
    return f"{value:.1%}" if on_terminal() else value


def _interval(row: Mapping[str, Any]) -> str | None:
    """The bounds of a rate; people see per cent, a pipe gets them as they are."""
    low, high = row["low"], row["high"]
    if low is None:
        return None
    return f"{100 * low:.1f}–{100 * high:.1f}" if on_terminal() else f"{low}-{high}"


def _health(row: Mapping[str, Any]) -> str | None:
    """How the route is, in words; a pipe gets the API's own word."""
    word: str | None = row["health"]
    return word.replace("_", " ") if word and on_terminal() else word


def _time(name: str) -> Get:
    def get(row: Mapping[str, Any]) -> Any:
        value = row[name]
        return value if value is None or not on_terminal() else span(value)

    return get


def _cost(row: Mapping[str, Any]) -> str | None:
    costs = row["cost"] or []
    told = [f"{c['per_delivered']} {c['currency'] or ''}" for c in costs if c["per_delivered"]]
    return ", ".join(told).strip() or None
