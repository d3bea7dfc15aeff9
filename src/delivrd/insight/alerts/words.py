"""The text of notices: what is wrong, where, since when, how bad compared with normal, why, and a
link to the evidence."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from delivrd.alert_settings import Rule
from delivrd.core.text import counted, noun
from delivrd.insight.alerts.data import Place
from delivrd.insight.alerts.evidence_page import evidence_page, shown
from delivrd.insight.alerts.sentence import about, percent, place, plain, sentence, span
from delivrd.insight.alerts.state import Update


class Causes(NamedTuple):
    """Likely causes: reasons with their status, and the gateways' codes, the most frequent first.

    ``also`` are further hints in words.
    """

    reasons: Sequence[tuple[str, str, int]] = ()
    codes: Sequence[tuple[str, int]] = ()
    also: Sequence[str] = ()


class NoticeText(NamedTuple):
    """A notice, before it goes to any channel."""

    title: str
    body: str


Facts = Mapping[str, Any]


def _share(facts: Facts) -> str:
    return percent(100 * facts.get("share", 0.0))


def _normal(facts: Facts) -> str:
    return f" (normal {percent(100 * facts['normal'])})" if "normal" in facts else ""


def _of(facts: Facts) -> str:
    return f"{facts.get('k', 0)} of {facts.get('n', 0)}"


def _of_messages(facts: Facts) -> str:
    return f"{facts.get('k', 0)} of {_count(facts, 'message')}"


def _still_open(facts: Facts) -> str:
    return f"{_of_messages(facts)} {noun(facts.get('k', 0), 'is', 'are')} still open"


def _usually(facts: Facts) -> str:
    return f" (usually nine in ten within {_seconds(facts['slow'])})" if facts.get("slow") else ""


def _count(facts: Facts, what: str) -> str:
    return counted(facts.get("n", 0), what)


def _overdue(facts: Facts, rule: Rule) -> str:
    messages = counted(facts.get("k", 0), "message")
    if "part" in facts:
        share, before = percent(100 * facts["part"]), facts["before"]
        had = f"; before, it sent {percent(100 * before)} of the receipts there" if before else ""
        return f"no receipts: {messages}, {share} of those to the country{had}"
    if "networks" in facts and "normal" not in facts:
        return f"networks without receipts: {messages}"
    return f"{_share(facts)} overdue{_normal(facts)}: {_of_messages(facts)}"


_BAD: Mapping[str, Callable[[Facts, Rule], str]] = {
    "change": lambda f, r: f"{_share(f)} fail{_normal(f)}: {_of_messages(f)}",
    "failure_rate": lambda f, r: f"{_share(f)} fail{_normal(f)}: {_of_messages(f)} that ended",
    "settled_rate": lambda f, r: (
        f"{_share(f)} arrive once settled{_normal(f)}: about {_of_messages(f)}"
    ),
    "latency": lambda f, r: (
        f"{percent(r.share)} of deliveries take up to {_seconds(f.get('seconds', 0))}: "
        f"{_of(f)} took longer than {span(r.over)}{_usually(f)}"
    ),
    "no_receipts": lambda f, r: f"no receipts: {_still_open(f)}{_normal(f)}",
    "overdue": _overdue,
    "no_messages": lambda f, r: f"nothing sent; usually {f.get('usual', 0)} at this hour",
    "rejected_signatures": lambda f, r: f"{_count(f, 'webhook call')} refused",
    "unmapped": lambda f, r: f"{_count(f, 'receipt')} with an unknown status word or error code",
    "endpoint_failing": lambda f, r: (
        "disabled, because its calls failed" if f.get("off") else "its calls fail"
    ),
    "backlog": lambda f, r: f"the oldest has waited for {about(f.get('seconds', 0))}",
}

_GOOD: Mapping[str, Callable[[Facts, Rule], str]] = {
    **_BAD,
    "no_messages": lambda f, r: f"{_count(f, 'message')} went out",
    "no_receipts": lambda f, r: f"receipts come in: {_still_open(f)}",
}

_HINTS: Mapping[str, str] = {
    "no_messages": "Does the application still send, and does it reach this hub?",
    "rejected_signatures": "Check its secrets: `delivrd requests list --verdict refused`.",
    "unmapped": "`delivrd receipts unmapped` lists them; [overrides] gives them a meaning.",
    "endpoint_failing": "Its deliveries wait, and are retried automatically.",
    "backlog": "`delivrd doctor` shows what the hub is busy with.",
}


def headline(update: Update, rule: Rule) -> str:
    """One line: where, and how bad."""
    if update.what == "failure":
        f = update.facts
        return f"{place(update.place)}: message to {f['to'] or '?'} {f['status']}"
    if update.what == "digest":
        at = f"{place(update.place)}: " if update.place else ""
        return f"{at}{_count(update.facts, 'more message')} failed in the last hour"
    return f"{where(update.place, update.facts, rule)}: {_BAD[rule.kind](update.facts, rule)}"


def where(at: Place, facts: Facts, rule: Rule) -> str:
    """A place in words: its label if it has one; for everything, the routes the rule is about."""
    about = [", ".join(some) for some in (rule.accounts, rule.countries, rule.networks) if some]
    whole = " → ".join(about) if about and not at else place(at)
    return str(facts.get("label", whole))


def notice_text(
    update: Update, name: str, rule: Rule, causes: Causes, base: str, firing: str,
    *, simulated: bool = False,
) -> NoticeText:  # fmt: skip
    """The notice about a firing; ``base`` is the hub's address, ``firing`` the firing's id.

    ``simulated``: there is no handset behind any of this.
    """
    title, body = _text(update, name, rule, causes, base, firing)
    if not simulated:
        return NoticeText(title, body)
    return NoticeText(f"[simulated] {title}", f"{body}\nSimulated: no handset is involved.")


def _text(
    update: Update, name: str, rule: Rule, causes: Causes, base: str, firing: str
) -> NoticeText:
    line = headline(update, rule)
    if update.what == "recovered":
        now = _recovered(update, rule)
        body = [
            now,
            f"It was bad from {_moment(update.since)} for {about(update.at - update.since)}.",
        ]
        title = f"Recovered: {where(update.place, update.facts, rule)} ({name})"
        return NoticeText(title, "\n".join([*body, *_end(update, name, rule, base, firing)]))
    if update.what in ("failure", "digest"):
        return NoticeText(
            line, "\n".join([*_single(update), *_end(update, name, rule, base, firing)])
        )
    head = "Wider now: " if update.what == "widened" else ""
    began = f"Since {_moment(update.since)} ({about(update.at - update.since)})."
    body = [f"{line}.", began, *_causes(update, rule, causes)]
    return NoticeText(f"{head}{line}", "\n".join([*body, *_end(update, name, rule, base, firing)]))


def _recovered(update: Update, rule: Rule) -> str:
    if update.facts.get("silent"):
        return f"{where(update.place, update.facts, rule)}: nothing is sent there any more."
    if not update.facts.get("n"):
        return f"{where(update.place, update.facts, rule)}: back to normal."
    words = _GOOD[rule.kind](update.facts, rule)
    return f"{where(update.place, update.facts, rule)}: back to normal, {words}."


def _single(update: Update) -> list[str]:
    f = update.facts
    if update.what == "digest":
        held = sorted(f["held"].items(), key=lambda item: -item[1])
        told = counted(f["told"], "was", "were")
        return [f"{told} reported one by one.", *(f"{n} × {words}" for words, n in held)]
    parts = (f["reason"], f"code {f['code']}" if f["code"] else "",
             f"from {f['sender']}" if f["sender"] else "")  # fmt: skip
    words = ", ".join(p for p in parts if p) or "no reason given"
    return [f"{f['status'].capitalize()} at {_moment(update.since)}: {words}."]


def reasons_in_words(reasons: Sequence[tuple[str, str, int]]) -> list[str]:
    """Each reason, with its status where another one has it too; the status where there is none."""
    times = Counter(reason for _, reason, _ in reasons)
    return [
        f"{status}: {reason}" if reason and times[reason] > 1 else reason or status
        for status, reason, _ in reasons
    ]


def _causes(update: Update, rule: Rule, causes: Causes) -> list[str]:
    found = []
    if update.facts.get("worst"):
        found.append(f"Worst: {update.facts['worst']}.")
    if causes.reasons:
        named = zip(reasons_in_words(causes.reasons), causes.reasons, strict=True)
        found.append(f"Reasons: {', '.join(f'{words} ({n})' for words, (_, _, n) in named)}.")
    if causes.codes:
        found.append(f"Codes: {', '.join(f'{code} ({n})' for code, n in causes.codes)}.")
    if update.facts.get("networks"):
        found.append(f"Networks without receipts: {update.facts['networks']}.")
    if update.facts.get("why"):
        found.append(f"Why: {update.facts['why']}.")
    hint = _hint(update, rule)
    return [*found, *causes.also, *([hint] if hint else [])]


def _hint(update: Update, rule: Rule) -> str:
    """What to do next; may be empty."""
    if update.facts.get("off"):
        return f"Once it works: `delivrd endpoints enable {dict(update.place)['endpoint']}`."
    if "part" in update.facts:
        return "Other networks of the country report: ask the gateway about this one."
    return _HINTS.get(rule.kind, "")


def _end(update: Update, name: str, rule: Rule, base: str, firing: str) -> list[str]:
    page = _page(update, rule)
    found = [f"{shown(rule.kind)}: {base}{page}"] if page else []
    lines = [*found, f"Rule {name}: {plain(sentence(rule))}."]
    return [*lines, f"Firing: {base}/alerts/firings/{firing}"]


def _page(update: Update, rule: Rule) -> str:
    """The page with the evidence; for a firing that ended, up to its end."""
    ended = update.at if update.what in ("recovered", "digest") else None
    until = None if ended is None else datetime.fromtimestamp(ended, UTC)
    since = datetime.fromtimestamp(update.since, UTC)
    return evidence_page(rule.kind, dict(update.place), update.facts, since, until)


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value < 1000 else about(round(value))
