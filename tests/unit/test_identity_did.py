from __future__ import annotations

import pytest

from connector.errors import DidUnresolvable
from connector.identity import did as dids
from tests.support.each import over


@over(
    ("did", "url"),
    [
        ("did:web:nord.example", "https://nord.example/.well-known/did.json"),
        ("did:web:localhost%3A8443", "https://localhost:8443/.well-known/did.json"),
        ("did:web:nord.example:node:a1", "https://nord.example/node/a1/did.json"),
        ("did:web:nord.example%3A443:x", "https://nord.example:443/x/did.json"),
        ("did:web:xn--prau-bpa.example", "https://xn--prau-bpa.example/.well-known/did.json"),
    ],
)
def test_document_address(did: str, url: str) -> None:
    assert dids.document_url(did) == url


@over(
    "did",
    [
        "",
        "did:web:",
        "did:key:z6Mk",
        "DID:web:nord.example",
        "did:web:Nord.example",  # one host, one spelling
        "did:web:nord.example.",
        "did:web:.example",
        "did:web:-a.example",
        "did:web:127.0.0.1",
        "did:web:127.0.0.1%3A8443",
        "did:web:2130706433",
        "did:web:0x7f000001",
        "did:web:nord.0x7f",
        "did:web:1.2.3.256",
        "did:web:[::1]",
        "did:web:%5B%3A%3A1%5D",
        "did:web:nord.example%3a8443",  # lower-case escape
        "did:web:nord.example%3A0",
        "did:web:nord.example%3A08443",
        "did:web:nord.example%3A65536",
        "did:web:nord.example%3A",
        "did:web:nord.example:",
        "did:web:nord.example::a",
        "did:web:nord.example:..",
        "did:web:nord.example:.",
        "did:web:nord.example:a%2Fb",
        "did:web:nord.example/a",
        "did:web:nord.example?x",
        "did:web:nord.example#key-1",
        "did:web:user@nord.example",
        "did:web:nord example",
        "did:web:nord.example\n",
        "did:web:" + "a" * 64 + ".example",
        "did:web:" + "a." * 260 + "example",
    ],
)
def test_other_spellings_are_refused(did: str) -> None:
    with pytest.raises(DidUnresolvable):
        dids.parse(did)


def test_parts() -> None:
    parts = dids.parse("did:web:nord.example%3A8443:a:b")
    assert (parts.host, parts.port, parts.path) == ("nord.example", 8443, ("a", "b"))
    assert dids.host("did:web:nord.example%3A8443") == "nord.example"
    assert dids.origin("did:web:nord.example%3A8443:a") == "https://nord.example:8443"


def test_did_of_a_host() -> None:
    assert dids.from_host("localhost", 8443) == "did:web:localhost%3A8443"
    assert dids.from_host("nord.example") == "did:web:nord.example"
    with pytest.raises(DidUnresolvable):
        dids.from_host("::1")
