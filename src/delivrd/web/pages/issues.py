"""The reasons and codes of failures, how often they occur, and since when."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.core.reasons import Reason
from delivrd.web.pages import provider_tables
from delivrd.web.pages.words import ADVICE

Item = Mapping[str, Any]
MOST = 8


class Issue(NamedTuple):
    """A reason for failures.

    ``share`` is its share of all failures, ``trend`` its numbers over time, the oldest first, and
    ``first_seen`` a day, None if it is older than the days that were read.
    """

    reason: str | None
    failed: int
    share: float
    trend: Sequence[int]
    first_seen: str | None
    explanation: str
    advice: str


class Code(NamedTuple):
    """A gateway's own code for its failures."""

    account: str
    code: str
    failed: int
    meaning: str


def issues(
    over_time: Iterable[Item], steps: Sequence[str], step: str, days: Iterable[Item], first_day: str
) -> list[Issue]:
    """Reasons, the most frequent first.

    ``over_time`` are counts by reason and step, ``days`` those by reason and day from
    ``first_day`` on.
    """
    by_reason: dict[str | None, dict[str, int]] = {}
    for item in over_time:
        if item["failed"]:
            by_reason.setdefault(item["reason"], {})[item[step]] = item["failed"]
    total = sum(sum(one.values()) for one in by_reason.values())
    seen: dict[str | None, str] = {}
    for item in days:
        if item["failed"]:
            known = seen.get(item["reason"], item["day"])
            seen[item["reason"]] = min(known, item["day"])
    found = [
        _issue(reason, counted, total, steps, _since(seen.get(reason), first_day))
        for reason, counted in by_reason.items()
    ]
    return sorted(found, key=lambda one: (-one.failed, one.reason or ""))[:MOST]


def _since(day: str | None, first_day: str) -> str | None:
    return None if day is None or day <= first_day else day


def _issue(
    reason: str | None, counted: Mapping[str, int], total: int, steps: Sequence[str],
    first_seen: str | None,
) -> Issue:  # fmt: skip
    failed = sum(counted.values())
    return Issue(
        reason, failed, failed / total, [counted.get(step, 0) for step in steps], first_seen,
        Reason(reason).explanation if reason else "The gateway gave no reason.",
        ADVICE.get(reason or "", ""),
    )  # fmt: skip


def codes(items: Iterable[Item], providers: Mapping[str, str]) -> list[Code]:
    """The codes of each account, the most frequent first; ``providers`` by account."""
    found = [
        Code(
            item["account"], item["code"], item["failed"],
            provider_tables.meaning(providers.get(item["account"]), item["code"]),
        )
        for item in items
        if item["failed"] and item["code"]
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one.failed, one.account, one.code))[:MOST]
