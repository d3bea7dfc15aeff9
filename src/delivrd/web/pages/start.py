"""The first-steps page: three steps whose state is updated live."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from delivrd.store.keys import Scope
from delivrd.store.queries.requests import list_requests
from delivrd.store.queries.views import plain
from delivrd.store.tx import Tx
from delivrd.web.pages import accounts
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for

SAMPLE = """\
[accounts.main]
provider = "vonage"
api_key = "…"
api_secret = "…"
signature_secret = "…"
"""


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    store, config = pages.context.store, pages.context.config

    async def values() -> dict[str, Any]:
        known = accounts.listed(config, store.accounts)

        async def last(tx: Tx) -> tuple[Any, dict[str, Any]]:
            newest = await list_requests(tx, store.accounts, limit=1)
            by_account = {}
            for account in known:
                found = await list_requests(tx, store.accounts, account=account.name, limit=1)
                by_account[account.name] = next(iter(plain(found.items)), None)
            return next(iter(plain(newest.items)), None), by_account

        newest_call, by_account = await store.read(last)
        rows = [{**a._asdict(), "last": by_account[a.name]} for a in known]
        return {
            "accounts": rows,
            "newest_call": newest_call,
            "local": config.local,
            "sample": SAMPLE.strip(),
            "trial": f"curl '{known[0].webhook}?hello=1'" if known else "",
        }

    @router.get("/start")
    async def start(request: Request) -> Response:
        return pages.page(request, "start.html", **await values())

    @router.get("/start/live")
    async def live(request: Request) -> Response:
        return pages.page(request, "_start.html", **await values())

    return router
