"""What an account's adapter makes of a request, whatever happens."""

import msgspec
import structlog

from delivrd.core.statement import Reading
from delivrd.core.text import short
from delivrd.providers.base import Request, Unreadable
from delivrd.store.accounts import Account
from delivrd.store.messages import attempt_of

log = structlog.get_logger(__name__)


def read(account: Account, request: Request) -> Reading:
    """The adapter's reading; what it cannot read, and any error of it, is a reading too (A9)."""
    try:
        return account.provider.read(request, account.settings)
    except Unreadable as error:
        return Reading(kind="unreadable", why=short(str(error), 500))
    except Exception as error:
        log.exception("an adapter failed to read a request", account=account.name)
        return Reading(kind="unreadable", why=short(f"{type(error).__name__}: {error}", 500))


def with_reference(reading: Reading, reference: str | None) -> Reading:
    """The reading with the reference that stood in the callback's address (rule D1)."""
    if attempt_of(reference) is None or len(reading.receipts) != 1:
        return reading
    receipt = msgspec.structs.replace(reading.receipts[0], reference=reference)
    return msgspec.structs.replace(reading, receipts=(receipt,))
