"""Verifiable credentials as signed JWT: VCDM 2.0 secured by VC-JOSE-COSE.

Rules: `typ` is `vc+jwt`, `cty` is `vc`, the payload *is* the credential (no `vc` claim); the
issuer is the DID whose `assertionMethod` key signed; JWT claims that repeat a credential property
must agree with it. Verified says only that the issuer wrote it; whether that means anything is
judged in `trust.py`. Validity in time is a separate question (`check_period`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.errors import CredentialExpired, CredentialInvalid, PreauError
from connector.identity import jws
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object

VCDM: Final = "https://www.w3.org/ns/credentials/v2"
TYPE: Final = "vc+jwt"
CONTENT: Final = "vc"
MEMBERSHIP: Final = "MembershipCredential"
MAX_CHARS: Final = 256 * 1024
_TERMS: Final = "https://w3id.org/preau/credentials/v1#"
_MEMBERSHIP_CONTEXT: Final = {
    name: _TERMS + name for name in (MEMBERSHIP, "role", "space", "keyThumbprint")
}


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """Where a credential's status is kept (Bitstring Status List, section 2.1).

    Attributes:
        purpose: `revocation` or another.
        index: position in the list.
        url: the list credential.
    """

    purpose: str
    index: int
    url: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential whose signature verified.

    Attributes:
        id: its own; empty when it has none.
        types: `VerifiableCredential` and others.
        issuer: DID.
        subject: `credentialSubject`.
        subject_id: its `id`; empty when it has none.
        valid_from: UTC; None when not stated.
        valid_until: UTC; None when not stated.
        status: None when the credential names no status.
        document: the whole credential; unknown members are kept.
    """

    id: str
    types: frozenset[str]
    issuer: str
    subject: Mapping[str, Any] = field(repr=False)
    subject_id: str
    valid_from: datetime | None
    valid_until: datetime | None
    status: StatusEntry | None
    document: Mapping[str, Any] = field(repr=False)


def issue(signer: jws.Signer, document: Mapping[str, Any]) -> str:
    """Sign a credential.

    Args:
        signer: the issuer's.
        document: VCDM 2.0 credential.

    Raises:
        KeyUnusable: the key cannot be used.
        Malformed: the document has no canonical form.
    """
    return jws.sign_compact(signer, canonical(document), TYPE, {"cty": CONTENT})


def issue_membership(  # noqa: PLR0913  each is a statement of the credential
    signer: jws.Signer,
    issuer_did: str,
    subject_did: str,
    *,
    name: str,
    role: str,
    space: str,
    key_thumbprints: Sequence[str],
    index: int,
    status_url: str,
    valid_from: datetime,
    valid_until: datetime,
) -> str:
    """Issue a membership credential.

    Args:
        signer: the authority's.
        issuer_did: the authority.
        subject_did: the member.
        name: its legal name.
        role: its role in the space.
        space: IRI of the space.
        key_thumbprints: RFC 7638 thumbprints of the member's keys; a key outside this list is not
            the member's, whatever its host serves.
        index: position in the status list.
        status_url: address of the status list credential.
        valid_from: UTC.
        valid_until: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
        Malformed: the statements have no canonical form.
    """
    subject = {
        "id": subject_did,
        "name": name,
        "role": role,
        "space": space,
        "keyThumbprint": list(key_thumbprints),
    }
    status = {
        "id": f"{status_url}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(index),
        "statusListCredential": status_url,
    }
    document = {
        "@context": [VCDM, _MEMBERSHIP_CONTEXT],
        "id": f"{issuer_did}#membership-{index}",
        "type": ["VerifiableCredential", MEMBERSHIP],
        "issuer": issuer_did,
        "validFrom": instant.text(valid_from),
        "validUntil": instant.text(valid_until),
        "credentialSubject": subject,
        "credentialStatus": status,
    }
    return issue(signer, document)


def verify(token: str, issuer_document: jws.KeyHolder) -> Credential:
    """Return the credential once its issuer's signature verifies.

    Args:
        token: VC-JWT.
        issuer_document: DID document of who must have issued it.

    Raises:
        CredentialInvalid: it does not verify, is another's, or is not a VCDM 2.0 credential.
    """
    try:
        payload = jws.verify_compact(
            _sized(token), issuer_document, Relationship.ASSERTION, TYPE, CONTENT
        )
        result = _read(parse_object(payload))
    except CredentialInvalid:
        raise
    except PreauError as exc:
        raise CredentialInvalid(f"the credential does not verify: {exc.reason}") from exc
    if result.issuer != issuer_document.did:
        raise CredentialInvalid("the credential was signed by another than its issuer")
    return result


def unverified_issuer(token: str) -> str:
    """Return who issued a credential, by its own word.

    Raises:
        CredentialInvalid: it cannot be read.
    """
    return unverified_credential(token).issuer


