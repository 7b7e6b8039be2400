from __future__ import annotations

import ipaddress

import pytest

from connector.errors import AddressForbidden
from connector.peer.web.addresses import Target, judge_address, target
from connector.peer.web.special_addresses import GLOBAL_UNICAST, PUBLIC, SPECIAL
from tests.support.each import over

# The IANA IPv4 and IPv6 Special-Purpose Address Registries as of 2025-10-09: each block whose
# "Globally Reachable" is false or not applicable, and each where it is true.
NOT_REACHABLE = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/32", "192.0.0.171/32"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
    *("203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32", "::1/128", "::/128"),
    *("64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/32", "2001:2::/48"),
    *("2001:10::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7"),
    *("fe80::/10", "ff00::/8", "224.0.0.0/4"),  # the last two: multicast
)
REACHABLE = (
    *("192.0.0.9/32", "192.0.0.10/32", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"),
    *("2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:3::/32", "2001:4:112::/48"),
    *("2001:20::/28", "2001:30::/28", "2620:4f:8000::/48"),
)


@over(
    ("url", "expected"),
    [
        ("https://school.example", Target("school.example", 443, "/")),
        ("https://School.Example:8443/a/b?c=d", Target("school.example", 8443, "/a/b?c=d")),
        ("https://a.b-c.example/%2e", Target("a.b-c.example", 443, "/%2e")),
        ("https://localhost:1/", Target("localhost", 1, "/")),
        ("https://xn--cole-9oa.example/", Target("xn--cole-9oa.example", 443, "/")),
    ],
)
def test_plain_addresses(url: str, expected: Target) -> None:
    assert target(url) == expected


@over(
    "url",
    [
        "",
        "school.example",
        "//school.example/",
        "http://school.example/",
        "HTTP://school.example/",
        "ftp://school.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://school.example.1/",
        "https://127.0.0.1./",
        "https://school.example./",
        "https://user@school.example/",
        "https://user:secret@school.example/",
        "https://school.example@127.0.0.1/",
        "https://school.example#fragment",
        "https://school.example\\@evil.example/",
        "https://school.example/ x",
        "https://school.example/\r\nHost: evil",
        "https://école.example/",
        "https://-a.example/",
        "https://a..example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://school.example:99999/",
        "https://school.example:x/",
        "https://school.example:0/",
        "https://school.example:000/",
        "https://school.example/" + "a" * 3000,
    ],
)
def test_addresses_that_could_lead_elsewhere(url: str) -> None:
    with pytest.raises(AddressForbidden):
        target(url)


@over(
    "address",
    [
        "93.184.216.34",
        "192.0.0.9",  # globally reachable inside a block that is not
        "2606:2800:220:1::1",
        "2001:200::1",
        "2001:4:112::1",
        "64:ff9b::5db8:d822",
    ],
)
def test_public(address: str) -> None:
    judge_address("school.example", address, ())


@over(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "192.0.0.8",
        "192.88.99.1",
        "198.51.100.1",
        "203.0.113.1",
        "fec0::1",
        "feff::1",
        "100::1",
        "200::1",
        "4000::1",
        "5f00::1",
        "64:ff9b:1::1",
        "2001:2::1",
        "2001:10::1",
        "3fff::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_not_public(address: str) -> None:
    with pytest.raises(AddressForbidden):
        judge_address("school.example", address, ("other.example",))
    judge_address("school.example", address, ("school.example",))


def ends(block: str) -> list[str]:
    network = ipaddress.ip_network(block)
    return [str(network[0]), str(network[-1])]


@over("block", NOT_REACHABLE)
def test_blocks_of_the_registries_that_are_not_reachable(block: str) -> None:
    for address in ends(block):
        with pytest.raises(AddressForbidden):
            judge_address("school.example", address, ())


@over("block", REACHABLE)
def test_blocks_of_the_registries_that_are_reachable(block: str) -> None:
    for address in ends(block):
        judge_address("school.example", address, ())


def test_what_is_exempt_lies_in_what_is_special() -> None:
    for exempt in PUBLIC:
        around = [each for each in SPECIAL if each.version == exempt.version]
        assert any(exempt.subnet_of(each) for each in around)  # type: ignore[arg-type]


def test_whatever_python_knows_as_private_is_refused() -> None:
    """Its tables differ between releases; none may know a block that ours does not."""
    own = ipaddress._IPv4Constants._private_networks, ipaddress._IPv6Constants._private_networks  # type: ignore[attr-defined]
    for network in (*own[0], *own[1]):
        covered = network.version == 6 and not network.overlaps(GLOBAL_UNICAST)
        covered |= any(
            network.version == each.version and network.subnet_of(each) for each in SPECIAL
        )
        assert covered, network
