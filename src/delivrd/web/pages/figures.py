"""The five key figures of the overview, each with its change and a link to its messages."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from delivrd.core.text import noun
from delivrd.web.pages.links import Links
from delivrd.web.pages.rate_table import MINIMUM, apart, ended
from delivrd.web.pages.show import interval, number, percent, span

Item = Mapping[str, Any]


class Change(NamedTuple):
    """The change since the window before; ``tone`` is ``good`` or ``bad`` if it is significant."""

    words: str
    tone: str = ""
    why: str = ""


class Figure(NamedTuple):
    label: str
    value: str
    note: str
    href: str
    change: Change | None = None
    title: str = ""


class Window(NamedTuple):
    """The summaries of `delivery_stats` and `latency_stats` of one window, and its length in µs."""

    delivery: Item
    latency: Item
    length: int | None


class Open(NamedTuple):
    """Open messages: how many are overdue (None: not known yet), and how many on silent routes."""

    overdue: int | None
    silent: int


def figures(now: Window, then: Window | None, waiting: Open, links: Links) -> list[Figure]:
    """The five figures, in the order of the page."""
    return [
        _messages(now, then, links),
        _rate(now.delivery, then and then.delivery, links),
        _failed(now, then, links),
        _waiting(now.delivery, waiting, links),
        _time(now.latency, then and then.latency, links),
    ]


def _messages(now: Window, then: Window | None, links: Links) -> Figure:
    total, done = now.delivery["total"], ended(now.delivery)
    have = noun(done, "has", "have")
    note = f"{number(done)} {have} ended" if total else "none in this time range"
    return Figure("Messages", number(total), note, links.messages(), _pace(now, then, "total"))


def _pace(now: Window, then: Window | None, what: str) -> Change | None:
    """The change per unit of time, since windows may differ by some minutes."""
    if then is None or not now.length or not then.length or not now.delivery["total"]:
        return None
    old, new = then.delivery[what] / then.length, now.delivery[what] / now.length
    if not old:
        return Change("none before") if new else None
    share = new / old - 1
    return Change(_signed(100 * share, "%", 0), "", f"{number(then.delivery[what])} before")


def _rate(now: Item, then: Item | None, links: Links) -> Figure:
    figure = Figure(
        "Delivery rate", percent(now["delivery_rate"]), interval(now),
        links.messages(status="delivered"), title="95 % interval of the rate",
    )  # fmt: skip
    if then is None or now["delivery_rate"] is None or then["delivery_rate"] is None:
        return figure
    points = 100 * (now["delivery_rate"] - then["delivery_rate"])
    why = f"{percent(then['delivery_rate'])} before"
    tone = {"worse": "bad", "better": "good"}.get(apart(now, then), "")
    if min(ended(now), ended(then)) < MINIMUM:
        tone, why = "", f"{why}; too few to compare"
    return figure._replace(change=Change(_signed(points, "points", 1), tone, why))


def _failed(now: Window, then: Window | None, links: Links) -> Figure:
    item = now.delivery
    share = item["failure_rate"]
    note = "none has ended yet" if share is None else f"{percent(share)} of those that ended"
    change = _pace(now, then, "failed")
    if change and then and share is not None and then.delivery["failure_rate"] is not None:
        change = change._replace(tone=_failing(item, then.delivery))
    return Figure("Failed", number(item["failed"]), note, links.messages(status="failed"), change)


def _failing(now: Item, then: Item) -> str:
    if min(ended(now), ended(then)) < MINIMUM:
        return ""
    if now["failure_low"] > then["failure_high"]:
        return "bad"
    return "good" if now["failure_high"] < then["failure_low"] else ""


def _waiting(now: Item, waiting: Open, links: Links) -> Figure:
    pending = now["counts"].get("pending", 0)
    overdue = f"{number(waiting.overdue)} overdue" if waiting.overdue else "none overdue"
    overdue = "too early to tell what is overdue" if waiting.overdue is None else overdue
    silent = Change(f"{number(waiting.silent)} on silent routes") if waiting.silent else None
    return Figure(
        "Awaiting receipt", number(pending), overdue if pending else "nothing is pending",
        links.messages(status="pending"), silent,
        "Overdue: pending for longer than 99 % of the messages of its route",
    )  # fmt: skip


def _time(now: Item, then: Item | None, links: Links) -> Figure:
    median, p95 = now["p50"], now["p95"]
    if median is None:
        return Figure("Time to delivery", "–", "no data", links.messages(status="delivered"))
    change = None
    if then is not None and then["p50"] is not None:
        difference = median - then["p50"]
        sign = "+" if difference >= 0 else "−"
        words = f"{sign}{_as_fine(abs(difference), median)}"
        words = "±0 s" if abs(difference) < 0.05 else words
        change = Change(words, "", f"median {span(then['p50'])} before")
    return Figure(
        "Time to delivery", span(median), f"median; 95 % within {span(p95)}",
        links.messages(status="delivered"), change,
    )  # fmt: skip


def _as_fine(seconds: float, as_: float) -> str:
    """A duration, rounded like another one (``as_``)."""
    return f"{seconds:.1f} s" if seconds < 1 <= as_ else span(seconds)


def _signed(value: float, unit: str, digits: int) -> str:
    rounded = round(value, digits)
    if not rounded:
        return f"±0 {unit}"
    return f"{'+' if rounded > 0 else '−'}{abs(rounded):.{digits}f} {unit}"


def settled_words(settled: Item) -> str:
    """The settled rate of the last hour and its rate so far, in words."""
    total, pending = settled["total"], settled["pending"]
    if not total and settled["unreported"]:
        return "No message that was sent in the last hour is on a route that reports: no estimate."
    if not total:
        return "This hub handed over no message in the last hour: there is nothing to estimate."
    so_far = settled["rate_so_far"]
    if not pending:
        share = percent(so_far)
        which = " on routes that report" if settled["unreported"] else ""
        messages = "The one message" if total == 1 else f"All {number(total)} messages"
        have = noun(total, "has", "have")
        return f"{messages} of the last hour{which} {have} ended: {share} delivered."
    if settled["settled_rate"] is None or settled["high"] - settled["low"] > WIDEST:
        few = "too few to estimate the settled rate"
        return f"{number(total)} {noun(total, 'message')} in the last hour: {few}."
    begun = (
        "None has ended yet" if so_far is None
        else f"Of those that have ended so far, {percent(so_far)} were"
    )  # fmt: skip
    return (
        f"Of the {number(total)} {noun(total, 'message')} of the last hour, about "
        f"{percent(settled['settled_rate'])} will be delivered in the end (between "
        f"{100 * settled['low']:.1f} and {100 * settled['high']:.1f} %). {begun}; "
        f"{number(pending)} {noun(pending, 'is', 'are')} still waiting for a receipt."
    )


WIDEST = 0.4
"""An estimate with a wider interval is not shown."""
