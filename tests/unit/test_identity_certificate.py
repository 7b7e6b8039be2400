from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connector.errors import CertificateMismatch
from connector.identity import certificate
from connector.jsonld.canonical import b64url
from tests.support.contracts import NOW

DID = "did:web:nord.example"
WEAK = certificate.LEAST_RSA_BITS // 2
CA = certificate.make_authority("CA of nord", NOW, 365)
OTHER_CA = certificate.make_authority("CA of nord", NOW, 365)
LEAF, LEAF_KEY = certificate.issue_leaf(*CA, DID, "nord.example", NOW, 3600)


def signed(  # a leaf of the true CA, spoilt in one way
    *names: x509.GeneralName,
    uses: tuple[x509.ObjectIdentifier, ...] = (certificate._CLIENT, certificate._SERVER),
) -> str:
    key = load_pem_private_key(CA[1].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    made = certificate._issue(*CA, list(names), uses, (NOW, timedelta(hours=1)))
    return made[0]


def refused(leaf: str, now: object = NOW, authorities: tuple[str, ...] = (CA[0],)) -> None:
    with pytest.raises(CertificateMismatch):
        certificate.check_leaf(leaf, DID, authorities, now)  # type: ignore[arg-type]


def test_a_leaf_of_the_own_authority() -> None:
    certificate.check_leaf(LEAF, DID, [CA[0]], NOW)
    certificate.check_leaf(LEAF.encode(), DID, [OTHER_CA[0], CA[0]], NOW)
    assert certificate.named_did(LEAF) == DID
    assert certificate.expires(LEAF) == NOW + timedelta(hours=1)


def test_the_leaf_s_key_belongs_to_it() -> None:
    key = load_pem_private_key(LEAF_KEY.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    leaf = x509.load_pem_x509_certificate(LEAF.encode())
    assert leaf.public_key() == key.public_key()


def test_another_authority_of_the_same_name() -> None:
    refused(LEAF, authorities=(OTHER_CA[0],))
    refused(LEAF, authorities=())


def test_another_did_by_the_same_authority() -> None:
    """A CA can write any DID into a leaf; so the leaf must name the DID whose CA it is."""
    other = certificate.issue_leaf(*CA, "did:web:else.example", "nord.example", NOW, 3600)[0]
    refused(other)
    certificate.check_leaf(other, "did:web:else.example", [CA[0]], NOW)


def test_names_that_are_refused() -> None:
    uri, dns = x509.UniformResourceIdentifier, x509.DNSName
    certificate.check_leaf(signed(uri(DID), dns("nord.example")), DID, [CA[0]], NOW)
    refused(signed(dns("nord.example")))
    refused(signed(uri(DID), uri("did:web:else.example"), dns("nord.example")))
    refused(signed(dns(DID.removeprefix("did:web:"))))


@pytest.mark.parametrize(
    "uses", [(certificate._SERVER,), (certificate._CLIENT,), (x509.OID_CODE_SIGNING,)]
)
def test_uses_that_are_refused(uses: tuple[x509.ObjectIdentifier, ...]) -> None:
    refused(signed(x509.UniformResourceIdentifier(DID), x509.DNSName("nord.example"), uses=uses))


def test_validity() -> None:
    certificate.check_leaf(LEAF, DID, [CA[0]], NOW - timedelta(minutes=4))
    refused(LEAF, NOW - timedelta(minutes=6))
    certificate.check_leaf(LEAF, DID, [CA[0]], NOW + timedelta(minutes=59))
    refused(LEAF, NOW + timedelta(minutes=61))


def test_an_expired_authority() -> None:
    short = certificate.make_authority("CA", NOW - timedelta(days=2), 1)
    leaf = certificate.issue_leaf(*short, DID, "nord.example", NOW, 3600)[0]
    refused(leaf, authorities=(short[0],))


def test_a_leaf_issues_nothing() -> None:
    below = certificate.issue_leaf(LEAF, LEAF_KEY, DID, "nord.example", NOW, 3600)[0]
    refused(below)
    refused(below, authorities=(LEAF,))


def test_an_authority_is_no_leaf() -> None:
    refused(CA[0])


@pytest.mark.parametrize("pem", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n", "x" * 70_000])
def test_no_certificate_at_all(pem: str) -> None:
    refused(pem)
    with pytest.raises(CertificateMismatch):
        certificate.thumbprint(pem)


def test_thumbprint_is_the_hash_of_der() -> None:
    der = x509.load_pem_x509_certificate(LEAF.encode()).public_bytes(Encoding.DER)
    assert certificate.thumbprint(LEAF) == b64url(hashlib.sha256(der).digest())


def test_named_did_of_certificates_with_none() -> None:
    assert certificate.named_did(CA[0]) == ""
    assert certificate.named_did(signed(x509.DNSName("nord.example"))) == ""


def test_web_certificate() -> None:
    web = certificate.issue_web(*CA, "localhost", NOW, 30)[0]
    names = x509.load_pem_x509_certificate(web.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    refused(web)


@pytest.mark.parametrize(
    ("name", "kept"), [("é" * 80, "é" * 32), ("x" + "é" * 80, "x" + "é" * 31), ("", "-")]
)
def test_common_name_is_cut(name: str, kept: str) -> None:
    made = x509.load_pem_x509_certificate(certificate.make_authority(name, NOW, 1)[0].encode())
    assert made.subject.rfc4514_string() == "CN=" + kept


@pytest.mark.parametrize("key", ["", "x"])
def test_an_authority_s_key_that_cannot_be_read(key: str) -> None:
    with pytest.raises(CertificateMismatch):
        certificate.issue_leaf(CA[0], key, DID, "nord.example", NOW, 60)


def test_an_authority_s_key_of_another_kind() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CertificateMismatch):
        certificate.issue_leaf(CA[0], pem, DID, "nord.example", NOW, 60)


def test_public_key_of_another_kind() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM).decode()
    with pytest.raises(CertificateMismatch):
        certificate.public_jwk(pem)
    with pytest.raises(CertificateMismatch):
        certificate.read_authority([certificate.der_base64(pem)])


def test_a_leaf_without_extensions() -> None:
    """Rightly signed by the CA, and states neither names nor uses."""
    refused(bare())
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(DID)])
    refused(bare(names))
    issuer = x509.load_pem_x509_certificate(CA[0].encode()).public_key()
    assert isinstance(issuer, ec.EllipticCurvePublicKey)
    authority = certificate._authority_id(issuer)
    refused(bare(names, authority))
    uses = x509.ExtendedKeyUsage([certificate._CLIENT, certificate._SERVER])
    certificate.check_leaf(bare(names, authority, uses), DID, [CA[0]], NOW)


