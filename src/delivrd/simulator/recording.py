"""Receipts without sockets: the calls that the gateways would make, in order of time.

For benchmarks and crash tests, which send them themselves: the same seed gives the same bytes.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from delivrd.simulator.accounts import Account
from delivrd.simulator.dialects import blank_accounts, dialect
from delivrd.simulator.exchange import Exchange
from delivrd.simulator.journal import Call, Journal, Push
from delivrd.simulator.scenarios import Scenario, scenario
from delivrd.simulator.texts import Text
from delivrd.simulator.wire import Send


class Recorded(NamedTuple):
    """One receipt: when (seconds since 1970), the call, and its push in the journal.

    Record the hub's answer with ``recorded.push.answered(status)``; ``journal.expected_status``
    then gives the status that follows.
    """

    at: float
    call: Call
    push: Push

    @property
    def path(self) -> str:
        """Path and query, as in the request line."""
        parts = urlsplit(self.call.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Recording(NamedTuple):
    calls: list[Recorded]
    journal: Journal


def record(
    texts: Iterable[Text],
    *,
    start: float,
    scenario_: Scenario | str = "happy",
    seed: int = 1,
    run: str = "recorded",
    rate: float = 20.0,
    accounts: Mapping[str, Account] | None = None,
) -> Recording:
    """Submit ``rate`` texts a simulated second, from ``start`` (seconds since 1970) on.

    ``accounts`` are those of the gateways, by dialect; by default of the demo's. One without a
    webhook gets ``http://hub/webhooks/`` and the dialect's name. Nothing is retried: neither a
    deferred send nor a push. Signatures have simulated times.
    """
    accounts = blank_accounts() if accounts is None else accounts
    for name, account in accounts.items():
        account.webhook = account.webhook or f"http://hub/webhooks/{name}"
    chosen = scenario(scenario_) if isinstance(scenario_, str) else scenario_
    exchange = Exchange(chosen, seed=seed, run=run)
    for index, text in enumerate(texts):
        send = Send(text.to.lstrip("+"), text.sender, text.text)
        gateway, account = dialect(text.gateway), accounts[text.gateway]
        exchange.take(gateway, send, account, at=index / rate, now=start + index / rate)
    timed = [(start + p.submission.at + p.after, p) for p in exchange.journal.pushes]
    timed.sort(key=lambda pair: pair[0])
    return Recording([_call(push, accounts, at) for at, push in timed], exchange.journal)


def _call(push: Push, accounts: Mapping[str, Account], at: float) -> Recorded:
    name = push.submission.dialect
    push.call = push.copy_of.call if push.copy_of else None
    push.call = push.call or dialect(name).receipt(push, accounts[name], at)
    return Recorded(at, push.call, push)
