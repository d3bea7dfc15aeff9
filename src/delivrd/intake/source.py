"""The source address of a request behind proxies (rule H3)."""

from collections.abc import Iterable, Sequence

from delivrd.core.addresses import Network, address_of

MAX_LENGTH = 64
"""Characters of a source that are kept; real addresses are shorter."""

FORWARDING = frozenset(
    {"cdn-loop", "cf-connecting-ip", "fly-client-ip", "forwarded", "true-client-ip", "via",
     "x-azure-clientip", "x-client-ip", "x-cluster-client-ip", "x-envoy-external-address",
     "x-forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
     "x-forwarded-prefix", "x-forwarded-proto", "x-forwarded-scheme", "x-forwarded-server",
     "x-forwarded-ssl", "x-original-forwarded-for", "x-original-host", "x-real-ip"}
)  # fmt: skip
"""Headers that proxies add: a request with one was sent from elsewhere."""


def source_of(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """The right-most address that is not a trusted proxy.

    ``forwarded`` holds the X-Forwarded-For headers, joined in order. Only what trusted proxies
    wrote is believed, so that clients cannot forge their address.
    """
    source = peer
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    while hops and within(source, proxies):
        source = _without_port(hops.pop())[:MAX_LENGTH]
    return source


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; text that is not an address never is."""
    found = address_of(address)
    return found is not None and any(
        found.version == network.version and found in network for network in networks
    )


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
