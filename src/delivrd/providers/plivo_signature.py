"""How Plivo signs its callbacks, in two versions.

V3 covers the URL, the query's and the form's fields and a nonce; V2 the URL without its query and
a nonce, and so leaves the fields to the nonce: it may not come again with others. Neither has a
time. Sources: plivo.com/docs/messaging/concepts/signature-validation; plivo-python.
"""

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlparse

from pydantic import SecretStr

from delivrd.providers import fields as f
from delivrd.providers.base import Authentic, Request, Unauthentic, same

HEADER = "x-plivo-signature-"


def check(request: Request, secrets: Sequence[SecretStr]) -> Authentic:
    """Which of the secrets signed the request, by V3 where it is there, else by V2.

    The nonce is V2's where there is one, even when V3 was checked: whoever takes V3 off a request
    that came here cannot use its V2 with other fields.

    Raises:
        Unauthentic: none of them, or there is no signature.
    """
    version = next((version for version in SIGNED if _given(request, version)), None)
    if version is None:
        raise Unauthentic("there is no signature (X-Plivo-Signature-V3 or V2)")
    nonce = request.header(f"{HEADER}{version}-nonce")
    if not nonce:
        raise Unauthentic("the signature has no nonce")
    text, given = SIGNED[version](request, nonce), _given(request, version)
    for position, secret in enumerate(secrets):
        key = secret.get_secret_value()
        if key and any(same(value, signature(text, key)) for value in given):
            return Authentic(version, position, request.header(f"{HEADER}v2-nonce") or nonce)
    raise Unauthentic("the signature does not match: check auth_token and public_url")


def _given(request: Request, version: str) -> list[str]:
    """The signatures by the account's and the main account's tokens; each may have several."""
    headers = (f"{HEADER}{version}", f"{HEADER}ma-{version}")
    values = [value.strip() for name in headers for value in request.header(name).split(",")]
    return [value for value in values if value]


def signature(text: str, secret: str) -> str:
    """The signature of a text."""
    digest = hmac.digest(secret.encode(), text.encode(errors="replace"), "sha256")
    return base64.b64encode(digest).decode()


def v2(request: Request, nonce: str) -> str:
    """What V2 signs."""
    return _address(request) + nonce


def v3(request: Request, nonce: str) -> str:
    """What V3 signs. A body that is no form is taken for one, so that nothing in it goes unsigned.

    Raises:
        Unauthentic: what parts the query's fields stands within one of them, and could hide one.
    """
    query, form = _pairs(request.query), _pairs(request.body)
    if any("&" in name or "=" in name or re.search("&.*=", value) for name, value in query):
        raise Unauthentic("a field of the query contains & or =")
    text = _address(request)
    if query or form:
        text += "?" + "&".join(f"{name}={value}" for name, value in query)
    if query and form:
        text += "."
    return text + "".join(name + value for name, value in form) + "." + nonce


SIGNED: dict[str, Callable[[Request, str], str]] = {"v3": v3, "v2": v2}


def _address(request: Request) -> str:
    parts = urlparse(request.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        text = raw.decode(errors="replace")
        return sorted(parse_qsl(text, keep_blank_values=True, max_num_fields=f.MAX_FIELDS))
    except ValueError as error:
        raise Unauthentic(str(error)) from None
