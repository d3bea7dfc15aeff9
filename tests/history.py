"""A store with days of traffic behind it: routes that go well, one that goes bad, one silent."""

import random
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.core.status import State
from delivrd.core.units import HOUR, SECOND
from delivrd.store.append import Entry, append
from delivrd.store.base import Store
from delivrd.store.fold import Work, fold_slice
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import Ids, now_micros
from delivrd.store.messages import new_uuid
from delivrd.store.rows import AttemptRow, MessageRow
from delivrd.store.tx import Tx

PREFIX = {"GB": "4474", "DE": "49151", "EE": "3725", "US": "1201555", "ES": "346"}
TOGETHER = 200


class Route(NamedTuple):
    """How messages of an account to a country go; ``bad`` is the share delivered since then."""

    account: str
    country: str
    per_hour: float = 6.0
    delivered: float = 0.97
    median: float = 8.0
    bad: tuple[int, float] | None = None
    """Hours before now, and the share from then on."""
    silent: bool = False
    price: str | None = None


FAILURES: Sequence[tuple[str, Reason, str]] = (
    ("undelivered", Reason.UNREACHABLE, "2"),
    ("undelivered", Reason.UNREACHABLE, "2"),
    ("undelivered", Reason.UNKNOWN_NUMBER, "6"),
    ("rejected", Reason.BLOCKED_BY_CARRIER, "8"),
    ("expired", Reason.EXPIRED, "3"),
)


class Sent(NamedTuple):
    """A message, and its receipt: when it comes (None: never) and what it says."""

    at: int
    route: Route
    number: int
    told_at: int | None
    receipt: Receipt


def messages(routes: Iterable[Route], now: int, days: float, seed: int = 1) -> list[Sent]:
    """All messages of that time, in order."""
    chance = random.Random(seed)
    found, number = [], 0
    for route in routes:
        at = now - int(days * 24 * HOUR)
        while (at := at + int(chance.expovariate(route.per_hour) * HOUR)) < now:
            number += 1
            found.append(_message(chance, route, at, now, number))
    return sorted(found, key=lambda sent: sent.at)


def _message(chance: random.Random, route: Route, at: int, now: int, number: int) -> Sent:
    share = route.delivered
    if route.bad is not None and at >= now - route.bad[0] * HOUR:
        share = route.bad[1]
    good = chance.random() < share
    status, reason, code = ("delivered", None, None) if good else chance.choice(FAILURES)
    took = (route.median if good else 30) * chance.lognormvariate(0, 1.0)
    receipt = Receipt(
        provider_message_id=f"h-{number}", status=Status(status), final=True,
        provider_status=status, reason=reason, error_code=code, price=route.price,
        currency="EUR" if route.price else None,
    )  # fmt: skip
    return Sent(at, route, number, None if route.silent else at + int(took * SECOND), receipt)


async def fill(store: Store, sent: Sequence[Sent], now: int | None = None) -> None:
    """Writes them as if they had been sent then, with the receipts that came by ``now``."""
    filling = _Filling(store, now_micros() if now is None else now)
    for first in range(0, len(sent), TOGETHER):
        await filling.write(sent[first : first + TOGETHER])


class _Filling:
    def __init__(self, store: Store, until: int) -> None:
        self.store, self.until = store, until
        self.now = 0
        self.ids = Ids(store.ids.slot, clock=self._clock)

    def _clock(self) -> int:
        return self.now

    async def write(self, some: Sequence[Sent]) -> None:
        await self.store.write(partial(self._messages, some))
        await self.store.write(partial(self._receipts, some))

    def _name(self, one: Sent) -> PartName:
        account = self.store.accounts.by_name[one.route.account]
        part = one.receipt.provider_message_id or ""
        return PartName(account.part_key(part, None), account.ns, part)

    async def _messages(self, some: Sequence[Sent], tx: Tx) -> None:
        self.now = some[0].at
        names = {one.number: self._name(one) for one in some}
        accounts = self.store.accounts
        graph = await Graph.load(tx, accounts, self.ids, self.now, parts=names.values())
        for one in some:
            self.now = one.at
            message = graph.add(self._message(one))
            graph.attach(graph.parts[names[one.number].key], message.attempts[0])
        await graph.save()

    def _message(self, one: Sent) -> MessageRow:
        account_id = self.store.accounts.by_name[one.route.account].id
        number = f"+{PREFIX[one.route.country]}{one.number:06d}"
        message = MessageRow(
            id=self.ids.next(), uuid=new_uuid(), origin="api", account_id=account_id,
            to_number=number, sender="Acme", country=one.route.country,
            preview="Your code is 123456", created_at=one.at,
        )  # fmt: skip
        attempt = AttemptRow(
            id=self.ids.next(), message_id=message.id, seq=0, account_id=account_id,
            state=State.ACCEPTED.value, handed_at=one.at, answered_at=one.at,
        )  # fmt: skip
        message.sent_at = one.at
        message.attempts = [attempt]
        return message

    async def _receipts(self, some: Sequence[Sent], tx: Tx) -> None:
        told = [one for one in some if one.told_at is not None and one.told_at <= self.until]
        entries = [self._entry(one) for one in sorted(told, key=lambda one: one.told_at or 0)]
        await append(tx, self.ids, entries, own=True)
        works = [Work(e.id, 0, e.account_id, e.received_at, e.reading.receipts) for e in entries]
        if works:
            now = works[-1].received_at
            await fold_slice(tx, self.store.accounts, self.ids, now, works, TOGETHER)

    def _entry(self, one: Sent) -> Entry:
        self.now = one.told_at or 0
        account_id = self.store.accounts.by_name[one.route.account].id
        return Entry(
            id=self.ids.next(), account_id=account_id, received_at=self.now, took_us=1,
            source="127.0.0.1", method="POST", path=f"/webhooks/{one.route.account}", query=b"",
            headers=b"", body=b"x", auth="none", reading=Reading(receipts=(one.receipt,)),
        )  # fmt: skip
