"""Reads stored requests again with the current adapters and tables (rules B2 and B4)."""

from delivrd.core.statement import moment
from delivrd.intake.call import PREFIX
from delivrd.intake.reading import read, with_reference
from delivrd.providers.base import Request
from delivrd.store.accounts import Account
from delivrd.store.append import Entry, append
from delivrd.store.audit import note
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.rereading import Difference, DryRun, supersede
from delivrd.store.tx import Row, Tx

_REQUEST = (
    "SELECT method, path, query, headers, body, received_at, account_id FROM request WHERE id = $1"
)
_RING = (
    "SELECT method, path, query, headers, body, received_at, account, source, admissible "
    "FROM ring WHERE id = $1"
)


class CannotReread(Exception):
    """The request cannot be read again; str() is the reason."""


async def reread(
    store: Store, request_id: int, actor: str, *, dry_run: bool = False, force: bool = False
) -> Difference:
    """Reads a stored request again; returns what that changed or, with ``dry_run``, would change.

    An applied re-reading is audited, with its actor.

    Raises:
        LookupError: there is no such request.
        CannotReread: its body is no longer kept, or its account is gone.
    """
    rows = await store.read(lambda tx: tx.fetch(_REQUEST, request_id))
    if not rows:
        raise LookupError(f"there is no request {request_id}")
    row = rows[0]
    account = _configured(store.accounts.by_id.get(row[6]))
    if row[4] is None:
        raise CannotReread("its body is no longer kept (see [retention] request_bodies_days)")
    request = _request(row)
    reading = with_reference(read(account, request), row[1].removeprefix(PREFIX).split("/")[-1])

    async def job(tx: Tx) -> Difference:
        difference = await supersede(
            tx, store.accounts, store.ids, now_micros(), request_id, account, row[5], reading,
            dry_run=dry_run, force=force,
        )  # fmt: skip
        if difference.applied:
            await note(tx, store.ids, actor, "requests.replay", str(request_id))
        return difference

    try:
        return await store.write(job)
    except DryRun as done:
        return done.difference


def _configured(account: Account | None) -> Account:
    if account is None:
        raise CannotReread("its account is no longer in the settings")
    return account


def _request(row: Row) -> Request:
    """The stored request, with its secrets replaced, in the form that adapters read."""
    headers = []
    for line in bytes(row[3] or b"").split(b"\n"):
        name, colon, value = line.partition(b": ")
        if colon:
            headers.append((name.decode("latin-1"), value.decode("latin-1")))
    return Request(
        method=row[0],
        query=bytes(row[2] or b""),
        headers=headers,
        body=bytes(row[4]),
        url=row[1],
        received_at=moment(row[5]),
    )


async def admit(store: Store, ring_id: int, actor: str) -> int:
    """Admits a call that was refused only for its signature; returns its request's id (rule B2).

    ``received_at`` is when the call arrived. The admission is audited, with its actor.

    Raises:
        LookupError: there is no such call.
        CannotReread: it was refused for another reason, or its account is gone.
    """
    rows = await store.read(lambda tx: tx.fetch(_RING, ring_id))
    if not rows:
        raise LookupError(f"there is no refused call {ring_id}")
    row = rows[0]
    if not row[8]:
        raise CannotReread("only a call that was refused for its signature can be admitted")
    account = _configured(store.accounts.by_name.get(row[6]))
    request = _request(row)
    reading = with_reference(read(account, request), row[1].split("/")[-1])
    entry = Entry(
        id=store.ids.next(), account_id=account.id, received_at=row[5], took_us=0, source=row[7],
        method=row[0], path=row[1], query=request.query, headers=bytes(row[3] or b""),
        body=request.body, auth=f"admitted by {actor}", reading=reading,
    )  # fmt: skip

    async def job(tx: Tx) -> None:
        if not await tx.execute("DELETE FROM ring WHERE id = $1", ring_id):
            raise LookupError(f"there is no refused call {ring_id} any more")
        await append(tx, store.ids, [entry], own=False)
        await note(tx, store.ids, actor, "admit", f"call {ring_id} as {entry.id}")

    await store.write(job)
    return entry.id
