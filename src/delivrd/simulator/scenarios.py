"""The scenarios by name; each is only data.

Shares are between 0 and 1, times are simulated seconds (a speed factor shortens them).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """How the gateways and the networks behind them behave."""

    name: str
    about: str
    median: float = 17.0
    """Time from hand-over to the final status, for a phone that is on; 10 to 30 s is typical."""
    spread: float = 0.35
    off: float = 0.04
    """Share of phones that are off at first; ``off_mean`` is how long on average."""
    off_mean: float = 180.0
    validity: float = 900.0
    """When a gateway gives up if the sender gave no validity. Real ones wait for two or three days;
    a simulation should end."""
    failures: float = 1.0
    """Factor on every carrier's failure rates."""
    worst: float = 0.03
    """The highest failure rate of a carrier: the failures of one that would exceed it are scaled
    down. The built-in alert rules report 5 %."""
    interim: float = 0.5
    """Share of messages with an intermediate receipt (accepted, buffered, sent) before the end."""
    duplicates: float = 0.01
    """Share of receipts pushed twice, half of them byte for byte, half with new push fields."""
    reordered: float = 0.01
    """Share of messages whose intermediate receipt comes after the final one."""
    corrections: float = 0.002
    """Share of undelivered messages that are reported as delivered later."""
    overtaking: float = 0.02
    """Share of messages whose first receipt is pushed before the send is answered."""
    lost_answers: float = 0.0
    """Share of messages that a gateway accepts without ever answering the send."""
    hang: float = 60.0
    """How long a gateway leaves such a call open before it closes it."""
    refusals: float = 0.003
    """Share of sends that are refused at once, and (``partial``) of long texts of which one part
    is."""
    partial: float = 0.01
    throttled: float = 0.003
    """Share of sends that are told to try again later."""
    burst_every: float = 0.0
    """Receipts wait for the next multiple of this and then come all at once; 0 disables it."""
    silent_networks: frozenset[str] = frozenset()
    """Networks (MCC and MNC) that never report a final status."""
    outage: tuple[float, float] | None = None
    """When ``outage_of`` is down, counted from its first send: sends fail (most are told to try
    again, one in ten gets a bare 503), receipts wait."""
    outage_of: str = "vonage"
    aftermath: float = 0.0
    """For this long after the outage, the network loses six in ten texts that are accepted."""
    unsigned: float = 0.0
    """Share of messages, of gateways that sign, whose receipts have no or a wrong signature."""
    retry_every: float = 60.0
    """Pause before a push that was not answered 2xx is retried, and (``retry_for``) for how long it
    is. Ruach never retries."""
    retry_for: float = 72 * 3600.0


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "happy",
            "Ordinary days: most texts arrive in 10 to 30 s, some phones are off, a few fail.",
        ),
        Scenario(
            "outage",
            "Vonage (without it, another gateway) is down for 90 s: sends fail, receipts wait and "
            "then come all at once, and for 5 min six in ten texts are lost in the network; "
            "sometimes a gateway accepts a text and never answers.",
            outage=(20.0, 110.0),
            aftermath=300.0,
            lost_answers=0.05,
        ),
        Scenario(
            "duplicates",
            "Half of all receipts come twice, byte for byte or with a new signature.",
            duplicates=0.5,
        ),
        Scenario(
            "reordered",
            "Receipts overtake each other and the answer to the send; late corrections.",
            interim=1.0,
            reordered=0.6,
            overtaking=0.3,
            corrections=0.5,
        ),
        Scenario(
            "burst",
            "Carriers hold receipts back and deliver them in bursts, once a minute.",
            burst_every=60.0,
        ),
        Scenario(
            "silent-carrier",
            "Some networks accept everything and never report a final status.",
            silent_networks=frozenset({"23420", "26203", "24803", "310410", "62130", "63902"}),
        ),
        Scenario(
            "poor-routes",
            "Some carriers fail one text in five, and one that checks every text against a "
            "register fails over four in ten.",
            worst=1.0,
        ),
        Scenario(
            "unsigned",
            "Half of all signed receipts come without a signature, or with a wrong one; "
            "they must be refused.",
            unsigned=0.5,
            retry_for=200.0,
        ),
    )
}


def scenario(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        LookupError: there is none; the text lists the names that exist.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        known = ", ".join(SCENARIOS)
        raise LookupError(f"no scenario {name!r}; there are: {known}") from None
