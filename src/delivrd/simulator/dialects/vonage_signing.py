"""Vonage's signature over the parameters of a receipt or of a send.

https://developer.vonage.com/en/getting-started/concepts/signing-messages
"""

import hashlib
import hmac
from collections.abc import Mapping

METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")


def sign(params: Mapping[str, str], secret: str, method: str = "sha256") -> str:
    """The hexadecimal signature of all parameters but ``sig``.

    ``md5hash`` is the plain MD5 of text and secret together; the others are HMACs.

    Raises:
        ValueError: the secret is empty, or the method is none of :data:`METHODS`.
    """
    if not secret:
        raise ValueError("a signature needs a secret")
    if method not in METHODS:
        raise ValueError(f"no signature method {method!r}; there are: {', '.join(METHODS)}")
    text = "".join(f"&{name}={_plain(params[name])}" for name in sorted(params) if name != "sig")
    if method == "md5hash":
        return hashlib.md5((text + secret).encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), text.encode(), method).hexdigest()


def _plain(value: str) -> str:
    return value.replace("&", "_").replace("=", "_")
