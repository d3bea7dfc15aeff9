"""Routers for pages, whose errors are shown as pages, and told to scripts as problems."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from delivrd.store.base import StoreUnavailable
from delivrd.store.keys import Scope
from delivrd.web.auth import by_htmx, needs
from delivrd.web.pages.render import Pages
from delivrd.web.problems import Problem, unavailable

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def router_for(pages: Pages, *scopes: Scope) -> APIRouter:
    """A router for pages that a caller with one of these scopes may see."""

    class Page(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    for_whom(request)
                    return await handler(request)
                except StoreUnavailable as error:
                    problem = unavailable(error)
                except Problem as raised:
                    problem = raised
                if by_htmx(request.headers):
                    return problem.response()
                return pages.problem(request, problem)

            return handled

    for_whom = needs(*scopes)
    return APIRouter(route_class=Page, include_in_schema=False)
