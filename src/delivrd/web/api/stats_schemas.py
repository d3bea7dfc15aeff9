"""The JSON schemas of the answers of ``/v1/stats``, for the OpenAPI document."""

from typing import Any

Schema = dict[str, Any]

_COUNT: Schema = {"type": "integer"}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"]}
_NUMBER: Schema = {"type": ["number", "null"]}
_TEXT: Schema = {"type": ["string", "null"]}
_UNIT: Schema = {"enum": ["messages", "attempts"]}
_SIMULATED: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "description": "The simulated accounts whose traffic is in these numbers.",
}


def _object(fields: Schema) -> Schema:
    """An object in which all these members are required."""
    return {"type": "object", "required": list(fields), "properties": fields}


def _array(fields: Schema) -> Schema:
    """An array of such objects."""
    return {"type": "array", "items": _object(fields)}


def _grouped(fields: Schema, **more: Schema) -> Schema:
    """Items and their summary; an item also has a member for each dimension."""
    item = _object(fields)
    grouped = {"by": _TEXT, "unit": _UNIT, "items": {"type": "array", "items": item}}
    beside = {"simulated": _SIMULATED, "next_cursor": _TEXT}
    return _object({**more, **grouped, "summary": item, **beside})


_COST: Schema = {
    "type": ["array", "null"],
    "items": _object(
        {
            "currency": _TEXT,
            "amount": {"type": "string"},
            "priced": _COUNT,
            "per_delivered": _TEXT,
        }
    ),
}

DELIVERY = _grouped(
    {
        "unit": _UNIT,
        "total": _COUNT,
        "counts": {"type": "object", "additionalProperties": _COUNT},
        "delivery_rate": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "failed": _COUNT,
        "failure_rate": _NUMBER,
        "failure_low": _NUMBER,
        "failure_high": _NUMBER,
        "unreported": _COUNT,
        "health": {"enum": ["healthy", "watch", "investigate", "too_few", None]},
        "cost": _COST,
    }
)

LATENCY = _grouped(
    {
        "unit": _UNIT,
        "total": _COUNT,
        "untold": _COUNT,
        "p50": _NUMBER,
        "p90": _NUMBER,
        "p95": _NUMBER,
        "p99": _NUMBER,
        "histogram": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"le": {"type": "number"}, "count": _COUNT}},
        },
    },
    status={"type": "string"},
    error={"type": "number"},
)

_SILENT_ROUTE: Schema = {"account": _TEXT, "country": _TEXT, "messages": _COUNT}

SETTLED = _grouped(
    {
        "unit": {"enum": ["attempts"]},
        "total": _COUNT,
        "delivered": _COUNT,
        "pending": _COUNT,
        "overdue": _COUNT_OR_NULL,
        "unreported": _COUNT,
        "settled_rate": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "rate_so_far": _NUMBER,
    },
    no_receipts=_array(_SILENT_ROUTE),
    stopped=_array({**_SILENT_ROUTE, "reported_on": {"type": "string", "format": "date"}}),
)

COMPARISON = _object(
    {
        "simulated": _SIMULATED,
        "country": _TEXT,
        "network": _TEXT,
        "minimum": _COUNT,
        "ranked": {"type": "boolean"},
        "why": _TEXT,
        "items": _array(
            {
                "account": _TEXT,
                "rank": _COUNT_OR_NULL,
                "total": _COUNT,
                "ended": _COUNT,
                "unreported": _COUNT,
                "delivery_rate": _NUMBER,
                "low": _NUMBER,
                "high": _NUMBER,
                "p50": _NUMBER,
                "p95": _NUMBER,
                "cost": _COST,
            }
        ),
    }
)

_EVIDENCE: Schema = {
    "kind": {"enum": ["instant", "identical", "round_seconds", "no_failures", "conversion"]},
    "words": {"type": "string"},
    "share": {"type": "number"},
    "sample": _COUNT,
}

HONESTY = _object(
    {
        "simulated": _SIMULATED,
        "since": _TEXT,
        "items": _array(
            {
                "account": _TEXT,
                "country": _TEXT,
                "flagged": {"type": "boolean"},
                "evidence": _array(_EVIDENCE),
                "total": _COUNT,
                "delivered": _COUNT,
                "converted": _COUNT,
                "not_converted": _COUNT,
                "conversion_rate": _NUMBER,
                "conversion_low": _NUMBER,
                "conversion_high": _NUMBER,
            }
        ),
    }
)
