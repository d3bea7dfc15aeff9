"""``/v1/requests``: stored webhook calls, and replaying them."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from delivrd.intake.reread import CannotReread, admit, reread
from delivrd.store.keys import Scope
from delivrd.store.queries import requests as queries
from delivrd.store.queries.views import VERDICTS, Request, RequestDetail
from delivrd.store.rereading import Difference
from delivrd.web.api.common import (
    Body,
    ListParams,
    SpanParams,
    Word,
    answer,
    before,
    check_account,
    list_of,
    micros_or_none,
    page,
    ref,
    responses,
    row_named,
)
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import Problem, invalid, not_found

_HINT = "GET /v1/requests lists them; old ones are pruned."

Verdict = StrEnum("Verdict", {word.upper(): word for word in VERDICTS})  # type: ignore[misc]


class RequestFilters(ListParams, SpanParams):
    account: Word | None = None
    verdict: Verdict | None = None
    odd: bool = Field(False, description="Only those that were not simply read.")


class RequestReplay(Body):
    dry_run: bool = Field(default=False, description="Only tell what would change.")
    force: bool = Field(default=False, description="Also where less would be read than before.")
    admit: bool = Field(
        default=False, description="Take in a call that was refused for its signature."
    )


_REPLAYED: dict[str, Any] = {
    "type": "object",
    "required": ["request_id"],
    "properties": {
        "request_id": {"type": "string"},
        "admitted": {"type": "boolean"},
        "changed": {"type": "boolean"},
        "applied": {"type": "boolean"},
        "why_not": {"type": ["string", "null"]},
        "before": {"type": "array", "items": {"type": "object"}},
        "after": {"type": "array", "items": {"type": "object"}},
        "messages": {"type": "array", "items": {"type": "object"}},
    },
}


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/requests", tags=["requests"])
    store, accounts = context.store, context.store.accounts
    read = Depends(needs(Scope.READ))

    @routes.get("", dependencies=[read], responses=responses(list_of(Request)))
    async def list_requests(filters: Annotated[RequestFilters, Query()]) -> Response:
        """Webhook calls, accepted and refused, the newest first."""
        account = check_account(accounts, filters.account)
        start = before("requests", filters.cursor)
        found = await store.read(
            lambda tx: queries.list_requests(
                tx,
                accounts,
                account=account,
                verdict=None if filters.verdict is None else str(filters.verdict),
                odd=filters.odd,
                since=micros_or_none(filters.since),
                until=micros_or_none(filters.until),
                before=start,
                limit=filters.limit,
            )
        )
        return page("requests", found)

    @routes.get("/{id}", dependencies=[read], responses=responses(ref(RequestDetail), 404))
    async def show(id: str) -> Response:
        """One call as it came, with secrets replaced, and what was read from it."""
        request_id = row_named(id, "request", _HINT)
        found = await store.read(lambda tx: queries.find_request(tx, accounts, request_id))
        if found is None:
            raise not_found("request", _HINT)
        return answer(found)

    @routes.post("/{id}/replay", responses=responses(_REPLAYED, 400, 404, 409, 413))
    async def replay(
        id: str,
        caller: Annotated[Caller, Depends(needs(Scope.ADMIN))],
        body: RequestReplay | None = None,
    ) -> Response:
        """Reads a stored call again with today's adapters, or accepts one that was refused."""
        how = body or RequestReplay()
        return answer(await replay_request(context, row_named(id, "request", _HINT), how, caller))

    return routes


async def replay_request(
    context: Context, request_id: int, body: RequestReplay, caller: Caller
) -> Any:
    """What a replay changed, or would change.

    Raises:
        Problem: there is no such call, or it cannot be read again.
    """
    if body.admit and body.dry_run:
        raise invalid("dry_run", "cannot be tried with admit", "Leave one of the two out.")
    try:
        if body.admit:
            admitted = await admit(context.store, request_id, caller.name)
            return {"request_id": str(admitted), "admitted": True}
        difference = await reread(
            context.store, request_id, caller.name, dry_run=body.dry_run, force=body.force
        )
    except LookupError:
        raise await _why_not(context, request_id, admit=body.admit) from None
    except CannotReread as error:
        act = "admitted" if body.admit else "read again"
        raise Problem(409, f"It cannot be {act}: {error}.", _HINT) from None
    return _difference(difference)


async def _why_not(context: Context, request_id: int, *, admit: bool) -> Problem:
    """Why a call cannot be read again or admitted: it does not exist, or the other one applies."""
    accounts = context.store.accounts
    found = await context.store.read(lambda tx: queries.find_request(tx, accounts, request_id))
    if found is None:
        return not_found("request", _HINT)
    if admit:
        return Problem(409, "It was not refused.", "Leave admit out to read it again.")
    hint = "It can be taken in with admit." if found.admissible else "Let it be sent again."
    return Problem(409, "It was refused, and nothing was read from it.", hint)


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "request_id": str(difference.request_id),
        "changed": difference.changed,
        "applied": difference.applied,
        "why_not": difference.why_not,
        "before": [{"provider_message_id": i, "status": s} for i, s in difference.before],
        "after": [{"provider_message_id": i, "status": s} for i, s in difference.after],
        "messages": difference.messages,
    }
