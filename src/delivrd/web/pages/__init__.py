"""The dashboard: server-rendered pages, one module each."""

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from delivrd.web import problems
from delivrd.web.auth import is_public, wants_page
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
    endpoint_form,  # before endpoints: /endpoints/new must not be taken for an id
    endpoints,
    endpoint_acts,
    deliveries,
    delivery_acts,
    send,
    start,
    sign_in,
)


def install(app: FastAPI, context: Context) -> None:
    """Shows people who open an unknown address an error page instead of JSON.

    Strangers get no page: it would tell them the release.
    """
    pages = Pages(context)

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        if error.status_code != 404 or not wants_page(path, request.headers) or is_public(path):
            return await problems.http(request, error)
        why = "The address may be mistyped, or of another release."
        return pages.problem(request, problems.not_found("page", why))

    app.add_exception_handler(HTTPException, missing)


def router(context: Context) -> APIRouter:
    """The routes of all pages, and of the static files they use."""
    pages = Pages(context)
    whole = APIRouter()
    for part in (*(page.routes(pages) for page in _PAGES), static.routes()):
        whole.routes.extend(part.routes)
    return whole
