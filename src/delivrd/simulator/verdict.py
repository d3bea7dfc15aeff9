"""Compares a hub's messages with the journal, one by one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any, NamedTuple

from delivrd.simulator.journal import Journal, Submission, expected_status
from delivrd.simulator.words import DELIVERED, PENDING, UNKNOWN, Meaning

_PREVIEW = 50


class Difference(NamedTuple):
    """One difference. ``message`` is the hub's id, or the gateway's."""

    message: str
    why: str

    def __str__(self) -> str:
        return f"{self.message}: {self.why}"


def check(
    hub_messages: Iterable[Mapping[str, Any]],
    journal: Journal,
    *,
    missing: Iterable[str] = (),
    timed_out: bool = False,
    complete: bool = True,
    broken_off: bool = False,
) -> list[Difference]:
    """Each difference between the hub's messages (REST JSON) and what the gateways know.

    ``missing`` are the ids of messages that the hub took and does not know any more.
    ``timed_out``: the hub's own time-outs may have passed, so that final ``unknown`` is as right as
    ``pending``. ``complete``: the messages are all that were sent, so that every text that a
    gateway accepted must belong to one of them. ``broken_off``: the run was ended early, or the
    hub was away, so that hand-overs and acknowledgements may be missing. Call it when the hub has
    folded everything.
    """
    hub_messages, index = list(hub_messages), _Index(journal)
    differences = [
        Difference(id_, "the hub took it, and does not know it any more") for id_ in missing
    ]
    differences += _pushes(journal, broken_off=broken_off)
    for message in hub_messages:
        attempts = index.attempts(message)
        if any(attempts) or broken_off or _unsure(message):
            differences += _compare(message, attempts, timed_out=timed_out)
        else:
            differences.append(Difference(_title(message), "no gateway received it"))
    if complete:
        differences += (
            Difference(
                _name(submission), "a gateway accepted it, but the hub has no message for it"
            )
            for submission in unclaimed(hub_messages, journal)
        )
    return differences


def unclaimed(hub_messages: Iterable[Mapping[str, Any]], journal: Journal) -> list[Submission]:
    """What a gateway accepted and belongs to none of these messages."""
    index = _Index(journal)
    attempts = chain.from_iterable(map(index.attempts, hub_messages))
    claimed = {id(submission) for attempt in attempts for submission in attempt}
    return [s for s in journal.submissions if s.outcome == "accepted" and id(s) not in claimed]


def heard_of(
    hub_messages: Iterable[Mapping[str, Any]], journal: Journal
) -> list[Mapping[str, Any]]:
    """Those of the messages that came to a gateway."""
    index = _Index(journal)
    return [message for message in hub_messages if any(index.attempts(message))]


def _pushes(journal: Journal, *, broken_off: bool) -> Iterator[Difference]:
    for push in journal.pushes:
        answers = [(each.status, each.good) for each in push.tries if each.status is not None]
        refused = [s for s, _ in answers if 400 <= s < 500 and s not in (408, 429)]
        place = f"{push.part.id} {push.word}"
        if push.acknowledged and not push.authentic:
            yield Difference(place, "the hub acknowledged a receipt without a valid signature")
        if refused and push.authentic:
            yield Difference(place, f"the hub refused an authentic receipt with {refused[0]}")
        elif push.authentic and push.tries and not (push.acknowledged or broken_off):
            last = push.tries[-1].status or "nothing"
            yield Difference(place, f"the hub acknowledged no try of it, and answered {last}")
        if push.authentic and any(status < 300 and not good for status, good in answers):
            yield Difference(place, "the hub's answer is not an acknowledgement for this gateway")


class _Index:
    """Finds the submissions of a hub's attempt."""

    def __init__(self, journal: Journal) -> None:
        self._by_part: dict[str, Submission] = {}
        self._by_reference: dict[str, list[Submission]] = defaultdict(list)
        self._by_text: dict[tuple[str, str], list[Submission]] = defaultdict(list)
        for submission in journal.submissions:
            for part in submission.parts:
                if part.id:
                    self._by_part[part.id] = submission
            if submission.reference:
                self._by_reference[submission.reference].append(submission)
            if submission.callback:
                last = submission.callback.partition("?")[0].rstrip("/").rpartition("/")[2]
                self._by_reference[last].append(submission)
            self._by_text[submission.to, submission.text[:_PREVIEW]].append(submission)

    def attempts(self, message: Mapping[str, Any]) -> list[list[Submission]]:
        """For each attempt of the message, in order, its submissions at the gateways."""
        attempts = message.get("attempts") or []
        found = [self._of_attempt(attempt) for attempt in attempts]
        if len(found) <= 1 and not any(found):
            return [self._of_message(message)]
        return found

    def _of_attempt(self, attempt: Mapping[str, Any]) -> list[Submission]:
        found = [self._by_part[key] for key in _provider_ids(attempt) if key in self._by_part]
        for name in ("reference", "id"):
            found += self._by_reference.get(str(attempt.get(name)), [])
        return _once(found)

    def _of_message(self, message: Mapping[str, Any]) -> list[Submission]:
        """By the ids that are known of it; without any, by its number and text, which an earlier
        message may have had too."""
        if ids := [*_provider_ids(message)]:
            return _once([self._by_part[key] for key in ids if key in self._by_part])
        to = str(message.get("to", "")).lstrip("+")
        preview = str(message.get("text_preview") or "")[:_PREVIEW]
        return self._by_text.get((to, preview), [])


