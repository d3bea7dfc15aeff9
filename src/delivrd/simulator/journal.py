"""Records what the gateways accepted, answered and pushed, and which status a hub must derive.

The journal is what a hub is checked against. A hub knows only what gateways sent it, so the right
status follows from what was pushed and answered 2xx, not from what happened at the phone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from delivrd.simulator.words import DELIVERED, FAILURES, PENDING, REJECTED, UNKNOWN, Meaning


class Call(NamedTuple):
    """One HTTP call of a gateway. ``url`` includes the query."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Try(NamedTuple):
    """One try of a push: when, the hub's status code (None without an answer), and whether the
    gateway accepts that as an acknowledgement."""

    at: float
    status: int | None
    good: bool

    @property
    def doubtful(self) -> bool:
        """Whether the hub may have stored it although the answer is no acknowledgement."""
        return not self.good and (self.status is None or self.status >= 500 or _is_ok(self.status))


def _is_ok(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


@dataclass(eq=False, slots=True)
class Push:
    """One receipt to push to the hub. ``after`` is in simulated seconds since the hand-over."""

    submission: "Submission"
    part: "Part"
    word: str
    code: str
    meaning: Meaning
    after: float
    authentic: bool = True
    """False if the hub must refuse it: signing is on, and the signature is missing or wrong."""
    copy_of: "Push | None" = None
    """The push that this repeats byte for byte."""
    call: Call | None = None
    tries: list[Try] = field(default_factory=list)

    def answered(self, status: int | None, at: float = 0.0, *, good: bool | None = None) -> None:
        """Record the hub's answer; for callers that send the calls of a recording themselves.

        ``good`` says whether that acknowledges the receipt; by default any 2xx does.
        """
        self.tries.append(Try(at, status, _is_ok(status) if good is None else good))

    @property
    def acknowledged(self) -> bool:
        return any(attempt.good for attempt in self.tries)

    @property
    def doubtful(self) -> bool:
        """Whether it is uncertain if the hub has it."""
        return not self.acknowledged and any(attempt.doubtful for attempt in self.tries)


@dataclass(eq=False, slots=True)
class Part:
    """What the gateway counts: its id; None if this part alone was refused."""

    id: str | None
    pushes: list[Push] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        return self.id is None


@dataclass(eq=False, slots=True)
class Submission:
    """One call of a hub to hand over one text to one recipient.

    ``at`` is in simulated seconds since the start, ``taken_at`` in seconds since 1970.
    ``outcome`` is ``accepted``, ``refused``, ``later`` (not accepted: try again) or ``down`` (503:
    not accepted either). For ``later``, ``why`` is ``throttled`` or ``outage``.
    ``answered`` is False if the gateway accepted the text and never answered.
    """

    dialect: str
    to: str
    sender: str
    text: str
    reference: str | None
    callback: str | None
    shape: str
    at: float
    taken_at: float
    outcome: str
    why: str = ""
    answered: bool = True
    named: bool = True
    """Whether the answer contains the ids."""
    overtaken: bool = False
    """Whether the answer waits until the first push is answered."""
    cause: str = ""
    network: str = ""
    price: str = ""
    hours: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    """Other values of the call that the answer or the receipts repeat."""
    parts: list[Part] = field(default_factory=list)

    @property
    def pushes(self) -> list[Push]:
        return [push for part in self.parts for push in part.pushes]

    @property
    def linked(self) -> bool:
        """Whether a hub can tell which of its messages the receipts belong to."""
        answer_has_ids = self.answered and self.named
        return answer_has_ids or self.reference is not None or self.callback is not None


@dataclass(eq=False)
class Journal:
    """Everything that happened, in order."""

    submissions: list[Submission] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What a real gateway would object to in the calls, one sentence each."""

    @property
    def pushes(self) -> list[Push]:
        """Every push, in the order of the hand-overs."""
        return [push for submission in self.submissions for push in submission.pushes]

    def totals(self) -> dict[str, int]:
        """Counts for a summary: texts accepted, refused and deferred, receipts pushed and so on."""
        pushes = self.pushes
        outcomes = [submission.outcome for submission in self.submissions]
        return {
            "accepted": outcomes.count("accepted"),
            "refused": outcomes.count("refused"),
            "later": outcomes.count("later") + outcomes.count("down"),
            "parts": sum(len(submission.parts) for submission in self.submissions),
            "pushes": len(pushes),
            "tries": sum(len(push.tries) for push in pushes),
            "acknowledged": sum(push.acknowledged for push in pushes),
            "unanswered": sum(push.doubtful for push in pushes),
            "not_authentic": sum(not push.authentic for push in pushes),
        }


_STRENGTH = ("pending", "unknown", "expired", "undelivered", "rejected", "delivered")
"""The documented order of statuses, the strongest last: a late delivery beats a failure."""


def _strongest(meanings: Iterable[Meaning]) -> Meaning:
    return max(meanings, key=lambda m: (_STRENGTH.index(m.status), m.final), default=PENDING)


def possible_statuses(part: Part) -> frozenset[Meaning]:
    """The statuses a part may have: one, or several if it is uncertain whether a push arrived."""
    if part.refused:
        return frozenset({REJECTED})
    real = [push for push in part.pushes if push.authentic]
    sure = [push.meaning for push in real if push.acknowledged]
    maybe = [push.meaning for push in real if push.doubtful]
    return frozenset({_strongest(sure), *(_strongest([*sure, extra]) for extra in maybe)})


def expected_status(submission: Submission) -> frozenset[Meaning]:
    """The statuses that the submission's attempt may have: one, or several if that is uncertain."""
    if submission.outcome == "refused":
        return frozenset({REJECTED})
    if submission.outcome != "accepted" or not submission.linked:
        return frozenset({PENDING})
    return frozenset(
        _combined(parts) for parts in product(*map(possible_statuses, submission.parts))
    )


def _combined(parts: tuple[Meaning, ...]) -> Meaning:
    """Failed if any part failed, delivered if all parts arrived, unknown if all have ended
    otherwise; else pending."""
    failed = [part for part in parts if part in FAILURES]
    if failed:
        return _strongest(failed)
    if PENDING in parts:
        return PENDING
    return UNKNOWN if UNKNOWN in parts else DELIVERED
