"""Alert rules, their memory, firings and notices, as stored.

Rules and memory are opaque JSON here; :mod:`delivrd.insight.alerts` interprets them. Times are
microseconds since 1970.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from delivrd.store import schema
from delivrd.store.ids import Ids
from delivrd.store.tx import Row, Tx

Place = tuple[tuple[str, str], ...]


class StoredRule(NamedTuple):
    """A rule made over the API."""

    name: str
    rule: str
    created_at: int
    updated_at: int


class Memory(NamedTuple):
    """What a rule keeps between evaluations; ``rule`` is the rule as evaluated."""

    rule: str
    data: str
    evaluated_at: int | None
    snoozed_until: int | None


class Firing(msgspec.Struct, frozen=True):
    """One incident that a rule found, over or still open."""

    id: int
    rule: str
    number: int
    kind: str
    sentence: str
    place: Place
    state: str
    since: int
    fired_at: int
    ended_at: int | None
    merged_into: int | None
    beside: int | None
    facts: dict[str, Any]
    causes: dict[str, Any] | None
    acked_at: int | None
    acked_by: str | None
    snoozed_until: int | None


class Notice(NamedTuple):
    """A message about one firing to one channel."""

    id: int
    firing_id: int
    channel: str
    what: str
    title: str
    body: str
    state: str
    tries: int
    next_at: int | None
    why: str | None
    created_at: int
    ended_at: int | None


COLUMNS = Firing.__struct_fields__
_JSON = {"place": Place, "facts": dict[str, Any], "causes": dict[str, Any]}
_DECODE = {COLUMNS.index(name): msgspec.json.Decoder(kind).decode for name, kind in _JSON.items()}
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM firing"
_NOTICE = f"SELECT {', '.join(Notice._fields)} FROM notice"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _firing(row: Row) -> Firing:
    values = list(row)
    for i, decode in _DECODE.items():
        values[i] = None if values[i] is None else decode(values[i])
    return Firing(*values)


# --- rules ----------------------------------------------------------------------------------------


async def rules(tx: Tx) -> list[StoredRule]:
    rows = await tx.fetch("SELECT name, rule, created_at, updated_at FROM alert_rule ORDER BY name")
    return [StoredRule(*row) for row in rows]


async def put_rule(tx: Tx, name: str, rule: str, now: int) -> bool:
    """Creates or replaces a rule; returns whether it is new."""
    changed = await tx.execute(
        "UPDATE alert_rule SET rule = $2, updated_at = $3 WHERE name = $1", name, rule, now
    )
    if not changed:
        columns = ("name", "rule", "created_at", "updated_at")
        await tx.insert(schema.alert_rule, columns, [(name, rule, now, now)])
    return not changed


async def delete_rule(tx: Tx, name: str) -> bool:
    """Deletes a rule; returns whether it existed. Its firings stay on record."""
    return await tx.execute("DELETE FROM alert_rule WHERE name = $1", name) > 0


# --- memory ---------------------------------------------------------------------------------------


async def memories(tx: Tx) -> dict[str, Memory]:
    rows = await tx.fetch("SELECT name, rule, data, evaluated_at, snoozed_until FROM alert_state")
    return {row[0]: Memory(*row[1:]) for row in rows}


async def remember(tx: Tx, name: str, rule: str, data: str, now: int) -> None:
    changed = await tx.execute(
        "UPDATE alert_state SET rule = $2, data = $3, evaluated_at = $4 WHERE name = $1",
        name,
        rule,
        data,
        now,
    )
    if not changed:
        columns = ("name", "rule", "data", "evaluated_at")
        await tx.insert(schema.alert_state, columns, [(name, rule, data, now)], "ignore")


async def forget(tx: Tx, names: Sequence[str]) -> None:
    """Drops the memory of deleted rules; their firings stay on record, and are closed."""
    await tx.execute("DELETE FROM alert_state WHERE name = ANY($1::text[])", list(names))


async def snooze_rule(tx: Tx, name: str, until: int | None) -> None:
    """Keeps a rule from firing until a time; None ends the snooze."""
    changed = await tx.execute(
        "UPDATE alert_state SET snoozed_until = $2 WHERE name = $1", name, until
    )
    if not changed and until is not None:
        columns = ("name", "rule", "data", "snoozed_until")
        await tx.insert(schema.alert_state, columns, [(name, "", "", until)])


async def last_number(tx: Tx, rule: str) -> int:
    """The number of the latest firing of a rule of that name."""
    rows = await tx.fetch("SELECT max(number) FROM firing WHERE rule = $1", rule)
    return int(rows[0][0] or 0)


# --- firings --------------------------------------------------------------------------------------


async def begin(tx: Tx, ids: Ids, **fields: Any) -> Firing:
    """Creates a firing with these fields."""
    given = {"id": ids.next(), "facts": {}, **fields}
    row = [_json(v) if n in _JSON and v is not None else v for n, v in given.items()]
    await tx.insert(schema.firing, tuple(given), [row])
    found = await firing(tx, given["id"])
    assert found is not None
    return found


async def change(tx: Tx, firing_id: int, **fields: Any) -> bool:
    """Sets fields of a firing; returns whether it exists."""
    sets = ", ".join(f"{name} = ${i}" for i, name in enumerate(fields, 2))
    values = [_json(v) if n in _JSON and v is not None else v for n, v in fields.items()]
    return await tx.execute(f"UPDATE firing SET {sets} WHERE id = $1", firing_id, *values) > 0


async def firing(tx: Tx, firing_id: int) -> Firing | None:
    rows = await tx.fetch(f"{_SELECT} WHERE id = $1", firing_id)
    return _firing(rows[0]) if rows else None


async def numbered(tx: Tx, rule: str, number: int) -> Firing | None:
    rows = await tx.fetch(f"{_SELECT} WHERE rule = $1 AND number = $2", rule, number)
    return _firing(rows[0]) if rows else None


async def open_firings(tx: Tx) -> list[Firing]:
    """The open firings, newest first."""
    rows = await tx.fetch(f"{_SELECT} WHERE state = 'firing' ORDER BY id DESC")
    return [_firing(row) for row in rows]


async def firings(
    tx: Tx, before: int, limit: int, *, state: str | None = None, rule: str | None = None
) -> list[Firing]:
    """The newest firings with an id below ``before``."""
    where, args = "id < $1", list[Any]([before])
    for column, value in (("state", state), ("rule", rule)):
        if value is not None:
            args.append(value)
            where += f" AND {column} = ${len(args)}"
    rows = await tx.fetch(f"{_SELECT} WHERE {where} ORDER BY id DESC LIMIT {limit:d}", *args)
    return [_firing(row) for row in rows]


# --- notices --------------------------------------------------------------------------------------


async def post(
    tx: Tx, ids: Ids, firing_id: int, channels: Sequence[str], what: str, title: str, body: str,
    now: int,
) -> None:  # fmt: skip
    """Queues a notice for each of the channels, to be sent at once."""
    columns = ("id", "firing_id", "channel", "what", "title", "body", "state", "next_at",
               "created_at")  # fmt: skip
    rows = [(ids.next(), firing_id, c, what, title, body, "waiting", now, now) for c in channels]
    await tx.insert(schema.notice, columns, rows)


async def due_notices(tx: Tx, now: int, limit: int) -> list[Notice]:
    """The notices to try now, of each channel in turn, so that one that does not answer keeps no
    other waiting. A channel gets the notices of one firing in order: a recovery waits for the
    notice of the firing."""
    rows = await tx.fetch(
        f"{_NOTICE} WHERE state = 'waiting' AND next_at <= $1 AND NOT EXISTS (SELECT 1 FROM notice "
        "AS before WHERE before.firing_id = notice.firing_id AND before.channel = notice.channel "
        "AND before.state = 'waiting' AND before.id < notice.id) "
        "ORDER BY row_number() OVER (PARTITION BY channel ORDER BY next_at, id), next_at, id "
        f"LIMIT {limit:d}",
        now,
    )
    return [Notice(*row) for row in rows]


async def notices_of(tx: Tx, firing_id: int) -> list[Notice]:
    rows = await tx.fetch(f"{_NOTICE} WHERE firing_id = $1 ORDER BY id", firing_id)
    return [Notice(*row) for row in rows]


async def note_try(
    tx: Tx, notice_id: int, state: str, why: str | None, next_at: int | None, now: int
) -> None:
    """Stores the result of a try: ``sent``, ``failed`` for good, or ``waiting`` for the next."""
    await tx.execute(
        "UPDATE notice SET state = $2, why = $3, next_at = $4, ended_at = $5, tries = tries + 1 "
        "WHERE id = $1",
        notice_id,
        state,
        why,
        next_at,
        None if state == "waiting" else now,
    )


async def hasten(tx: Tx, channel: str, limit: int, now: int) -> None:
    """Makes the oldest notices due that wait for a channel's next try, at most so many."""
    await tx.execute(
        "UPDATE notice SET next_at = $2 WHERE id IN (SELECT id FROM notice WHERE channel = $1 "
        f"AND state = 'waiting' AND next_at > $2 ORDER BY id LIMIT {limit:d})",
        channel,
        now,
    )