def bare(*extensions: x509.ExtensionType) -> str:
    key = load_pem_private_key(CA[1].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(CA[0].encode())
    builder = certificate._builder(
        issuer.subject, issuer.subject, key.public_key(), NOW, timedelta(days=1)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return certificate._pem(builder.sign(key, hashes.SHA256()))


def leaf_with(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """A leaf that is right but for its key."""
    authority = load_pem_private_key(CA[1].encode(), None)
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(CA[0].encode()).subject
    names = [x509.UniformResourceIdentifier(DID), x509.DNSName("nord.example")]
    life = timedelta(hours=1)
    public: Any = key.public_key()
    made = (
        certificate._builder(certificate._name("nord.example"), issuer, public, NOW, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(certificate._usage(sign_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([certificate._CLIENT, certificate._SERVER]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(certificate._authority_id(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    return certificate._pem(made)


def test_leaves_with_a_weak_key_are_refused() -> None:
    for weak in (rsa.generate_private_key(65537, WEAK), ec.generate_private_key(ec.SECP192R1())):
        refused(leaf_with(weak))
    for strong in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        certificate.check_leaf(leaf_with(strong), DID, [CA[0]], NOW)


def test_an_authority_with_a_weak_key_is_refused() -> None:
    for key, fine in (
        (rsa.generate_private_key(65537, WEAK), False),
        (rsa.generate_private_key(65537, 2048), True),
    ):
        name = certificate._name("CA of nord")
        public: Any = key.public_key()
        made = (
            certificate._builder(name, name, public, NOW, timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        chain = [base64.b64encode(made.public_bytes(Encoding.DER)).decode()]
        if fine:
            assert certificate.read_authority(chain)
        else:
            with pytest.raises(CertificateMismatch, match="key"):
                certificate.read_authority(chain)


def test_spoilt_certificates_answer_with_our_error() -> None:
    """Whatever bit a peer spoils of what the CA signed, the answer is an error of our tree."""
    leaf = x509.load_pem_x509_certificate(LEAF.encode())
    der, signed_part = leaf.public_bytes(Encoding.DER), leaf.tbs_certificate_bytes
    start = der.index(signed_part)
    for place in range(len(der)):
        spoilt = bytearray(der)
        spoilt[place] ^= 1
        pem = "-----BEGIN CERTIFICATE-----\n"
        pem += base64.b64encode(spoilt).decode() + "\n-----END CERTIFICATE-----\n"
        if start <= place < start + len(signed_part):
            refused(pem)
        for read in (certificate.named_did, certificate.public_jwk, certificate.thumbprint):
            only_our_errors(read, pem)


def only_our_errors(read: Callable[[str], object], pem: str) -> None:
    try:
        assert read(pem) is not None
    except CertificateMismatch as exc:
        assert exc.reason  # noqa: PT017 - either way is right; any other exception is not


def test_an_authority_whose_serial_number_is_negative_is_refused() -> None:
    pem = next(
        part
        for part in certificate.make_authority("a.example", NOW, 30)
        if "BEGIN CERTIFICATE" in part
    )
    der = base64.b64decode(certificate.der_base64(pem))
    number = x509.load_pem_x509_certificate(pem.encode()).serial_number
    serial = number.to_bytes((number.bit_length() + 8) // 8, "big")
    negative = bytes([serial[0] | 0x80]) + serial[1:]
    spoiled = der.replace(serial, negative, 1)
    assert spoiled != der
    assert certificate.read_authority([base64.b64encode(der).decode()])
    with pytest.raises(CertificateMismatch):
        certificate.read_authority([base64.b64encode(spoiled).decode()])
