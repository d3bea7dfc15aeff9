"""``/openapi.json``, and ``/docs``: the same as a page without scripts or external files."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, JSONResponse


def router(app: FastAPI) -> APIRouter:
    """Both run in a thread, so that only their own callers wait until the document is built."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/openapi.json")
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @routes.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse("".join(_page(app.openapi())))

    return routes


def _page(spec: Mapping[str, Any]) -> Iterator[str]:
    info = spec["info"]
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>API – {escape(info['title'])}</title>"
    yield '<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">'
    yield '<link rel="stylesheet" href="/static/delivrd.css">'
    yield '<link rel="stylesheet" href="/static/docs.css"><main class="docs">'
    yield f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>"
    yield "<p>Send <code>Authorization: Bearer KEY</code>. Errors are problem JSON (RFC 9457) "
    yield 'with a <code>hint</code>. <a href="/openapi.json">OpenAPI</a></p>'
    for path, methods in spec["paths"].items():
        for method, call in methods.items():
            yield from _call(method.upper(), path, call)
    yield "<h2>Answers</h2>"
    for name, schema in spec["components"]["schemas"].items():
        yield from _schema(name, schema)
    yield "</main></html>"


def _call(method: str, path: str, call: Mapping[str, Any]) -> Iterator[str]:
    yield f"<section><h2><code>{method} {escape(path)}</code></h2>"
    for paragraph in call.get("description", "").split("\n\n"):
        yield f"<p>{_prose(paragraph)}</p>"
    rows = list(call.get("parameters", ()))
    if rows:
        yield "<table><tr><th>parameter</th><th>in</th><th>type</th><th>meaning</th></tr>"
        for row in rows:
            yield _row(row["name"], row["in"], _type(row["schema"]), row.get("description", ""))
        yield "</table>"
    for media in call.get("requestBody", {}).get("content", {}).values():
        yield f"<p>Body: {escape(_type(media['schema']))}</p>"
    good = [code for code in call["responses"] if code.startswith("2")]
    yield f"<p>Answers {escape(', '.join(good))}; problems: "
    yield f"{escape(', '.join(c for c in call['responses'] if c[0] in '45') or 'none')}</p>"
    yield "</section>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
    yield f"<p>{_prose(schema.get('description', ''))}</p><table>"
    required = schema.get("required", ())
    for field, told in schema.get("properties", {}).items():
        need = "" if field in required else "optional"
        yield _row(field, need, _type(told), told.get("description", ""))
    yield "</table></section>"


def _row(*cells: str) -> str:
    first, *rest = cells
    told = "".join(f"<td>{_prose(cell)}</td>" for cell in rest)
    return f"<tr><td><code>{escape(first)}</code></td>{told}</tr>"


def _prose(text: str) -> str:
    """The text with what is in backticks as code."""
    return _CODE.sub(r"<code>\2</code>", escape(text))


_CODE = re.compile(r"(`{1,2})([^`]+)\1")


def _type(schema: Mapping[str, Any]) -> str:
    """A type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "prefixItems" in schema:
        return f"[{', '.join(_type(one) for one in schema['prefixItems'])}]"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")
