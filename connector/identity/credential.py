"""Verifiable credentials as signed JWT: VCDM 2.0 secured by VC-JOSE-COSE.

Rules: `typ` is `vc+jwt`, `cty` is `vc`, the payload *is* the credential (no `vc` claim); the
issuer is the DID whose `assertionMethod` key signed; JWT claims that repeat a credential property
must agree with it. Verified says only that the issuer wrote it; whether that means anything is
judged in `trust.py`. Validity in time is a separate question (`check_period`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from connector.domain import instant
from connector.errors import CredentialExpired, CredentialInvalid
from connector.identity import jws
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from connector.jsonld.kept import kept
from federated.reading import MAX_BYTES, Member

VCDM: Final = "https://www.w3.org/ns/credentials/v2"
TYPE: Final = "vc+jwt"
CONTENT: Final = "vc"
MEMBERSHIP: Final = "MembershipCredential"
MAX_CHARS: Final = 256 * 1024
_PERIOD: Final = ("validFrom", "validUntil")
_INDEX: Final = "[0-9]{1,10}"
_KIND: Final = Kind("credential", CredentialInvalid, MAX_CHARS, TYPE, cty=CONTENT)
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
        status: None when the credential names no status; `dcp/credential.py` leaves statuses to
            `dcp/status_entry.py`.
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


def issue(
    signer: jws.Signer, document: Mapping[str, Any], header: Mapping[str, str] | None = None
) -> str:
    """Sign a credential.

    Args:
        signer: the issuer's.
        document: VCDM 2.0 credential.
        header: what its header says otherwise, such as the name of the algorithm.

    Raises:
        KeyUnusable: the key cannot be used.
        Malformed: the document has no canonical form.
    """
    return jws.sign_compact(signer, canonical(document), TYPE, {"cty": CONTENT, **(header or {})})


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
    result = _read(_KIND.verified(token, issuer_document))
    if result.issuer != issuer_document.did:
        raise CredentialInvalid("the credential was not signed by its issuer")
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
    return _unverified(token.encode(errors="surrogatepass"))


@kept(256, largest=4096)
def _unverified(token: bytes) -> Credential:
    return _read(_KIND.unverified(token.decode(errors="surrogatepass")))


def stated_keys(membership: str) -> frozenset[str]:
    """Return the thumbprints that the own, unverified membership states; none where it is none."""
    try:
        stated = _KIND.unverified(membership).child("credentialSubject").child("keyThumbprint")
        return frozenset(each.content() for each in stated.items(most=MAX_BYTES))
    except CredentialInvalid:
        return frozenset()


def check_period(credential: Credential, now: datetime, *, ahead: timedelta = timedelta(0)) -> None:
    """Check that a credential is valid now (VCDM 2.0, section 4.9).

    Args:
        credential: verified.
        now: UTC.
        ahead: how far the clock of its issuer may be before ours.

    Raises:
        CredentialExpired: not yet, or no longer.
    """
    if credential.valid_from is not None and now + ahead < credential.valid_from:
        raise CredentialExpired(
            f"the credential is not valid before {instant.text(credential.valid_from)}; "
            f"this node's clock says {instant.text(now)}",
            hint="check both clocks",
        )
    if credential.valid_until is not None and now >= credential.valid_until:
        raise CredentialExpired(
            f"the credential expired at {instant.text(credential.valid_until)}; this "
            f"node's clock says {instant.text(now)}",
            hint="renew it, or check both clocks",
        )


def _read(root: Member) -> Credential:
    part = root.fields(
        *("@context", "type", "issuer", "credentialSubject"),
        maybe=("id", "validFrom", "validUntil", "credentialStatus", "vc", "vp"),
        others=True,
    )
    if "vc" in part or "vp" in part:
        root.refuse("has a `vc` or `vp` claim, which is not VCDM 2.0")
    if part["@context"].items(least=1, most=MAX_BYTES)[0].value != VCDM:
        part["@context"].refuse("must begin with that of VCDM 2.0")
    types = _types(part["type"])
    if "VerifiableCredential" not in types:
        part["type"].refuse("must name a verifiable credential")
    subject = part["credentialSubject"].fields(maybe=("id",), others=True)
    period = {name: part[name].instant() for name in _PERIOD if name in part}
    result = Credential(
        id=part["id"].content() if "id" in part else "",
        types=types,
        issuer=_issuer(part["issuer"]),
        subject=part["credentialSubject"].value,
        subject_id=subject["id"].content() if "id" in subject else "",
        valid_from=period.get("validFrom"),
        valid_until=period.get("validUntil"),
        status=_status(part["credentialStatus"]) if "credentialStatus" in part else None,
        document=root.value,
    )
    _check_claims(root.value, result)
    return result


def _types(member: Member) -> frozenset[str]:
    if isinstance(member.value, str):
        return frozenset((member.value,))
    return frozenset(item.content() for item in member.items(most=MAX_BYTES))


def _issuer(member: Member) -> str:
    return (member.child("id") if isinstance(member.value, dict) else member).content()


def _status(member: Member) -> StatusEntry:
    """Read the one Bitstring status entry that a credential may have."""
    part = member.fields(
        *("type", "statusPurpose", "statusListIndex", "statusListCredential"),
        maybe=("statusSize",),
        others=True,
    )
    part["type"].exactly("BitstringStatusListEntry")
    if "statusSize" in part:
        part["statusSize"].integer(least=1, most=1)
    return StatusEntry(
        purpose=part["statusPurpose"].content(),
        index=int(part["statusListIndex"].text(pattern=_INDEX)),
        url=part["statusListCredential"].text(most=MAX_CHARS),
    )


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
