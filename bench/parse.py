"""How many captured requests a second `delivrd parse` reads, start of the program included."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console

COLUMNS = ("provider", "requests/s", "seconds", "bytes a line")


def _form(body: str) -> dict[str, Any]:
    return {"method": "POST", "content_type": "application/x-www-form-urlencoded", "body": body}


def _json(value: Any) -> dict[str, Any]:
    body = json.dumps(value, separators=(",", ":"))
    return {"method": "POST", "content_type": "application/json", "body": body}


LINES: dict[str, dict[str, Any]] = {
    "vonage": _json(
        {
            "msisdn": "447700900000", "to": "AcmeInc", "network-code": "23410",
            "messageId": "0A0000001234567B", "price": "0.03330000", "status": "delivered",
            "scts": "2001011400", "err-code": "0", "api-key": "abcd1234",
            "message-timestamp": "2020-01-01 14:00:00",
        }
    ),
    "twilio": _form(
        "SmsSid=SM2&SmsStatus=undelivered&MessageStatus=undelivered&To=%2B447700900000"
        "&MessageSid=SM2&AccountSid=AC1&From=%2B447700900999&ApiVersion=2010-04-01&ErrorCode=30003"
    ),
    "plivo": _form(
        "From=447700900999&To=447700900000&Status=failed&ErrorCode=30&MessageUUID=m-1"
        "&ParentMessageUUID=m-1&PartInfo=1+of+1&Units=1&TotalRate=0.0035&MCC=234&MNC=10"
    ),
    "sinch": _json(
        {
            "type": "recipient_delivery_report_sms", "batch_id": "01FC66621XXXXX119Z8PMV1QPQ",
            "recipient": "+447700900000", "code": 0, "status": "Delivered",
            "at": "2022-08-30T08:16:08.930Z", "operator_status_at": "2022-08-30T08:16:08.150Z",
        }
    ),
    "messagebird": {
        "method": "GET",
        "query": "id=abc&recipient=447700900000&status=delivered&statusReason=successfully+sent"
        "&statusDatetime=2020-01-01T14:00:00%2B00:00&mccmnc=23410&messageLength=5",
    },
    "infobip": _json(
        {
            "results": [
                {
                    "bulkId": "b", "messageId": "m", "to": "447700900000",
                    "sentAt": "2020-01-01T14:00:00.000+0000",
                    "doneAt": "2020-01-01T14:00:05.000+0000",
                    "smsCount": 1, "price": {"pricePerMessage": 0.01, "currency": "EUR"},
                    "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5,
                               "name": "DELIVERED_TO_HANDSET"},
                    "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR"},
                }
            ]
        }
    ),
    "telnyx": _json(
        {
            "data": {
                "event_type": "message.finalized", "id": "e",
                "occurred_at": "2020-01-01T14:00:00.000Z",
                "payload": {
                    "id": "m", "direction": "outbound", "type": "SMS", "parts": 1, "errors": [],
                    "from": {"phone_number": "+447700900999"}, "text": "Hello",
                    "to": [{"phone_number": "+447700900000", "status": "delivered"}],
                },
            }
        }
    ),
}  # fmt: skip
"""A receipt of each of the common providers, as it comes."""


@dataclass(frozen=True)
class Found:
    provider: str
    lines: int
    seconds: float
    size: int

    @property
    def rate(self) -> float:
        return self.lines / self.seconds


def run(lines: int, rounds: int, console: Console) -> list[Found]:
    """The median of some rounds for each provider.

    Raises:
        SystemExit: a line was not read.
    """
    return [_median(name, lines, rounds, console) for name in LINES]


def _median(name: str, lines: int, rounds: int, console: Console) -> Found:
    found = sorted((_once(name, lines) for _ in range(rounds)), key=lambda one: one.rate)
    console.print(f"{name}: {found[len(found) // 2].rate:,.0f} a second")
    return found[len(found) // 2]


def _once(name: str, lines: int) -> Found:
    line = json.dumps(LINES[name]) + "\n"
    command = [sys.executable, "-m", "delivrd", "parse", name]
    began = time.perf_counter()
    done = subprocess.run(
        command, input=line * lines, capture_output=True, text=True, check=True, timeout=300
    )
    seconds = time.perf_counter() - began
    read = [json.loads(line) for line in done.stdout.splitlines()]
    if len(read) != lines or not all(len(line.get("receipts", ())) == 1 for line in read):
        raise SystemExit(f"{name}: not every line was read as one receipt")
    return Found(name, lines, seconds, len(line))


def rows(found: list[Found]) -> list[list[str]]:
    return [[f.provider, f"{f.rate:,.0f}", f"{f.seconds:.2f}", str(f.size)] for f in found]
