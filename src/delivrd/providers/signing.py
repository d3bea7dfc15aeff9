"""Authentication schemes that several gateways use: tokens, and how old they may be."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from delivrd.providers import fields as f
from delivrd.providers.base import Authentic, Request, Unauthentic, same

AHEAD = 300
"""Seconds by which a gateway's clock may be ahead of ours."""


def bearer(request: Request) -> str:
    """The token of ``Authorization: Bearer …``.

    Raises:
        Unauthentic: there is none.
    """
    scheme, _, token = request.header("authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthentic("there is no token (Authorization: Bearer)")
    return token.strip()


_HS256 = {"HS256": "sha256"}
HMACS = _HS256 | {"HS384": "sha384", "HS512": "sha512"}
"""The algorithms of tokens with a shared secret, each with its digest."""


def hs256(token: str, secrets: Sequence[SecretStr]) -> tuple[Mapping[str, Any], int]:
    """The claims of a JSON web token, and which secret signed it; no other algorithm is taken.

    Raises:
        Unauthentic: it is no such token, or none of the secrets signed it.
    """
    return signed_token(token, secrets, _HS256)


def signed_token(
    token: str, secrets: Sequence[SecretStr], algorithms: Mapping[str, str]
) -> tuple[Mapping[str, Any], int]:
    """As :func:`hs256`, for the given algorithms, each with its digest.

    Raises:
        Unauthentic: it is no such token, or none of the secrets signed it.
    """
    try:
        signed, _, given = token.rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        algorithm, signature = header["alg"], _decoded(given)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unauthentic("the token is not a signed JSON web token") from None
    digest = algorithms.get(algorithm) if isinstance(algorithm, str) else None
    if digest is None or not isinstance(claims, dict):
        raise Unauthentic(f"the token is not signed by {' or '.join(algorithms)}")
    for position, secret in enumerate(secrets):
        key = secret.get_secret_value().encode()
        if key and same(signature, hmac.digest(key, signed.encode(), digest)):
            return claims, position
    raise Unauthentic("the token's signature does not match")


def payload(token: str) -> bytes:
    """What a JSON web token says, unproven; of another text, b""."""
    try:
        return _decoded(token.split(".")[1])
    except (ValueError, IndexError):
        return b""


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def standard_webhooks(request: Request, keys: Iterable[bytes], behind: int) -> Authentic:
    """The proof by Standard Webhooks; each try bears the same id, which is its nonce.

    Raises:
        Unauthentic: a header is missing, no key signed it, or it is too old.
    """
    call_id, stamp = request.header("webhook-id"), request.header("webhook-timestamp")
    if not (call_id and stamp):
        raise Unauthentic("there is no webhook-id or webhook-timestamp")
    listed = request.header("webhook-signature").split()
    given = [entry[3:] for entry in listed if entry.startswith("v1,")]
    signed = f"{call_id}.{stamp}.".encode() + request.body
    position = fitting(keys, given, [signed])
    check_age(stamp, request, behind)
    return Authentic("standard-webhooks", position, call_id[: f.MAX_ID])


def fitting(keys: Iterable[bytes], given: Sequence[str], signed: Sequence[bytes]) -> int:
    """Which key made one of the given signatures (HMAC with SHA-256, in base64) of such a text.

    Raises:
        Unauthentic: none did.
    """
    for position, key in enumerate(keys):
        for text in signed if key else ():
            expected = base64.b64encode(hmac.digest(key, text, "sha256"))
            if any(same(signature, expected) for signature in given):
                return position
    raise Unauthentic("the signature does not match")


def covers(body: bytes, digest: object) -> bool:
    """Whether this is the SHA-256 of the body, in hex."""
    return isinstance(digest, str) and same(digest.lower(), hashlib.sha256(body).hexdigest())


def check_age(stamp: object, request: Request, behind: int) -> None:
    """Refuses what was signed more than ``behind`` seconds ago, or in the future.

    Raises:
        Unauthentic: that is so, or ``stamp`` is not a time (seconds since 1970).
    """
    seconds = str(stamp)
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        raise Unauthentic("it does not say when it was signed")
    now = (request.received_at or datetime.now(UTC)).timestamp()
    age = now - int(seconds)
    if age > behind:
        raise Unauthentic(f"it was signed {age:.0f} seconds ago, more than {behind}")
    if age < -AHEAD:
        raise Unauthentic(f"it was signed {-age:.0f} seconds in the future: check the clocks")
