"""The data that alert rules evaluate, as rows: counts by route, and the state of the hub itself.

Everything reads rollups, or a bounded number of the newest rows by an index. Times are
microseconds since 1970 here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.alert_settings import MOST_COUNTED
from delivrd.core.statement import FAILURES
from delivrd.core.units import MINUTE
from delivrd.store.alerts import tallies
from delivrd.store.counts import BUCKET, OPEN, coarse
from delivrd.store.endpoints import BY_HAND, TAKEN_OUT
from delivrd.store.ids import born, floor
from delivrd.store.queries.diagnosis import NOT_AUTHENTIC
from delivrd.store.tx import Row, Tx

NEWEST = 50_000
"""The number of newest messages that are read one by one; older ones come from the rollups."""

SLACK = 10 * MINUTE
"""How much earlier than its hand-over a message's id may have been made."""

MAX_MARKS = MOST_COUNTED
MAX_FAILURES = 5000
"""The most rows of each that one query reads."""

TOLD = 500
"""The number of deliveries searched for the error of their calls."""

TRYING = MINUTE
"""An endpoint's first failed delivery was made at most this long before it counted as failing."""

FAILED = tuple(status.value for status in FAILURES)


async def minutes(tx: Tx, since: int) -> list[Row]:
    """Attempts by account, country, an empty network, status and minute of the hand-over.

    From the counts by the minute, which cover the last hours and attempts with a known hand-over.
    """
    return await tx.fetch(
        "SELECT account_id, country, '', status, minute, CAST(sum(n) AS BIGINT) FROM recent "
        f"WHERE minute >= $1 AND le >= {OPEN:d} GROUP BY account_id, country, status, minute",
        since // MINUTE,
    )


