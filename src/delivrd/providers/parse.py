"""`delivrd parse`: reads one captured request per line, and prints its reading.

A line is ``{"method", "query", "content_type", "headers", "body"}``; each of these may be missing.
A dialect that does not come by HTTP converts lines to requests itself (``capture``), and may show
more of them (``also_shown``). It needs no configuration, checks no signature and never fails.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from delivrd.core.statement import Fault, Receipt
from delivrd.core.text import clean, short
from delivrd.providers import UnknownProvider, provider
from delivrd.providers.base import Provider, Request, Unreadable


def parse_line(provider_name: str, line: str) -> dict[str, Any]:
    """The reading of one captured request: ``receipts`` and ``faults``.

    If nothing could be read, both are empty, and ``error`` says why.

    Never raises. For a request that is not a receipt, ``kind`` says what it is.
    """
    try:
        found = provider(provider_name)
        request = _request(found, json.loads(line))
        reading = found.read(request, None)
        more = dict(found.also_shown(request)) if found.also_shown else {}
    except (Unreadable, UnknownProvider) as error:
        return _nothing(str(error))
    except json.JSONDecodeError as error:
        return _nothing(f"the line is not JSON: {error.msg} (column {error.colno})")
    except Exception as error:  # promised: a bad line never stops the command
        return _nothing(f"{type(error).__name__}: {short(str(error), 200)}")
    told: dict[str, Any] = {
        "receipts": [shown(receipt) | more for receipt in reading.receipts],
        "faults": [_fault(fault) for fault in reading.faults],
    }
    return told if reading.kind == "receipts" else {"kind": reading.kind, **told}


def _nothing(why: str) -> dict[str, Any]:
    return {"receipts": [], "faults": [], "error": why}


def _request(found: Provider, captured: Any) -> Request:
    if not isinstance(captured, dict):
        raise Unreadable("the line is not a JSON object")
    own = found.capture(captured) if found.capture else None
    return own or _by_http(captured)


def _by_http(captured: Mapping[str, Any]) -> Request:
    given = captured.get("headers")
    headers = _pairs(given.items() if isinstance(given, Mapping) else given)
    content_type = captured.get("content_type")
    if content_type and not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", str(content_type)))
    body = captured.get("body")
    return Request(
        method=str(captured.get("method") or ("POST" if body else "GET")).upper(),
        query=_query(captured.get("query")),
        headers=headers,
        body=_bytes(body),
        url=str(captured.get("url") or ""),
    )


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return [(str(name).lower(), str(value)) for name, value in headers or ()]


def _query(given: Any) -> bytes:
    """The query, which many programs record decoded, as an object."""
    if isinstance(given, Mapping):
        said = {name: value for name, value in given.items() if value is not None}
        return urlencode(said, doseq=True).encode()
    return _bytes(given).removeprefix(b"?")


def _bytes(content: Any) -> bytes:
    if content is None:
        return b""
    text = content if isinstance(content, str) else json.dumps(content)
    return text.encode(errors="surrogatepass")


def shown(receipt: Receipt) -> dict[str, Any]:
    """A receipt in plain JSON values; times in ISO 8601 with Z, whole seconds if they are whole."""
    return {
        "provider_message_id": receipt.provider_message_id,
        "status": receipt.status.value,
        "final": receipt.final,
        "provider_status": receipt.provider_status,
        "status_provider": receipt.provider_status,
        "error_code": receipt.error_code,
        "reason": None if receipt.reason is None else receipt.reason.value,
        "permanent": receipt.permanent,
        "detail": receipt.detail,
        "to": receipt.to,
        "sender": receipt.sender,
        "network": receipt.network,
        "price": receipt.price,
        "currency": receipt.currency,
        "occurred_at": iso(receipt.occurred_at),
        "reference": receipt.reference,
        "parts_total": receipt.parts_total,
        "segment": receipt.segment,
        "unmapped": receipt.unmapped,
    }


def iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    whole = moment.microsecond % 1000 == 0 and moment.microsecond > 0
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if whole else "auto")
    return text.replace("+00:00", "Z")


def _fault(fault: Fault) -> dict[str, Any]:
    return {"position": fault.position, "why": fault.why, "raw": clean(fault.raw)}
