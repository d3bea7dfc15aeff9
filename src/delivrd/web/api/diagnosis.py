"""``/v1/diagnosis``: what is probably wrong, in words."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from delivrd.insight.diagnosis import diagnosis
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.web.api.common import answer, responses
from delivrd.web.auth import needs
from delivrd.web.context import Context

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["at", "findings"],
    "properties": {
        "at": {"type": "string", "format": "date-time"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "state", "what", "next", "account", "simulated"],
                "properties": {
                    "name": {"type": "string", "enum": ["reporting", "rejected", "duplicates"]},
                    "state": {"type": "string", "enum": ["ok", "warning", "bad"]},
                    "what": {"type": "string"},
                    "next": {"type": "string"},
                    "account": {"type": ["string", "null"]},
                    "simulated": {"type": "boolean", "description": "No handset is involved."},
                },
            },
        },
    },
}


def router(context: Context) -> APIRouter:
    routes = APIRouter(tags=["health"])
    read = Depends(needs(Scope.READ))
    store = context.store

    @routes.get("/v1/diagnosis", dependencies=[read], responses=responses(_SCHEMA))
    async def diagnose() -> Response:
        """What is probably wrong with the last day, in words, each with what to do next.

        Messages stay pending: does the carrier not report, or is our webhook not reached? Many are
        rejected: which senders, which countries? Receipts come twice: how many, and from which
        account?
        """
        result = await store.read(lambda tx: diagnosis(tx, store.accounts, now_micros()))
        found = [finding._asdict() for finding in result.findings]
        return answer({"at": result.at, "findings": found})

    return routes
