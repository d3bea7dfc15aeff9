"""The traffic model: countries, carriers, how long delivery takes there, and how it ends.

Pure and seeded: the same generator state gives the same outcome. All rates are invented; the
carriers' names and network codes (MCC and MNC) are real only so that lists and maps look realistic,
and nothing is claimed about them. The numbers are valid by the numbering plans, in blocks of zeros
and fives that nobody is likely to have, and no simulated message ever leaves the machine.
"""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from delivrd.simulator.scenarios import Scenario


@dataclass(frozen=True)
class Carrier:
    """A network: its share of its country's phones, and how often each end happens there."""

    name: str
    network: str
    share: float
    failures: Mapping[str, float]
    silent: float = 0.0
    """The share of messages for which this carrier never reports a final status."""


@dataclass(frozen=True)
class Country:
    """A country. One of the ``prefixes`` followed by ``digits`` more digits makes a number."""

    code: str
    calling_code: str
    prefixes: tuple[str, ...]
    digits: int
    price: str
    hours: int
    """The carriers' clock against UTC."""
    gateways: Mapping[str, float]
    """How the generated traffic of this country is spread over the gateways."""
    carriers: tuple[Carrier, ...]
    weight: float = 1.0


GOOD = {
    "absent": 0.006, "unknown_number": 0.008, "gone": 0.003, "busy": 0.002, "network": 0.002,
    "opted_out": 0.002, "spam": 0.001, "general": 0.001, "age": 0.0005,
}  # fmt: skip
FAIR = {
    "absent": 0.02, "unknown_number": 0.02, "gone": 0.008, "busy": 0.005, "network": 0.01,
    "ported": 0.003, "unroutable": 0.003, "opted_out": 0.004, "spam": 0.004, "spam_failed": 0.002,
    "carrier_block": 0.003, "general": 0.004, "nobody_knows": 0.002,
}  # fmt: skip
POOR = {
    "absent": 0.05, "unknown_number": 0.03, "gone": 0.015, "busy": 0.01, "network": 0.03,
    "ported": 0.01, "unroutable": 0.01, "no_credit": 0.006, "opted_out": 0.006, "spam": 0.01,
    "carrier_block": 0.01, "general": 0.01, "nobody_knows": 0.006,
}  # fmt: skip
FILTERED = {
    "header_filter": 0.21, "content_filter": 0.12, "consent_filter": 0.03, "content": 0.01,
    "absent": 0.03, "unknown_number": 0.02, "network": 0.02, "carrier_block": 0.01,
}  # fmt: skip
"""A carrier that checks every sender and text against a register: over four in ten fail, if the
scenario allows that many (``worst``)."""

DEMO = ("vonage", "ruach", "smspm")
"""The gateways among which the model distributes traffic by default."""
_MOSTLY_VONAGE = {"vonage": 0.9, "smspm": 0.1}
_MOSTLY_SMSPM = {"smspm": 0.85, "vonage": 0.15}
_MOSTLY_RUACH = {"ruach": 0.8, "vonage": 0.2}

