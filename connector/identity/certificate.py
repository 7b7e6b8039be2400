"""X.509: the node's small CA, its short-lived TLS leaves, and the check of a peer's leaf.

Rules: keys are P-256 (Ed25519 leaves fail the TLS handshake); a leaf names its DID as URI and a
DNS name, for both ends of a connection; a CA signs leaves only. A peer's leaf counts only when a
CA of *that DID's* document issued it directly: a trusted CA could write any DID into a leaf.
`cryptography` checks the path. Private keys pass through as PEM; keeping them is `bootstrap`'s.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from connector.errors import CertificateMismatch
from connector.jsonld.canonical import b64url
from connector.jsonld.kept import kept

BACKDATED: Final = timedelta(minutes=5)  # for peers whose clock is behind
MAX_NAME_BYTES: Final = 64  # X.520, upper bound of a common name
LEAST_RSA_BITS: Final = 2048
LEAST_CURVE_BITS: Final = 256
MAX_PEM_BYTES: Final = 64 * 1024
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
_P256_BYTES: Final = 32

Pem = str | bytes

# All that reading a hostile certificate may raise, beside what path checks raise.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)


def make_authority(common_name: str, now: datetime, days: int) -> tuple[str, str]:
    """Make a CA that signs leaves only.

    Args:
        common_name: shown in certificates; its first 64 bytes are kept.
        now: UTC.
        days: life.

    Returns:
        Certificate and private key, PEM.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    usage = _usage(sign_certificates=True)
    certificate = (
        _builder(name, name, key.public_key(), now, timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_authority_id(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def issue_leaf(
    ca_cert_pem: Pem, ca_key_pem: Pem, did: str, dns_name: str, now: datetime, seconds: float
) -> tuple[str, str]:
    """Issue a TLS certificate for both ends of peers' connections.

    Args:
        ca_cert_pem: the node's CA.
        ca_key_pem: its private key.
        did: URI name.
        dns_name: DNS name by which clients check it.
        now: UTC.
        seconds: life.

    Returns:
        Certificate and private key, PEM.

    Raises:
        CertificateMismatch: the CA cannot be read.
    """
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(did),
        x509.DNSName(dns_name),
    ]
    life = timedelta(seconds=seconds)
    return _issue(ca_cert_pem, ca_key_pem, names, (_CLIENT, _SERVER), (now, life))


def issue_web(
    ca_cert_pem: Pem, ca_key_pem: Pem, dns_name: str, now: datetime, days: int
) -> tuple[str, str]:
    """Issue an HTTPS server certificate, for spaces with a web CA of their own.

    Returns:
        Certificate and private key, PEM.

    Raises:
        CertificateMismatch: the CA cannot be read.
    """
    names = [x509.DNSName(dns_name)]
    return _issue(ca_cert_pem, ca_key_pem, names, (_SERVER,), (now, timedelta(days=days)))


def check_leaf(leaf_pem: Pem, did: str, authorities_pem: Sequence[str], now: datetime) -> None:
    """Check that a peer's TLS leaf is that DID's.

    Args:
        leaf_pem: as the connection showed it.
        did: whom it must name.
        authorities_pem: CAs of that DID's document.
        now: UTC.

    Raises:
        CertificateMismatch: not issued by one of these CAs, expired, for another use, or naming
            another DID.
    """
    leaf = _load(leaf_pem)
    roots = tuple(ca for ca in map(_load, authorities_pem) if _valid(ca, now))
    if not roots:
        raise CertificateMismatch(f"`{did}` has no valid CA")
    if not _valid(leaf, now):
        raise CertificateMismatch(f"the certificate of `{did}` is not valid at this time")
    _check_issued(leaf, did, roots)


@lru_cache(maxsize=256)
def _check_issued(leaf: x509.Certificate, did: str, roots: tuple[x509.Certificate, ...]) -> None:
    """Check what time does not change: all of these are valid now, and so at the last beginning."""
    _check_strength(leaf)
    at = max(each.not_valid_before_utc for each in (leaf, *roots))
    builder = PolicyBuilder().store(Store(list(roots))).time(at).max_chain_depth(0)
    try:
        builder.build_client_verifier().verify(leaf, [])
    except (VerificationError, *_UNREADABLE) as exc:
        raise CertificateMismatch(f"the certificate was not issued by a CA of `{did}`") from exc
    if _uris(leaf) != [did]:
        raise CertificateMismatch(f"the certificate does not name `{did}`")
    _check_both_ends(leaf)


def thumbprint(cert_pem: Pem) -> str:
    """Return the `x5t#S256` of a certificate (RFC 7515 section 4.1.8).

    Raises:
        CertificateMismatch: it cannot be read.
    """
    return _thumbprint(_data(cert_pem))


@kept(256, largest=4096)
def _thumbprint(data: bytes) -> str:
    return b64url(_load(data).fingerprint(hashes.SHA256()))


def expires(cert_pem: Pem) -> datetime:
    """Return until when a certificate is valid, UTC.

    Raises:
        CertificateMismatch: it cannot be read.
    """
    return _load(cert_pem).not_valid_after_utc


def begins(cert_pem: Pem) -> datetime:
    """Return from when a certificate is valid, UTC; ours are dated back by `BACKDATED`.

    Raises:
        CertificateMismatch: it cannot be read.
    """
    return _load(cert_pem).not_valid_before_utc


def named_did(leaf_pem: Pem) -> str:
    """Return the URI that an unverified leaf names; empty unless there is exactly one.

    Raises:
        CertificateMismatch: it cannot be read.
    """
    return _named_did(_data(leaf_pem))


@kept(256, largest=4096)
def _named_did(data: bytes) -> str:
    uris = _uris(_load(data))
    return uris[0] if len(uris) == 1 else ""


def read_authority(chain: object) -> str:
    """Return the CA certificate of a JWK's `x5c` (RFC 7517 section 4.7) as PEM.

    Raises:
        CertificateMismatch: not exactly one certificate, or not a CA's.
    """
    if not isinstance(chain, list) or len(chain) != 1 or not isinstance(chain[0], str):
        raise CertificateMismatch("`x5c` must hold exactly one certificate")
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(chain[0], validate=True))
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except _UNREADABLE as exc:
        raise CertificateMismatch("`x5c` does not hold a CA certificate") from exc
    # RFC 5280, section 4.1.2.2: the serial number is positive; the library only warns of others.
    if not constraints.value.ca or certificate.serial_number <= 0:
        raise CertificateMismatch("`x5c` does not hold a CA certificate")
    _check_strength(certificate)
    return _pem(certificate)


def public_jwk(cert_pem: Pem) -> dict[str, str]:
    """Return the public key of a certificate as JWK.

    Raises:
        CertificateMismatch: it cannot be read, or its key is not P-256.
    """
    try:
        key = _load(cert_pem).public_key()
    except _UNREADABLE as exc:
        raise CertificateMismatch("the certificate's key is not P-256") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateMismatch("the certificate's key is not P-256")
    point = key.public_numbers()
    x, y = (number.to_bytes(_P256_BYTES, "big") for number in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": b64url(x), "y": b64url(y)}


def der_base64(cert_pem: Pem) -> str:
    """Return a certificate as an entry of `x5c`: base64 of its DER.

    Raises:
        CertificateMismatch: it cannot be read.
    """
    return base64.b64encode(_load(cert_pem).public_bytes(Encoding.DER)).decode()


def _issue(
    ca_cert_pem: Pem,
    ca_key_pem: Pem,
    names: Sequence[x509.GeneralName],
    uses: Sequence[x509.ObjectIdentifier],
    period: tuple[datetime, timedelta],
) -> tuple[str, str]:
    authority, authority_key = _load(ca_cert_pem), _load_key(ca_key_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(str(names[-1].value))
    certificate = (
        _builder(subject, authority.subject, key.public_key(), *period)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_authority_id(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    cut = common_name.encode()[:MAX_NAME_BYTES].decode(errors="ignore") or "-"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cut)])


def _authority_id(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _check_strength(leaf: x509.Certificate) -> None:
    """Refuse keys that are weaker than what they vouch for (NIST SP 800-57 part 1, 112 bits)."""
    try:
        key = leaf.public_key()
    except _UNREADABLE as exc:
        raise CertificateMismatch("the certificate's key cannot be read") from exc
    strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS
    if not strong and not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateMismatch(
            "the certificate's key is neither RSA of 2048 bits nor on a curve"
        )
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < LEAST_CURVE_BITS:
        raise CertificateMismatch("the certificate's key is on a curve of fewer than 256 bits")


def _check_both_ends(leaf: x509.Certificate) -> None:
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except _UNREADABLE as exc:
        raise CertificateMismatch("the certificate states no extended key usage") from exc
    if _CLIENT not in uses or _SERVER not in uses:
        raise CertificateMismatch(
            "the certificate does not allow both server and client authentication"
        )


def _uris(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _UNREADABLE:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _data(pem: Pem) -> bytes:
    return pem.encode() if isinstance(pem, str) else pem


def _load(pem: Pem) -> x509.Certificate:
    data = _data(pem)
    if len(data) > MAX_PEM_BYTES:
        raise CertificateMismatch("the certificate is too large")
    return _parsed(data)


@kept(256, largest=4096)
def _parsed(data: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(data)
    except _UNREADABLE as exc:
        raise CertificateMismatch("the certificate cannot be read") from exc


def _load_key(pem: Pem) -> ec.EllipticCurvePrivateKey:
    try:
        key: Any = load_pem_private_key(_data(pem), password=None)
    except _UNREADABLE as exc:
        raise CertificateMismatch("the CA's key cannot be read") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateMismatch("the CA's key is not P-256")
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
