"""Likely problems of the last day: missing receipts, rejected messages, repeated receipts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from delivrd.core.statement import moment
from delivrd.core.text import counted, noun
from delivrd.core.units import DAY, SECOND
from delivrd.insight.network_reports import SETTLING, Silence, in_words, silences
from delivrd.insight.rates import rate
from delivrd.store.accounts import Accounts
from delivrd.store.queries import diagnosis as queries
from delivrd.store.queries.diagnosis import NEWEST, Calls, Strays, Traffic
from delivrd.store.tx import Tx

ENOUGH = 10
"""With fewer messages there is no verdict."""

OPEN = 0.8
"""The share of messages without an end from which an account counts as silent."""

PARTLY_OPEN = 0.15
"""The share of messages without an end from which a part of a country may not report."""

NAMED = 5
"""The most countries or networks of an account that are named."""

MANY_REJECTED = 0.1
MANY_REPEATS = 0.05


class Finding(NamedTuple):
    """The result of one check; ``state`` is ``ok``, ``warning`` or ``bad``.

    ``simulated``: there is no handset behind any of this.
    """

    name: str
    state: str
    what: str
    next: str = ""
    account: str | None = None
    simulated: bool = False


class Figures(NamedTuple):
    """The input of a diagnosis; accounts are named."""

    traffic: tuple[tuple[str, str, str, int], ...] = ()
    """Account, country, status and number of the messages of a day up to `SETTLING` ago."""
    newest: tuple[tuple[str, str, str, int], ...] = ()
    """The same of the messages sent since."""
    calls: Mapping[str, Calls] = {}
    strays: Strays | None = None
    rejected: tuple[tuple[str, str, str, int], ...] = ()
    """Sender, country, reason, number."""
    repeated: Mapping[str, tuple[int, int]] = {}
    silences: tuple[Silence, ...] = ()
    """Networks that report nothing, in countries that do."""


async def figures(tx: Tx, accounts: Accounts, now: int) -> Figures:
    """Reads the last day, at the moment ``now`` (microseconds since 1970)."""
    since = now - DAY
    return Figures(
        tuple(_named(accounts, await queries.traffic(tx, since, now - SETTLING))),
        tuple(_named(accounts, await queries.traffic(tx, now - SETTLING, now + DAY))),
        await queries.calls(tx, accounts, since),
        await queries.strays(tx, since),
        tuple(await queries.rejected(tx, since)),
        {accounts.name(i): n for i, n in (await queries.repeated(tx, since)).items()},
        tuple(await silences(tx, accounts, now)),
    )


def _named(accounts: Accounts, rows: Iterable[Traffic]) -> Iterator[tuple[str, str, str, int]]:
    return ((accounts.name(row.account_id), row.country, row.status, row.n) for row in rows)


def diagnose(known: Figures, now: int) -> list[Finding]:
    """The findings of every check, at the moment ``now`` (microseconds since 1970)."""
    return [*_open(known, now), *_rejected(known), *_repeats(known)]


# --- messages that stay open ----------------------------------------------------------------------


def _open(known: Figures, now: int) -> Iterator[Finding]:
    by_account = _by_account(known)
    found = False
    for account, countries in sorted(by_account.items()):
        counts = sum(countries.values(), Counter[str]())
        if _is_silent(counts):
            found = True
            yield _silent(account, counts, known, now)
        else:
            for finding in (
                *_silent_countries(account, countries),
                *_silent_networks(account, countries, known),
            ):
                found = True
                yield finding
    if not found:
        what = "receipts come in for all accounts"
        if not by_account:
            what = "no messages of the last day are old enough to tell"
        yield Finding("reporting", "ok", what)


Countries = Mapping[str, Counter[str]]
"""Counts by status, by country."""


def _by_account(known: Figures) -> Mapping[str, Countries]:
    found: dict[str, dict[str, Counter[str]]] = {}
    for account, country, status, n in known.traffic:
        found.setdefault(account, {}).setdefault(country, Counter())[status] += n
    return found


def _without_end(counts: Counter[str]) -> tuple[int, int]:
    """How many have no known end (open or given up), out of all that the gateway accepted."""
    return counts["pending"] + counts["unknown"], counts.total() - counts["rejected"]


def _is_silent(counts: Counter[str]) -> bool:
    n, total = _without_end(counts)
    return total >= ENOUGH and n >= total * OPEN


def _silent(account: str, counts: Counter[str], known: Figures, now: int) -> Finding:
    """The account's messages stay open."""
    n, total = _without_end(counts)
    cause, advice = _silence(account, known, now)
    what = f"{account}: {n} of {total} messages of the last day have no known end{cause}"
    return Finding("reporting", "bad", what, advice, account)


