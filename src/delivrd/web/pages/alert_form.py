"""A rule as a form: the fields of each kind, their values, and the rule that they make."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from delivrd.alert_settings import RULE_NAME, SPECS, Kind, Rule
from delivrd.insight.alerts.sentence import span
from delivrd.web.pages.alert_words import KINDS

FIRST: Kind = "failure_rate"
EVERYWHERE = ("hold", "recover", "quiet", "description")
LISTS = ("accounts", "countries", "networks", "senders")
SPANS = ("within", "hold", "recover", "quiet")
NUMBERS = ("over", "below", "share", "times", "points", "at_least", "per_hour")


class Field(NamedTuple):
    """``place`` is the section of the form: ``where``, ``when`` or ``then``."""

    label: str
    hint: str
    place: str = "where"


FIELDS: Mapping[str, Field] = {
    "accounts": Field("Accounts", "Only these. None selected: all."),
    "countries": Field("Countries", "Only these, such as GB, DE. Empty: all."),
    "networks": Field("Networks", "MCC and MNC, such as 24801. Empty: all."),
    "senders": Field("Senders", "Only these. Empty: all."),
    "metadata": Field("Metadata", "Only messages with these, such as team=shop, kind=otp."),
    "by": Field("Separately for each", "So that one bad route is not hidden by the rest."),
    "over": Field("Over", "", "when"),
    "below": Field("Below", "Per cent.", "when"),
    "share": Field("Percentile", "Per cent of the deliveries that must be faster.", "when"),
    "times": Field("Times normal", "", "when"),
    "points": Field("Points above normal", "Percentage points, at least.", "when"),
    "within": Field("Within", "The time window, such as 10 min, 1 h.", "when"),
    "at_least": Field("At least", "Messages; with fewer, the rule stays silent.", "when"),
    "per_hour": Field("Maximum per hour", "Beyond it, one digest.", "when"),
    "hold": Field("For", "How long the condition must last.", "when"),
    "recover": Field("Recovered after", "How long it must be good again.", "then"),
    "quiet": Field("Quiet for", "After it ends, a recurrence sends no new notice.", "then"),
    "description": Field("Description", "Optional; shown in lists.", "then"),
}
UNITS = {"%": "Per cent.", "s": "A duration, such as 30 s, 10 min.", "": "A number."}


def fields(kind: Kind) -> dict[str, Field]:
    """The fields of a kind, in the order of the form."""
    takes = SPECS[kind].takes | set(EVERYWHERE)
    found = {name: field for name, field in FIELDS.items() if name in takes}
    if "over" in found:
        found["over"] = found["over"]._replace(hint=UNITS[SPECS[kind].unit])
    return found


def kind_of(text: str) -> Kind:
    return next((kind for kind in KINDS if kind == text), FIRST)


def blank(kind: Kind) -> dict[str, Any]:
    """The form of a new rule of that kind, with its defaults."""
    return form_of(Rule.model_validate({"kind": kind}))


def form_of(rule: Rule) -> dict[str, Any]:
    """The form of an existing rule."""
    form: dict[str, Any] = {"kind": rule.kind, "unless_normal": rule.unless_normal}
    unit = SPECS[rule.kind].unit
    for name in NUMBERS:
        value = getattr(rule, name)
        form[name] = "" if value is None else span(value) if _timed(name, unit) else f"{value:.9g}"
    for name in SPANS:
        value = getattr(rule, name)
        form[name] = "" if value is None else span(value)
    for name in LISTS:
        form[name] = ", ".join(getattr(rule, name))
    form["metadata"] = ", ".join(f"{name}={value}" for name, value in rule.metadata.items())
    return {
        **form,
        "accounts": list(rule.accounts),
        "by": list(rule.by),
        "channels": list(rule.channels or ()),
        "description": rule.description or "",
        "enabled": rule.enabled,
    }


def _timed(name: str, unit: str) -> bool:
    return name == "over" and unit == "s"


def read(posted: Mapping[str, Any], many: Mapping[str, list[str]]) -> dict[str, Any]:
    """A posted form, with the same names as in `form_of`; ``many`` are the ticked boxes."""
    form = {name: str(posted.get(name, "")).strip()[:1000] for name in FIELDS}
    return {
        **form,
        "kind": kind_of(str(posted.get("kind", ""))),
        "name": str(posted.get("name", "")).strip()[:100],
        "unless_normal": bool(posted.get("unless_normal")),
        "enabled": bool(posted.get("enabled")),
        **{name: many.get(name, []) for name in ("accounts", "by", "channels")},
    }


class RuleOrErrors(NamedTuple):
    """The rule that a form makes, or the errors by field."""

    rule: Rule | None
    errors: Mapping[str, str] = {}


def rule_of(form: Mapping[str, Any]) -> RuleOrErrors:
    """The rule that a form makes; empty fields get the defaults of its kind."""
    kind = form["kind"]
    given: dict[str, Any] = {"kind": kind, "enabled": form["enabled"]}
    errors: dict[str, str] = {}
    for name in fields(kind):
        value = form[name]
        if name in LISTS and isinstance(value, str):
            value = tuple(piece.strip() for piece in value.split(",") if piece.strip())
        if name == "metadata":
            value = _pairs(value, errors)
        if name in NUMBERS and not _timed(name, SPECS[kind].unit) and value:
            value = _number(value, name, errors)
        if value or name == "by":
            given[name] = value
    if form["unless_normal"] and "unless_normal" in SPECS[kind].takes:
        given["unless_normal"] = True
    if form["channels"]:
        given["channels"] = tuple(form["channels"])
    if errors:
        return RuleOrErrors(None, errors)
    try:
        return RuleOrErrors(Rule.model_validate(given))
    except ValidationError as error:
        return RuleOrErrors(None, _errors(error))


_NUMBER = re.compile(r"([0-9]+(?:[.,][0-9]{1,2})?|0[.,][0-9]+)\s*%?")
"""``1,000`` is none: it would be one or a thousand."""


def _number(value: str, name: str, errors: dict[str, str]) -> float | None:
    found = _NUMBER.fullmatch(value)
    if found is None:
        errors[name] = "must be a number, without separators of thousands"
        return None
    return float(found[1].replace(",", "."))


def _pairs(text: str, errors: dict[str, str]) -> dict[str, str]:
    pairs = [piece.partition("=") for piece in text.split(",") if piece.strip()]
    if any(not mark or not name.strip() or not value.strip() for name, mark, value in pairs):
        errors["metadata"] = "must be pairs like team=shop"
    return {name.strip(): value.strip() for name, _, value in pairs}


def _errors(error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in error.errors():
        why = one["msg"].removeprefix("Value error, ")
        place = str(one["loc"][0]) if one["loc"] else ""
        if not place:  # errors of the whole rule begin with a field's name
            place = next((name for name in FIELDS if why.startswith(f"{name} ")), "")
            why = why.removeprefix(f"{place} ")
        found.setdefault(place, why)
    return found


def name_trouble(name: str) -> str:
    """Why a rule cannot have that name; empty if it can."""
    if RULE_NAME.fullmatch(name):
        return ""
    return "must be lower-case letters, digits, - and _, such as gb-failures"
