"""Where a request really comes from (rule H3)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
LONGEST = 64
"""Characters of a source; an address has fewer."""

FORWARDING = frozenset(
    {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
     "x-forwarded-proto", "x-real-ip"}
)  # fmt: skip
"""Headers that a proxy adds: what bears one was sent from elsewhere."""


def source_of(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """The right-most address that is not one of our own proxies.

    ``forwarded`` is the X-Forwarded-For header, its lines in their order; it is believed only as
    far as trusted proxies wrote it, so that nobody else can say that they are somebody else.
    """
    source = peer
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    while hops and within(source, proxies):
        source = _without_port(hops.pop())[:LONGEST]
    return source


@lru_cache(maxsize=4096)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks; text that is no address lies in none."""
    found = _parsed(address)
    return found is not None and any(
        found.version == network.version and found in network for network in networks
    )


@lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    found = _parsed(address)
    return found is not None and found.is_loopback


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
