"""Signatures by Standard Webhooks: HMAC-SHA256 of id, time and body.

Not the project's own library: while a secret is being replaced a call is signed by two, and
verification takes the time as an argument. The tests compare with that library.
Source: github.com/standard-webhooks/standard-webhooks, spec.
"""

import base64
import hmac
import secrets

from delivrd.core.signing_key import PREFIX as PREFIX
from delivrd.core.signing_key import key as key

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = 300
"""Seconds by which a signature's time may differ from the receiver's clock."""


def new_secret() -> str:
    """A fresh secret for an endpoint."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: bytes, call_id: str, seconds: str, body: bytes) -> str:
    """One secret's part of the header ``webhook-signature``."""
    signed = f"{call_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
