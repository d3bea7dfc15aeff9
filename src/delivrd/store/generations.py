"""Ids that come again: when a part's id stands for another message (rule D3).

SMS centres count their ids in few digits, and begin again. The current part of an id bears the id's
own key; an earlier one's key ends in ``~`` and the number of its row.
"""

from collections.abc import Sequence

from delivrd.core.statement import Kind, Receipt, identity
from delivrd.store.accounts import Account
from delivrd.store.graph import Graph, PartName
from delivrd.store.messages import attempt_of
from delivrd.store.rows import PartRow


async def renew(graph: Graph, account: Account, key: str, receipt: Receipt | None = None) -> None:
    """Begins a new part where the one of this key ended long ago.

    A ``receipt`` that the old one has already is a late copy, and begins nothing; neither does one
    that bears the reference of the old one's attempt.
    """
    part = graph.parts[key]
    if is_free(account, part, graph.now) and not _is_of(part, receipt):
        await graph.begin_again(key)


def is_free(account: Account | None, part: PartRow, now: int) -> bool:
    """Whether the part's id may stand for another message by now."""
    after = None if account is None else account.reuse_after
    if after is None:
        return False
    ended = part.outcome().finished_at
    return ended is not None and now - ended >= after


def _is_of(part: PartRow, receipt: Receipt | None) -> bool:
    if receipt is None:
        return False
    if part.attempt_id is not None and part.attempt_id == attempt_of(receipt.reference):
        return True
    digest = identity(Kind.RECEIPT, receipt)
    return any(row.statement.hash == digest for row in part.statements)


def as_before(account: Account, name: PartName, keys: Sequence[str]) -> PartName:
    """The name under which an earlier reading spoke of this part, where its id has come again."""
    if account.reuse_after is None:
        return name
    key = next((key for key in keys if key.rpartition("~")[0] == name.key), name.key)
    return name._replace(key=key)
