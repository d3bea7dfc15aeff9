"""One gateway as a web application: accepts sends at the real paths and pushes receipts."""

import asyncio
from contextlib import suppress

import aiohttp
from aiohttp import web

from delivrd.simulator.accounts import Account
from delivrd.simulator.clock import ScaledClock
from delivrd.simulator.dialect import Dialect
from delivrd.simulator.exchange import Exchange
from delivrd.simulator.journal import Submission
from delivrd.simulator.pusher import Pusher
from delivrd.simulator.wire import Answer, Inbound, Refusal, Send

OVERTAKING_PATIENCE = 5.0
"""Real seconds that an answer is held back so that its receipt can overtake it."""
DOWN = Answer(503, b"Service Unavailable", "text/plain")


class Gateway:
    """A gateway of one dialect: its web application and its pusher."""

    def __init__(
        self,
        dialect: Dialect,
        account: Account,
        exchange: Exchange,
        clock: ScaledClock,
        client: aiohttp.ClientSession,
    ) -> None:
        self._dialect, self._account = dialect, account
        self._exchange, self._clock = exchange, clock
        self.pusher = Pusher(dialect, account, exchange.scenario, clock, client)
        self.app = web.Application(client_max_size=1024 * 1024)
        for route in dialect.routes:
            method, path = route.split(" ", 1)
            self.app.router.add_route(method, path, self._take)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        call = Inbound(
            request.method,
            request.rel_url.raw_query_string,
            request.content_type,
            await request.read(),
            {name.lower(): value for name, value in request.headers.items()},
            dict(request.match_info),
        )
        complain = self._exchange.journal.complaints.append
        try:
            sends = self._dialect.read(call, self._account, complain)
        except Refusal as refusal:
            complain(f"{self._dialect.name}: a call was refused: {refusal}")
            return _response(refusal.answer)
        submissions = [self._decide(send) for send in sends]
        for submission in submissions:
            await self._push(submission)
        if any(submission.outcome == "down" for submission in submissions):
            return _response(DOWN)
        if not all(submission.answered for submission in submissions):
            await self._clock.sleep(self._exchange.scenario.hang)
            if request.transport:
                request.transport.abort()
        return _response(self._dialect.answer(submissions))

    def _decide(self, send: Send) -> Submission:
        clock = self._clock
        return self._exchange.take(
            self._dialect, send, self._account, at=clock.elapsed(), now=clock.now()
        )

    async def _push(self, submission: Submission) -> None:
        """Schedule the receipts; if one overtakes the answer, wait until it was sent."""
        if not submission.callback and not self._account.webhook:
            self._exchange.journal.complaints.append(
                f"{self._dialect.name}: a send has no URL for its receipts"
            )
            return
        self.pusher.schedule(submission)
        if submission.overtaken:
            first = min(submission.pushes, key=lambda push: push.after)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.pusher.first_try(first), OVERTAKING_PATIENCE)


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
    )
