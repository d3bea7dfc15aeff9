"""Reads requests with an account's adapter, without ever failing."""

import msgspec
import structlog

from delivrd.core.statement import Reading, Receipt
from delivrd.core.text import short
from delivrd.providers.base import Request, Unreadable
from delivrd.store.accounts import Account
from delivrd.store.messages import attempt_of

log = structlog.get_logger(__name__)


def read(account: Account, request: Request) -> Reading:
    """The adapter's reading; if it raises, a reading of the kind ``unreadable`` (rule A9)."""
    try:
        return account.provider.read(request, account.settings)
    except Unreadable as error:
        return Reading(kind="unreadable", why=short(str(error), 500))
    except Exception as error:
        log.exception("an adapter failed to read a request", account=account.name)
        return Reading(kind="unreadable", why=short(f"{type(error).__name__}: {error}", 500))


def with_reference(reading: Reading, reference: str | None) -> Reading:
    """The reading with the references from the callback's path or from message ids (rule D1).

    A gateway without ids of its own returns the reference as the id.
    """
    alone = attempt_of(reference) is not None and len(reading.receipts) == 1
    known = [reference if alone else _reference_in_id(receipt) for receipt in reading.receipts]
    if not any(known):
        return reading
    receipts = tuple(
        receipt if found is None else msgspec.structs.replace(receipt, reference=found)
        for receipt, found in zip(reading.receipts, known, strict=True)
    )
    return msgspec.structs.replace(reading, receipts=receipts)


def _reference_in_id(receipt: Receipt) -> str | None:
    given = receipt.provider_message_id if receipt.reference is None else None
    return None if attempt_of(given) is None else given