def _silence(account: str, known: Figures, now: int) -> tuple[str, str]:
    """Whether the carrier does not report or our webhook is not reached, and what to do."""
    calls = known.calls.get(account, Calls())
    if calls.refused_at is not None and calls.refused_at >= (calls.last_at or 0):
        refused = counted(calls.refused, "of its calls was", "of its calls were")
        accepted = calls.last_at and f"; the last was accepted {_ago(calls.last_at, now)}"
        return (
            f": {refused} refused, the last {_ago(calls.refused_at, now)} "
            f"({calls.why}){accepted or ''}",
            f"check the secrets in [accounts.{account}], then accept the refused calls with "
            "delivrd requests replay --admit",
        )
    if calls.last_at is not None:
        return (
            f", although its calls come in (the last {_ago(calls.last_at, now)}): they are about "
            "other messages, or report no final status",
            "delivrd requests list shows what they say; delivrd doctor lists unmatched ids",
        )
    if others := " and ".join(_others(known, now)):
        all_seen = sum(of.accepted for of in known.calls.values()) < NEWEST
        none = "no calls" if all_seen else f"none of the newest {NEWEST} calls"
        return (
            f", and its webhook received {none}, while {others}: the hub is reachable, but this "
            "gateway does not call its webhook",
            f"set the webhook address …/webhooks/{account} at the gateway; if it is set, ask the "
            "gateway whether it and its carriers send receipts",
        )
    return (
        ", and no gateway called any webhook in that time: this hub is probably not reachable "
        "from outside",
        "check public_url, the proxy in front and the firewall; delivrd tunnel helps to test it",
    )


def _others(known: Figures, now: int) -> Iterator[str]:
    """What came in of the accounts that called, and for accounts that do not exist."""
    heard = sorted(name for name, of in known.calls.items() if of.last_at is not None)
    refused = sorted(name for name, of in known.calls.items() if of.last_at is None)
    if heard:
        yield f"calls of {_some(heard)} come in"
    if refused:
        yield f"calls of {_some(refused)} came and were refused"
    if strays := known.strays:
        came = counted(strays.n, "call")
        yield f"{came} came for no account (the last {_ago(strays.last_at, now)}: {strays.path})"


def _silent_countries(account: str, countries: Countries) -> Iterator[Finding]:
    """A finding for countries from which an account gets no receipts, while it does from others."""
    silent = {c: _without_end(counts) for c, counts in countries.items() if _is_silent(counts)}
    none = all(n == total for n, total in silent.values())
    if silent:
        yield Finding(
            "reporting", "warning",
            f"{account}: {'no' if none else 'hardly any'} receipts from {_of(silent)}, "
            "while those from other countries come in: the carriers there "
            f"{'do not' if none else 'hardly'} report",
            "ask the gateway whether it can get receipts there; your webhook works",
            account,
        )  # fmt: skip


def _silent_networks(account: str, countries: Countries, known: Figures) -> Iterator[Finding]:
    """Findings for single networks that report nothing, and for countries of which a part reports
    nothing, though no network is known that it could be."""
    silences = [one for one in known.silences if one.account == account]
    for one in silences[:NAMED]:
        yield Finding(
            "reporting", "warning",
            f"{account} → {one.country or 'unknown country'}: network {one.network.network} "
            f"{in_words(one.network, one.never)}",
            "ask the gateway about this network; your webhook works", account,
        )  # fmt: skip
    if more := silences[NAMED:]:
        messages = counted(sum(one.network.messages for one in more), "message")
        yield Finding(
            "reporting", "warning",
            f"{account}: {counted(len(more), 'more network reports', 'more networks report')} "
            f"nothing ({messages})",
            "delivrd stats delivery --by account,country,network shows what each has reported",
            account,
        )  # fmt: skip
    explained = {one.country for one in silences}
    partly = {
        country: _without_end(counts)
        for country, counts in countries.items()
        if country not in explained and _is_partly_silent(counts)
    }
    if partly:
        yield Finding(
            "reporting", "warning",
            f"{account}: many messages to {_of(partly)} have no known end, while the others have "
            "one, and the receipts do not show which network it is",
            "ask the gateway whether a carrier there has stopped reporting", account,
        )  # fmt: skip


