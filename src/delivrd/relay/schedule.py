"""When to retry, and when to stop calling an endpoint: pure functions of times.

All times are microseconds since 1970.
"""

import msgspec
from msgspec.structs import replace

from delivrd.core.units import DAY, HOUR, MINUTE, SECOND

RETRIES = (
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, DAY,
)  # fmt: skip
"""Pauses after the first, second, … failed try, in microseconds; after one more, the delivery is
parked.
"""

JITTER = 0.1
"""A pause grows by up to this share, so that tries that failed together are not repeated together.
"""

LONGEST_RETRY_AFTER = DAY
LONGEST_PAUSE = 5 * MINUTE
"""The longest time for which a Retry-After also holds back an endpoint's other deliveries."""


def next_try(failed: int, now: int, luck: float, retry_after: int | None = None) -> int | None:
    """When to try again after so many failed tries; None: no more.

    ``luck`` is a random number from 0 to 1. An answer's Retry-After (in microseconds) can only
    lengthen the pause.
    """
    if failed > len(RETRIES):
        return None
    pause = RETRIES[max(0, failed - 1)]
    asked = min(max(0, retry_after or 0), LONGEST_RETRY_AFTER)
    return now + int(max(pause, asked) * (1 + JITTER * luck))


def pause_after(now: int, retry_after: int | None) -> int | None:
    """Until when an endpoint that asked to wait gets no call."""
    return None if not retry_after else now + min(retry_after, LONGEST_PAUSE)


# --- the breaker ----------------------------------------------------------------------------------

FAILURES = 10
WITHIN = 30 * SECOND
PROBES = (10 * SECOND, 20 * SECOND, 40 * SECOND, 80 * SECOND, 160 * SECOND, 300 * SECOND)
"""Pauses between the probes of an endpoint with an open breaker; the last one repeats."""

GIVE_UP = 5 * DAY


class Health(msgspec.Struct, frozen=True):
    """How an endpoint's last calls went."""

    failures: tuple[int, ...] = ()
    """Times of the last failed tries since the last success."""
    failing_since: int | None = None
    succeeded_at: int | None = None
    opened_at: int | None = None
    probe_at: int | None = None
    probes: int = 0

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None


def after_success(health: Health, at: int) -> Health:
    """One success closes the breaker."""
    return Health(succeeded_at=max(at, health.succeeded_at or 0))


def after_failure(health: Health, at: int) -> Health:
    """Opens the breaker if all tries of the last 30 seconds failed, and there were at least 10."""
    if health.succeeded_at is not None and at < health.succeeded_at:
        return health  # it was under way when a later one succeeded
    failures = (*health.failures, at)[-FAILURES:]
    since = at if health.failing_since is None else health.failing_since
    health = replace(health, failures=failures, failing_since=since)
    if health.is_open:
        return health
    recent = [moment for moment in failures if moment > at - WITHIN]
    quiet = health.succeeded_at is None or health.succeeded_at <= at - WITHIN
    if len(recent) < FAILURES or not quiet:
        return health
    return replace(health, opened_at=at, probe_at=at + PROBES[0], probes=0)


def may_probe(health: Health, now: int) -> bool:
    """Whether a probe may be sent."""
    return health.is_open and (health.probe_at or 0) <= now


def probing(health: Health, now: int) -> Health:
    """The health of an endpoint after a probe was sent: one more, and when the next one may be."""
    probes = health.probes + 1
    return replace(health, probes=probes, probe_at=now + PROBES[min(probes, len(PROBES) - 1)])


def should_give_up(health: Health, now: int) -> bool:
    """Whether there have been only failures for five days."""
    return health.failing_since is not None and now - health.failing_since >= GIVE_UP


# --- the rate limit -------------------------------------------------------------------------------


def allowed(next_call_at: int | None, rate: int, wanted: int, now: int) -> tuple[int, int]:
    """How many of ``wanted`` calls may be made now at ``rate`` a second, and when the next may be.

    After a pause, the calls of one second may be made at once.
    """
    start = max(next_call_at or 0, now - SECOND)
    count = min(wanted, max(0, now - start) * rate // SECOND)
    return count, start + -(-count * SECOND // rate)
