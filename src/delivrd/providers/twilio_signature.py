"""How Twilio signs its webhooks: the URL as it is configured, with the form's fields behind it.

There is no time in it and no nonce, so that a request stays authentic for ever; what is said twice
is one statement. Sources: twilio.com/docs/usage/webhooks/webhooks-security; twilio-python.
"""

import base64
import hmac
import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from delivrd.providers import fields as f
from delivrd.providers import signing
from delivrd.providers.base import Authentic, Request, Unauthentic, Unreadable, same

SETTINGS = "x-twilio-webhooks-signature-settings"
ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def check(request: Request, secrets: Sequence[SecretStr]) -> Authentic:
    """Which of the secrets signed the request.

    Raises:
        Unauthentic: none of them, or there is no signature.
    """
    given = request.header("x-twilio-signature")
    if not given:
        raise Unauthentic("there is no signature (X-Twilio-Signature)")
    algorithm, fields = _algorithm(request), _fields(request)
    texts = [address + fields for address in _addresses(request)]
    for position, secret in enumerate(secrets):
        key = secret.get_secret_value()
        if key and any(same(given, signature(text, key, algorithm)) for text in texts):
            return Authentic(f"hmac-{algorithm}", position)
    raise Unauthentic("the signature does not match: check auth_token and public_url")


def _algorithm(request: Request) -> str:
    """Webhooks signed with a shared key name their algorithm; the others are SHA-1."""
    named = re.search(r"algorithm\s*=\s*(\w+)", request.header(SETTINGS))
    algorithm = ALGORITHMS.get(named[1].upper()) if named else "sha1"
    if algorithm is None:
        raise Unauthentic("the signature's algorithm is not known")
    return algorithm


def _addresses(request: Request) -> Iterator[str]:
    """The forms in which the called URL may be signed: Twilio is not consistent in the port.

    Where it sent credentials, the configured URL had them before its host.
    """
    parts = urlsplit(request.url)
    rest = request.url[len(f"{parts.scheme}://{parts.netloc}") :]
    if request.query:
        rest += "?" + request.query.decode(errors="replace")
    bare = re.sub(r":\d+$", "", parts.netloc)
    port = ":443" if parts.scheme == "https" else ":80"
    hosts = {parts.netloc, bare} if bare != parts.netloc else {bare, bare + port}
    for host in hosts:
        for user in {"", _credentials(request)}:
            yield f"{parts.scheme}://{user}{host}{rest}"


def _credentials(request: Request) -> str:
    scheme, _, told = request.header("authorization").partition(" ")
    try:
        return base64.b64decode(told).decode() + "@" if scheme.lower() == "basic" else ""
    except ValueError:
        return ""


def _fields(request: Request) -> str:
    """What is signed beside the URL: nothing where the URL names the body's digest, else the form.

    A body of any other kind is taken for a form too, so that nothing in it goes unsigned.
    """
    try:
        told = f.form(request.query.decode(errors="replace"))
        digest = told.get("bodySHA256")
        if signing.covers(request.body, digest) or not (request.body or digest):
            return ""
        if not request.body:
            raise Unauthentic("the body that was signed is missing (bodySHA256)")
        text = request.body.decode(errors="replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=f.MAX_FIELDS)
    except (ValueError, Unreadable) as error:
        raise Unauthentic(str(error)) from None
    return "".join(name + value for name, value in sorted(set(pairs)))


def signature(text: str, secret: str, algorithm: str = "sha1") -> str:
    """The signature of a URL with the form's fields behind it, sorted, names and values."""
    digest = hmac.digest(secret.encode(), text.encode(errors="replace"), algorithm)
    return base64.b64encode(digest).decode()
