"""The web app: the API, its documentation, and the pages."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from delivrd import __version__
from delivrd.web import docs, pages, problems, signin
from delivrd.web.api import (
    alerts,
    deliveries,
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
from delivrd.web.api.common import schemas
from delivrd.web.context import Context
from delivrd.web.gate import Gate

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
    health,
)


def create(context: Context) -> ASGIApp:
    """The app behind its gate. Whoever calls this also runs ``context.streams.run()``."""
    return Gate(routes(context), config=context.config, auth=context.auth, metrics=context.metrics)


def routes(context: Context) -> FastAPI:
    """The app without its gate: nobody has been asked for a key here."""
    app = FastAPI(
        title="delivrd",
        version=__version__,
        description="One honest status for every SMS.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    for module in _API:
        app.include_router(module.router(context))
    _document(app)
    app.include_router(docs.router(app))
    app.include_router(signin.router(context))
    app.include_router(pages.router(context))
    return app


def _document(app: FastAPI) -> None:
    """Completes what FastAPI says of the API by what it cannot know."""
    made: dict[str, Any] = app.openapi()
    parts = made.setdefault("components", {})
    parts.setdefault("schemas", {}).update(schemas())
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"key": []}]
    made["paths"]["/healthz"]["get"]["security"] = []
