"""``/v1/receipts``, ``/v1/unmatched`` and ``/v1/unmapped``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from delivrd.core.statement import Status
from delivrd.store.keys import Scope
from delivrd.store.queries import receipts as queries
from delivrd.store.queries.paging import Listed
from delivrd.store.queries.views import Receipt, Unmapped, Unmatched
from delivrd.web.api.common import (
    ListParams,
    SpanParams,
    Word,
    before,
    check_account,
    list_of,
    micros_or_none,
    page,
    responses,
)
from delivrd.web.auth import needs
from delivrd.web.context import Context


class ReceiptFilters(ListParams, SpanParams):
    account: Word | None = None
    status: Status | None = None
    provider_message_id: Word | None = None


class UnmatchedFilters(ListParams):
    account: Word | None = None


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["receipts"], dependencies=[Depends(needs(Scope.READ))])
    store, accounts = context.store, context.store.accounts

    @routes.get("/receipts", responses=responses(list_of(Receipt)))
    async def list_receipts(filters: Annotated[ReceiptFilters, Query()]) -> Response:
        """Receipts, the newest first. Filters other than times and ids examine a bounded number."""
        if filters.provider_message_id is not None:
            await context.folded()
        account = check_account(accounts, filters.account)
        start = before("receipts", filters.cursor)
        found = await store.read(
            lambda tx: queries.list_receipts(
                tx,
                accounts,
                account=account,
                status=filters.status,
                provider_message_id=filters.provider_message_id,
                since=micros_or_none(filters.since),
                until=micros_or_none(filters.until),
                before=start,
                limit=filters.limit,
            )
        )
        return page("receipts", found)

    @routes.get("/unmatched", responses=responses(list_of(Unmatched)))
    async def list_unmatched(filters: Annotated[UnmatchedFilters, Query()]) -> Response:
        """Provider message ids that receipts name and no message has. They are matched when it
        appears.
        """
        account = check_account(accounts, filters.account)
        start = before("unmatched", filters.cursor)
        found = await store.read(
            lambda tx: queries.list_unmatched(
                tx, accounts, account=account, before=start, limit=filters.limit
            )
        )
        return page("unmatched", found)

    @routes.get("/unmapped", responses=responses(list_of(Unmapped)))
    async def list_unmapped(params: Annotated[ListParams, Query()]) -> Response:
        """Status words and error codes that no table knows, with the number of receipts that used
        them.

        The newest 10,000 such receipts are counted. A cursor is a position in the list.
        """
        start = before("unmapped", params.cursor) or 0
        end = start + params.limit
        found = await store.read(lambda tx: queries.list_unmapped(tx, accounts))
        return page("unmapped", Listed(found[start:end], end if len(found) > end else None))

    return routes
