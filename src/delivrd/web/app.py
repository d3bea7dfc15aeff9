"""The web app: the API, its documentation, and the pages."""

from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from delivrd import __version__
from delivrd.web import docs, pages, problems, signin
from delivrd.web.api import (
    alerts,
    deliveries,
    diagnosis,
    endpoints,
    estimates,
    events,
    feedback,
    health,
    keys,
    messages,
    receipts,
    requests,
    stats,
)
from delivrd.web.api.common import plain_query, schemas
from delivrd.web.context import Context
from delivrd.web.gate import Gate
from delivrd.web.pages.render import Pages

_API = (
    messages,
    receipts,
    requests,
    stats,
    estimates,
    feedback,
    events,
    endpoints,
    deliveries,
    alerts,
    keys,
    diagnosis,
    health,
)


def create(context: Context) -> ASGIApp:
    """The app behind its gate. Whoever calls this also runs ``context.streams.run()``."""
    return Gate(
        routes(context),
        config=context.config,
        auth=context.auth,
        metrics=context.metrics,
        page=Pages(context).problem,
    )


def routes(context: Context) -> FastAPI:
    """The app without its gate, which does not authenticate callers itself."""
    app = _Documented(
        title="delivrd",
        version=__version__,
        description="One honest status for every SMS.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    pages.install(app, context)
    for module in _API:
        app.include_router(module.router(context), dependencies=[Depends(plain_query)])
    for others in (docs.router(app), signin.router(context), pages.router(context)):
        app.routes.extend(others.routes)  # include_router would make each of them again
    return app


class _Documented(FastAPI):
    """Builds its OpenAPI document on the first request for it, as that is the slowest part."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(made: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document, with what FastAPI cannot know added."""
    parts = made.setdefault("components", {})
    parts.setdefault("schemas", {}).update(schemas())
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"key": []}]
    made["paths"]["/healthz"]["get"]["security"] = []
    return made
