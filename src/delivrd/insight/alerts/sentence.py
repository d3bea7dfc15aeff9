"""Rules, places and numbers in words."""

from collections.abc import Mapping, Sequence
from string import Template

from delivrd.alert_settings import Rule
from delivrd.core.text import noun
from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS
from delivrd.insight.alerts.data import Place

_TEMPLATES: Mapping[str, str] = {
    "failure": "each failed message $where, at most $per_hour an hour",
    "failure_rate": "failure rate of $where over $over in $within$unless$least",
    "settled_rate": "delivery rate of $where, once settled, below $below in $within$least",
    "change": "failures of $where $times times what is normal there, "
    "and $points points over it$least",
    "latency": "$share of the deliveries of $where slower than $over in $within$least",
    "no_receipts": "messages go out through $where and no receipts come$least",
    "no_messages": "nothing is sent through $where for $within, "
    "at an hour that usually has $at_least or more",
    "rejected_signatures": "$many refused webhook call$s of $where in $within",
    "unmapped": "$many receipt$s of $where in $within with an unknown status word or error code",
    "overdue": "overdue messages of $where $times times what is normal there$least$network",
    "endpoint_failing": "an endpoint whose calls have failed for $over",
    "backlog": "receipts or deliveries that wait in the hub for over $over",
}
_WHOLE = frozenset({"where", "least", "unless", "network", "many", "s"})
"""Parts that are marked already, or not at all."""

_MANY = {"account": "accounts", "country": "countries", "network": "networks"}


def sentence(rule: Rule) -> str:
    """The rule in words, values marked: "Failure rate of *vonage* → *GB* over *5 %* in *1 h*…"."""
    words = {
        "where": _where(rule),
        "over": _amount(rule, rule.over),
        "many": f"more than {mark(number(rule.over))}" if rule.over else "any",
        "s": noun(rule.over or 1, "", "s"),
        "below": percent(rule.below),
        "share": percent(None if rule.share is None else 100 - rule.share),
        "times": number(rule.times),
        "points": number(rule.points),
        "within": span(rule.within),
        "per_hour": number(rule.per_hour),
        "at_least": number(rule.at_least),
        "least": _least(rule.at_least),
        "network": ", or a network that reports nothing" if compares_networks(rule) else "",
        "unless": " (more than is normal there)" if rule.unless_normal else "",
    }
    marked = {k: v if k in _WHOLE else mark(v) for k, v in words.items()}
    text = Template(_TEMPLATES[rule.kind]).substitute(marked).replace(",,", ",")
    held = f", for {mark(span(rule.hold))}" if rule.hold else ""
    return f"{text[:1].upper()}{text[1:]}{held}"


def compares_networks(rule: Rule) -> bool:
    """Whether the rule also looks at the networks within a country."""
    return rule.kind == "overdue" and not rule.networks and "network" not in rule.by


def plain(text: str) -> str:
    """A sentence without its marks."""
    return text.replace("*", "")


def mark(value: object) -> str:
    return f"*{value}*"


def _amount(rule: Rule, value: float | None) -> str:
    if rule.kind in ("latency", "endpoint_failing", "backlog"):
        return span(value)
    return percent(value) if rule.kind == "failure_rate" else number(value)


def _least(messages: float | None) -> str:
    return "" if messages is None else f", at least {mark(messages)} {noun(messages, 'message')}"


def _where(rule: Rule) -> str:
    """Which routes, in words: named ones, then "each account", "each country"."""
    named = [mark(one_of(some)) for some in (rule.accounts, rule.countries, rule.networks) if some]
    each = [d for d, some in zip(_MANY, (rule.accounts, rule.countries, rule.networks), strict=True)
            if d in rule.by and len(some) != 1]  # fmt: skip
    words = " → ".join(named)
    if rule.kind == "failure":
        words = f"of {words or 'any account'}"
    if rule.senders:
        words += f"{' ' if words else ''}from {mark(one_of(rule.senders))}"
    for name, value in rule.metadata.items():
        words += f"{' ' if words else ''}with {name} {mark(value)}"
    if each and not words:
        return "any " + " → ".join(each)
    if each:
        return f"{words}, each {' and '.join(each)} apart,"
    return words or "all accounts"


def one_of(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def place(where: Place) -> str:
    """A place in words: "vonage → GB"; everything: "all accounts"."""
    return " → ".join(value or f"unknown {name}" for name, value in where) or "all accounts"


def percent(value: float | None) -> str:
    return "" if value is None else f"{value:.3g} %"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def about(seconds: int) -> str:
    """A span of time in words, rounded down."""
    for size, unit in ((DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (MINUTE_SECONDS, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def span(seconds: float | None) -> str:
    """A span of time in the unit that makes it whole: 90 s, 10 min, 1 h, 7 d."""
    if seconds is None:
        return ""
    for size, unit in ((DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (MINUTE_SECONDS, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