def unverified_credential(token: str) -> Credential:
    """Read a credential that nobody verifies here.

    Raises:
        CredentialInvalid: it cannot be read.
    """
    try:
        return _read(parse_object(jws.unverified_payload(_sized(token))))
    except CredentialInvalid:
        raise
    except PreauError as exc:
        raise CredentialInvalid(f"the credential cannot be read: {exc.reason}") from exc


def stated_keys(membership: str) -> frozenset[str]:
    """Return the thumbprints that the own, unverified membership states; none where it is none."""
    try:
        subject = parse_object(jws.unverified_payload(membership)).get("credentialSubject")
    except PreauError:
        return frozenset()
    stated = subject.get("keyThumbprint") if isinstance(subject, dict) else None
    return frozenset(map(str, stated)) if isinstance(stated, list) else frozenset()


def check_period(credential: Credential, now: datetime) -> None:
    """Check that a credential is valid now (VCDM 2.0, section 4.9).

    Raises:
        CredentialExpired: not yet, or no longer.
    """
    if credential.valid_from is not None and now < credential.valid_from:
        raise CredentialExpired(
            f"the credential is not valid before {instant.text(credential.valid_from)}, and here"
            f" it is {instant.text(now)}",
            hint="check both clocks",
        )
    if credential.valid_until is not None and now >= credential.valid_until:
        raise CredentialExpired(
            f"the credential expired at {instant.text(credential.valid_until)}, and here it is"
            f" {instant.text(now)}",
            hint="renew it, or check both clocks",
        )


def _sized(token: str) -> str:
    if len(token) > MAX_CHARS:
        raise CredentialInvalid("the credential is too large")
    return token


def _read(document: dict[str, Any]) -> Credential:
    if "vc" in document or "vp" in document:
        raise CredentialInvalid("a `vc` claim is not VCDM 2.0")
    contexts = document.get("@context")
    if not isinstance(contexts, list) or contexts[:1] != [VCDM]:
        raise CredentialInvalid("the credential's first context is not VCDM 2.0")
    types = _types(document)
    if "VerifiableCredential" not in types:
        raise CredentialInvalid("not a verifiable credential")
    subject = document.get("credentialSubject")
    if not isinstance(subject, dict):
        raise CredentialInvalid("exactly one subject was expected")
    result = Credential(
        id=_text(document, "id"),
        types=types,
        issuer=_issuer(document),
        subject=subject,
        subject_id=_text(subject, "id"),
        valid_from=_time(document, "validFrom"),
        valid_until=_time(document, "validUntil"),
        status=_status(document),
        document=document,
    )
    _check_claims(document, result)
    return result


def _types(document: Mapping[str, Any]) -> frozenset[str]:
    types = document.get("type")
    items = [types] if isinstance(types, str) else types
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise CredentialInvalid("the credential has no type")
    return frozenset(items)


def _issuer(document: Mapping[str, Any]) -> str:
    issuer = document.get("issuer")
    return _text(issuer, "id") if isinstance(issuer, dict) else _text(document, "issuer")


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise CredentialInvalid(f"`{name}` of the credential is not text")
    return value


def _time(document: Mapping[str, Any], name: str) -> datetime | None:
    return instant.read(document[name]) if name in document else None


def _status(document: Mapping[str, Any]) -> StatusEntry | None:
    status = document.get("credentialStatus")
    if status is None:
        return None
    if not isinstance(status, dict) or status.get("type") != "BitstringStatusListEntry":
        raise CredentialInvalid("the credential's status is not one Bitstring status entry")
    if status.get("statusSize", 1) != 1:
        raise CredentialInvalid("only one-bit statuses are known")
    index, url = status.get("statusListIndex"), _text(status, "statusListCredential")
    if not isinstance(index, str) or not index.isdecimal() or not index.isascii() or not url:
        raise CredentialInvalid("the credential's status entry is not complete")
    if len(index) > len(str(1 << 32)):
        raise CredentialInvalid("the credential's status index is too large")
    return StatusEntry(_text(status, "statusPurpose"), int(index), url)


def _check_claims(document: Mapping[str, Any], credential: Credential) -> None:
    """Refuse JWT claims that contradict the credential, or set a period of their own."""
    if document.get("iss", credential.issuer) != credential.issuer:
        raise CredentialInvalid("`iss` contradicts the issuer")
    if document.get("sub", credential.subject_id) != credential.subject_id:
        raise CredentialInvalid("`sub` contradicts the subject")
    period = {"nbf": credential.valid_from, "exp": credential.valid_until}
    for name, stated in period.items():
        if name in document and (stated is None or document[name] != int(stated.timestamp())):
            raise CredentialInvalid(f"`{name}` contradicts the period of validity")
