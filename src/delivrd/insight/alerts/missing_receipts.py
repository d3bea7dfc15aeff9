"""Why no receipts come, as far as the gateways' calls show: in one sentence."""

from collections.abc import Mapping

from delivrd.core.text import counted
from delivrd.core.units import SECOND
from delivrd.insight.alerts.sentence import about
from delivrd.store.queries.diagnosis import Calls


def why_no_receipts(account: str | None, calls: Mapping[str, Calls], now: int) -> str:
    """The likely cause, by the calls since the silence began.

    ``account`` is None where it is about all accounts; ``now`` is in seconds since 1970.
    """
    own = calls.get(account or "", Calls())
    others = sorted(name for name, of in calls.items() if of.last_at is not None)
    if own.last_at is not None:
        ago = about(max(0, now - own.last_at // SECOND))
        return f"Calls of {account} come in (the last {ago} ago), but not about these messages"
    if own.refused:
        refused = counted(own.refused, f"call of {account} was", f"calls of {account} were")
        return f"{refused} refused ({own.why}): check its secrets"
    if others and account is not None:
        return (
            f"{account} has not called since, while {', '.join(others[:3])} "
            f"{'has' if len(others) == 1 else 'have'}: this hub is reachable, {account} is silent"
        )
    if others:
        return f"Calls of {', '.join(others[:3])} come in, but not about these messages"
    return "No gateway has called since: this hub may not be reachable from outside"
