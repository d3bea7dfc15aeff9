"""How seven signs its webhooks: a time, a nonce, the method, the address and a digest of the body.

Sources: docs.seven.io (signing); the vendor's JavaScript client.
"""

import hashlib
import hmac
from collections.abc import Sequence

from pydantic import SecretStr

from delivrd.providers import signing
from delivrd.providers.base import Authentic, Request, Unauthentic, same


def check(request: Request, secrets: Sequence[SecretStr], behind: int) -> Authentic:
    """Which of the secrets signed the request, at most ``behind`` seconds ago.

    Raises:
        Unauthentic: none of them, there is no signature, or it is too old or from the future.
    """
    names = ("x-signature", "x-timestamp", "x-nonce")
    given, stamp, nonce = (request.header(name) for name in names)
    if not (given and stamp and nonce):
        raise Unauthentic("there is no signature (X-Signature, X-Timestamp, X-Nonce)")
    for position, secret in enumerate(secrets):
        key = secret.get_secret_value()
        if key and same(given.lower(), signature(request, key, stamp, nonce)):
            signing.check_age(stamp, request, behind)
            return Authentic("hmac-sha256", position, nonce)
    raise Unauthentic("the signature does not match: check signing_key and public_url")


def signature(request: Request, key: str, stamp: str, nonce: str) -> str:
    """The ``X-Signature`` of a request, in lower-case hex."""
    url = request.url.encode(errors="replace") + (b"?" + request.query if request.query else b"")
    body = hashlib.md5(request.body, usedforsecurity=False).hexdigest()
    lines = (stamp.encode(), nonce.encode(), request.method.upper().encode(), url, body.encode())
    return hmac.digest(key.encode(), b"\n".join(lines), "sha256").hex()