COUNTRIES: tuple[Country, ...] = (
    Country("GB", "44", ("44740000",), 4, "0.03330000", 0, _MOSTLY_VONAGE, (
        Carrier("EE", "23430", 0.29, GOOD),
        Carrier("O2", "23410", 0.28, GOOD),
        Carrier("Vodafone", "23415", 0.23, GOOD),
        Carrier("Three", "23420", 0.20, FAIR),
    ), 1.4),
    Country("EE", "372", ("3725550",), 4, "0.04100000", 2, _MOSTLY_SMSPM, (
        Carrier("Telia", "24801", 0.42, GOOD),
        Carrier("Elisa", "24802", 0.32, GOOD),
        Carrier("Tele2", "24803", 0.26, FAIR),
    ), 1.2),
    Country("DE", "49", ("491760000",), 4, "0.07100000", 1, {"vonage": 0.6, "smspm": 0.4}, (
        Carrier("Telekom", "26201", 0.37, GOOD),
        Carrier("Vodafone", "26202", 0.31, GOOD),
        Carrier("O2", "26203", 0.32, FAIR),
    ), 1.2),
    Country("FR", "33", ("3360000",), 4, "0.05500000", 1, _MOSTLY_VONAGE, (
        Carrier("Orange", "20801", 0.38, GOOD),
        Carrier("SFR", "20810", 0.25, GOOD),
        Carrier("Free", "20815", 0.19, FAIR),
        Carrier("Bouygues", "20820", 0.18, GOOD),
    )),
    Country("US", "1", tuple(f"1{area}55501" for area in (201, 212, 312, 415, 646, 703)), 2,
            "0.00845000", -5, {"vonage": 1.0}, (
        Carrier("Verizon", "311480", 0.36, GOOD),
        Carrier("AT&T", "310410", 0.33, FAIR),
        Carrier("T-Mobile", "310260", 0.31, GOOD),
    ), 1.4),
    Country("NG", "234", ("234803000",), 4, "0.06220000", 1, _MOSTLY_RUACH, (
        Carrier("MTN", "62130", 0.42, FAIR),
        Carrier("Airtel", "62120", 0.28, FAIR),
        Carrier("Glo", "62150", 0.22, POOR, silent=0.03),
        Carrier("9mobile", "62160", 0.08, POOR),
    ), 1.5),
    Country("KE", "254", ("25470000",), 4, "0.05800000", 3, {"ruach": 0.6, "vonage": 0.4}, (
        Carrier("Safaricom", "63902", 0.64, FAIR),
        Carrier("Airtel", "63903", 0.27, FAIR),
        Carrier("Telkom", "63907", 0.09, POOR),
    )),
    Country("IN", "91", ("91900000",), 4, "0.02800000", 5, {"vonage": 1.0}, (
        Carrier("Jio", "405857", 0.40, FAIR),
        Carrier("Airtel", "40410", 0.32, FAIR),
        Carrier("Vi", "40420", 0.18, POOR),
        Carrier("BSNL", "40471", 0.10, FILTERED),
    ), 1.5),
)  # fmt: skip

ELSEWHERE = Country(
    "ZZ", "", (), 0, "0.05000000", 0, {}, (Carrier("Elsewhere", "", 1.0, FAIR),), 0.0
)
"""For numbers of countries that are not in the model; its network has no name."""


class Fate(NamedTuple):
    """The outcome of one message: its cause (a key of ``words.CAUSES``), and when it is reported.

    ``after`` is in seconds since the gateway accepted the message. ``off``: the phone was off at
    first. ``silent``: no final status is ever reported.
    """

    cause: str
    after: float
    off: bool
    silent: bool


def place(number: str) -> tuple[Country, Carrier]:
    """The country of a number (digits only) and its carrier.

    The carrier is derived from the whole number, by the carriers' shares: since numbers can be
    ported, a prefix says little.
    """
    country = next((c for c in COUNTRIES if number.startswith(c.calling_code)), ELSEWHERE)
    point = int.from_bytes(blake2b(number.encode(), digest_size=6).digest()) / 2**48
    for carrier in country.carriers:
        if point < carrier.share:
            return country, carrier
        point -= carrier.share
    return country, country.carriers[-1]


def spread(gateways: Iterable[str]) -> Mapping[str, float] | None:
    """How traffic is spread over these gateways in every country: over the demo's as the model
    has it (None), over others in equal shares."""
    names = set(gateways)
    return None if names == set(DEMO) else dict.fromkeys(sorted(names), 1.0)


def fate(rng: random.Random, scenario: Scenario, carrier: Carrier, validity: float) -> Fate:
    """Draw the outcome of one message of that carrier; ``validity`` is in seconds."""
    silent = carrier.network in scenario.silent_networks or rng.random() < carrier.silent
    typical = rng.lognormvariate(*_typical(scenario.median, scenario.spread))
    cause = _cause(rng, carrier.failures, _factor(scenario, carrier))
    if cause == "delivered" and rng.random() < scenario.off:
        wait = typical + rng.expovariate(1 / scenario.off_mean)
        if wait > validity:
            return Fate("expired", validity, True, silent)
        return Fate("delivered", wait, True, silent)
    if cause in ("absent", "gone"):
        typical *= 3
    if typical > validity:
        return Fate("expired", validity, False, silent)
    return Fate(cause, typical, False, silent)


@lru_cache
def _typical(median: float, spread: float) -> tuple[float, float]:
    return math.log(median), spread


def _factor(scenario: Scenario, carrier: Carrier) -> float:
    """The factor of the carrier's failure rates."""
    share = sum(carrier.failures.values())
    return scenario.failures * min(1.0, scenario.worst / share if share else 1.0)


def _cause(rng: random.Random, failures: Mapping[str, float], factor: float) -> str:
    point = rng.random()
    for cause, rate in failures.items():
        point -= rate * factor
        if point < 0:
            return cause
    return "delivered"
