"""The dashboard: pages that the server renders, one file a page."""

from fastapi import APIRouter

from delivrd.web.context import Context
from delivrd.web.pages import (
    alert_rule,
    alerts,
    compare,
    message,
    messages,
    overview,
    requests,
    send,
    sign_in,
    start,
    static,
)
from delivrd.web.pages.render import Pages


def router(context: Context) -> APIRouter:
    """The routes of all pages, and of the static files they use."""
    pages = Pages(context)
    whole = APIRouter(include_in_schema=False)
    pieces = (
        overview, messages, message, alerts, alert_rule, compare, requests, send, start, sign_in,
    )  # fmt: skip
    for page in pieces:
        whole.include_router(page.routes(pages))
    whole.include_router(static.routes())
    return whole
