"""The first-steps page: three steps whose state is updated live."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from delivrd.store.keys import Scope
from delivrd.store.queries.requests import list_requests
from delivrd.store.queries.views import plain
from delivrd.store.tx import Tx
from delivrd.web.pages import accounts, words
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

        async def newest(tx: Tx, **which: Any) -> Any:
            found = await list_requests(tx, store.accounts, limit=1, **which)
            return next(iter(plain(found.items)), None)

        async def calls(tx: Tx) -> tuple[dict[str, Any], Any, Any]:
            last = {account.name: await newest(tx, account=account.name) for account in known}
            read = await newest(tx, verdict="read") or await newest(tx, verdict="partly")
            return last, read, None if read else await newest(tx)

        last, read, unread = await store.read(calls)
        return {
            "accounts": [{**account._asdict(), "last": last[account.name]} for account in known],
            "read": read,
            "unread": unread,
            "why_unread": words.of_request(unread).what if unread else "",
            "sends": any(account.sends for account in known),
            "local": config.local,
            "public_url": config.public_url,
            "sample": SAMPLE.strip(),
        }

    @router.get("/start")
    async def start(request: Request) -> Response:
        return pages.page(request, "start.html", **await values())

    @router.get("/start/live")
    async def live(request: Request) -> Response:
        return pages.page(request, "_start.html", **await values())

    return router
