"""Decides the outcome of each text that a gateway receives, and plans its pushes.

Pure except for its counters. Everything random about a text follows from the seed, the dialect, the
recipient and the text (and how often the same was sent before), never from the order in which texts
arrive, so that a run over real sockets can be repeated. (Only outages and bursts depend on time.)
"""

import math
import random
from collections import Counter
from hashlib import blake2b

from delivrd.simulator import segments
from delivrd.simulator.accounts import Account
from delivrd.simulator.dialect import Dialect
from delivrd.simulator.journal import Journal, Part, Push, Submission
from delivrd.simulator.scenarios import Scenario
from delivrd.simulator.traffic import Fate, fate, place
from delivrd.simulator.wire import Send
from delivrd.simulator.words import EXPIRED, UNDELIVERED

LOST = 0.6
"""The share of the texts accepted after an outage that the network loses."""


class Exchange:
    """Receives texts, records them in the journal and plans what is pushed, and when.

    ``run`` is part of every id, so that two runs of one seed against one hub give different ids.
    """

    def __init__(self, scenario: Scenario, *, seed: int, run: str) -> None:
        self.scenario = scenario
        self.seed = seed
        self.run = run
        self.journal = Journal()
        self._seen: Counter[str] = Counter()
        self._first: dict[str, float] = {}

    def take(
        self, dialect: Dialect, send: Send, account: Account, *, at: float, now: float
    ) -> Submission:
        """Decide what happens to a text, record it and plan its pushes.

        ``at`` is in simulated seconds since the start, ``now`` in seconds since 1970.
        """
        key = f"{self.seed}/{dialect.name}/{send.to}/{send.text}"
        text_key = f"{key}/{self._seen[key]}"
        self._seen[key] += 1
        start = self._first.setdefault(dialect.name, at)
        rng = random.Random(text_key)
        submission = self._submission(dialect, send, account, rng, at, now)
        if self._is_down(dialect.name, at - start):
            submission.outcome, submission.why = _down(rng)
        elif submission.outcome == "accepted":
            self._accept(dialect, submission, send, rng, text_key, account, at - start)
            for push in submission.pushes:
                push.after = self._send_time(dialect.name, at + push.after, start) - at
            if submission.overtaken and all(push.after > 0 for push in submission.pushes):
                submission.overtaken = False  # a burst or an outage holds the receipts back
        self.journal.submissions.append(submission)
        return submission

    def _submission(
        self,
        dialect: Dialect,
        send: Send,
        account: Account,
        rng: random.Random,
        at: float,
        now: float,
    ) -> Submission:
        scenario, point = self.scenario, rng.random()
        outcome = "accepted"
        if point < scenario.refusals:
            outcome = "refused"
        elif point < scenario.refusals + scenario.throttled:
            outcome = "later"
        country, carrier = place(send.to)
        return Submission(
            dialect=dialect.name,
            to=send.to,
            sender=send.sender,
            text=send.text,
            reference=send.reference,
            callback=send.callback,
            shape=_shape(rng, dialect, send.shape or account.shape),
            at=at,
            taken_at=now,
            outcome=outcome,
            why="throttled" if outcome == "later" else "",
            named=dialect.returns_id,
            network=carrier.network,
            price=country.price,
            hours=country.hours,
            extra=dict(send.extra),
        )

    def _accept(
        self,
        dialect: Dialect,
        submission: Submission,
        send: Send,
        rng: random.Random,
        text_key: str,
        account: Account,
        since: float,
    ) -> None:
        scenario = self.scenario
        _, carrier = place(send.to)
        validity = min(scenario.validity, send.validity or scenario.validity)
        drawn = fate(rng, scenario, carrier, validity)
        if self._is_recovering(dialect.name, since) and rng.random() < LOST:
            drawn = drawn._replace(cause="network")
        submission.cause = drawn.cause
        count = segments.count(send.text) if dialect.id_per_part else 1
        submission.parts = [
            Part(send.id or dialect.new_id(blake2b(f"{self.run}/{text_key}/{n}".encode()).digest()))
            for n in range(count)
        ]
        if dialect.refuses_parts and count > 1 and rng.random() < scenario.partial:
            submission.parts[-1] = Part(None)
        elif rng.random() < scenario.lost_answers:
            submission.answered = False
        authentic = not (account.signs and rng.random() < scenario.unsigned)
        for part, ending in zip(submission.parts, _endings(rng, drawn, count), strict=True):
            if not part.refused:
                _Plan(scenario, rng, dialect, submission, part).fill(ending, authentic=authentic)
        if submission.answered and rng.random() < scenario.overtaking:
            _overtake(submission)

    def _is_down(self, name: str, since: float) -> bool:
        outage = self.scenario.outage
        return (
            outage is not None
            and name == self.scenario.outage_of
            and outage[0] <= since < outage[1]
        )

    def _is_recovering(self, name: str, since: float) -> bool:
        """Whether the outage is over but still has consequences."""
        scenario = self.scenario
        if scenario.outage is None or name != scenario.outage_of:
            return False
        return scenario.outage[1] <= since < scenario.outage[1] + scenario.aftermath

    def _send_time(self, name: str, due: float, start: float) -> float:
        """When a push that is due is sent: after the outage, or with the next burst."""
        if self._is_down(name, due - start):
            return start + (self.scenario.outage or (0, 0))[1]
        every = self.scenario.burst_every
        return math.ceil(due / every) * every if every else due


