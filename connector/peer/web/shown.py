"""The certificate that a caller shows: on its connection, or at a proxy in front of this node.

Rules: the header `Client-Cert` (RFC 9440) is believed of a proxy that the settings name, which RFC
9440 has drop the header of its clients; of anybody else it says nothing. On a connection of such a
proxy the certificate is the proxy's, and none of the caller's. What cannot be read is refused,
since a token may be bound to it.
"""

from __future__ import annotations

import binascii
import ipaddress
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request

from connector.errors import CertificateMismatch

HEADER: Final = "client-cert"
STATE: Final = "certificate"  # of a request: that its connection shows, PEM
_MOST: Final = 16 * 1024  # characters


def of(request: Request, origin: str, proxies: Iterable[str]) -> str:
    """Return the certificate of a request's caller; see `certificate`."""
    own = request.scope.get("state", {}).get(STATE, "")
    return certificate(own, request.headers.get(HEADER, ""), origin, proxies)


def certificate(own: str, stated: str, origin: str, proxies: Iterable[str]) -> str:
    """Return the certificate of a request's caller; empty where none is known.

    Args:
        own: that the connection shows; empty where it shows none.
        stated: the header; empty where there is none.
        origin: of the connection, see `connections/crowd.py`.
        proxies: addresses or networks of those that forward certificates.

    Raises:
        CertificateMismatch: a proxy forwards what is no certificate.
    """
    if not _named(origin, proxies):
        return own
    if not stated:
        return ""
    text = stated.strip()
    if len(text) > _MOST or text[:1] != ":" or text[-1:] != ":":  # RFC 8941 section 3.3.5
        raise CertificateMismatch("the header `Client-Cert` is not as RFC 9440 demands")
    try:
        found = x509.load_der_x509_certificate(binascii.a2b_base64(text[1:-1], strict_mode=True))
    except ValueError as exc:  # binascii.Error is one
        raise CertificateMismatch("the header `Client-Cert` holds no certificate") from exc
    return found.public_bytes(Encoding.PEM).decode("ascii")


def _named(origin: str, proxies: Iterable[str]) -> bool:
    try:
        came = ipaddress.ip_network(origin)
    except ValueError:
        return False
    named = (ipaddress.ip_network(each) for each in proxies)
    return any(it.version == came.version and came.subnet_of(it) for it in named)  # type: ignore[arg-type]  # of one version
