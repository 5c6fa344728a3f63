"""Where a request comes from, behind proxies that are known, and the prefix of addresses that this is one of. Pure.

X-Forwarded-For is what each proxy appends to, so it is read from its end: what a trusted proxy saw is believed, and who
that was is asked no more unless it is a trusted proxy too. What a client wrote there itself is never reached.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Proxies in a row; what is further back is not looked at.
MOST_HOPS = 16
#: What one customer, or one carrier's translation of addresses, is given: IPv4 /24, IPv6 /56.
_IPV4_HOST_BITS, _IPV6_HOST_BITS = 8, 72
#: Keeps prefixes of both kinds apart in one set of whole numbers.
_IPV6_MARK = 1 << 64


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read CIDRs; those that are none are left out, so that nothing is trusted by mistake."""
    return tuple(found for text in texts if (found := _network(text)) is not None)


def client_of(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """Return the address of who asks; None where a trusted proxy does not say, or says what is no address.

    ``forwarded_for``: the values of every X-Forwarded-For header, in order.
    """
    address = _address(peer)
    hops = [hop for value in forwarded_for for hop in value.split(",")][-MOST_HOPS:]
    while address is not None and any(address in network for network in trusted):
        address = _address(hops.pop()) if hops else None
    return address


def prefix_of(address: Address) -> int:
    """Return a number for the /24 or /56 that the address is one of."""
    if isinstance(address, IPv4Address):
        return int(address) >> _IPV4_HOST_BITS
    return _IPV6_MARK | int(address) >> _IPV6_HOST_BITS


def _network(text: str) -> Network | None:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    """Read ``192.0.2.1``, ``192.0.2.1:4711``, ``2001:db8::1``, ``[2001:db8::1]:4711``, ``::ffff:192.0.2.1``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
