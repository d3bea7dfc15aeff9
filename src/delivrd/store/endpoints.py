"""Endpoints as stored, and the state of their calls."""

import base64
import secrets as random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from delivrd.core.units import SECOND
from delivrd.store import schema
from delivrd.store.ids import Ids
from delivrd.store.tx import Row, Tx

SECRET_BYTES = 24
"""Standard Webhooks asks for 24 to 64 random bytes."""

HUB = 0
"""The message id of events about the hub itself."""

BY_HAND, TAKEN_OUT = "by hand", "it was taken out of the settings"
"""The reasons of endpoints that were disabled on purpose."""


class Endpoint(msgspec.Struct):
    """One subscriber's URL; a filter that is None matches everything."""

    id: int
    kind: Literal["endpoint", "callback"]
    url: str
    origin: str
    name: str | None
    """Its name in the settings, if it is defined there; then only they can change it."""
    description: str | None
    format: str
    options: Mapping[str, str]
    statuses: frozenset[str] | None
    accounts: frozenset[str] | None
    countries: frozenset[str] | None
    final_only: bool
    operational: bool
    ordered: bool
    rate_limit: int | None
    batch_size: int
    batch_ms: int
    secrets: Sequence[tuple[str, int | None]]
    """Newest first, each with the time of its end, or None."""
    revision: int
    created_at: int
    enabled: bool
    disabled_at: int | None
    disabled_why: str | None
    deleted_at: int | None
    failures: tuple[int, ...]
    failing_since: int | None
    succeeded_at: int | None
    opened_at: int | None
    probe_at: int | None
    probes: int
    paused_until: int | None
    next_call_at: int | None

    def __repr__(self) -> str:  # for logs: without secrets and path
        return f"Endpoint({self.id}, {self.origin!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("origin", self.origin)]

    def secrets_at(self, now: int) -> tuple[str, ...]:
        """The secrets that sign at that time."""
        return tuple(secret for secret, until in self.secrets if until is None or now < until)


COLUMNS = Endpoint.__struct_fields__
_AS_JSON = {
    "options": dict[str, str], "statuses": frozenset[str], "accounts": frozenset[str],
    "countries": frozenset[str], "secrets": list[tuple[str, int | None]],
    "failures": tuple[int, ...],
}  # fmt: skip
_DECODERS = {
    COLUMNS.index(name): msgspec.json.Decoder(kind).decode for name, kind in _AS_JSON.items()
}
_FLAGS = [COLUMNS.index(n) for n in ("final_only", "operational", "ordered", "enabled")]
SELECT = f"SELECT {', '.join(f'e.{column}' for column in COLUMNS)} FROM endpoint e"


def read(row: Row) -> Endpoint:
    """Makes an endpoint of the columns above."""
    values = list(row)
    for i, decode in _DECODERS.items():
        values[i] = None if values[i] is None else decode(values[i])
    for i in _FLAGS:
        values[i] = bool(values[i])
    return Endpoint(*values)


def written(name: str, value: Any) -> Any:
    """The value of a column as stored."""
    if name not in _AS_JSON or value is None:
        return value
    value = sorted(value) if isinstance(value, (set, frozenset)) else value
    return msgspec.json.encode(value).decode()


def new_secret() -> str:
    return "whsec_" + base64.b64encode(random.token_bytes(SECRET_BYTES)).decode()


# --- operators' actions ---------------------------------------------------------------------------


async def create(tx: Tx, ids: Ids, now: int, **fields: Any) -> Endpoint:
    """Creates an endpoint with these validated fields and a new secret."""
    given = {
        "kind": "endpoint", "format": "delivrd", "options": {}, "failures": (),
        "secrets": [(new_secret(), None)], **fields, "id": ids.next(), "created_at": now,
    }  # fmt: skip
    row = [written(name, value) for name, value in given.items()]
    await tx.insert(schema.endpoint, tuple(given), [row])
    found = await get(tx, given["id"])
    assert found is not None
    return found


async def get(tx: Tx, endpoint_id: int) -> Endpoint | None:
    """The endpoint; None if it does not exist or was deleted."""
    rows = await tx.fetch(f"{SELECT} WHERE e.id = $1 AND e.deleted_at IS NULL", endpoint_id)
    return read(rows[0]) if rows else None


