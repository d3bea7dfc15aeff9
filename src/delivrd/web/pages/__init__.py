"""The dashboard: pages that the server renders, one file a page."""

from fastapi import APIRouter

from delivrd.web.context import Context
from delivrd.web.pages import (
    alert_rule,
    alerts,
    compare,
    deliveries,
    delivery_acts,
    endpoint_acts,
    endpoint_form,
    endpoints,
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

_PAGES = (
    overview,
    messages,
    message,
    alerts,
    alert_rule,
    compare,
    requests,
    endpoint_form,  # before the endpoints: /endpoints/new is no endpoint's page
    endpoints,
    endpoint_acts,
    deliveries,
    delivery_acts,
    send,
    start,
    sign_in,
)


def router(context: Context) -> APIRouter:
    """The routes of all pages, and of the static files they use."""
    pages = Pages(context)
    whole = APIRouter(include_in_schema=False)
    for page in _PAGES:
        whole.include_router(page.routes(pages))
    whole.include_router(static.routes())
    return whole
