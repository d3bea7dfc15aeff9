"""Why no receipts come, as far as the gateways' calls show: in one sentence."""

from collections.abc import Iterable, Mapping

from delivrd.core.text import counted
from delivrd.core.units import SECOND
from delivrd.insight.alerts.sentence import about
from delivrd.store.queries.diagnosis import Calls, Strays


def why_no_receipts(
    account: str | None, calls: Mapping[str, Calls], strays: Strays | None, now: int
) -> str:
    """The likely cause, by the calls since the silence began, also those for no account.

    ``account`` is None where it is about all accounts; ``now`` is in seconds since 1970.
    """
    own = {name: of for name, of in calls.items() if account in (None, name)}
    refused = _refused(own)
    heard = {name: of.last_at for name, of in own.items() if of.last_at is not None}
    if heard:
        ago = "" if account is None else f" (the last {_ago(heard[account], now)} ago)"
        said = f"Calls of {_few(heard)} come in{ago}, but not about these messages"
        return f"{said}; {refused}" if refused else said
    if refused:
        return refused
    lost = _lost(strays) if strays else ""
    if calls:  # of others: also one that was refused has reached this hub
        has = "has" if len(calls) == 1 else "have"
        silent = lost or f"this hub is reachable, {account} is silent"
        return f"{account} has not called since, while {_few(calls)} {has}: {silent}"
    if lost:
        return f"No account's gateway has called since, but {lost}"
    return "No gateway has called since: this hub may not be reachable from outside"


def _lost(strays: Strays) -> str:
    came = counted(strays.n, "call")
    return f"{came} came for no account, the last to {strays.path}: check the webhook's address"


def _refused(calls: Mapping[str, Calls]) -> str:
    """What was refused of these accounts' calls, and why the last one was; empty if nothing."""
    some = {name: of for name, of in calls.items() if of.refused}
    if not some:
        return ""
    names = _few(some)
    told = counted(
        sum(of.refused for of in some.values()), f"call of {names} was", f"calls of {names} were"
    )
    last = max(some.values(), key=lambda of: of.refused_at or 0)
    return f"{told} refused ({last.why}): check {'its' if len(some) == 1 else 'their'} secrets"


def _few(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:3])


def _ago(at: int, now: int) -> str:
    return about(max(0, now - at // SECOND))
