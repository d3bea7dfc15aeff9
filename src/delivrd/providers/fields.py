"""The fields of a request: from its query, its form or its JSON, however badly they are written.

Gateways call with wrong content types, blank values, repeated names, invalid UTF-8 and numbers for
strings. Everything readable is read; if a name occurs twice, the last counts, for reading and
for signatures alike. Numbers in JSON keep their literal text, since they may be ids or signed.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from delivrd.core import phone
from delivrd.core.text import clean
from delivrd.providers.base import Request, Unreadable

Fields = Mapping[str, Any]

MAX_FIELDS = 1000
MAX_ID = 200
"""Characters of an id; a longer one is not an id, and would not fit an index."""

MAX_DEPTH = 100
"""Levels of JSON from which on a body is cut, where it is nested too deeply to be parsed."""
MAX_BRACKETS = 250_000
"""Runs of brackets that are looked at for what to cut; more would take too long.

A body of 4 MiB that holds receipts has 100,000."""

_STRINGS = msgspec.json.Decoder(dict[str, str] | list[dict[str, str]])
_ANYTHING = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)
_BARE = re.compile(r"([:\[,]\s*)(0\d+|\d+-\d[\d-]*)(?=\s*[,}\]])")
"""Digits that JSON forbids without quotes, but some gateways send: ``003``, ``35627-3287``."""
_BRACKETS = re.compile(
    r"""[^"\[{\]}]*+(?:"(?:[^"\\]|\\.)*+"?[^"\[{\]}]*+)*+([\[{]++|[\]}]++)?""", re.DOTALL
)
"""A run of brackets that open, or that close, and what is before it; those in strings count not."""
_AMOUNT = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(e(-1?|\+?)\d)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?(0|\d{1,15}(?!,\d{3}$)),\d{1,15}")
"""An amount with a decimal comma; ``1,024`` may be a thousand."""
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def of(request: Request) -> Fields | list[Any] | None:
    """The fields of a request, or the items of a JSON array; of an empty GET or HEAD, None.

    They are parsed once for each request, for its signature and its reading.

    Raises:
        Unreadable: it holds no fields at all.
    """
    known = request.__dict__
    if "fields" not in known:
        known["fields"] = _parsed(request)
    found: Fields | list[Any] | None = known["fields"]
    return found


def _parsed(request: Request) -> Fields | list[Any] | None:
    looks = request.method in ("GET", "HEAD")
    if request.body and not (looks and request.query) and not request.body.isspace():
        return _body(request)
    if request.query:
        return form(request.query.decode(errors="replace"))
    if looks:
        return None
    raise Unreadable("the request is empty")


def _body(request: Request) -> Fields | list[Any]:
    body = request.body
    if body.startswith(b"--") and (parts := _multipart(body)):
        return parts
    if body[0] in b"{[":
        try:
            strings: Fields | list[Any] = _STRINGS.decode(body)
            return strings
        except ValueError:
            pass  # numbers, nesting, bad UTF-8: the slower parser reads what can be read
    text, charset = _decoded(request)
    content_type = request.header("content-type").lower()
    if text.startswith(("{", "[")) or "json" in content_type:
        try:
            return _json(text)
        except Unreadable:
            if "=" not in text or text.startswith(("{", "[")):
                raise
    return form(text, charset)


def _decoded(request: Request) -> tuple[str, str]:
    """The body as text, and the charset that it is in."""
    named = _CHARSET.search(request.header("content-type"))
    charset = named[1] if named else json.detect_encoding(request.body)
    try:
        text = request.body.decode(charset, errors="replace")
    except (LookupError, ValueError):
        charset, text = "utf-8", request.body.decode(errors="replace")
    return text.strip("\ufeff \t\r\n"), charset


def _json(text: str) -> Fields | list[Any]:
    value: object
    try:
        value = _decoded_json(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"the body is not JSON: {error.msg} ({where})") from None
    except RecursionError:
        cut = _shallow(text)
        if cut is None:
            raise Unreadable("the body is nested too deeply") from None
        return _json(cut)
    if isinstance(value, dict | list):
        return value
    raise Unreadable("the body is JSON, but not an object")


def _shallow(text: str) -> str | None:
    """JSON text with null for what is nested too deeply, so that what stands beside it is read.

    None if it has too many brackets to look at, or nothing can be cut out of it.
    """
    kept: list[str] = []
    start = depth = 0
    for seen, found in enumerate(_BRACKETS.finditer(text)):
        run = found[1] or ""
        if seen == MAX_BRACKETS:
            return None
        if run.startswith(("[", "{")):
            if depth < MAX_DEPTH <= depth + len(run):
                kept += [text[start : found.start(1) + MAX_DEPTH - depth - 1], "null"]
            depth += len(run)
        else:
            if depth - len(run) < MAX_DEPTH <= depth:
                start = found.start(1) + depth - MAX_DEPTH + 1
            depth -= len(run)
    return "".join([*kept, text[start:]]) if kept and depth < MAX_DEPTH else None


def _decoded_json(text: str) -> object:
    """The value of JSON text, even with codes or ids that are unquoted but not JSON numbers."""
    try:
        return _ANYTHING.decode(text)
    except json.JSONDecodeError as error:
        quoted = _BARE.sub(r'\1"\2"', text)
        if quoted == text:
            raise
        try:
            return _ANYTHING.decode(quoted)
        except json.JSONDecodeError:
            raise error from None


def form(text: str, charset: str = "utf-8") -> dict[str, str]:
    """The fields of a query string or a form, blank ones too."""
    if text.count("&") >= MAX_FIELDS:
        raise Unreadable(f"more than {MAX_FIELDS} fields")
    fields = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            fields[_plain(name, charset)] = _plain(value, charset)
    return fields


def _multipart(body: bytes) -> dict[str, str]:
    """The fields of a ``multipart/form-data`` body; none where it is not one.

    Its first line names the boundary, whatever the header says.
    """
    if body.count(b"\n--") > MAX_FIELDS:  # before parsing, which is slow for each part
        raise Unreadable(f"more than {MAX_FIELDS} fields")
    boundary = body.partition(b"\n")[0].rstrip(b"\r")[2:]
    head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
    fields: dict[str, str] = {}
    try:
        for part in message_from_bytes(head + body, policy=HTTP).iter_parts():
            name, value = part.get_param("name", header="content-disposition"), part.get_content()
            if isinstance(name, str) and isinstance(value, str):
                fields[name] = value
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # the standard library's parser is lenient, but not with every header
    return fields


def _plain(text: str, charset: str) -> str:
    return unquote_plus(text, charset, "replace") if "%" in text or "+" in text else text


def text(fields: Fields, *names: str, limit: int = 255) -> str | None:
    """The first of these fields that holds a text, trimmed, clean and cut to ``limit``; else None.

    Objects, arrays, true and false are not texts.
    """
    for name in names:
        value = fields.get(name)
        if type(value) is not str:
            continue
        if not value.isprintable():  # nearly all are printable, and need no cleaning
            value = clean(value)
        if value := value.strip():
            return value[:limit]
    return None


def message_id(fields: Fields, *names: str) -> str:
    """The provider's id of the message, from the first of these fields that holds one.

    Raises:
        Unreadable: there is none, or what is there is too long to be one.
    """
    found = text(fields, *names, limit=MAX_ID + 1)
    if found is None:
        raise Unreadable(f"there is no {' or '.join(names)}")
    if len(found) > MAX_ID:
        raise Unreadable(f"the message id has more than {MAX_ID} characters")
    return found


def number(fields: Fields, *names: str) -> str | None:
    """A telephone number in digits, as far as the provider gives it."""
    found = text(fields, *names, limit=80)
    return None if found is None else phone.digits(found)


def amount(fields: Fields, *names: str) -> str | None:
    """A decimal number as written (without exponent or comma), or None if it is not one."""
    found = text(fields, *names, limit=40)
    if found is None:
        return None
    if not _AMOUNT.fullmatch(found):
        return found.replace(",", ".") if _COMMA.fullmatch(found) else None
    if "e" not in found and "E" not in found:
        return found
    try:
        return format(Decimal(found), "f")
    except InvalidOperation:
        return None


def network(fields: Fields, mcc: str, mnc: str) -> str | None:
    """MCC and MNC from two fields. An MNC has two digits at least: numbers lose its leading 0."""
    country, code = text(fields, mcc, limit=8) or "", text(fields, mnc, limit=8) or ""
    return country + code.zfill(2) if country.isdigit() and code.isdigit() else None


def flag(fields: Fields, name: str) -> bool | None:
    """True or false, also where it is written as a word; None if it is neither."""
    return {"true": True, "false": False}.get(str(fields.get(name)).strip().lower())


def inner(fields: Fields, name: str) -> Fields:
    """The object inside a field; an empty one if there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Fields]:
    """The objects in an array; none if it is not an array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
