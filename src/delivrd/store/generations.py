"""Reused ids: when a provider's id means a new message (rule D3).

SMS centres count their ids with few digits and start over. The current part of an id has the id's
plain key; the keys of earlier parts end in ``~`` and the row's id.
"""

from collections.abc import Iterable, Mapping

from delivrd.core.statement import Kind, Receipt, identity
from delivrd.store.accounts import Account
from delivrd.store.graph import Graph
from delivrd.store.messages import attempt_of
from delivrd.store.rows import PartRow


async def renew(graph: Graph, account: Account, key: str, receipt: Receipt | None = None) -> None:
    """Starts a new part if the one with this key has been final for long enough.

    A ``receipt`` that the old part already has is a late copy, and starts none; neither does one
    with the reference of the old part's attempt.
    """
    part = graph.parts[key]
    if _is_free(account, part, graph.now) and not _is_of(part, receipt):
        await graph.begin_again(key)


def _is_free(account: Account, part: PartRow, now: int) -> bool:
    """Whether the part's id may stand for another message by now."""
    if account.reuse_after is None:
        return False
    ended = part.outcome().finished_at
    return ended is not None and now - ended >= account.reuse_after


def _is_of(part: PartRow, receipt: Receipt | None) -> bool:
    if receipt is None:
        return False
    if part.attempt_id is not None and part.attempt_id == attempt_of(receipt.reference):
        return True
    digest = identity(Kind.RECEIPT, receipt)
    return any(row.statement.hash == digest for row in part.statements)


def keys_before(account: Account, parts: Iterable[tuple[int, str]]) -> Mapping[str, str]:
    """By an id's plain key, the key of its part among these (row id, key), if the id was reused
    since: what an earlier reading said of that part is said of it again."""
    if account.reuse_after is None:
        return {}
    ends = ((key, f"~{row_id}") for row_id, key in parts)
    return {key.removesuffix(end): key for key, end in ends if key.endswith(end)}
