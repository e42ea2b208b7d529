"""Which addresses of other people our servers may call: public ones, over https.

Whoever names an address could otherwise let us call what only we can reach: our own services, or
those that hosts offer to the machines in them, such as 169.254.169.254.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

HTTPS_PORT, LAST_SYSTEM_PORT = 443, 1023
MOST_CHARACTERS = 500
SCHEMES = {False: {"https"}, True: {"https", "http"}}
# Of fragments, and what clients read differently.
UNEXPECTED = frozenset("#\\ ")
# Azure answers its machines at a public address.
OF_HOSTS = frozenset({IPv4Address("168.63.129.16")})
# Of protocols, and of relays to IPv6 whose addresses we could not check.
NOT_OF_SERVERS = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
UNICAST = IPv6Network("2000::/3")
# Of IPv6 addresses in UNICAST: those that contain an IPv4 address, or are for no server.
NOT_FOR_SERVERS = (
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether everybody on the internet may have a server at this address."""
    if isinstance(address, IPv6Address):
        return (
            address in UNICAST
            and address.is_global
            and not any(address in network for network in NOT_FOR_SERVERS)
        )
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and address not in OF_HOSTS
        and not any(address in network for network in NOT_OF_SERVERS)
    )


def is_allowed(url: str, *, may_be_local: bool) -> bool:
    """Return whether we may call a URL, as far as it can be seen without resolving its name.

    With `may_be_local` it may be http, and an address of any network.
    """
    is_plain = url.isascii() and url.isprintable() and not set(url) & UNEXPECTED
    if not is_plain or len(url) > MOST_CHARACTERS:
        return False
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return False
    is_port = port in {None, HTTPS_PORT} or port > LAST_SYSTEM_PORT
    has_credentials = "@" in parts.netloc
    if not host or has_credentials or not is_port or parts.scheme not in SCHEMES[may_be_local]:
        return False
    return may_be_local or _may_be_public(host)


def _may_be_public(host: str) -> bool:
    """Return False for an address that is not public, and for a name without a domain."""
    try:
        return is_public(ip_address(host))
    except ValueError:
        return "." in host.strip(".") and not host.rstrip(".").endswith((".localhost", ".internal"))
