"""The page to sign in on: by the one-time link that the first start prints, or by the admin key.

What it sends goes to :mod:`delivrd.web.signin`.
"""

from fastapi import APIRouter, Request, Response

from delivrd.web.pages.render import Pages
from delivrd.web.signin import local_path


def routes(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/sign-in")
    async def sign_in(
        request: Request, token: str = "", next: str = "/", failed: str = ""
    ) -> Response:
        """Opening a link changes nothing: programs that look at links would use it up."""
        return pages.page(
            request, "sign_in.html", token=token, next=local_path(next), failed=bool(failed)
        )

    return router
