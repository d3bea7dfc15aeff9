"""Verifies the signature of a received call, for `delivrd endpoints verify`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from delivrd.core.units import SECOND
from delivrd.providers.base import same
from delivrd.relay.formats import standard


class Unverified(Exception):
    """The signature does not verify; str() is the reason."""


class Verified(NamedTuple):
    """A verified call: its id, when it was signed (seconds since 1970), and by which secret."""

    id: str
    signed_at: int
    secret: int


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: int) -> Verified:
    """Verifies that one of the secrets signed this body, within five minutes of ``now``.

    ``body`` is the bytes as received, ``now`` in microseconds since 1970; the case of header names
    does not matter.

    Raises:
        Unverified: a header is missing, or the signature does not match or is too old.
    """
    given = {name.lower(): _clean(value) for name, value in headers.items()}
    call_id, seconds, signatures = _signature_headers(given)
    keys = _keys(secrets)
    position = _signed_by(keys, call_id, seconds, body, signatures)
    if position is None:
        raise Unverified(_why(keys, call_id, seconds, body, signatures))
    _check_age(int(seconds), now)
    return Verified(call_id, int(seconds), position)


def _clean(value: str) -> str:
    return value.strip().encode(errors="replace").decode()


def _signature_headers(given: Mapping[str, str]) -> tuple[str, str, list[str]]:
    names = (standard.ID, standard.TIMESTAMP, standard.SIGNATURE)
    missing = [name for name in names if not given.get(name)]
    if missing:
        raise Unverified(f"there is no header {' and no '.join(missing)}")
    call_id, seconds, listed = (given[name] for name in names)
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        raise Unverified(f"{standard.TIMESTAMP} is not a number of seconds since 1970")
    signatures = [each for each in listed.split() if each.startswith("v1,")]
    if not signatures:
        raise Unverified(f"{standard.SIGNATURE} holds no signature of version 1 (v1,…)")
    return call_id, seconds, signatures


def _keys(secrets: Sequence[str]) -> list[bytes]:
    if not secrets:
        raise Unverified("there is no secret to check with")
    try:
        return [standard.key(secret) for secret in secrets]
    except ValueError as error:
        raise Unverified(str(error)) from None


def _signed_by(
    keys: Sequence[bytes], call_id: str, seconds: str, body: bytes, signatures: Sequence[str]
) -> int | None:
    for position, key in enumerate(keys):
        own = standard.signature(key, call_id, seconds, body)
        if any(same(given, own) for given in signatures):
            return position
    return None


def _why(
    keys: Sequence[bytes], call_id: str, seconds: str, body: bytes, signatures: Sequence[str]
) -> str:
    """The likely cause: most often something parsed the body and wrote it again."""
    for what, other in _rewritten(body):
        if _signed_by(keys, call_id, seconds, other, signatures) is not None:
            return f"the signature fits the body {what}: check the bytes as they came"
    return "the signature does not match: another secret, or the body or a header was changed"


def _rewritten(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "without the line break at its end", body.rstrip(b"\r\n")
    yield "without the carriage returns", body.replace(b"\r\n", b"\n")
    try:
        compact = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return
    yield "with its JSON written without spaces", compact.encode(errors="replace")


def _check_age(seconds: int, now: int) -> None:
    age = now // SECOND - seconds
    if age > standard.TOLERANCE:
        raise Unverified(
            f"the signature fits, but is {age} seconds old, more than {standard.TOLERANCE}"
        )
    if age < -standard.TOLERANCE:
        raise Unverified(
            f"the signature fits, but is {-age} seconds in the future: check the clocks"
        )
