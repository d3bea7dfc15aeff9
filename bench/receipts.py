"""The bench's messages and their receipts, as finished HTTP requests.

Message n has one provider id, one recipient and one time, so that stores and receipts can be made
independently and still agree. All requests of a round have the same length, so that the generator
finds the n-th by a multiplication.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from math import gcd
from pathlib import Path

SENDER = "12025555511"
SIGNATURE_SECRET = "bench-signature-secret-0001"
SIGNATURE_METHOD = "sha256"
HISTORY = timedelta(days=90)
HOUR = timedelta(hours=1)


def provider_id(number: int) -> str:
    """16 hexadecimal digits, unique below 2**32 and scattered over an index as real ones are."""
    return f"0C000001{number * 2654435761 % 2**32:08X}"


def recipient(number: int) -> str:
    return f"4479111{number % 100_000:05d}"


@dataclass(frozen=True)
class Messages:
    """Message 0 is the oldest: `old` ones over 90 days, then `recent` ones of the last hour.

    The first `answered` of the old ones, in their scattered order, have had their receipt.
    """

    old: int
    recent: int
    now: datetime
    answered: int = 0

    @property
    def total(self) -> int:
        return self.old + self.recent

    def created_at(self, number: int) -> datetime:
        if number < self.old:
            return self.now - HOUR - HISTORY * ((self.old - number) / self.old)
        return self.now - HOUR * ((self.total - number) / self.recent)

    def scattered(self, locality: str, first: int, count: int) -> list[int]:
        """Messages of one locality, `first` to `first + count` of a fixed scattered order."""
        start, size = (self.old, self.recent) if locality == "recent" else (0, self.old)
        step = _stride(size)
        return [start + at * step % size for at in range(first, min(first + count, size))]

    def is_answered(self, number: int) -> bool:
        place = number * pow(_stride(self.old), -1, self.old) % self.old
        return number < self.old and place < self.answered


@cache
def _stride(size: int) -> int:
    """A step that jumps about and visits every one of `size` places once before any twice."""
    step = max(1, int(size * 0.618))
    while gcd(step, size) != 1:
        step += 1
    return step


def body(number: int, stamp: datetime, *, signed: bool) -> bytes:
    fields = {
        "msisdn": recipient(number),
        "to": SENDER,
        "network-code": "23410",
        "messageId": provider_id(number),
        "price": "0.03330000",
        "status": "delivered",
        "scts": f"{stamp:%y%m%d%H%M}",
        "err-code": "0",
        "api-key": "bench001",
        "message-timestamp": f"{stamp:%Y-%m-%d %H:%M:%S}",
    }
    if signed:
        fields |= {"timestamp": str(int(stamp.timestamp())), "nonce": f"{number:032x}"}
        fields["sig"] = signature(fields)
    return json.dumps(fields, separators=(",", ":")).encode()


def signature(fields: dict[str, str]) -> str:
    """Vonage's signature: HMAC over the sorted parameters."""
    base = "".join(f"&{name}={_plain(fields[name])}" for name in sorted(fields))
    digest = getattr(hashlib, SIGNATURE_METHOD)
    return hmac.new(SIGNATURE_SECRET.encode(), base.encode(), digest).hexdigest()


def _plain(value: str) -> str:
    return value.replace("&", "_").replace("=", "_")


def write_requests(file: Path, numbers: Iterable[int], path: str, *, signed: bool) -> int:
    """Write one finished request for each message; return the length of each."""
    stamp = datetime.fromtimestamp(time.time(), UTC)
    sizes = set()
    with file.open("wb") as out:
        for number in numbers:
            content = body(number, stamp, signed=signed)
            sizes.add(out.write(_head(path, len(content)) + content))
    (size,) = sizes
    return size


def headers(length: int) -> list[tuple[bytes, bytes]]:
    """The headers of a request whose body has this length."""
    return [
        (b"Host", b"127.0.0.1"),
        (b"Content-Type", b"application/json"),
        (b"Content-Length", str(length).encode()),
    ]


def _head(path: str, length: int) -> bytes:
    lines = [b"POST %s HTTP/1.1" % path.encode()]
    lines += [name + b": " + value for name, value in headers(length)]
    return b"\r\n".join(lines) + b"\r\n\r\n"
