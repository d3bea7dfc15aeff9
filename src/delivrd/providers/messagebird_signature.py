"""How MessageBird and Bird sign: a token (current), an HMAC (older, and Channels), or the Bird API.

Sources: the vendor's SDKs (request validators, webhooks); docs.bird.com (verifying a webhook
subscription, retries); standardwebhooks.com; for the age of retries, what two public handlers saw.
"""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from urllib.parse import parse_qsl, urlencode

from delivrd.providers import fields as f
from delivrd.providers import signing
from delivrd.providers.base import Authentic, Request, Secrets, Unauthentic

REPLAY_BEHIND = 24 * 3600
"""Bird tries again for 8 hours (others saw a day), with the time and signature of the first try."""
FRESH = 300
"""By Standard Webhooks, every try is signed anew."""
LEEWAY = 10
"""Seconds for which a token counts after its end, for clocks that differ."""

TOKEN, SIGNATURE = "messagebird-signature-jwt", "messagebird-signature"


def authenticate(request: Request, secrets: Secrets, window: int | None) -> Authentic:
    """The proof in whichever of the headers it stands.

    Raises:
        Unauthentic: there is none, or it is wrong, or too old.
    """
    if token := request.header(TOKEN):
        return _by_token(request, token, secrets, LEEWAY if window is None else window)
    if request.header("webhook-signature"):
        behind = FRESH if window is None else window
        return signing.standard_webhooks(request, _decoded(secrets), behind)
    if given := request.header(SIGNATURE):
        return _by_hmac(request, given, secrets, REPLAY_BEHIND if window is None else window)
    raise Unauthentic("there is no signature (MessageBird-Signature-JWT)")


def _by_token(request: Request, token: str, secrets: Secrets, leeway: int) -> Authentic:
    claims, secret = signing.signed_token(token, secrets, signing.HMACS)
    if claims.get("iss") != "MessageBird":
        raise Unauthentic("the token is not MessageBird's (iss)")
    now = (request.received_at or datetime.now(UTC)).timestamp()
    if now > _seconds(claims.get("exp")) + leeway:
        raise Unauthentic("the token was signed too long ago (exp)")
    if now < _seconds(claims.get("nbf")) - signing.AHEAD:
        raise Unauthentic("the token is from the future (nbf): check the clocks")
    if not signing.covers(_url(request).encode(), claims.get("url_hash")):
        raise Unauthentic("the token is for another address (url_hash): check public_url")
    payload = claims.get("payload_hash")
    if (request.body or payload) and not signing.covers(request.body, payload):
        raise Unauthentic("the token is not for this body (payload_hash)")
    return Authentic("jwt", secret, f.text(claims, "jti"))


def _seconds(stamp: object) -> int:
    if type(stamp) is not int or not 0 <= stamp < 10**12:
        raise Unauthentic("the token has no validity period (nbf, exp)")
    return stamp


def _by_hmac(request: Request, given: str, secrets: Secrets, behind: int) -> Authentic:
    """Over time, query (older) or address (Channels), and the body's digest, line by line."""
    stamp = request.header("messagebird-request-timestamp")
    told = parse_qsl(request.query.decode(errors="replace"), keep_blank_values=True)
    query = sorted(told, key=itemgetter(0))  # of a repeated name the order stays: the last counts
    body = hashlib.sha256(request.body).digest()
    signed = [f"{stamp}\n{about}\n".encode() + body for about in (urlencode(query), _url(request))]
    secret = signing.fitting((s.get_secret_value().encode() for s in secrets), [given], signed)
    signing.check_age(stamp, request, behind)
    return Authentic("sha256", secret)


def _decoded(secrets: Secrets) -> Iterator[bytes]:
    """The keys, given as ``whsec_`` and base64; what is not fits nothing."""
    for secret in secrets:
        text = secret.get_secret_value().removeprefix("whsec_")
        try:
            yield base64.b64decode(text, validate=True)
        except ValueError:
            yield b""


def _url(request: Request) -> str:
    query = request.query.decode(errors="replace")
    return f"{request.url}?{query}" if query else request.url
