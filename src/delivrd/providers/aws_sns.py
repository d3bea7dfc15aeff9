"""Amazon SNS: who signed a request to an HTTPS subscription, and how a subscription is confirmed.

The certificate that a signature is checked with stands at an address of the vendor's, which the
request names: it is fetched once (see :class:`~delivrd.providers.base.NeedsDocument`) and kept.
Source: docs.aws.amazon.com/sns (verify the signature of a message, HTTP/HTTPS subscriptions).
"""

import base64
import re
from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from delivrd.core import times
from delivrd.providers import fields as f
from delivrd.providers import signing
from delivrd.providers.base import (
    Authentic,
    Http,
    NeedsDocument,
    Request,
    Unauthentic,
    Unreadable,
)

CONFIRMATION = "SubscriptionConfirmation"

_NOTICE = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRM = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTICE,
    CONFIRMATION: _CONFIRM,
    "UnsubscribeConfirmation": _CONFIRM,
}
"""The fields that are signed, in their order; of a notification, the subject where there is one."""

_VERSIONS = {"1": ("sns-sha1", SHA1()), "2": ("sns-sha256", SHA256())}

_HOST = r"https://sns\.[a-z]{2,}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE_URL = re.compile(_HOST + r"/SimpleNotificationService-[\w-]{1,128}\.pem", re.ASCII)
_SUBSCRIBE_URL = re.compile(_HOST + r"/\?Action=ConfirmSubscription&[!-~]{1,2000}")

_MAX_DOCUMENT = 64 * 1024
_MAX_CERTIFICATES = 32


class _Certificate(NamedTuple):
    key: RSAPublicKey
    begins: datetime
    ends: datetime


_certificates: OrderedDict[str, _Certificate] = OrderedDict()
"""By address, the one that was needed last at the end."""


def check(request: Request, topics: Collection[str], behind: int) -> Authentic:
    """The proof that SNS signed this request for one of these topics, at most ``behind`` s ago.

    Raises:
        NeedsDocument: the certificate has to be fetched, and given to :func:`learn`, first.
        Unauthentic: it did not, or not in time; or the topic is another's.
    """
    told = _fields(request)
    if told.get("TopicArn") not in topics:
        raise Unauthentic("the topic (TopicArn) is none of the account's topic_arn")
    stamp = times.parse(told.get("Timestamp"), now=request.received_at)
    signing.check_age(stamp and int(stamp.timestamp()), request, behind)
    scheme, algorithm = _VERSIONS.get(str(told.get("SignatureVersion")), (None, None))
    if scheme is None or algorithm is None:
        raise Unauthentic("the signature is of no known version (SignatureVersion 1 or 2)")
    key = _key(told.get("SigningCertURL", told.get("SigningCertUrl")), request)
    try:
        key.verify(_signature(told), _signed_text(told), PKCS1v15(), algorithm)
    except InvalidSignature:
        raise Unauthentic("the signature does not match") from None
    return Authentic(scheme)


def _fields(request: Request) -> f.Fields:
    try:
        told = f.of(request)
    except Unreadable as error:
        raise Unauthentic(str(error)) from None
    if not isinstance(told, dict) or "Signature" not in told:
        raise Unauthentic("there is no signature; is raw message delivery on?")
    return told


def _signature(told: f.Fields) -> bytes:
    try:
        return base64.b64decode(str(told["Signature"]), validate=True)
    except ValueError:
        raise Unauthentic("the signature is not in base64") from None


def _signed_text(told: f.Fields) -> bytes:
    names = _SIGNED.get(str(told.get("Type")))
    if names is None:
        raise Unauthentic("its Type is not one that SNS uses")
    lines = []
    for name in names:
        value = told.get(name)
        if isinstance(value, str):
            lines += [name, value]
        elif name != "Subject" or value is not None:
            raise Unauthentic(f"there is no {name}")
    return "".join(f"{line}\n" for line in lines).encode(errors="replace")


def _key(url: object, request: Request) -> RSAPublicKey:
    if not isinstance(url, str) or not _CERTIFICATE_URL.fullmatch(url):
        raise Unauthentic("the certificate's address (SigningCertURL) is not the vendor's")
    found = _certificates.get(url)
    if found is None:
        raise NeedsDocument(url)
    _certificates.move_to_end(url)
    if not found.begins <= (request.received_at or datetime.now(UTC)) <= found.ends:
        raise Unauthentic("the certificate is not valid at this time")
    return found.key


def learn(url: str, document: bytes) -> None:
    """Keeps the certificate that stands at this address.

    Raises:
        Unauthentic: the address is not the vendor's, or this is no certificate for signatures.
    """
    if not _CERTIFICATE_URL.fullmatch(url):
        raise Unauthentic("the certificate's address is not the vendor's")
    try:
        found = x509.load_pem_x509_certificate(document[:_MAX_DOCUMENT])
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unauthentic("its address returned no certificate") from error
    if not isinstance(key, RSAPublicKey):
        raise Unauthentic("the certificate's key is not RSA")
    _certificates[url] = _Certificate(key, found.not_valid_before_utc, found.not_valid_after_utc)
    if len(_certificates) > _MAX_CERTIFICATES:
        _certificates.popitem(last=False)


async def confirm(request: Request, topics: Collection[str], http: Http) -> None:
    """Visits the address by which an authentic request asks to confirm its subscription.

    Where it asks for no such thing, or its topic or its address is another's, nothing is done.

    Raises:
        OSError, NotSent: the visit failed; SNS is to ask again.
    """
    told = _fields(request) if topics else {}
    url = told.get("SubscribeURL")
    if told.get("Type") != CONFIRMATION or told.get("TopicArn") not in topics:
        return
    if isinstance(url, str) and _SUBSCRIBE_URL.fullmatch(url):
        answer = await http.request("GET", url)
        if not 200 <= answer.status < 300:
            raise OSError(f"SNS answered HTTP {answer.status}")