async def was_made(tx: Tx, endpoint_id: int) -> bool:
    """Whether there is or was such an endpoint; the deliveries of a deleted one are kept."""
    return bool(await tx.fetch("SELECT 1 FROM endpoint WHERE id = $1", endpoint_id))


async def every(tx: Tx, *, callbacks: bool = False) -> list[Endpoint]:
    """All endpoints, oldest first; ``callbacks`` are the origins of messages' callback_urls."""
    kinds = ["endpoint", "callback"] if callbacks else ["endpoint"]
    rows = await tx.fetch(
        f"{SELECT} WHERE e.deleted_at IS NULL AND e.kind = ANY($1::text[]) ORDER BY e.id", kinds
    )
    return [read(row) for row in rows]


async def any_listens(tx: Tx) -> bool:
    """Whether an endpoint is enabled, other than for messages' callback_urls."""
    wanted = "kind = 'endpoint' AND enabled AND deleted_at IS NULL"
    return bool(await tx.fetch(f"SELECT 1 FROM endpoint WHERE {wanted} LIMIT 1"))


async def name_all(tx: Tx, ids: Ids, now: int, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Creates the missing ones of the named endpoints; safe for processes that start together."""
    for name, fields in wanted.items():
        given = {
            "kind": "endpoint", "failures": (), "secrets": [(new_secret(), None)], **fields,
            "name": name, "id": ids.next(), "created_at": now,
        }  # fmt: skip
        row = [written(column, value) for column, value in given.items()]
        await tx.insert(schema.endpoint, tuple(given), [row], "ignore")


async def named(tx: Tx) -> dict[str, Endpoint]:
    """The endpoints that are or were defined in the settings, by name; locked."""
    rows = await tx.fetch(
        f"{SELECT} WHERE e.name IS NOT NULL AND e.deleted_at IS NULL ORDER BY e.id FOR UPDATE"
    )
    return {one.name or "": one for one in map(read, rows)}


CHANGES_CALLS = frozenset({"url", "format", "options"})

_NO_FAILURES = (
    "failures = '[]', failing_since = NULL, opened_at = NULL, probe_at = NULL, probes = 0, "
    "paused_until = NULL"
)


async def update(tx: Tx, endpoint_id: int, **fields: Any) -> bool:
    """Sets these validated fields; returns whether the endpoint exists.

    Waiting deliveries use the new settings: their calls are built again. What is known of another
    URL's failures is forgotten.
    """
    if "url" in fields:
        await tx.execute(
            f"UPDATE endpoint SET {_NO_FAILURES} WHERE id = $1 AND url <> $2", endpoint_id,
            fields["url"],
        )  # fmt: skip
    if CHANGES_CALLS & set(fields):
        await tx.execute("UPDATE endpoint SET revision = revision + 1 WHERE id = $1", endpoint_id)
    sets = ", ".join(f"{name} = ${i}" for i, name in enumerate(fields, 2))
    values = [written(name, value) for name, value in fields.items()]
    count = await tx.execute(
        f"UPDATE endpoint SET {sets} WHERE id = $1 AND deleted_at IS NULL", endpoint_id, *values
    )
    return count == 1


async def enable(tx: Tx, endpoint_id: int) -> bool:
    """Enables calls again and clears all failures; returns whether the endpoint exists."""
    tx.queued = True
    count = await tx.execute(
        "UPDATE endpoint SET enabled = true, disabled_at = NULL, disabled_why = NULL, "
        f"{_NO_FAILURES} WHERE id = $1 AND deleted_at IS NULL",
        endpoint_id,
    )
    return count == 1


async def disable(tx: Tx, endpoint_id: int, now: int, why: str) -> bool:
    """Stops calls; returns whether it was enabled. The sweep parks what waits."""
    count = await tx.execute(
        "UPDATE endpoint SET enabled = false, disabled_at = $2, disabled_why = $3 "
        "WHERE id = $1 AND enabled",
        endpoint_id,
        now,
        why,
    )
    return count == 1


async def delete(tx: Tx, endpoint_id: int, now: int) -> bool:
    """Deletes an endpoint; its deliveries stay on record, the sweep cancels what waits."""
    count = await tx.execute(
        "UPDATE endpoint SET deleted_at = $2, enabled = false, secrets = '[]' "
        "WHERE id = $1 AND deleted_at IS NULL",
        endpoint_id,
        now,
    )
    return count == 1


async def rotate_secret(
    tx: Tx, endpoint_id: int, now: int, *, keep_seconds: int = 86400
) -> str | None:
    """Makes a new secret and returns it; the previous one also signs for ``keep_seconds``. None:
    there is no such endpoint."""
    await tx.fetch("SELECT 1 FROM endpoint WHERE id = $1 FOR UPDATE", endpoint_id)
    endpoint = await get(tx, endpoint_id)
    if endpoint is None:
        return None
    made, until = new_secret(), now + keep_seconds * SECOND
    before = [(secret, until) for secret, _ in endpoint.secrets[:1]] if keep_seconds else []
    await update(tx, endpoint_id, secrets=[(made, None), *before])
    return made


# --- the state of its calls -----------------------------------------------------------------------


async def lock(tx: Tx, endpoint_id: int) -> Endpoint | None:
    """The endpoint, its row locked."""
    rows = await tx.fetch(f"{SELECT} WHERE e.id = $1 FOR UPDATE", endpoint_id)
    return read(rows[0]) if rows else None


async def revisions(tx: Tx, ids: Collection[int]) -> dict[int, int]:
    """How often what makes up their calls was changed, by the endpoints' ids."""
    if not ids:
        return {}
    rows = await tx.fetch("SELECT id, revision FROM endpoint WHERE id = ANY($1::bigint[])", [*ids])
    return {row[0]: row[1] for row in rows}


async def set_fields(tx: Tx, endpoint_id: int, **fields: Any) -> None:
    """Sets fields of a locked endpoint."""
    names = tuple(fields)
    values = [written(name, value) for name, value in fields.items()]
    await tx.update(schema.endpoint, "id", names, [(endpoint_id, *values)])


async def note_success(tx: Tx, endpoint_id: int, at: int, *, unless_since: int) -> None:
    """Closes the breaker and clears failures; without failures, writes the row only if its last
    success is older than ``unless_since``."""
    await tx.execute(
        "UPDATE endpoint SET succeeded_at = $2, failures = '[]', failing_since = NULL, "
        "opened_at = NULL, probe_at = NULL, probes = 0 WHERE id = $1 "
        "AND (failing_since IS NOT NULL OR succeeded_at IS NULL OR succeeded_at < $3)",
        endpoint_id,
        at,
        unless_since,
    )


async def lock_rate(tx: Tx, endpoint_id: int) -> int | None:
    """When the next call may be made; the row is locked, so that no other worker makes one."""
    rows = await tx.fetch("SELECT next_call_at FROM endpoint WHERE id = $1 FOR UPDATE", endpoint_id)
    return rows[0][0] if rows else None


async def take_probe(
    tx: Tx, endpoint_id: int, seen: int | None, probe_at: int | None, probes: int
) -> bool:
    """Takes the probe that was seen to be due; returns whether we got it: one process does."""
    count = await tx.execute(
        "UPDATE endpoint SET probe_at = $3, probes = $4 WHERE id = $1 AND probe_at = $2",
        endpoint_id,
        seen,
        probe_at,
        probes,
    )
    return count == 1


# --- callback_urls --------------------------------------------------------------------------------


async def callbacks(
    tx: Tx, ids: Ids, now: int, origins: Iterable[str]
) -> dict[str, tuple[int, bool]]:
    """The endpoint of each origin, made if missing, and whether it may be called."""
    wanted = sorted(set(origins))
    if not wanted:
        return {}
    known = await _callbacks(tx, wanted)
    missing = [origin for origin in wanted if origin not in known]
    if missing:
        columns = ("id", "kind", "url", "origin", "format", "ordered", "secrets", "failures",
                   "created_at")  # fmt: skip
        rows = [
            (ids.next(), "callback", origin, origin, "delivrd", True, "[]", "[]", now)
            for origin in missing
        ]
        await tx.insert(schema.endpoint, columns, rows, "ignore")
        known |= await _callbacks(tx, missing)
    return known


async def _callbacks(tx: Tx, origins: list[str]) -> dict[str, tuple[int, bool]]:
    rows = await tx.fetch(
        "SELECT origin, id, enabled FROM endpoint "
        "WHERE kind = 'callback' AND origin = ANY($1::text[])",
        origins,
    )
    return {row[0]: (row[1], bool(row[2])) for row in rows}
