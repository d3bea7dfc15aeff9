"""Signing in to the pages: a link that works once, or the admin key."""

import re
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from delivrd.config import Config
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope, find_key
from delivrd.store.sessions import (
    create_link,
    create_session,
    end_session,
    is_first_start,
    redeem_link,
)
from delivrd.store.tx import Tx
from delivrd.web.auth import SIGN_OUT, session_cookie, set_cookie
from delivrd.web.context import Context


def link_address(config: Config, token: str) -> str:
    """The URL at which a person opens the link."""
    return f"{config.url}/sign-in?token={quote(token)}"


async def first_link(store: Store, config: Config) -> str | None:
    """At the first start, the URL of a link to print; None once somebody has signed in."""

    async def job(tx: Tx) -> str | None:
        return await create_link(tx, now_micros()) if await is_first_start(tx) else None

    token = await store.write(job)
    return None if token is None else link_address(config, token)


def local_path(text: str) -> str:
    """Where to go after signing in: a path of this hub, never another site's URL."""
    return text if re.fullmatch(r"/(?![/\\])[\w\-./~%]*(\?[!-~]*)?", text, re.ASCII) else "/"


def router(context: Context) -> APIRouter:
    """``POST /sign-in`` and ``/sign-out``; the page itself is one of the pages."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("latin-1"))
        given = {name: values[0] for name, values in form.items()}
        goal = local_path(given.get("next", "/"))
        try:
            cookie = await _cookie(context, given.get("token", ""), given.get("key", "").strip())
        except _Failed as why:
            return RedirectResponse(f"/sign-in?failed={why}&next={quote(goal)}", 303)
        headers = {"Set-Cookie": set_cookie(context.config, cookie)}
        return RedirectResponse(goal, 303, headers)

    @routes.post(SIGN_OUT)
    async def sign_out(request: Request) -> Response:
        cookie = session_cookie(request.headers)
        if cookie:
            await context.store.write(lambda tx: end_session(tx, cookie))
        headers = {"Set-Cookie": set_cookie(context.config, "")}
        return RedirectResponse("/sign-in", 303, headers)

    return routes


class _Failed(Exception):
    """Nobody is signed in; its text is one of the reasons of the sign-in page."""


async def _cookie(context: Context, link: str, key: str) -> str:
    """A new session for a link, or for a key that has at least the scope ``read``.

    Raises:
        _Failed: the link or the key opens no session.
    """
    store, now = context.store, now_micros()
    if link:
        cookie = await store.write(lambda tx: redeem_link(tx, link, now))
        if cookie is None:
            raise _Failed("link")
        return cookie
    if context.auth.is_admin_key(key):
        mark = context.auth.admin_mark
        return await store.write(lambda tx: create_session(tx, now, mark=mark))

    async def by_key(tx: Tx) -> str:
        found = await find_key(tx, key)
        if found is None:
            raise _Failed("key")
        if not found.scopes & {Scope.READ, Scope.ADMIN}:
            raise _Failed("scope")
        return await create_session(tx, now, found)

    return await store.write(by_key)
