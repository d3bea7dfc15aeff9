"""Gateways on loopback that speak the real dialects (see ``dialects``), and their traffic.

They accept a hub's send calls at the real paths and push receipts as the real gateways do, signed
if those sign, with the problems that occur in practice: failures with real error codes, phones that
are off, networks that never report, duplicates, reordering, bursts, receipts that overtake the
answer to the send, missing answers, outages. Everything is seeded. The simulator shares no code
with the hub's adapters and status rules, so that it can catch their errors.

Run the gateways::

    async with Simulation("happy", seed=1, speed=10) as sim:
        sim.addresses["vonage"]            # "http://127.0.0.1:…": base_url of the hub's account
        sim.deliver_to(vonage="http://127.0.0.1:8080/webhooks/vonage", ruach=…, smspm=…)
        sent = await send_traffic(hub, key, messages(seed=1, number=500), rate=20, run=sim.run)
        await sim.quiesce(within=120)      # everything pushed, acknowledged or given up
        shown = await fetch_messages(hub, key, [s.body["id"] for s in sent if s.accepted])
        assert check(shown.messages, sim.journal, missing=shown.missing) == []

``Simulation(accounts={"vonage": vonage.Account(…)})`` selects the gateways; an account holds
credentials, secrets and the form of the receipts. ``sim.journal`` records each accepted text, its
parts, and each push with the hub's answers (``totals()`` is a summary; ``complaints`` lists what a
real gateway would object to).
``record(…)`` returns the calls without using sockets. ``SCENARIOS`` holds the scenarios by name; a
scenario is data, and ``dataclasses.replace`` makes a variant.
"""

from delivrd.simulator.accounts import Account
from delivrd.simulator.clock import ScaledClock
from delivrd.simulator.dialects import blank_accounts, dialect, names
from delivrd.simulator.driver import (
    KEY_REFUSED,
    Fetched,
    Progress,
    Sent,
    fetch_messages,
    find_ids,
    send_traffic,
)
from delivrd.simulator.journal import Journal, expected_status
from delivrd.simulator.recording import Recorded, Recording, record
from delivrd.simulator.run import Simulation
from delivrd.simulator.scenarios import SCENARIOS, Scenario, scenario
from delivrd.simulator.texts import Text, messages
from delivrd.simulator.traffic import spread
from delivrd.simulator.verdict import Difference, check, heard_of, unclaimed

__all__ = [
    "KEY_REFUSED",
    "SCENARIOS",
    "Account",
    "Difference",
    "Fetched",
    "Journal",
    "Progress",
    "Recorded",
    "Recording",
    "ScaledClock",
    "Scenario",
    "Sent",
    "Simulation",
    "Text",
    "blank_accounts",
    "check",
    "dialect",
    "expected_status",
    "fetch_messages",
    "find_ids",
    "heard_of",
    "messages",
    "names",
    "record",
    "scenario",
    "send_traffic",
    "spread",
    "unclaimed",
]