class Doing(NamedTuple):
    """The health of a channel: its last notice sent, and the last failure since."""

    sent_at: int | None
    failed_at: int | None
    why: str | None
    waiting: int

    @property
    def failing(self) -> bool:
        """Whether the last try failed."""
        return self.failed_at is not None and self.failed_at > (self.sent_at or 0)


async def doing(tx: Tx, channel: str) -> Doing:
    """The health of a channel, by its last fifty notices."""
    rows = await tx.fetch(
        "SELECT state, why, created_at, ended_at, tries FROM notice WHERE channel = $1 "
        "ORDER BY id DESC LIMIT 50",
        channel,
    )
    sent = max((row[3] for row in rows if row[0] == "sent"), default=None)
    troubled = [(row[3] or row[2], row[1]) for row in rows if row[1] and row[0] != "sent"]
    failed_at, why = max(troubled, default=(None, None))
    waiting = sum(row[0] == "waiting" for row in rows)
    return Doing(sent, failed_at, why, waiting)


async def channels_doing(tx: Tx, channels: Iterable[str]) -> dict[str, Doing]:
    """The health of each of these channels."""
    return {name: await doing(tx, name) for name in channels}


async def tallies(tx: Tx) -> Mapping[tuple[str, str], int]:
    """The number of stored notices by channel and state."""
    rows = await tx.fetch("SELECT channel, state, count(*) FROM notice GROUP BY channel, state")
    return {(row[0], row[1]): row[2] for row in rows}
