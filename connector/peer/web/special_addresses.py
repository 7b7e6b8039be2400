"""Ranges of addresses that are not on the public Internet, as data.

Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates, as of
2025-10-09; a test holds their rows), the IPv6 Address Space registry (RFC 4291: what is not in
2000::/3 is no global unicast address, such as the former site-local fec0::/10), and multicast (RFC
5771). Python's own table lags behind by release, and differs between releases.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

GLOBAL_UNICAST: Final = ip_network("2000::/3")

# "Globally Reachable" is false, not applicable, or the block ended.
SPECIAL: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private use, RFC 1918
        "100.64.0.0/10",  # shared address space, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "169.254.0.0/16",  # link local, RFC 3927
        "172.16.0.0/12",  # private use, RFC 1918
        "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relay anycast, ended by RFC 7526
        "192.168.0.0/16",  # private use, RFC 1918
        "198.18.0.0/15",  # benchmarking, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, RFC 1112; with limited broadcast, RFC 8190
        "2001::/23",  # IETF protocol assignments, RFC 2928; with Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
)

# Blocks inside the ones above that are globally reachable.
PUBLIC: Final = tuple(
    ip_network(text)
    for text in (
        "192.0.0.9/32",  # Port Control Protocol anycast, RFC 7723
        "192.0.0.10/32",  # TURN anycast, RFC 8155
        "2001:1::1/128",  # Port Control Protocol anycast, RFC 7723
        "2001:1::2/128",  # TURN anycast, RFC 8155
        "2001:1::3/128",  # DNS-SD service registration anycast, RFC 9665
        "2001:3::/32",  # AMT, RFC 7450
        "2001:4:112::/48",  # AS112, RFC 7535
        "2001:20::/28",  # ORCHIDv2, RFC 7343
        "2001:30::/28",  # drone remote ID, RFC 9374
    )
)
