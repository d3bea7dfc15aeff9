"""Inbound calls: the authentic ones (the log), and the refused ones (the ring)."""

import base64
from typing import Any

from delivrd.core.statement import moment
from delivrd.store.accounts import Accounts
from delivrd.store.ids import born
from delivrd.store.queries.paging import Condition, Found, Listed, Span, scan, spanned
from delivrd.store.queries.receipts import receipts_of_request
from delivrd.store.queries.views import (
    Fault,
    Request,
    RequestDetail,
    provider_name,
    simulated,
)
from delivrd.store.tx import Row, Tx

RECEIPTS_SHOWN = 200
FAULTS_SHOWN = 200

_KEPT = (
    "SELECT id, account_id, received_at, took_us, source, method, path, auth, kind, why, "
    "receipts, faults, length(body) FROM request"
)
_RING = (
    "SELECT id, account, received_at, source, method, path, status, why, admissible, "
    "length(body) FROM ring"
)
_ODD = "(kind <> 'receipts' OR faults > 0)"
"""Written like the condition of its partial index."""

_KEPT_VERDICTS = {
    "partly": "kind = 'receipts' AND faults > 0 AND receipts > 0",
    "unreadable": "(kind = 'unreadable' OR (kind = 'receipts' AND faults > 0 AND receipts = 0))",
    "handshake": "kind = 'handshake'",
    "inbound": "kind = 'inbound'",
    "probe": "kind = 'probe'",
    "other": "kind NOT IN ('receipts', 'unreadable', 'handshake', 'inbound', 'probe')",
}
_RING_VERDICTS = {"refused": "status >= 400", "probe": "status < 400"}


