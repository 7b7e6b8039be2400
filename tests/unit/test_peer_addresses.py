from __future__ import annotations

import pytest

from connector.errors import AddressForbidden
from connector.peer.addresses import Target, judge_address, target


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
