"""Authenticates webhook calls: by the proofs common to all accounts, then by the provider's own."""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import NamedTuple

from delivrd.core.addresses import host_name, is_local, is_loopback
from delivrd.intake.source import FORWARDING, within
from delivrd.providers.base import Authentic, Request, Unauthentic, same
from delivrd.store.accounts import Account

_UNPROVEN = Authentic("none")


class Address(NamedTuple):
    """What follows the account's name in the path of a call."""

    secret: int | None = None
    reference: str | None = None


class UnknownAddress(Exception):
    """The path has no secret of the account, or more than a secret and a reference."""


class Proof:
    """The proofs that one account requires; every configured one must hold.

    An account that requires none is served on loopback only, unless its settings say ``open``
    (rule H2).
    """

    def __init__(self, account: Account, *, local: bool) -> None:
        settings = account.settings
        self.account, self.local = account, local
        self._secrets = [s.get_secret_value() for s in settings.webhook_secret]
        basic = settings.basic_auth
        self._basic = basic and base64.b64encode(basic.get_secret_value().encode()).decode()
        self._networks = [ip_network(n, strict=False) for n in settings.allow_from]

    @property
    def challenge(self) -> Mapping[str, str]:
        """The headers of a 401. Many HTTP clients send user and password only when challenged."""
        return {} if self._basic is None else {"www-authenticate": 'Basic realm="webhooks"'}

    @property
    def needs_address(self) -> bool:
        """Whether the webhook's path needs more than the account's name."""
        return bool(self._secrets)

    def address(self, segments: Sequence[str]) -> Address:
        """Parses what follows the account's name in the path: secret, then reference.

        Raises:
            UnknownAddress: it is not an address of this account.
        """
        secret = None
        if self._secrets:
            if not segments:
                raise UnknownAddress
            secret = next((i for i, s in enumerate(self._secrets) if same(segments[0], s)), None)
            if secret is None:
                raise UnknownAddress
            segments = segments[1:]
        if len(segments) > 1:
            raise UnknownAddress
        return Address(secret, segments[0] if segments else None)

    def check(self, request: Request, address: Address, source: str) -> Authentic:
        """Authenticates the request; returns by which schemes.

        Raises:
            Unauthentic: a proof is missing or wrong.
        """
        schemes = [] if address.secret is None else [("path-secret", address.secret)]
        if self._networks:
            if not within(source, self._networks):
                raise Unauthentic(f"{source} is not in allow_from")
            schemes.append(("address", 0))
        if self._basic is not None:
            self._check_basic(request)
            schemes.append(("basic", 0))
        own = self.account.provider.authenticate(request, self.account.settings)
        if own is not None:
            if not schemes and not own.secret:
                return own
            schemes.append((own.scheme, own.secret))
        elif not schemes:
            self._check_open(request, source)
            return _UNPROVEN
        named = "+".join([f"{scheme}#{n}" if n else scheme for scheme, n in schemes])
        return Authentic(named, 0, own.nonce if own else None)

    def _check_basic(self, request: Request) -> None:
        scheme, _, given = request.header("authorization").partition(" ")
        if scheme.lower() != "basic" or not same(given.strip(), self._basic or ""):
            raise Unauthentic("the user name and password (Basic) are missing or wrong")

    def _check_open(self, request: Request, source: str) -> None:
        if self.account.settings.open:
            return
        if not self.local:
            raise Unauthentic(
                "the account has no proof of origin: set a webhook_secret or the gateway's "
                "signature secret, or say open = true"
            )
        elsewhere = [
            name
            for name, value in request.headers
            if name in FORWARDING or (name == "host" and not _is_local(value))
        ]
        if elsewhere or not request.header("host"):
            raise Unauthentic(
                "an account without proof of origin is served on loopback only, and this call was "
                "forwarded from elsewhere"
            )
        if not is_loopback(source):
            raise Unauthentic("an account without proof of origin is served on loopback only")


@lru_cache(maxsize=256)
def _is_local(host: str) -> bool:
    """Whether a Host header names the loopback."""
    return is_local(host_name(host))
