"""The settings of alerts: rules, channels, maintenance windows.

The same models read ``delivrd.toml`` (``[alerts.rules.NAME]``) and the bodies of the API. Spans of
time are written ``"10 min"`` or as seconds, shares as ``"5 %"`` or as the number of per cent.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Annotated, Any, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

from delivrd.core.text import clean
from delivrd.section import Section

Kind = Literal[
    "failure",
    "failure_rate",
    "settled_rate",
    "change",
    "latency",
    "no_receipts",
    "no_messages",
    "rejected_signatures",
    "unmapped",
    "overdue",
    "endpoint_failing",
    "backlog",
]
Dimension = Literal["account", "country", "network"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

RULE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_UNITS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*(s|sec|min|m|h|d)\s*", re.IGNORECASE)
_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%?\s*")


def span_seconds(value: Any) -> Any:
    """The seconds of a text like ``"10 min"``; other values unchanged."""
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value)
    if not found:
        raise ValueError('must be a span of time, like "30 s", "10 min", "1 h" or "7 d"')
    seconds = float(found[1]) * _UNITS[found[2].lower()]
    return int(seconds) if seconds == int(seconds) else seconds


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _SHARE.fullmatch(value)
    if not found:
        raise ValueError('must be a share, like "5 %"')
    return float(found[1])


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "%": _share,
    "s": span_seconds,
    "": lambda value: value,
}


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _between(least: int, most: int, words: str) -> AfterValidator:
    """Limits a span of time; ``words`` name the limits as people write them."""

    def check(seconds: int) -> int:
        if not least <= seconds <= most:
            raise ValueError(f"must be {words}")
        return seconds

    return AfterValidator(check)


Span = Annotated[
    int,
    BeforeValidator(span_seconds),
    _between(0, 30 * 86400, "from 0 s to 30 d"),
    Field(json_schema_extra={"minimum": 0, "maximum": 30 * 86400}),
]
"""Seconds."""

Window = Annotated[
    int,
    BeforeValidator(span_seconds),
    _between(60, 86400, "from 1 min to 1 d"),
    Field(json_schema_extra={"minimum": 60, "maximum": 86400}),
]
"""Seconds, as many as a rule can look back."""


def _printable(text: str) -> str:
    if clean(text) != text:
        raise ValueError("must not contain NUL or lone surrogates")
    return text


Word = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_one_or_many), Field(max_length=250)]


def _upper(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.upper() for word in words)


Countries = Annotated[Words, AfterValidator(_upper)]
"""Counts name countries in capitals; settings may write them either way."""


class Spec(NamedTuple):
    """The fields of a kind of rule, beside those that all have, and their defaults."""

    defaults: Mapping[str, Any]
    takes: frozenset[str] = frozenset()
    unit: str = ""
    """The unit of ``over`` or ``below``: ``%``, ``s``, or empty for a plain number."""


def _spec(unit: str = "", *takes: str, **defaults: Any) -> Spec:
    return Spec(defaults, frozenset((*takes, *defaults)), unit)


_PLACES = ("accounts", "countries", "networks")
_ROUTE = ("account", "country")
SPECS: Mapping[Kind, Spec] = {
    "failure": _spec("", "accounts", "countries", "senders", "metadata", per_hour=10),
    "failure_rate": _spec("%", "by", *_PLACES, "unless_normal", over=5, within=3600, at_least=50),
    "settled_rate": _spec("%", "by", *_PLACES, below=90, within=3600, at_least=100, hold=600),
    "change": _spec("", *_PLACES, by=_ROUTE, within=86400, times=2.5, points=2, at_least=10),
    "latency": _spec("s", "by", *_PLACES, over=30, share=95, within=3600, at_least=50),
    "no_receipts": _spec("", *_PLACES, by=_ROUTE, within=7200, at_least=10),
    "no_messages": _spec("", *_PLACES, by=("account",), within=3600, at_least=20),
    "rejected_signatures": _spec("", "accounts", by=("account",), over=10, within=900),
    "unmapped": _spec("", "accounts", by=("account",), over=0, within=3600),
    "overdue": _spec("", *_PLACES, by=_ROUTE, within=86400, times=2.5, at_least=10),
    "endpoint_failing": _spec("s", over=600),
    "backlog": _spec("s", over=60, hold=60),
}
"""Each kind of rule, with its defaults and further fields."""

MOST_COUNTED = 10_000
"""The most refused calls, and unmapped receipts, that rules count: the newest of all accounts."""

ANYWHERE = frozenset({"kind", "enabled", "hold", "recover", "quiet", "channels", "description"})


class Rule(Section):
    """An alert rule; :func:`delivrd.insight.alerts.sentence.sentence` writes it in words."""

    kind: Kind = Field(description="What the rule watches.")
    description: Word | None = Field(None, description="A note for people.")
    enabled: bool = Field(True, description="Whether the rule is evaluated.")
    by: Annotated[
        tuple[Dimension, ...], BeforeValidator(_one_or_many), Field(max_length=len(DIMENSIONS))
    ] = Field((), description="Evaluate each account, country, network or combination separately.")
    accounts: Words = Field((), description="Only these accounts.")
    countries: Countries = Field((), description="Only these countries.")
    networks: Words = Field((), description="Only these networks (MCC+MNC).")
    senders: Words = Field((), description="Only these senders.")
    metadata: dict[Word, Word] = Field(
        default_factory=dict, max_length=20, description="Only messages with this metadata."
    )
    over: float | None = Field(None, ge=0, description="Fire above this value.")
    below: float | None = Field(None, ge=0, le=100, description="Fire below this value.")
    share: float | None = Field(None, gt=0, lt=100, description="Percentile of the latency.")
    times: float | None = Field(None, gt=1, le=100, description="Multiple of the normal share.")
    points: float | None = Field(None, ge=0, le=100, description="Percentage points above normal.")
    unless_normal: bool = Field(False, description="Do not fire where that is normal.")
    within: Window | None = Field(None, description="The time span examined; at most a day.")
    at_least: PositiveInt | None = Field(None, description="Fewest messages to judge by.")
    per_hour: PositiveInt | None = Field(
        None, le=1000, description="Most notices an hour; the rest goes into a digest."
    )
    hold: Span = Field(0, description="How long it must be bad before the rule fires.")
    recover: Span = Field(300, description="How long it must be good before a firing ends.")
    quiet: Span = Field(1800, description="How long after a firing a recurrence is not notified.")
    channels: Words | None = Field(None, description="Only these channels; default all.")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Fills in the defaults of the kind, and refuses fields that it does not have."""
        if not isinstance(given, dict) or given.get("kind") not in tuple(SPECS):
            return given
        spec = SPECS[given["kind"]]
        known = set(Rule.model_fields)
        for name, value in given.items():
            if name in known - ANYWHERE - spec.takes and value not in (None, (), [], {}, False):
                takes = ", ".join(sorted(spec.takes))
                raise ValueError(f"a rule of kind {given['kind']} has no {name}; it has {takes}")
        asked = {name: value for name, value in given.items() if value is not None}
        completed = {**spec.defaults, **asked}
        converts = {"over": spec.unit, "below": spec.unit, "share": "%", "points": "%"}
        for name in completed.keys() & converts.keys():
            try:
                completed[name] = _CONVERT[converts[name]](completed[name])
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        return completed

    @model_validator(mode="after")
    def _possible(self) -> "Rule":
        if SPECS[self.kind].unit == "%" and (self.over or 0.0) >= 100:
            raise ValueError("over must be under 100 %: no share is over it")
        return self

    @field_validator("by")
    @classmethod
    def _in_order(cls, by: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        return tuple(dimension for dimension in DIMENSIONS if dimension in by)


class Channel(Section):
    """A channel for notices: an apprise URL, which is a secret as a whole."""

    url: SecretStr = Field(description="An apprise URL, like slack://… or mailto://…")
    enabled: bool = Field(True, description="Whether notices are sent there.")
    rules: Words | None = Field(None, description="Only notices of these rules; default all.")


def _clock_span(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", value):
        begin, _, end = value.partition("-")
        return (time.fromisoformat(begin), time.fromisoformat(end))
    raise ValueError('must be two times of the day, like "02:00-04:00"')


class Maintenance(Section):
    """A time, once or every day, in which nothing new fires at some places."""

    begin: datetime | None = Field(None, description="From this moment …")
    end: datetime | None = Field(None, description="… until this.")
    daily: Annotated[tuple[time, time] | None, BeforeValidator(_clock_span)] = Field(
        None, validate_default=False, description="Or every day between these times."
    )
    zone: str = Field("UTC", description="The time zone of times that name none.")
    accounts: Words = Field((), description="Only for these accounts.")
    countries: Countries = Field((), description="Only for these countries.")
    rules: Words = Field((), description="Only for these rules.")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            raise ValueError(
                f"there is no time zone {zone!r}: write one like Europe/Vienna"
            ) from None
        return zone

    @model_validator(mode="after")
    def _once_or_daily(self) -> "Maintenance":
        once = self.begin is not None and self.end is not None
        if once == (self.daily is not None) or (self.begin is None) != (self.end is None):
            raise ValueError("must have either begin and end, or daily")
        if self.begin and self.end and self.moment(self.begin) >= self.moment(self.end):
            raise ValueError("end must be after begin")
        if self.daily is not None and self.daily[0] == self.daily[1]:
            raise ValueError("daily must have two different times")
        return self

    def moment(self, written: datetime) -> datetime:
        """A time of the window; one that names no zone is in the window's."""
        return written if written.tzinfo else written.replace(tzinfo=ZoneInfo(self.zone))


class Alerts(Section):
    """The section ``[alerts]``."""

    enabled: bool = Field(default=True, description="Whether rules are evaluated at all.")
    defaults: bool = Field(default=True, description="Whether the built-in rules are used.")
    rules: dict[str, Rule] = Field(default_factory=dict)
    channels: dict[str, Channel] = Field(default_factory=dict)
    maintenance: dict[str, Maintenance] = Field(default_factory=dict)
