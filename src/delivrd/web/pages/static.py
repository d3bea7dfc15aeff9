"""The style sheets, scripts and icons, which are served without a session."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles

from delivrd.web.pages.render import STATIC

FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=300"


def routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)
    files = StaticFiles(directory=STATIC)

    @router.get("/static/{path:path}")
    async def static(request: Request, path: str) -> Response:
        response = await files.get_response(path, request.scope)
        response.headers["Cache-Control"] = FOREVER if "v" in request.query_params else SHORTLY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return router
