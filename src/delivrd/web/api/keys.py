"""``/v1/keys`` and ``/v1/sign-in-links``: API keys and sign-in links."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from delivrd.core.statement import moment
from delivrd.store.ids import now_micros
from delivrd.store.keys import Key, Scope, create_key, list_keys, revoke_key
from delivrd.store.queries import views
from delivrd.store.queries.paging import Listed
from delivrd.store.sessions import LINK_MICROS, create_link
from delivrd.store.tx import Tx
from delivrd.web.api.common import (
    ListParams,
    Word,
    answer,
    before,
    list_of,
    no_content,
    page,
    ref,
    responses,
    row_named,
)
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import not_found
from delivrd.web.signin import link_address

_HINT = "GET /v1/keys lists them all."


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Word = Field(description="What it is for.")
    scopes: list[Scope] = Field(min_length=1, max_length=10)


_LINK = {
    "type": "object",
    "required": ["url", "expires_at"],
    "properties": {
        "url": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time"},
    },
}


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["keys"])
    store = context.store
    admin = needs(Scope.ADMIN)

    @routes.post(
        "/keys", status_code=201, responses=responses(ref(views.Key), 400, 413, status=201)
    )
    async def create(body: NewKey, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Creates a key. The answer holds it, only this once."""

        async def job(tx: Tx) -> tuple[Key, str]:
            made = await create_key(tx, store.ids, body.name, set(body.scopes), now_micros())
            await context.note(tx, caller, "keys.create", f"{made[0].prefix} {body.name}")
            return made

        key, secret = await store.write(job)
        return answer(views.key(key, secret), 201)

    @routes.get("/keys", dependencies=[Depends(admin)], responses=responses(list_of(views.Key)))
    async def list_all(params: Annotated[ListParams, Query()]) -> Response:
        """The keys, the newest first, without their secret values, which are not stored."""
        start = before("keys", params.cursor)
        keys = [k for k in await store.read(list_keys) if start is None or k.id < start]
        shown = keys[: params.limit]
        more = shown[-1].id if len(keys) > len(shown) else None
        return page("keys", Listed([views.key(key) for key in shown], more))

    @routes.delete(
        "/keys/{id}", status_code=204, response_class=Response, responses=no_content(404)
    )
    async def revoke(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Revokes a key, with immediate effect."""
        key_id = row_named(id, "key", _HINT)

        async def job(tx: Tx) -> bool:
            found = await revoke_key(tx, key_id, now_micros())
            if found:
                await context.note(tx, caller, "keys.revoke", str(key_id))
            return found

        if not await store.write(job):
            raise not_found("key", _HINT)
        return Response(status_code=204)

    _links(routes, context)
    return routes


def _links(routes: APIRouter, context: Context) -> None:
    store = context.store

    @routes.post("/sign-in-links", status_code=201, responses=responses(_LINK, status=201))
    async def link(caller: Annotated[Caller, Depends(needs(Scope.ADMIN))]) -> Response:
        """Creates a link that signs one person in to the pages, once, within 15 minutes."""

        async def job(tx: Tx) -> tuple[str, int]:
            now = now_micros()
            await context.note(tx, caller, "sign-in-links.create", "")
            return await create_link(tx, now), now + LINK_MICROS

        token, until = await store.write(job)
        url = link_address(context.config, token)
        return answer({"url": url, "expires_at": moment(until)}, 201)
