"""The sign-in page, for one-time links and keys.

Its form is posted to :mod:`delivrd.web.signin`.
"""

from fastapi import APIRouter, Request, Response

from delivrd.web.pages.render import Pages
from delivrd.web.signin import local_path

FAILED = {
    "link": "The link has been used or is older than 15 minutes.",
    "key": "The key is unknown or revoked.",
    "scope": "The key has neither the scope read nor admin, one of which the pages need.",
}
"""Why nobody was signed in -> the sentence about it."""


def routes(pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in")
    async def sign_in(
        request: Request, token: str = "", next: str = "/", failed: str = ""
    ) -> Response:
        """Opening a link does not use it up: mail programs open links to check them."""
        return pages.page(
            request,
            "sign_in.html",
            token=token,
            next=local_path(next),
            failed=FAILED.get(failed, ""),
        )

    return router
