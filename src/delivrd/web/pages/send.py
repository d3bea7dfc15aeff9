"""The form to send an SMS, which counts the segments of the text while it is typed."""

import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from unicodedata import name

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.core import segments
from delivrd.core.text import clean
from delivrd.sending.errors import Invalid, KeyReused
from delivrd.sending.submit import Order, submit
from delivrd.store.keys import Scope
from delivrd.web.auth import caller_of
from delivrd.web.pages import accounts
from delivrd.web.pages.once import token_of
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for

DEADLINES = (
    ("", "The gateway’s own validity"),
    ("60", "1 minute"),
    ("600", "10 minutes"),
    ("3600", "1 hour"),
    ("86400", "1 day"),
)
FIELDS = ("via", "to", "from", "text", "reference", "deadline_seconds")
MAX_TEXT = 20_000


def routes(pages: Pages) -> APIRouter:
    its = _Send(pages)
    router = router_for(pages, Scope.SEND)
    router.get("/send")(its.form)
    router.post("/send")(its.send)
    router.post("/send/segments")(its.segments)
    return router


class _Send:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._store, self._config = pages.context.store, pages.context.config

    async def form(self, request: Request) -> Response:
        return self._form(request, {})

    async def segments(self, request: Request) -> Response:
        text = _newlines(str((await request.form()).get("text", "")))
        return self._pages.page(request, "_segments.html", **counted(clean(text[:MAX_TEXT])))

    async def send(self, request: Request) -> Response:
        form = {key: str(value) for key, value in (await request.form()).items()}
        form["text"] = _newlines(form.get("text", ""))
        try:
            sent = await submit(
                self._store,
                self._config,
                order_of(form),
                key_id=caller_of(request).key_id,
                idempotency_key=f"form {token_of(form)}",
                body_hash=sha256(repr([form.get(f) for f in FIELDS]).encode()).digest(),
            )
        except Invalid as problem:
            return self._form(request, form, problem)
        except KeyReused:
            hint = "Send once more if you mean another message."
            del form["once"]
            return self._form(request, form, Invalid("form", "was sent before", hint))
        return RedirectResponse(f"/messages/{sent.uuid}", 303)

    def _form(
        self, request: Request, form: Mapping[str, str], problem: Invalid | None = None
    ) -> Response:
        able = [a for a in accounts.listed(self._config, self._store.accounts) if a.sends]
        via = form.get("via") or (able[0].name if able else "main")
        return self._pages.page(
            request,
            "send.html",
            status=422 if problem else 200,
            accounts=able,
            form={field: form.get(field, "") for field in FIELDS},
            problem=problem,
            deadlines=DEADLINES,
            once=form.get("once") or secrets.token_urlsafe(12),
            curl=curl(self._config.url, via),
            **counted(clean(form.get("text", "")[:MAX_TEXT])),
        )


def order_of(form: Mapping[str, str]) -> Order:
    deadline = form.get("deadline_seconds", "")
    return Order(
        to=form.get("to", ""),
        sender=form.get("from", "").strip(),
        text=form["text"],
        via=(form["via"],) if form.get("via") else (),
        reference=form.get("reference", "").strip() or None,
        deadline_seconds=int(deadline) if deadline in dict(DEADLINES) and deadline else None,
    )


def _newlines(text: str) -> str:
    """The text with line ends of one character; browsers send two."""
    return text.replace("\r\n", "\n")


def curl(url: str, via: str) -> str:
    example = {"to": "+447700900123", "from": "Acme", "text": "Hello", "via": [via]}
    return (
        f"curl {url}/v1/messages \\\n"
        '  -H "Authorization: Bearer $DELIVRD_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{msgspec.json.encode(example).decode()}'"
    )


def counted(text: str) -> dict[str, Any]:
    """The segments of a text, how full they are, and the characters that make it UCS-2."""
    found = segments.count(text)
    single, multi = (160, 153) if found.encoding == "gsm7" else (70, 67)
    odd = [char for char in dict.fromkeys(text) if char not in segments.ALPHABET]
    plain = "".join(char for char in text if char in segments.ALPHABET)
    without = segments.count(plain).count if odd else found.count
    return {
        "counted": {
            "count": found.count if text else 0,
            "encoding": found.encoding,
            "units": found.units,
            "room": single if found.count == 1 else multi * found.count,
        },
        "culprits": [(char, name(char, "control character").lower()) for char in odd[:6]],
        "without": without if without < found.count else 0,
    }
