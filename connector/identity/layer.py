"""Templates and charters as documents: canonical JSON, for templates in a compact JWS.

Rules: a layer is named by the SHA-256 of its bytes, so that nobody can put another in its place;
which templates are in force says their issuer's status list, which is signed, fresh, and never
goes back (`status.py`). The token lets anybody verify one by itself. What the policy means is
`enforcement/layers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.layer import LayerKind, LayerName
from connector.errors import CredentialInvalid
from connector.identity import jws
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.kept import kept
from federated.reading import Member

TYPE: Final = "preau-template+jws"
MAX_BYTES: Final = 64 * 1024
MAX_VERSION: Final = 1_000_000
_VERSION: Final = 1
_MEMBERS: Final = ("type", "format", "layer", "issuer", "id", "version", "published", "personal")
_KIND: Final = Kind("template", CredentialInvalid, 2 * MAX_BYTES, TYPE)
_LAYERS: Final = (LayerKind.AUTHORITY.value, LayerKind.CHARTER.value)


@dataclass(frozen=True, slots=True)
class LayerDocument:
    """A template or charter that was read.

    Attributes:
        issuer: DID of who published it.
        name: layer, id, version and digest.
        published: UTC.
        personal: whether it bears on datasets with personal data only.
        policy: ODRL, JSON-LD.
        data: the exact bytes.
    """

    issuer: str
    name: LayerName
    published: datetime
    personal: bool
    policy: Mapping[str, Any] = field(repr=False, hash=False)
    data: bytes = field(repr=False)


def build(
    policy: Mapping[str, Any],
    *,
    kind: LayerKind,
    issuer: str,
    identifier: str,
    version: int,
    personal: bool,
    published: datetime,
) -> bytes:
    """Return the canonical bytes of a template or charter.

    Raises:
        CredentialInvalid: a part is not as it must be, or it is too large.
    """
    data = canonical(
        {
            "type": "preau:Layer",
            "format": _VERSION,
            "layer": kind.value,
            "issuer": issuer,
            "id": identifier,
            "version": version,
            "published": instant.text(published),
            "personal": personal,
            "policy": dict(policy),
        }
    )
    read(data)  # what others would refuse is never published
    return data


@kept(64)
def read(data: bytes) -> LayerDocument:
    """Read a template or charter strictly.

    Raises:
        CredentialInvalid: not the canonical form of one.
    """
    with _KIND.reading():
        root = _KIND.opened(data)
        if len(data) > MAX_BYTES:
            root.refuse(f"is too large: {len(data)} bytes, at most {MAX_BYTES}")
        found = _read(root, data)
        if canonical(root.value) != data:
            root.refuse("is not in canonical form")
    return found


def sign(signer: jws.Signer, data: bytes) -> str:
    """Return a template as its issuer serves it: compact JWS.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    return jws.sign_compact(signer, data, TYPE)


def verify(token: str, document: jws.KeyHolder, digest: str) -> LayerDocument:
    """Return a template that its issuer signed and whose digest is known.

    Args:
        token: compact JWS.
        document: DID document of the issuer.
        digest: SHA-256 (hex) by which the issuer's status list names it.

    Raises:
        CredentialInvalid: the issuer did not sign it, it is another one, or no template of its.
    """
    data = canonical(_KIND.verified(token, document).value)
    found = read(data)
    if found.name.digest != digest:
        raise CredentialInvalid("the template is not the one that was asked for")
    if (found.issuer, found.name.layer) != (document.did, LayerKind.AUTHORITY):
        raise CredentialInvalid("the template was not signed by its issuer")
    return found


def _read(root: Member, data: bytes) -> LayerDocument:
    part = root.fields(*_MEMBERS, "policy")
    part["type"].exactly("preau:Layer")
    part["format"].integer(least=_VERSION, most=_VERSION)
    part["policy"].entries(least=1, most=64)
    name = LayerName(
        layer=part["layer"].exactly(*_LAYERS),
        id=part["id"].text(),
        version=part["version"].integer(least=1, most=MAX_VERSION),
        digest=sha256_hex(data),
    )
    return LayerDocument(
        issuer=part["issuer"].text(),
        name=name,
        published=part["published"].instant(),
        personal=part["personal"].flag(),
        policy=dict(part["policy"].value),
        data=data,
    )
