"""Reused ids: when a provider's id means a new message (rule D3).

SMS centres count their ids with few digits and start over. The current part of an id has the id's
plain key; the keys of earlier parts end in ``~`` and the row's id.
"""

from collections.abc import Sequence

from delivrd.core.statement import Kind, Receipt, identity
from delivrd.store.accounts import Account
from delivrd.store.graph import Graph, PartName
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


def as_before(account: Account, name: PartName, keys: Sequence[str]) -> PartName:
    """The name of the part to which an earlier reading referred, if its id was reused since."""
    if account.reuse_after is None:
        return name
    key = next((key for key in keys if key.rpartition("~")[0] == name.key), name.key)
    return name._replace(key=key)
