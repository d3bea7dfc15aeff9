"""Renders templates with the values that all pages share, and links static files."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from delivrd import __version__
from delivrd.web.auth import CSRF_FIELD, CSRF_HEADER, Caller
from delivrd.web.context import Context
from delivrd.web.pages import alert_words, provider_tables, rate_table, relay_words, show, words
from delivrd.web.problems import Problem

WEB = Path(__file__).parent.parent
STATIC = WEB / "static"

NAV = (
    ("/", "Overview", "overview"),
    ("/messages", "Messages", "messages"),
    ("/alerts", "Alerts", "alerts"),
    ("/compare", "Compare", "compare"),
    ("/requests", "Requests", "requests"),
    ("/endpoints", "Endpoints", "endpoints"),
    ("/send", "Send", "send"),
    ("/start", "First steps", "start"),
)

SECTIONS = {"/search": "/messages", "/deliveries": "/endpoints"}
"""Pages that belong to another entry of the navigation."""

HEADERS = {
    "Vary": "HX-Request-Type",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
"""No inline scripts and styles: nothing that a gateway sends can run."""


GONE = "It may have been deleted, or pruned after its time of retention."
"""On a page, instead of the call of the API that lists what there is."""


@cache
def asset(name: str) -> str:
    """The URL of a static file; it changes with the content, so that browsers may cache it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=show.unturned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= show.FILTERS
    env.policies["json.dumps_function"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    env.globals.update(
        asset=asset,
        took=show.took,
        day_edges=show.day_edges,
        minimum=rate_table.MINIMUM,
        meaning=provider_tables.meaning,
        vendor_page=provider_tables.docs,
        set_up_steps=provider_tables.steps,
        interval=show.interval,
        statuses=show.STATUSES,
        verdict_words=words.WORDS,
        delivery_words=relay_words.STATES,
        host=relay_words.host,
        named=relay_words.named,
        milliseconds=relay_words.milliseconds,
        nav=NAV,
        version=__version__,
        **alert_words.HELPERS,
        csrf_field=CSRF_FIELD,
        csrf_header=CSRF_HEADER,
    )
    env.globals["m"] = env.get_template("macros.html").module
    return env


class Pages:
    """Renders pages for one hub."""

    def __init__(self, context: Context) -> None:
        self.context = context
        accounts = context.store.accounts
        self._shared = {
            "store_name": "PostgreSQL" if context.store.dialect == "postgresql" else "SQLite",
            "healthy": context.config.insight.healthy / 100,
            "simulation": bool(accounts.simulated_ids),
            "simulated": {*map(accounts.name, accounts.simulated_ids)},
            "all_simulated": accounts.simulated(),
        }

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """The page of a template with these values; a missing name is an error."""
        shared: Mapping[str, Any] = {
            **self._shared,
            "now": datetime.now(UTC).isoformat(),
            "csrf": csrf_of(request),
            "section": section_of(request.url.path),
        }
        text = environment().get_template(template).render({**shared, **values})
        return HTMLResponse(text, status_code=status, headers=HEADERS)

    def problem(self, request: Request, problem: Problem) -> HTMLResponse:
        """The error page of a problem. Strangers get one that does not tell the release."""
        known = getattr(request.state, "caller", None) is not None
        page = self.page(
            request,
            "error.html" if known else "refused.html",
            status=problem.status,
            what=problem.detail,
            why=GONE if "GET /v1/" in problem.hint else problem.hint,
            retry=problem.status >= 500,
            signed_out=problem.status == 401,
        )
        page.headers.update(problem.headers)
        return page


def csrf_of(request: Request) -> str:
    """The CSRF token for the forms of this session; empty without a session."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return (caller.csrf or "") if caller else ""


def section_of(path: str) -> str:
    first = "/" + path.strip("/").partition("/")[0]
    return SECTIONS.get(first, first)


def partial(request: Request) -> bool:
    """Whether htmx requests only a part of the page."""
    return request.headers.get("HX-Request-Type") == "partial"
