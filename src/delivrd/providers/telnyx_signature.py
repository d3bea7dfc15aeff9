"""How Telnyx signs: Ed25519 over the time and the body, checked with the account's public key."""

import base64
from functools import lru_cache
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import AfterValidator, BeforeValidator

from delivrd.providers.base import Authentic, Request, Unauthentic
from delivrd.providers.signing import check_age

SIGNATURE = "telnyx-signature-ed25519"
TIMESTAMP = "telnyx-timestamp"


@lru_cache(maxsize=64)
def _key(encoded: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded, validate=True))
    except ValueError:
        raise ValueError("a public key of Telnyx is 32 bytes in base64") from None


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _valid(keys: tuple[str, ...]) -> tuple[str, ...]:
    for key in keys:
        _key(key)
    return keys


PublicKeys = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_valid)]
"""One public key in base64 or, while one is being replaced, several."""


def authenticate(request: Request, keys: PublicKeys, behind: int) -> Authentic:
    """Which of the keys signed this request.

    There is no nonce: a try again is another body, since it counts the tries.

    Raises:
        Unauthentic: none of them did, or too long ago, or in the future.
    """
    stamp = request.header(TIMESTAMP)
    signed = stamp.encode(errors="replace") + b"|" + request.body
    signature = _signature(request)
    for position, key in enumerate(keys):
        try:
            _key(key).verify(signature, signed)
        except InvalidSignature:
            continue
        check_age(stamp, request, behind)
        return Authentic("ed25519", position)
    raise Unauthentic("the signature does not match")


def _signature(request: Request) -> bytes:
    given = request.header(SIGNATURE)
    if not given:
        raise Unauthentic(f"there is no signature ({SIGNATURE})")
    try:
        return base64.b64decode(given, validate=True)
    except ValueError:
        raise Unauthentic("the signature is not in base64") from None