def _down(rng: random.Random) -> tuple[str, str]:
    """How a gateway that is down answers: usually itself, otherwise the proxy in front of it."""
    return ("later", "outage") if rng.random() < 0.9 else ("down", "")


def _shape(rng: random.Random, dialect: Dialect, wanted: str) -> str:
    if wanted != "mixed":
        return wanted
    shapes = list(dialect.shapes)
    return rng.choices(shapes, list(dialect.shapes.values()))[0] if len(shapes) > 1 else shapes[0]


def _endings(rng: random.Random, drawn: Fate, count: int) -> list[Fate]:
    """The outcomes of the parts: usually all the same; sometimes only one part fails."""
    if count == 1:
        return [drawn]
    fates = [drawn._replace(after=drawn.after + rng.uniform(0, 1.5)) for _ in range(count)]
    if drawn.cause != "delivered" and rng.random() < 0.3:
        failing = rng.randrange(count)
        fates = [f if n == failing else f._replace(cause="delivered") for n, f in enumerate(fates)]
    return fates


def _overtake(submission: Submission) -> None:
    pushes = submission.pushes
    if pushes:
        min(pushes, key=lambda push: push.after).after = 0.0
        submission.overtaken = True


class _Plan:
    """Plans the pushes of one part."""

    def __init__(
        self,
        scenario: Scenario,
        rng: random.Random,
        dialect: Dialect,
        submission: Submission,
        part: Part,
    ) -> None:
        self.scenario, self.rng, self.dialect = scenario, rng, dialect
        self.submission, self.part = submission, part

    def fill(self, ending: Fate, *, authentic: bool) -> None:
        scenario, rng = self.scenario, self.rng
        early = None
        interim = ending.off or rng.random() < scenario.interim
        if interim and not self._is_refused_late(ending):
            wait = min(rng.uniform(0.5, 5), ending.after * 0.8)
            early = self._report("waiting" if ending.off else "taken", wait)
        if not ending.silent:
            end = self._report(ending.cause, ending.after)
            if early and rng.random() < scenario.reordered:
                early.after = ending.after + rng.uniform(0.2, 8)
            if _may_be_corrected(end) and rng.random() < scenario.corrections:
                self._report("delivered", ending.after + rng.uniform(20, 120))
        for push in list(self.part.pushes):
            if rng.random() < scenario.duplicates:
                copy = self._add(push.word, push.code, push.after + rng.uniform(0.05, 20))
                copy.copy_of = push if rng.random() < 0.5 else None
        for push in self.part.pushes:
            push.authentic = authentic

    def _is_refused_late(self, ending: Fate) -> bool:
        """Whether the gateway refuses the text in its first receipt."""
        word, _ = self.dialect.report(ending.cause, self.submission.shape)
        return word in self.dialect.refusals and not ending.silent

    def _report(self, cause: str, after: float) -> Push:
        return self._add(*self.dialect.report(cause, self.submission.shape), after)

    def _add(self, word: str, code: str, after: float) -> Push:
        meaning = self.dialect.meaning(word, code)
        push = Push(self.submission, self.part, word, code, meaning, after)
        self.part.pushes.append(push)
        return push


def _may_be_corrected(end: Push) -> bool:
    """A network that gave up may correct itself; a refusal is never corrected."""
    return end.meaning in (UNDELIVERED, EXPIRED)