async def minutes_by_network(tx: Tx, since: int) -> tuple[list[Row], int]:
    """Attempts by account, country, network, status and minute of the hand-over; and the moment
    (the start of a quarter of an hour) since which they are complete.

    The counts by the minute have no networks, so this reads the newest messages one by one.
    """
    bucket = -(-since // BUCKET)
    bound = await tx.fetch(
        f"SELECT id FROM message WHERE id >= $1 ORDER BY id DESC LIMIT 1 OFFSET {NEWEST - 1:d}",
        floor(since - SLACK),
    )
    if bound:
        bucket = max(bucket, -(-(born(bound[0][0]) + SLACK) // BUCKET))
    rows = await tx.fetch(
        "SELECT a.account_id, m.country, a.network, a.status, "
        f"coalesce(a.handed_at, m.sent_at, m.created_at) / {MINUTE:d} AS minute, count(*) "
        "FROM message m JOIN attempt a ON a.message_id = m.id "
        "WHERE m.id >= $1 AND a.bucket >= $2 "
        "GROUP BY a.account_id, m.country, a.network, a.status, minute",
        bound[0][0] if bound else floor(since - SLACK),
        bucket,
    )
    return rows, bucket * BUCKET


async def quarters(
    tx: Tx, since: int, until: int, width: int = 1, *, networks: bool = True
) -> list[Row]:
    """Attempts by account, country, network, status and quarter of an hour (or groups of ``width``
    quarters), until just before ``until``. Without ``networks`` the network is empty."""
    route, by = _route(networks)
    return await tx.fetch(
        f"SELECT {route}, status, bucket / {width:d} * {width:d} AS b, "
        "CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 AND bucket >= $1 AND bucket < $2 "
        f"GROUP BY {by}, status, bucket / {width:d} * {width:d}",
        *_buckets(since, until),
    )


async def outcomes(
    tx: Tx, since: int, until: int, width: int = 1, *, networks: bool = True
) -> list[Row]:
    """The same with one row for all statuses: account, country, network, time, and the numbers of
    attempts that were delivered, failed, ended otherwise, and are still open."""
    route, by = _route(networks)
    failed = ", ".join(f"'{status}'" for status in FAILED)
    which = (
        "status = 'delivered'",
        f"status IN ({failed})",
        f"status NOT IN ('delivered', {failed}, 'pending')",
        "status = 'pending'",
    )
    sums = (f"CAST(sum(CASE WHEN {one} THEN n ELSE 0 END) AS BIGINT)" for one in which)
    return await tx.fetch(
        f"SELECT {route}, bucket / {width:d} * {width:d} AS b, {', '.join(sums)} FROM rollup "
        "WHERE unit = 1 AND bucket >= $1 AND bucket < $2 "
        f"GROUP BY {by}, bucket / {width:d} * {width:d}",
        *_buckets(since, until),
    )


async def latencies(tx: Tx, since: int, until: int, *, networks: bool = True) -> list[Row]:
    """Attempts by account, country, network, status and latency step."""
    return await _ended(tx, _route(networks), "status", since, until)


async def deliveries_took(tx: Tx, since: int, *, networks: bool = True) -> list[Row]:
    """Deliveries by account, country, network, quarter of an hour and latency step."""
    route, by = _route(networks)
    rows = await tx.fetch(
        f"SELECT {route}, bucket, sum(steps) FROM rollup "
        "WHERE unit = 1 AND status = 'delivered' AND bucket >= $1 AND steps IS NOT NULL "
        f"GROUP BY {by}, bucket",
        since // BUCKET,
    )
    return _by_step(tx, rows)


def _route(networks: bool) -> tuple[str, str]:
    """The columns of a route, and the columns to group by."""
    if networks:
        return ("account_id, country, network",) * 2
    return "account_id, country, ''", "account_id, country"


async def _ended(tx: Tx, route: tuple[str, str], what: str, since: int, until: int) -> list[Row]:
    """Attempts that ended, by route, the columns ``what`` and latency step."""
    return _by_step(tx, await _histograms(tx, route, what, since, until))


async def _histograms(
    tx: Tx, route: tuple[str, str], what: str, since: int, until: int
) -> list[Row]:
    shown, by = route
    return await tx.fetch(
        f"SELECT {shown}, {what}, sum(steps) FROM rollup WHERE unit = 1 "
        f"AND bucket >= $1 AND bucket < $2 AND steps IS NOT NULL GROUP BY {by}, {what}",
        *_buckets(since, until),
    )


def _by_step(tx: Tx, rows: Iterable[Row]) -> list[Row]:
    """Rows whose last column is a histogram, as a row for each of its steps: step and number."""
    return [(*row[:-1], le, n) for row in rows for le, n in tx.steps(row[-1]).items()]


def _buckets(since: int, until: int) -> tuple[int, int]:
    """The first quarter of an hour of that time, and the one after the last."""
    return since // BUCKET, -(-until // BUCKET)


async def refused(tx: Tx, since: int) -> list[Row]:
    """Webhook calls refused as not authentic: account, minute, number."""
    return await tx.fetch(
        f"SELECT account, received_at / {MINUTE:d} AS minute, count(*) FROM (SELECT account, "
        f"received_at FROM ring WHERE id >= $1 AND {NOT_AUTHENTIC} AND account IS NOT NULL "
        f"ORDER BY id DESC LIMIT {MAX_MARKS:d}) AS r GROUP BY account, minute",
        floor(since),
    )


async def unmapped(tx: Tx, since: int) -> list[Row]:
    """Receipts with an unknown status word or error code: account id, minute, number."""
    return await tx.fetch(
        f"SELECT account_id, received_at / {MINUTE:d} AS minute, count(*) FROM (SELECT account_id, "
        "received_at FROM statement WHERE unmapped AND count > 0 AND id >= $1 "
        f"ORDER BY id DESC LIMIT {MAX_MARKS:d}) AS s GROUP BY account_id, minute",
        floor(since),
    )


def label(origin: str | None, called: str | None) -> str:
    """An endpoint's name for people: several endpoints may share one origin."""
    return f"{origin} ({called})" if called else origin or ""


class Failing(NamedTuple):
    """An endpoint whose calls fail, or that is ``off`` for that; ``why`` is the error of a call."""

    id: int
    origin: str
    called: str | None
    """Its description, or its name in the settings."""
    since: int
    off: bool
    why: str | None


async def failing_endpoints(tx: Tx) -> list[Failing]:
    rows = await tx.fetch(
        "SELECT id, origin, coalesce(description, name), "
        "coalesce(disabled_at, failing_since, 0), NOT enabled, disabled_why FROM endpoint "
        "WHERE deleted_at IS NULL AND ((enabled AND failing_since IS NOT NULL) "
        "OR (NOT enabled AND coalesce(disabled_why, '') NOT IN ($1, $2))) ORDER BY id",
        BY_HAND,
        TAKEN_OUT,
    )
    found = [Failing(*row) for row in rows]
    return [one._replace(why=one.why or await _call_error(tx, one)) for one in found]


async def _call_error(tx: Tx, one: Failing) -> str | None:
    """Why its calls fail: the error of the one of its first failed deliveries with most tries."""
    rows = await tx.fetch(
        "SELECT why FROM (SELECT why, tries, next_at FROM delivery WHERE endpoint_id = $1 "
        f"AND id >= $2 ORDER BY id LIMIT {TOLD:d}) AS d WHERE why IS NOT NULL "
        "ORDER BY tries DESC, next_at DESC LIMIT 1",
        one.id,
        floor(one.since - TRYING),
    )
    return rows[0][0] if rows else None


class Waiting(NamedTuple):
    """Since when the oldest item waits, and for which endpoint if it is a delivery."""

    since: int | None
    endpoint: int | None = None
    origin: str = ""
    called: str | None = None


async def oldest_waiting(tx: Tx, now: int) -> dict[str, Waiting]:
    """The oldest waiting request of the fold, and delivery of the relay to a working endpoint."""
    fold = await tx.fetch("SELECT min(received_at) FROM to_fold")
    relay = await tx.fetch(
        "SELECT (SELECT min(d.next_at) FROM delivery d WHERE d.endpoint_id = e.id "
        "AND d.state = 'waiting'), e.id, e.origin, "
        "coalesce(e.description, e.name) FROM endpoint e "
        "WHERE e.enabled AND e.deleted_at IS NULL AND e.failing_since IS NULL "
        "AND e.rate_limit IS NULL AND coalesce(e.paused_until, 0) < $1",
        now,
    )
    waiting = [Waiting(*row) for row in relay if row[0] is not None]
    return {
        "fold": Waiting(fold[0][0]),
        "relay": min(waiting, key=lambda one: one.since or 0, default=Waiting(None)),
    }


async def failures(tx: Tx, since: int, after: int = 0) -> list[Row]:
    """Events of failed messages since then, with ids above ``after``: id, time, data."""
    return await tx.fetch(
        "SELECT id, created_at, data FROM event WHERE id >= $1 AND type = ANY($2::text[]) "
        f"ORDER BY id LIMIT {MAX_FAILURES:d}",
        max(floor(since), after + 1),
        [f"message.{status}" for status in FAILED],
    )


async def newest_failures(tx: Tx, since: int, most: int) -> int:
    """The moment, at ``since`` or later, from which on there are at most so many failures."""
    rows = await tx.fetch(
        "SELECT id FROM event WHERE id >= $1 AND type = ANY($2::text[]) "
        f"ORDER BY id DESC LIMIT 1 OFFSET {most:d}",
        floor(since),
        [f"message.{status}" for status in FAILED],
    )
    return born(rows[0][0]) + 1 if rows else since


# --- causes ---------------------------------------------------------------------------------------


async def reasons(
    tx: Tx, account_id: int | None, country: str | None, since: int
) -> list[tuple[str, str, int]]:
    """Why attempts failed since then, the most frequent first: status, reason, number."""
    where, args = _on_route(account_id, country, [since // BUCKET, list(FAILED)])
    rows = await tx.fetch(
        "SELECT status, reason, CAST(sum(n) AS BIGINT) AS n FROM rollup WHERE unit = 1 "
        f"AND bucket >= $1 AND status = ANY($2::text[]){where} GROUP BY status, reason "
        "HAVING sum(n) > 0 ORDER BY n DESC LIMIT 5",
        *args,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def codes(
    tx: Tx, account_id: int | None, country: str | None, since: int
) -> list[tuple[str, int]]:
    """The gateways' codes of the newest failures since then, at most a thousand messages."""
    where, args = _on_route(account_id, country, [floor(since - SLACK), list(FAILED)], "m.")
    rows = await tx.fetch(
        "SELECT code, count(*) AS n FROM (SELECT coalesce(m.error_code, m.provider_status) AS code "
        "FROM message m WHERE m.id >= $1 AND m.final AND m.status <> 'delivered' "
        f"AND m.status = ANY($2::text[]){where} ORDER BY m.id DESC LIMIT 1000) AS newest "
        "WHERE code IS NOT NULL GROUP BY code ORDER BY n DESC LIMIT 5",
        *args,
    )
    return [(row[0], row[1]) for row in rows]


async def refused_why(tx: Tx, account: str | None, since: int) -> list[tuple[str, int]]:
    """Why webhook calls were refused since then, among the newest thousand."""
    rows = await tx.fetch(
        "SELECT why, count(*) AS n FROM (SELECT why FROM ring WHERE id >= $1 "
        f"AND {NOT_AUTHENTIC} AND account IS NOT NULL AND account = coalesce($2, account) "
        "ORDER BY id DESC LIMIT 1000) AS r GROUP BY why ORDER BY n DESC LIMIT 5",
        floor(since),
        account,
    )
    return [(row[0], row[1]) for row in rows]


async def unmapped_words(tx: Tx, account_id: int | None, since: int) -> list[tuple[str, str, int]]:
    """Unknown words and codes, among the newest thousand such receipts since then."""
    rows = await tx.fetch(
        "SELECT word, code, count(*) AS n FROM (SELECT coalesce(provider_status, '') AS word, "
        "coalesce(error_code, '') AS code FROM statement WHERE unmapped AND count > 0 "
        "AND id >= $1 AND account_id = coalesce($2, account_id) ORDER BY id DESC LIMIT 1000) AS s "
        "GROUP BY word, code ORDER BY n DESC LIMIT 5",
        floor(since),
        account_id,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _on_route(
    account_id: int | None, country: str | None, args: Sequence[Any], of: str = ""
) -> tuple[str, list[Any]]:
    """The conditions on a route, and their values appended to ``args``."""
    found, where = list(args), ""
    for column, value in (("account_id", account_id), ("country", country)):
        if value is not None:
            found.append(value)
            where += f" AND {of}{column} = ${len(found)}"
    return where, found


# --- for metrics ----------------------------------------------------------------------------------


class Figures(NamedTuple):
    """Of all processes: what fires, the outcomes of notices, when rules were last evaluated, and
    the attempts of about the last hour."""

    firing: Mapping[str, int]
    notices: Mapping[tuple[str, str], int]
    evaluated_at: int | None
    attempts: Mapping[tuple[int, str], int]
    """By account and status, in the quarters of an hour that the last hour touches."""


async def figures(tx: Tx, now: int) -> Figures:
    firing = await tx.fetch(
        "SELECT rule, count(*) FROM firing WHERE state = 'firing' GROUP BY rule"
    )
    evaluated = await tx.fetch("SELECT max(evaluated_at) FROM alert_state")
    attempts = await tx.fetch(
        "SELECT account_id, status, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 "
        "AND bucket >= $1 GROUP BY account_id, status",
        now // BUCKET - 4,
    )
    return Figures(
        {row[0]: row[1] for row in firing},
        await tallies(tx),
        evaluated[0][0],
        {(row[0], row[1]): row[2] for row in attempts},
    )


# --- the past -------------------------------------------------------------------------------------

_FIRST = {
    "failure": "SELECT min(id) FROM event",
    "rejected_signatures": "SELECT min(id) FROM ring",
    "unmapped": "SELECT min(id) FROM statement",
}


async def begun(tx: Tx, kind: str) -> int | None:
    """Since when the store has the data that rules of a kind evaluate; None if it has none."""
    counted = await tx.fetch("SELECT min(bucket) FROM rollup WHERE unit = 1")
    found = [row[0] * BUCKET for row in counted if row[0] is not None]
    if kind in _FIRST:
        first = [born(row[0]) for row in await tx.fetch(_FIRST[kind]) if row[0] is not None]
        found = first if kind == "failure" else found + first  # events are pruned, counts are not
    return min(found, default=None)


async def ends(tx: Tx, since: int, until: int, *, networks: bool) -> list[Row]:
    """Attempts that ended, by account, country, network, quarter of an hour and status: one
    histogram each, which ``tx.steps`` decodes."""
    return await _histograms(tx, _route(networks), "bucket, status", since, until)


async def ends_of_routes(tx: Tx, since: int, until: int) -> list[Row]:
    """Attempts that ended, by account, country, quarter of an hour, status and the latency step
    that the counts by the minute use."""
    rows = await _ended(tx, _route(False), "bucket, status", since, until)
    found: Counter[tuple[Any, ...]] = Counter()
    for account_id, country, _, *key, step, n in rows:
        found[account_id, country, *key, coarse(step)] += n
    return [(*key, n) for key, n in found.items()]


async def open_of_routes(tx: Tx, since: int, until: int) -> list[Row]:
    """Attempts that have not ended, by account, country and quarter of an hour."""
    return await tx.fetch(
        "SELECT account_id, country, bucket, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 "
        "AND status = 'pending' AND bucket >= $1 AND bucket < $2 "
        "GROUP BY account_id, country, bucket",
        *_buckets(since, until),
    )
