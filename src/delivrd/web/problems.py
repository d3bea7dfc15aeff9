"""Errors of the API: problem JSON (RFC 9457) with a hint at what to do."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from delivrd.core.hints import hint_of, nearest
from delivrd.core.text import clean
from delivrd.sending.errors import Invalid, KeyReused
from delivrd.store.base import StoreUnavailable
from delivrd.store.registration import Contradiction

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger(__name__)


class Problem(Exception):
    """A call that cannot be answered as asked."""

    def __init__(
        self,
        status: int,
        detail: str,
        hint: str = "",
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint = status, detail, hint
        self.title = title or HTTPStatus(status).phrase
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> Response:
        body = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": clean(self.detail),
            "hint": clean(self.hint),
            **self.more,
        }
        return Response(msgspec.json.encode(body), self.status, self.headers, media_type=MEDIA_TYPE)


def not_found(what: str, hint: str) -> Problem:
    return Problem(404, f"There is no such {what}.", hint)


def invalid(field: str, why: str, hint: str, **more: Any) -> Problem:
    """A field or parameter that is not valid."""
    title = "The call is not valid"
    return Problem(422, f"{field}: {why}", hint, title=title, field=field, **more)


def unavailable(error: StoreUnavailable) -> Problem:
    log.warning("a call found the store away", error=str(error))
    return Problem(
        503,
        "The database does not answer right now.",
        "Try again in a moment; `delivrd doctor` says what is wrong.",
        headers={"Retry-After": "2"},
    )


def crashed() -> Problem:
    return Problem(
        500,
        "The hub failed; the reason is in its log.",
        "Try again; if it fails again, report the log.",
    )


SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "hint"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "field": {"type": "string"},
        "possible": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "string"}},
            "description": "From /v1/stats: dimensions that can be combined.",
        },
    },
}


def install(app: FastAPI) -> None:
    """Turns every error of the app into a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Invalid, _invalid)
    app.add_exception_handler(KeyReused, _key_reused)
    app.add_exception_handler(Contradiction, _contradiction)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, _crash)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, Invalid)
    return invalid(error.field, error.why, error.hint).response()


async def _key_reused(request: Request, error: Exception) -> Response:
    return Problem(
        409,
        "This Idempotency-Key was used before with another body.",
        "Use a new key for another message; repeat a call with exactly the same body.",
    ).response()


async def _contradiction(request: Request, error: Exception) -> Response:
    assert isinstance(error, Contradiction)
    field = "from" if error.field == "sender" else error.field
    return Problem(
        409,
        f"{field}: message {error.uuid}, which has one of these provider_message_ids, has another.",
        f"See GET /v1/messages/{error.uuid}; give the ids that the gateway gave to this message.",
        field=field,
    ).response()


async def _crash(request: Request, error: Exception) -> Response:
    """The error itself goes on to the gate, which logs it."""
    return crashed().response()


async def _unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailable)
    return unavailable(error).response()


_HINTS = {
    "missing": "It is required; /docs lists all fields.",
    "extra_forbidden": "There is no field of this name; check its spelling.",
    "enum": "Use one of the listed values.",
    "string_unicode": "Send text without lone surrogates.",
}


_UNKNOWN = "is not known here"
_WORDS = {"missing": "is missing", "extra_forbidden": _UNKNOWN}
_NO_OBJECT = ("missing", "dict_type", "model_type", "model_attributes_type")


async def _validation(request: Request, error: Exception) -> Response:
    """One error; never the value that was sent, which may be long or not even text.

    An unknown name comes first: misspelt, it explains why another one is missing.
    """
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    if first["type"] == "json_invalid":
        why = (first.get("ctx") or {}).get("error", "")
        what = f"The body is not JSON: {why}, at character {first['loc'][-1]}."
        return Problem(400, what, "Send a JSON object.").response()
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    name = ".".join(place)[:100] or "body"
    if not place and first["type"] in _NO_OBJECT:
        why, hint = "is not a JSON object", "Send {…} with Content-Type: application/json."
        return invalid("body", why, hint).response()
    why = _WORDS.get(first["type"]) or str(first["msg"]).removeprefix("Value error, ")
    close = nearest(place[-1], _names(request, first)) if why is _UNKNOWN else ""
    hint = close or hint_of(first) or _HINTS.get(first["type"], "/docs describes this call.")
    return invalid(name, why[:300], hint).response()


def within(loc: Sequence[str], model: type[BaseModel], error: ValidationError) -> Exception:
    """The errors of a model that stands at this place of a call, but not in its declared types."""
    names = list(model.model_fields)
    return RequestValidationError(
        [
            {**one, "loc": (*loc, *one["loc"]), "ctx": {**one.get("ctx", {}), _NAMES: names}}
            for one in error.errors()
        ]
    )


_NAMES = "names"


def _names(request: Request, error: Mapping[str, Any]) -> list[str]:
    """The names that could stand in the place of the one that is not known."""
    if known := (error.get("ctx") or {}).get(_NAMES):
        return list(known)
    where, *around = error["loc"][:-1]
    needs = request.scope["route"].dependant
    params = needs.body_params if where == "body" else needs.query_params
    types = [param.field_info.annotation for param in params]
    for name in around:
        types = [type_ for known, type_ in _fields(types) if known == name]
    return [name for name, _ in _fields(types)]


def _fields(types: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The fields of the models among the types and in their unions, each with its type."""
    for one in types:
        if isinstance(one, type) and issubclass(one, BaseModel):
            for name, field in one.model_fields.items():
                yield field.alias or name, field.annotation
        else:
            yield from _fields(get_args(one))


_HTTP_HINTS = {
    404: "/docs lists all paths.",
    405: "/docs lists the methods of each path.",
}


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


async def http(request: Request, error: Exception) -> Response:
    """The framework's refusals: an unknown path, or a method that the path does not have."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework tells no more than that it failed
        what = "The body is not in UTF-8, is nested too deeply, or holds too long a number."
        return Problem(400, what, "Send a JSON object in UTF-8.").response()
    headers = _allow(request) if error.status_code == 405 else error.headers
    return Problem(
        error.status_code,
        str(error.detail),
        _HTTP_HINTS.get(error.status_code, ""),
        headers=headers,
    ).response()


def _allow(request: Request) -> dict[str, str]:
    """All methods of the path; the framework lists only those of one of its routes."""

    def taken(method: str) -> bool:
        call = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(call)[0] is Match.FULL for route in request.app.routes)

    return {"Allow": ", ".join(filter(taken, _METHODS))}