def _is_partly_silent(counts: Counter[str]) -> bool:
    n, total = _without_end(counts)
    share = rate(n, total) if total >= ENOUGH else None
    return share is not None and share.low >= PARTLY_OPEN and not _is_silent(counts)


def _some(names: Sequence[str]) -> str:
    """The first names, and how many others there are."""
    more = len(names) - NAMED
    return f"{', '.join(names[:NAMED])} and {more} more" if more > 0 else ", ".join(names)


def _of(countries: Mapping[str, tuple[int, int]]) -> str:
    """The countries with most such messages, and how many others there are."""
    largest = sorted(countries.items(), key=lambda one: (-one[1][0], one[0]))
    return _some([f"{c or 'unknown country'} ({n} of {total})" for c, (n, total) in largest])


# --- rejected messages, repeated receipts ---------------------------------------------------------


def _rejected(known: Figures) -> Iterator[Finding]:
    counts = Counter[str]()
    for _, _, status, n in (*known.traffic, *known.newest):
        counts[status] += n
    ended, total = counts.total() - counts["pending"], counts["rejected"]
    rejected = f"{total} of {counted(ended, 'message')} that ended {noun(total, 'was', 'were')}"
    if not ended:
        yield Finding("rejected", "ok", "no message of the last day has ended yet")
        return
    if total < ENOUGH or total < ended * MANY_REJECTED:
        yield Finding("rejected", "ok", f"{rejected} rejected")
        return
    senders, countries, reasons = Counter[str](), Counter[str](), Counter[str]()
    for sender, country, reason, n in known.rejected:
        senders[sender or "no sender"] += n
        countries[country or "unknown country"] += n
        reasons[reason or "no reason given"] += n
    known_of = senders.total()
    newest = f"; of the newest {known_of}" if known_of == queries.REJECTED < total else ""
    yield Finding(
        "rejected", "warning",
        f"{rejected} rejected{newest}: senders {_top(senders)}; "
        f"countries {_top(countries)}; reasons {_top(reasons)}",
        "sender_not_allowed: register the sender there; blocked_by_carrier: review the texts",
    )  # fmt: skip


def _repeats(known: Figures) -> Iterator[Finding]:
    again = {a: (n, more) for a, (n, more) in known.repeated.items() if more}
    total, more = sum(n for n, _ in known.repeated.values()), sum(m for _, m in again.values())
    repeats = noun(more, "was a repeat", "were repeats")
    what = f"{more} of {counted(total + more, 'receipt')} {repeats}"
    if more <= total * MANY_REPEATS:
        yield Finding("duplicates", "ok", what)
        return
    sources = [f"{a} ({m})" for a, (_, m) in sorted(again.items(), key=lambda one: -one[1][1])]
    yield Finding(
        "duplicates", "warning",
        f"{what}, from {_some(sources)}; each receipt counts once",
        "often the gateway times out before the hub answers: check …/metrics and the proxy",
    )  # fmt: skip


def _top(counts: Counter[str]) -> str:
    return ", ".join(f"{value} ({n})" for value, n in counts.most_common(3))


def _ago(at: int, now: int) -> str:
    seconds = max(0, (now - at) // SECOND)
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


class Diagnosis(NamedTuple):
    """All findings at a moment."""

    at: datetime
    findings: list[Finding]


async def diagnosis(tx: Tx, accounts: Accounts, now: int) -> Diagnosis:
    """Reads the last day and judges it, at the moment ``now`` (microseconds since 1970)."""
    found = diagnose(await figures(tx, accounts, now), now)
    marked = [one._replace(simulated=accounts.simulated(one.account)) for one in found]
    return Diagnosis(moment(now), marked)
