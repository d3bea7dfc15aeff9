"""Overdue, silent and doubtful routes, each with the links to the messages that were counted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.core.units import SECOND
from delivrd.insight.network_reports import Silence, in_words
from delivrd.store.queries.messages import NONE
from delivrd.web.pages.links import Links
from delivrd.web.pages.ranges import edge

Item = Mapping[str, Any]
Route = tuple[str, str | None]
MOST = 8


class Shown(NamedTuple):
    """The first rows, and the number of those that are not shown."""

    rows: Sequence[Mapping[str, Any]]
    more: int


def overdue(items: Iterable[Item], late: Mapping[Route, float], since: int, now: int) -> Shown:
    """Routes with overdue messages, which are older than ``late`` (in seconds), most of them first.

    ``since`` and ``now`` are in microseconds since 1970; messages before ``since`` are not counted.
    """
    found = []
    some = [item for item in items if item["overdue"]]
    for item in sorted(some, key=lambda item: -item["overdue"])[:MOST]:
        age = late.get((item["account"], item["country"]), 0.0)
        links, place = Links.everywhere(), route(item)
        begin = edge(since)
        behind = {
            "overdue": links.within(
                begin, edge(now - int(age * SECOND)), status="pending", **place
            ),
            "pending": links.within(begin, "", status="pending", **place),
            "total": links.within(begin, "", **place),
        }
        found.append({**item, "behind": behind})
    return Shown(found, len(some) - len(found))


def doubted(routes: Iterable[Item], since: int) -> list[dict[str, Any]]:
    """The routes with links to their messages since ``since`` (microseconds since 1970)."""
    links = Links.everywhere()
    return [{**one, "behind": links.within(edge(since), "", **route(one))} for one in routes]


def silent_networks(silences: Sequence[Silence]) -> Shown:
    """Networks that report nothing, with links to their open messages.

    If only receipts name the network, these are the open messages without a network.
    """
    found = [
        {
            "account": one.account,
            "country": one.country,
            "network": one.network.network,
            "stopped": one.network.before > 0,
            "words": in_words(one.network, one.never),
            "behind": Links.everywhere().within(
                edge(one.network.since * SECOND), "", status="pending",
                **route({"account": one.account, "country": one.country}),
                network=one.network.network if one.network.named else NONE,
            ),
        }
        for one in silences[:MOST]
    ]  # fmt: skip
    return Shown(found, len(silences) - len(found))


def route(item: Item) -> dict[str, str]:
    """A route as the parameters of a link."""
    return {"account": item["account"], "country": item["country"] or NONE}
