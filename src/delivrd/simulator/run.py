"""A simulation: gateways on loopback while its ``async with`` lasts."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from uuid import uuid4

import aiohttp
from aiohttp import web

from delivrd.simulator.accounts import Account
from delivrd.simulator.clock import ScaledClock
from delivrd.simulator.dialects import blank_accounts, dialect
from delivrd.simulator.exchange import Exchange
from delivrd.simulator.gateways import Gateway
from delivrd.simulator.journal import Journal
from delivrd.simulator.pusher import PATIENCE
from delivrd.simulator.scenarios import Scenario, scenario


class Simulation:
    """Gateways that speak the real dialects over real sockets.

    ``accounts`` selects the gateways by dialect; by default those of the demo, which accept any
    credentials. ``seed`` fixes every outcome, ``run`` the ids (random unless given). Simulated time
    is ``speed`` times as fast as real time. ``ports`` gives a dialect's port; by default it is any
    free one.
    ``addresses`` are the base URLs to configure in the hub (``base_url`` of its accounts), known
    once the simulation has started; :meth:`deliver_to` may set later where receipts go.

    Raises, on entering: OSError when a port is taken. LookupError for an unknown scenario's
    or dialect's name.
    """

    def __init__(
        self,
        scenario_: Scenario | str = "happy",
        *,
        seed: int = 1,
        speed: float = 1.0,
        run: str | None = None,
        accounts: Mapping[str, Account] | None = None,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        self.scenario = scenario(scenario_) if isinstance(scenario_, str) else scenario_
        self.seed, self.run = seed, run or uuid4().hex
        self.accounts = dict(blank_accounts() if accounts is None else accounts)
        self.addresses: dict[str, str] = {}
        self._speed, self._ports = speed, dict(ports or {})
        self._exchange = Exchange(self.scenario, seed=seed, run=self.run)
        self._runners: list[web.AppRunner] = []
        self._gateways: dict[str, Gateway] = {}
        self._client: aiohttp.ClientSession | None = None

    @property
    def journal(self) -> Journal:
        """What was accepted, answered and pushed so far; it stays available after the end."""
        return self._exchange.journal

    def deliver_to(self, **webhooks: str) -> None:
        """Set where a dialect's receipts go: ``deliver_to(vonage="http://127.0.0.1:8080/…")``."""
        for name, url in webhooks.items():
            self.accounts[name].webhook = url

    @property
    def waiting(self) -> int:
        """The number of pushes that are due or in progress."""
        return sum(len(gateway.pusher) for gateway in self._gateways.values())

    async def quiesce(self, within: float | None = None) -> bool:
        """Wait until everything has been pushed and either acknowledged or given up.

        False if that takes longer than ``within`` real seconds. Without ``within`` this may take
        very long: some dialects retry for days while a hub is away.
        """
        try:
            async with asyncio.timeout(within):
                while self.waiting:
                    for gateway in self._gateways.values():
                        await gateway.pusher.idle()
        except TimeoutError:
            return False
        return True

    async def stop_pushing(self) -> None:
        """Stop pushing; returns when the calls in progress are answered."""
        await asyncio.gather(
            *(gateway.pusher.stop_pushing() for gateway in self._gateways.values())
        )

    async def __aenter__(self) -> Self:
        clock = ScaledClock(self._speed)
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
        )
        try:
            for name, account in self.accounts.items():
                gateway = Gateway(dialect(name), account, self._exchange, clock, self._client)
                gateway.pusher.start()
                self._gateways[name] = gateway
                self.addresses[name] = await self._listen(gateway, self._ports.get(name, 0))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _listen(self, gateway: Gateway, port: int) -> str:
        runner = web.AppRunner(gateway.app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def _close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        for gateway in self._gateways.values():
            await gateway.pusher.stop()
        if self._client:
            await self._client.close()