async def list_requests(
    tx: Tx,
    accounts: Accounts,
    *,
    account: str | None = None,
    verdict: str | None = None,
    odd: bool = False,
    since: int | None = None,
    until: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Listed[Request]:
    """The newest calls, kept and refused together; ``odd``: only those not read without faults.

    ``verdict`` is one of :data:`delivrd.store.queries.views.VERDICTS`.
    """
    span = Span(since, until)
    pages = []
    if verdict not in _RING_VERDICTS or verdict in _KEPT_VERDICTS:
        pages.append(await _kept(tx, accounts, account, verdict, odd, span, before, limit))
    if verdict is None or verdict in _RING_VERDICTS:
        pages.append(await _ring(tx, account, verdict, span, before, limit))
    return _merged(accounts, pages, limit)


def _merged(accounts: Accounts, pages: list[Found], limit: int) -> Listed[Request]:
    """Merges pages; rows below the end of any of them are left to the next page."""
    end = max((page.next_before for page in pages if page.next_before is not None), default=0)
    rows = sorted((row for page in pages for row in page.rows), key=lambda r: -r[0])
    rows = [row for row in rows if row[0] >= end]
    items = [_request(accounts, row) for row in rows[:limit]]
    if len(rows) > limit:
        return Listed(items, rows[limit - 1][0])
    if not end:
        return Listed(items, None)
    partial = any(page.scanned_to == end for page in pages)
    return Listed(items, end, born(end) if partial else None)


async def _kept(
    tx: Tx,
    accounts: Accounts,
    account: str | None,
    verdict: str | None,
    odd: bool,
    span: Span,
    before: int | None,
    limit: int,
) -> Found:
    indexed: list[Condition] = []
    others: list[Condition] = []
    if verdict == "read":
        others.append(("kind = 'receipts' AND faults = 0", ()))
    if verdict in _KEPT_VERDICTS:
        others.append((_KEPT_VERDICTS[verdict], ()))
    if odd or verdict in _KEPT_VERDICTS:
        indexed.append((_ODD, ()))
    if account is not None:
        others.append(("account_id = ?", (accounts.id_of(account),)))
    return await spanned(
        tx, _KEPT, span, "received_at", indexed=indexed, others=others, before=before, limit=limit
    )


async def _ring(
    tx: Tx,
    account: str | None,
    verdict: str | None,
    span: Span,
    before: int | None,
    limit: int,
) -> Found:
    """A page of the ring, which is bounded, so every filter may scan all of it."""
    conditions = span.conditions("received_at")
    if verdict is not None:
        conditions.append((_RING_VERDICTS[verdict], ()))
    if account is not None:
        conditions.append(("account = ?", (account,)))
    return await scan(
        tx, _RING, indexed=conditions, below=span.below(before), lowest=span.lowest, limit=limit
    )


def verdict_of(kind: str, receipts: int, faults: int) -> str:
    """The verdict of an authentic call."""
    if kind == "receipts":
        if not faults:
            return "read"
        return "partly" if receipts else "unreadable"
    return kind if kind in _KEPT_VERDICTS else "other"


def _request(accounts: Accounts, row: Row) -> Request:
    return _of_ring(accounts, row) if len(row) == 10 else _of_log(accounts, row)


def _of_log(accounts: Accounts, row: Row) -> Request:
    (row_id, account_id, received_at, took_us, source, method, path, auth, kind, why, receipts,
     faults, size) = row  # fmt: skip
    return Request(
        id=str(row_id),
        account=accounts.name(account_id),
        provider=provider_name(accounts, account_id),
        received_at=moment(received_at),
        source=source,
        method=method,
        path=path,
        status=200,
        verdict=verdict_of(kind, receipts, faults),
        why=why,
        auth=auth,
        took_ms=None if took_us is None else took_us / 1000,
        receipts=receipts,
        faults=faults,
        size=size,
        admissible=False,
        simulated=simulated(accounts, account_id),
    )


def _of_ring(accounts: Accounts, row: Row) -> Request:
    row_id, account, received_at, source, method, path, status, why, admissible, size = row
    account_id = accounts.id_of(account)
    return Request(
        id=str(row_id),
        account=account,
        provider=provider_name(accounts, account_id),
        received_at=moment(received_at),
        source=source,
        method=method,
        path=path,
        status=status,
        verdict="refused" if status >= 400 else "probe",
        why=None if status < 400 else why,
        auth=None,
        took_ms=None,
        receipts=0,
        faults=0,
        size=size,
        admissible=bool(admissible),
        simulated=simulated(accounts, account_id),
    )


async def find_request(tx: Tx, accounts: Accounts, request_id: int) -> RequestDetail | None:
    """One call as received, authentic or refused, and what was read from it."""
    kept = await tx.fetch(
        f"{_KEPT.replace(' FROM', ', query, headers, body, reading_no FROM')} WHERE id = $1",
        request_id,
    )
    if kept:
        row = kept[0]
        view = _of_log(accounts, tuple(row)[:13])
        return await _detail_of_log(tx, accounts, request_id, view, tuple(row)[13:])
    ring = await tx.fetch(
        f"{_RING.replace(' FROM', ', query, headers, body FROM')} WHERE id = $1", request_id
    )
    if not ring:
        return None
    view = _of_ring(accounts, tuple(ring[0])[:10])
    query, headers, body = tuple(ring[0])[10:]
    # An empty body is surely all of it only if the call is admissible: others end before theirs.
    return _detail(view, query, headers, body if body or view.admissible else None)


async def _detail_of_log(
    tx: Tx, accounts: Accounts, request_id: int, view: Request, raw: tuple[Any, ...]
) -> RequestDetail:
    query, headers, body, reading_no = raw
    detail = _detail(view, query, headers, body)
    detail.receipts_total, detail.receipts = await receipts_of_request(
        tx, accounts, request_id, RECEIPTS_SHOWN
    )
    rows = await tx.fetch(
        "SELECT position, why, raw, set_aside, reading_no FROM fault WHERE request_id = $1 "
        f"ORDER BY reading_no DESC, position LIMIT {FAULTS_SHOWN}",
        request_id,
    )
    detail.faults = [
        Fault(position=p, why=why, raw=text, set_aside=bool(aside), superseded=no != reading_no)
        for p, why, text, aside, no in rows
    ]
    detail.readings = reading_no + 1
    detail.folded = not await tx.fetch("SELECT 1 FROM to_fold WHERE id = $1", request_id)
    return detail


def _detail(
    view: Request, query: bytes | None, headers: bytes | None, body: bytes | None
) -> RequestDetail:
    text, encoded = _body(body)
    return RequestDetail(
        id=view.id,
        account=view.account,
        provider=view.provider,
        received_at=view.received_at,
        source=view.source,
        method=view.method,
        path=view.path,
        query=bytes(query or b"").decode("utf-8", "backslashreplace"),
        headers=_headers(bytes(headers or b"")),
        body=text,
        body_base64=encoded,
        body_kept=body is not None,
        size=view.size,
        status=view.status,
        verdict=view.verdict,
        why=view.why,
        auth=view.auth,
        took_ms=view.took_ms,
        readings=0,
        folded=True,
        receipts_total=0,
        receipts=[],
        faults=[],
        admissible=view.admissible,
        simulated=view.simulated,
    )


def _body(body: bytes | None) -> tuple[str | None, str | None]:
    """As text where it is UTF-8, else in base64."""
    if body is None:
        return None, None
    try:
        return bytes(body).decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(body).decode()


def _headers(raw: bytes) -> list[tuple[str, str]]:
    lines = (line.decode("latin-1").partition(": ") for line in raw.split(b"\n") if line)
    return [(name, value) for name, _, value in lines]
