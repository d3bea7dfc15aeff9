"""Which addresses are this machine, and which URLs the hub may call: none inside its own network
(rules H2 and H6)."""

import re
import socket
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


_ODD = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that URL parsers treat differently: some skip them."""

_SPECIAL = IPv4Network("192.0.0.0/24")


_PRIVATE_NAMES = (".localhost", ".internal", ".local", ".test")
"""Endings of names that no public DNS has."""


_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
"""A part of a host name; an underscore is in no public one, but in those of some networks."""

_HOST = re.compile(r"(?:\[([^\[\]]*)\]|([^:@\[\]]*))(?::\d*)?")


class BadUrl(ValueError):
    """The URL may not be called; str() says why, ``hint`` says what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def check_url(url: str, *, allow_http: bool, allow_networks: Iterable[Network] = ()) -> None:
    """Refuses a URL that could reach a private network, as far as the URL itself shows.

    Host names are checked again once they are resolved for the call.

    Raises:
        BadUrl: another scheme, a user name in it, a host that no name can be, or an address that
            is not public.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadUrl("it is not a URL", "Write it like https://app.example.org/sms.") from error
    odd = _ODD.search(url) or "%" in host.partition("%25")[0]
    if parts.scheme not in ("https", "http") or not host or odd or len(url) > 2000:
        raise BadUrl("it is not a web address", "Write it like https://app.example.org/sms.")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("it holds a user name", "Put a secret into the path or the query instead.")
    host = plain_host(host)
    address = literal(host)
    allowed = tuple(allow_networks)
    if address is not None and not callable_address(address, allowed):
        raise BadUrl(
            f"{host} is not a public address",
            "Allow its network in the settings: [relay] allow_networks.",
        )
    if address is None and (host == "localhost" or host.endswith((".localhost", ".internal"))):
        raise BadUrl(f"{host} is not a public name", "Use the address, and allow its network.")
    if address is None and not _is_name(parts.hostname or ""):
        raise BadUrl(
            "its host is no host name",
            "A name has parts of 1 to 63 letters, digits and hyphens, with one dot between two.",
        )
    if parts.scheme == "http" and not allow_http:
        raise BadUrl("it is not https", "Use https, or set [relay] allow_http = true.")


def _is_name(host: str) -> bool:
    """Whether a name can be looked up, in the letters that are sent for it."""
    try:
        name = host.encode("idna").decode().removesuffix(".")
    except UnicodeError:  # an empty part, or one that is too long
        return False
    return len(name) <= 253 and all(map(_LABEL.fullmatch, name.split(".")))


def host_name(header: str) -> str:
    """The name or address in a Host header, without its port; what is no host is returned whole."""
    found = _HOST.fullmatch(header)
    return (header if found is None else found[1] or found[2] or "").lower()


@lru_cache(maxsize=4096)
def address_of(text: str) -> Address | None:
    """The address that a text is, an IPv4 one mapped into IPv6 as IPv4; None for other texts."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def is_loopback(address: str) -> bool:
    """Whether a text is an address of this machine alone."""
    found = address_of(address)
    return found is not None and found.is_loopback


def is_local(host: str) -> bool:
    """Whether a host's name or address is of this machine alone."""
    return host == "localhost" or is_loopback(host)


def private_host(host: str) -> bool:
    """Whether a host is in a network of one's own, as far as its name or address shows."""
    host = plain_host(host)
    address = literal(host)
    if address is not None:
        return not callable_address(address)
    return "." not in host or host.endswith(_PRIVATE_NAMES)


def plain_host(host: str) -> str:
    """The host as a resolver reads it: ①②⑦。0.0.1. is 127.0.0.1."""
    return unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().rstrip(".")


def literal(host: str) -> Address | None:
    """The address that a host denotes, also in old notations (0x7f.1, 2130706433), if it is one."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def callable_address(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address is public or in an allowed network."""
    plain = _unwrapped(address)
    if any(plain.version == net.version and plain in net for net in allowed):
        return True
    if plain.is_multicast or plain.is_reserved or plain in _SPECIAL:
        return False
    return plain.is_global and not getattr(plain, "is_site_local", False)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address embedded in an IPv6 one (mapped, 6to4, NAT64), which is the real target."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return inner
        if address in IPv6Network("64:ff9b::/96"):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
