"""The certificate that a caller showed at an HTTPS proxy in front of this node (RFC 9440).

Rules: the header `Client-Cert` is believed of a proxy that the settings name, which RFC 9440 has
drop the header of its clients; of anybody else it says nothing. What cannot be read is refused,
since a token may be bound to it.
"""

from __future__ import annotations

import binascii
import ipaddress
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connector.errors import CertificateMismatch

HEADER: Final = "client-cert"
_MOST: Final = 16 * 1024  # characters


def certificate(stated: str, origin: str, proxies: Iterable[str]) -> str:
    """Return the certificate of a request's caller, PEM; empty where none is known.

    Args:
        stated: the header; empty where there is none.
        origin: of the connection, see `connections/crowd.py`.
        proxies: addresses or networks of those that forward certificates.

    Raises:
        CertificateMismatch: a proxy forwards what is no certificate.
    """
    if not stated or not _named(origin, proxies):
        return ""
    text = stated.strip()
    if len(text) > _MOST or text[:1] != ":" or text[-1:] != ":":  # RFC 8941 section 3.3.5
        raise CertificateMismatch("the header `Client-Cert` is none of RFC 9440")
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
