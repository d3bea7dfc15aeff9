"""Simulated gateways with traffic through a hub, and what came of it: for `simulate` and `demo`."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import typer

from delivrd.cli.client import problem, web_parts
from delivrd.cli.output import USAGE, Failure, note, parse_time
from delivrd.config import Config
from delivrd.providers.base import AccountSettings
from delivrd.simulator import (
    KEY_REFUSED,
    SCENARIOS,
    Account,
    Difference,
    Progress,
    Scenario,
    Sent,
    Simulation,
    Text,
    check,
    dialect,
    fetch_messages,
    find_ids,
    heard_of,
    messages,
    send_traffic,
    spread,
    unclaimed,
)
from delivrd.simulator import names as simulated_dialects

STILL_SECONDS = 20.0


def _number(value: float) -> float:
    if math.isnan(value):  # which is neither below a minimum nor above a maximum
        raise typer.BadParameter("nan is not a number.")
    return value


Speed = Annotated[
    float,
    typer.Option(
        min=0.1, max=10_000, callback=_number, help="Speed of the gateways; 1 is real time."
    ),
]


For = Annotated[str | None, typer.Option("--for", help="Stop after this time: 30s, 2m, 1h.")]


class Plan(NamedTuple):
    """What traffic there shall be. ``number`` of texts, or endless; ``speed`` divides times."""

    scenario: str = "happy"
    rate: float = 5.0
    number: int | None = None
    seconds: float | None = None
    seed: int = 1
    speed: float = 10.0


class Figures(NamedTuple):
    """How far it has come: texts, and receipts."""

    sent: int
    accepted: int
    failed: int
    acknowledged: int
    waiting: int


class Outcome(NamedTuple):
    """What came of it. ``differences`` between the hub and the gateways: of a right hub, none."""

    sent: list[Sent]
    messages: list[dict[str, Any]]
    totals: dict[str, int]
    complaints: list[str]
    differences: list[Difference]
    heard: int
    """How many of the messages came to a gateway."""
    quiet: bool
    """Whether all receipts were pushed; else the rest was dropped."""

    @property
    def statuses(self) -> Counter[str]:
        return Counter(str(message["status"]) for message in self.messages)

    def seconds(self) -> list[float]:
        """Times from hand-over to the end by the hub's clock, in order; real seconds."""
        spans = []
        for message in self.messages:
            sent, ended = parse_time(message["sent_at"]), parse_time(message["finished_at"])
            if sent and ended:
                spans.append((ended - sent).total_seconds())
        return sorted(spans)


def known(scenario: str) -> None:
    """
    Raises:
        Failure: there is no scenario of that name.
    """
    if scenario not in SCENARIOS:
        hint = f"name one of {', '.join(SCENARIOS)}: delivrd simulate --list"
        raise Failure(f"no scenario {scenario!r}", "", hint, USAGE)


# --- the gateways of some settings --------------------------------------------------------------


class Stage(NamedTuple):
    """The accounts of a hub that simulated gateways stand behind, by dialect."""

    hub: str
    key: str
    names: Mapping[str, str]
    accounts: Mapping[str, Account]
    ports: Mapping[str, int]


def stage(config: Config, hub: str, key: str) -> Stage:
    """The gateways behind the accounts that say ``simulated = true`` and send, one of each dialect.

    Raises:
        Failure: the hub would not call this machine.
    """
    names: dict[str, str] = {}
    accounts: dict[str, Account] = {}
    ports: dict[str, int] = {}
    for name, settings in config.accounts.items():
        kind = settings.provider
        if not settings.simulated or settings.receive_only or kind not in simulated_dialects():
            continue
        if kind in names:
            note(f"! no gateway for {name}: there is one of each kind, here that of {names[kind]}")
        else:
            names[kind] = name
            accounts[kind] = dialect(kind).account(settings, f"{hub}{_path(name, settings)}")
            ports[kind] = _port(name, settings)
    return Stage(hub, key, names, accounts, ports)


def _port(name: str, settings: AccountSettings) -> int:
    """Where the hub calls the account's gateway."""
    parts = web_parts(settings.base_url or "")
    here = parts and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if parts is None or not here or not parts.port:
        raise Failure(
            f"the hub calls no gateway of this machine for the account {name}",
            f"its base_url is {settings.base_url or 'not set'}",
            'write base_url = "http://127.0.0.1:9101", with a port of its own, and restart the hub',
            USAGE,
        )
    return parts.port


def _path(name: str, settings: AccountSettings) -> str:
    secrets = settings.webhook_secret
    return f"/webhooks/{name}" + (f"/{secrets[0].get_secret_value()}" if secrets else "")


# --- the run ------------------------------------------------------------------------------------


