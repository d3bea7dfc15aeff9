"""Receipts: the list with filters, and the unmatched and unmapped ones."""

from collections.abc import Iterable

from delivrd.core.statement import moment
from delivrd.core.status import fold_part
from delivrd.store.accounts import Accounts
from delivrd.store.loading import add_statements
from delivrd.store.queries import trees
from delivrd.store.queries.paging import Condition, Listed, Span, listed, scan, spanned
from delivrd.store.queries.provider_ids import parts_of
from delivrd.store.queries.views import (
    NOT_BROUGHT,
    Brought,
    Receipt,
    Unmapped,
    Unmatched,
    provider_name,
    receipt,
    simulated,
)
from delivrd.store.rows import PART_COLUMNS, PartRow
from delivrd.store.tx import Tx

UNMAPPED_SEEN = 10_000
"""The number of newest receipts with an unknown word or code that are grouped."""

_LIVE: Condition = ("kind = 'receipt' AND count > 0", ())


async def list_receipts(
    tx: Tx,
    accounts: Accounts,
    *,
    account: str | None = None,
    status: str | None = None,
    provider_message_id: str | None = None,
    since: int | None = None,
    until: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Listed[Receipt]:
    """The newest receipts that satisfy all filters; times are when they were received."""
    indexed: list[Condition] = [_LIVE]
    others: list[Condition] = []
    if provider_message_id is not None:
        parts = await parts_of(tx, accounts, provider_message_id)
        indexed.append(("part_id = ANY(?::bigint[])", (parts,)))
    if account is not None:
        others.append(("account_id = ?", (accounts.id_of(account),)))
    if status is not None:
        others.append(("status = ?", (status,)))
    if provider_message_id is not None:
        indexed, others = [*indexed, *others], []
    found = await spanned(
        tx,
        "SELECT id FROM statement",
        Span(since, until),
        "received_at",
        indexed=indexed,
        others=others,
        before=before,
        limit=limit,
    )
    return listed(await trees.receipts(tx, accounts, [row[0] for row in found.rows]), found)


async def list_unmatched(
    tx: Tx,
    accounts: Accounts,
    *,
    account: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Listed[Unmatched]:
    """The newest provider ids that occur in receipts but belong to no message (rule D2)."""
    others: list[Condition] = []
    if account is not None:
        known = accounts.by_name.get(account)
        others.append(("ns = ?", (-1 if known is None else known.ns,)))
    found = await scan(
        tx,
        f"SELECT {', '.join(PART_COLUMNS)} FROM part",
        indexed=[("attempt_id IS NULL", ())],
        others=others,
        limit=limit,
        **({} if before is None else {"below": before}),
    )
    parts = [PartRow(*row) for row in found.rows]
    await add_statements(tx, parts)
    spoken_of = [part for part in parts if part.live]
    ids = [said.id for part in spoken_of for said in part.statements]
    requests = await trees.requests_of(tx, ids)
    return listed([_unmatched(accounts, part, requests) for part in spoken_of], found)


def _unmatched(accounts: Accounts, part: PartRow, requests: dict[int, Brought]) -> Unmatched:
    outcome = fold_part(part.live)
    said = [row for row in part.statements if row.statement.count > 0]
    account_id = said[0].account_id
    return Unmatched(
        id=str(part.id),
        account=accounts.name(account_id),
        provider=provider_name(accounts, account_id),
        provider_message_id=part.provider_message_id,
        status=outcome.status.value,
        final=outcome.final,
        first_seen=moment(min(row.statement.received_at for row in said)),
        simulated=simulated(accounts, account_id),
        receipts=[
            receipt(
                accounts, row, part.provider_message_id, None, requests.get(row.id, NOT_BROUGHT)
            )
            for row in sorted(said, key=lambda row: row.statement.received_at)
        ],
    )


async def list_unmapped(tx: Tx, accounts: Accounts) -> list[Unmapped]:
    """Unknown words and codes, among the newest such receipts; the most recent first."""
    rows = await tx.fetch(
        "SELECT id, account_id, provider_status, error_code, received_at, count FROM statement "
        f"WHERE unmapped AND count > 0 ORDER BY id DESC LIMIT {UNMAPPED_SEEN}"
    )
    groups: dict[tuple[str, str | None, str | None], _Group] = {}
    for row_id, account_id, word, code, received_at, count in rows:
        provider = provider_name(accounts, account_id) or accounts.name(account_id)
        group = groups.setdefault((provider, word, code), _Group(row_id))
        group.add(accounts.name(account_id), received_at, count)
    samples = await trees.receipts(tx, accounts, [group.sample for group in groups.values()])
    by_id = {sample.id: sample for sample in samples}
    found = [
        group.view(*key, by_id[str(group.sample)])
        for key, group in groups.items()
        if str(group.sample) in by_id
    ]
    return sorted(found, key=lambda group: group.last_seen, reverse=True)


class _Group:
    """Receipts of one unknown word or code."""

    def __init__(self, sample: int) -> None:
        self.sample = sample
        self.accounts: set[str] = set()
        self.times: list[int] = []
        self.count = 0

    def add(self, account: str, received_at: int, count: int) -> None:
        self.accounts.add(account)
        self.times.append(received_at)
        self.count += count

    def view(self, provider: str, word: str | None, code: str | None, sample: Receipt) -> Unmapped:
        return Unmapped(
            provider=provider,
            accounts=sorted(self.accounts),
            provider_status=word,
            error_code=code,
            count=self.count,
            first_seen=moment(min(self.times)),
            last_seen=moment(max(self.times)),
            sample=sample,
        )


async def receipts_of_request(
    tx: Tx, accounts: Accounts, request_id: int, limit: int
) -> tuple[int, list[Receipt]]:
    """How many live receipts a request holds, and the first of them, in the request's order."""
    counted = await tx.fetch("SELECT count(*) FROM link WHERE request_id = $1 AND live", request_id)
    rows = await tx.fetch(
        "SELECT statement_id FROM link WHERE request_id = $1 AND live "
        "ORDER BY reading_no, position LIMIT $2",
        request_id,
        limit,
    )
    return counted[0][0], await trees.receipts(tx, accounts, _unique(row[0] for row in rows))


def _unique(ids: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(ids))
