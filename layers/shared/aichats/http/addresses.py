"""The addresses to which a request may go whose URL comes from outside: public addresses only.

Other addresses belong to this machine, to its network or to the cloud, such as its service for credentials.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The global unicast addresses. All other IPv6 addresses are private or reserved."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 addresses for networks that have only IPv6 (NAT64). The last 32 bits are the IPv4 address."""
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""IPv6 addresses that contain the IPv4 address of a tunnel (6to4 and Teredo). No public server needs them."""
_RELAYS = IPv4Network("192.88.99.0/24")
"""The former relays of 6to4."""


def is_public(address: str) -> bool:
    """Return whether an IP address is public. An IPv6 address that contains an IPv4 address is not, except for NAT64.

    Python's ``is_global`` alone accepts addresses of multicast, and of NAT64 and relays whatever they lead to.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed in _TRANSLATED:
            return _is_public_v4(IPv4Address(int(parsed) & 0xFFFF_FFFF))
        return parsed in _PUBLIC_IPV6 and _is_global(parsed) and not any(parsed in tunnel for tunnel in _TUNNELS)
    return _is_public_v4(parsed)


def _is_public_v4(address: IPv4Address) -> bool:
    return _is_global(address) and address not in _RELAYS


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_link_local)