def _once(submissions: Sequence[Submission]) -> list[Submission]:
    return list({id(submission): submission for submission in submissions}.values())


def _provider_ids(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        own = value.get("provider_message_id")
        if isinstance(own, str):
            yield own
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _provider_ids(item)


def _unsure(message: Mapping[str, Any]) -> bool:
    """Whether the hub says itself that a gateway may have received it or not."""
    return any(attempt.get("state") == "unsure" for attempt in message.get("attempts") or [])


def _compare(
    message: Mapping[str, Any], attempts: Sequence[Sequence[Submission]], *, timed_out: bool
) -> Iterator[Difference]:
    name = _title(message)
    for submissions in attempts:
        taken = [s for s in submissions if s.outcome == "accepted"]
        if len(taken) > 1:
            yield Difference(name, f"one attempt was handed over {len(taken)} times")
    wanted = {_fold(each) for each in product(*map(_possible, attempts))}
    if timed_out and PENDING in wanted:
        wanted.add(UNKNOWN)
    shown = Meaning(str(message.get("status")), bool(message.get("final")))
    if shown not in wanted:
        right = " or ".join(sorted(_words(each) for each in wanted))
        received = (
            ", ".join(_name(s) for attempt in attempts for s in attempt) or "no gateway received it"
        )
        yield Difference(name, f"the hub says {_words(shown)}, but {right} is right ({received})")


def _possible(submissions: Sequence[Submission]) -> frozenset[Meaning]:
    """A deferred attempt is tried again: only its final acceptance or refusal counts."""
    for submission in submissions:
        if submission.outcome in ("accepted", "refused"):
            return expected_status(submission)
    return frozenset({PENDING})


def _fold(attempts: Sequence[Meaning]) -> Meaning:
    if DELIVERED in attempts:
        return DELIVERED
    if not attempts or not all(attempt.final for attempt in attempts):
        return PENDING
    return attempts[-1]


def _title(message: Mapping[str, Any]) -> str:
    return f"{message.get('id')} to {message.get('to')}"


def _words(meaning: Meaning) -> str:
    return f"{meaning.status}{' (final)' if meaning.final else ''}"


def _name(submission: Submission) -> str:
    acknowledged = [f"{push.word}/{push.code}" for push in submission.pushes if push.acknowledged]
    ids = "+".join(part.id or "refused" for part in submission.parts) or submission.outcome
    return f"{submission.dialect} {ids} acknowledged {acknowledged}"