def gateways(stage: Stage, plan: Plan) -> Simulation:
    """The gateways of a plan, to be entered; OSError then says that a port is taken.

    Raises:
        Failure: the scenario changes nothing with these accounts.
    """
    return Simulation(
        _weather(stage, SCENARIOS[plan.scenario]),
        seed=plan.seed,
        speed=plan.speed,
        accounts=stage.accounts,
        ports=stage.ports,
    )


def _weather(stage: Stage, scenario: Scenario) -> Scenario:
    """The scenario, with an outage of a gateway that is there."""
    if scenario.unsigned and not any(account.signs for account in stage.accounts.values()):
        raise Failure(
            f"the scenario {scenario.name} changes nothing here",
            "no simulated account has a setting by which its gateway signs receipts",
            "give one its signature_secret (or what its gateway signs with), or choose another "
            "scenario: delivrd simulate --list",
            USAGE,
        )
    if scenario.outage_of in stage.accounts:
        return scenario
    return replace(scenario, outage_of=min(stage.accounts))


class Run:
    """Traffic through a hub; :meth:`interrupt` ends it early."""

    def __init__(self, stage: Stage, plan: Plan, simulation: Simulation) -> None:
        self._stage, self._plan, self._simulation = stage, plan, simulation
        self._interrupted = asyncio.Event()
        self._sent = Progress(0, 0, 0)

    def interrupt(self) -> None:
        """Send no more, and wait for nothing that is still to come."""
        self._interrupted.set()

    @property
    def figures(self) -> Figures:
        pushes = self._simulation.journal.totals()
        return Figures(*self._sent, pushes["acknowledged"], self._simulation.waiting)

    async def to_end(self, within: float) -> Outcome:
        """Sends what is planned, and compares the hub with the gateways.

        The receipts that are then still to come get ``within`` real seconds.

        Raises:
            aiohttp.ClientError: the hub is away.
            Failure: the hub refuses the key.
        """
        sent = await send_traffic(
            self._stage.hub,
            self._stage.key,
            self._texts(),
            accounts=self._stage.names,
            rate=self._plan.rate,
            run=self._simulation.run,
            progress=self._note,
        )
        for each in sent:
            if each.status in KEY_REFUSED:
                raise problem(each.status, each.body)
        quiet = await self._quiet(within)
        await self._simulation.stop_pushing()
        ids = [each.body["id"] for each in sent if each.accepted]
        shown, missing = await fetch_messages(self._stage.hub, self._stage.key, ids)
        journal = self._simulation.journal
        differences = check(
            [*shown, *await self._of_others(shown)],
            journal,
            missing=missing,
            broken_off=self._interrupted.is_set(),
        )
        heard = len(heard_of(shown, journal))
        return Outcome(sent, shown, journal.totals(), journal.complaints, differences, heard, quiet)

    async def _of_others(self, own: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages that somebody else sent through these gateways meanwhile."""
        stage, journal = self._stage, self._simulation.journal
        numbers = {each.to.lstrip("+") for each in unclaimed(own, journal)}
        known = {message["id"] for message in own}
        ids = await find_ids(stage.hub, stage.key, sorted(numbers))
        found = await fetch_messages(stage.hub, stage.key, [i for i in ids if i not in known])
        return heard_of(found.messages, journal)

    def _note(self, progress: Progress) -> None:
        self._sent = progress

    def _texts(self) -> Iterator[Text]:
        """The texts, through the gateways that the hub has accounts for, until the end."""
        plan, shares = self._plan, spread(self._stage.names)
        end = None if plan.seconds is None else time.monotonic() + plan.seconds
        for text in messages(seed=plan.seed, number=plan.number, gateways=shares):
            if self._interrupted.is_set() or (end is not None and time.monotonic() >= end):
                return
            yield text

    async def _quiet(self, within: float) -> bool:
        """Whether all was handed over and every receipt pushed before the time was up."""
        settled = asyncio.create_task(self._settled(within))
        interrupted = asyncio.create_task(self._interrupted.wait())
        await asyncio.wait({settled, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if not settled.done():
            settled.cancel()
        done = await asyncio.gather(settled, interrupted, return_exceptions=True)
        return done[0] is True

    async def _settled(self, within: float) -> bool:
        """A text that no gateway will ever hear of (a call that broke off) is waited for in vain:
        once nothing moves any more, that is the end."""
        moved, before = time.monotonic(), (-1, -1)
        end = moved + within
        while (now := (self._open(), self._simulation.waiting))[0] and time.monotonic() < end:
            if now != before:
                moved, before = time.monotonic(), now
            elif not now[1] and time.monotonic() > moved + STILL_SECONDS:
                break
            await asyncio.sleep(0.1)
        return await self._simulation.quiesce(max(0.0, end - time.monotonic()))

    def _open(self) -> int:
        """How many texts the hub took and no gateway has taken or refused yet."""
        heard = self._simulation.journal.totals()
        return self._sent.accepted - heard["accepted"] - heard["refused"]
