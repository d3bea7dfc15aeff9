"""The dashboard: pages that the server renders, one file a page."""

from fastapi import APIRouter

from delivrd.web.context import Context
from delivrd.web.pages import message, messages, overview, requests, send, sign_in, start, static
from delivrd.web.pages.render import Pages


def router(context: Context) -> APIRouter:
    """The routes of all pages, and of the static files they use."""
    pages = Pages(context)
    whole = APIRouter(include_in_schema=False)
    for page in (overview, messages, message, requests, send, start, sign_in):
        whole.include_router(page.routes(pages))
    whole.include_router(static.routes())
    return whole
