"""Credentials of other implementations: of both data models that DCP's profiles name.

Rules (DCP 1.0 section 5.4.3 and appendix A.2): which model a credential follows is told by its
claims: VCDM 2.0 *is* the payload, VCDM 1.1 stands in the claim `vc`. The issuer is the DID whose
`assertionMethod` key signed. Of VCDM 1.1 the JWT's claims and the credential both speak (section
6.3.1): who they name must agree, and the narrower period counts. Wider than
`identity/credential.py`, which reads what authorities of this kind of node issue: times may have a
fraction and an offset, subjects may be a list of one. `Credential.status` is None here: statuses,
of which there may be several, are read from `Credential.document` by `status_entry.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from connector.errors import CredentialInvalid
from connector.identity import jws
from connector.identity.credential import MAX_CHARS, VCDM, Credential
from connector.identity.dcp.jwt import Form, header_of, moment
from connector.identity.document import DidDocument
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical
from federated.reading import Member

VCDM_11: Final = "https://www.w3.org/2018/credentials/v1"
TYPE: Final = "VerifiableCredential"
MOST_VALUES: Final = 64
_FORM: Final = Form(
    Kind("credential", CredentialInvalid, MAX_CHARS),
    frozenset({"", "jwt", "vc+jwt"}),
    frozenset({"", "vc"}),
)
# XML Schema 1.1, dateTimeStamp: the offset is there.
_TIME: Final = re.compile(
    r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,12})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


class Profile(StrEnum):
    """Data model, status mechanism and proof together (DCP 1.0, appendix A.2)."""

    VC20 = "vc20-bssl/jwt"
    VC11 = "vc11-sl2021/jwt"


@dataclass(frozen=True, slots=True)
class Held:
    """A credential as it is kept and handed on.

    Attributes:
        token: the JWT, exact.
        profile: by which rules it was made.
        credential: what it says.
    """

    token: str = field(repr=False)
    profile: Profile
    credential: Credential


def verify(token: str, issuer: DidDocument) -> Held:
    """Return a credential once its issuer's signature verifies; nothing else is judged.

    Args:
        token: VC-JWT of either data model.
        issuer: DID document of who must have issued it.

    Raises:
        CredentialInvalid: it does not verify, is another's, or of neither data model.
    """
    held = _held(token, _FORM.opened(token, issuer))
    if held.credential.issuer != issuer.did:
        raise CredentialInvalid("the credential was not signed by its issuer")
    return held


def unverified(token: str) -> Held:
    """Read a credential that nobody verifies here: to learn its issuer, or out of one's own store.

    Raises:
        CredentialInvalid: it cannot be read.
    """
    return _held(token, _FORM.unverified(token))


def issue_vc11(signer: jws.Signer, document: Mapping[str, Any]) -> str:
    """Sign a credential of VCDM 1.1; of 2.0 it is `identity.credential.issue`.

    Args:
        signer: the issuer's.
        document: the credential, with `issuer`, `issuanceDate` and a subject that has an `id`.

    Raises:
        CredentialInvalid: a member is missing or wrong.
        KeyUnusable: the key cannot be used.
        Malformed: the document has no canonical form.
    """
    found = _vc11(_FORM.kind.opened(canonical({"vc": document})))
    times = {"nbf": found.valid_from, "exp": found.valid_until}
    claims = {
        "iss": found.issuer,
        "sub": found.subject_id,
        **({"jti": found.id} if found.id else {}),
        **{name: int(time.timestamp()) for name, time in times.items() if time is not None},
        "vc": document,
    }
    return jws.sign_compact(signer, canonical(claims), "JWT", header_of(signer))


def types(member: Member) -> frozenset[str]:
    """Return the types of a credential or presentation: a text, or a list of them.

    Raises:
        PreauError: the reader's refusal.
    """
    listed = [member] if isinstance(member.value, str) else member.items(most=MOST_VALUES)
    return frozenset(each.text() for each in listed)


def identifier(member: Member) -> str:
    """Return who is named, by the DID itself or by an object with it as `id`.

    Raises:
        PreauError: the reader's refusal.
    """
    named = member.child("id") if isinstance(member.value, dict) else member
    if ":" not in named.text():  # VCDM 2.0 sections 4.7 and 4.13: a URL
        named.refuse("must be an absolute IRI")
    return named.text()


def _held(token: str, claims: Member) -> Held:
    part = claims.fields(maybe=("vc", "vp"), others=True)
    if "vp" in part:
        part["vp"].refuse("is allowed in a presentation only")
    if "vc" in part:
        return Held(token, Profile.VC11, _vc11(claims))
    return Held(token, Profile.VC20, _vc20(claims))


def _vc20(claims: Member) -> Credential:
    """Read VCDM 2.0 secured by VC-JOSE-COSE, whose claims may repeat the credential's."""
    return _agreed(_credential(claims, VCDM, "validFrom", "validUntil"), claims)


def _vc11(claims: Member) -> Credential:
    """Read VCDM 1.1 as a JWT (section 6.3.1)."""
    root = claims.child("vc")
    root.fields("issuanceDate", others=True)
    return _agreed(_credential(root, VCDM_11, "issuanceDate", "expirationDate"), claims)


def _credential(root: Member, context: str, begin: str, end: str) -> Credential:
    names = ("@context", "type", "issuer", "credentialSubject")
    part = root.fields(*names, maybe=("id", begin, end), others=True)
    if part["@context"].items(least=1, most=MOST_VALUES)[0].value != context:
        part["@context"].refuse(f"must begin with `{context}`")
    named = types(part["type"])
    if TYPE not in named:
        part["type"].refuse("must name a verifiable credential")
    subject = _subject(part["credentialSubject"])
    owner = subject.fields(maybe=("id",), others=True)
    return Credential(
        id=part["id"].text() if "id" in part else "",
        types=named,
        issuer=identifier(part["issuer"]),
        subject=subject.value,
        subject_id=owner["id"].text() if owner else "",
        valid_from=_time(part[begin]) if begin in part else None,
        valid_until=_stated(part, end),
        status=None,
        document=root.value,
    )


def _stated(part: Mapping[str, Member], name: str) -> datetime | None:
    """Return a time; null states none, as the member left out."""
    return _time(part[name]) if name in part and part[name].value is not None else None


def _subject(member: Member) -> Member:
    """Return the one subject; of several it could not be said whose credential it is."""
    return member.items(least=1, most=1)[0] if isinstance(member.value, list) else member


def _agreed(found: Credential, claims: Member) -> Credential:
    """Return a credential within the period of its JWT, once both name the same parties."""
    part = claims.fields(maybe=("iss", "sub", "nbf", "exp"), others=True)
    if "iss" in part and part["iss"].value != found.issuer:
        part["iss"].refuse("contradicts the issuer")
    if "sub" in part and part["sub"].value != found.subject_id:
        part["sub"].refuse("contradicts the subject")
    begins = [found.valid_from, moment(part["nbf"]) if "nbf" in part else None]
    ends = [found.valid_until, moment(part["exp"]) if "exp" in part else None]
    return replace(
        found,
        valid_from=max((each for each in begins if each), default=None),
        valid_until=min((each for each in ends if each), default=None),
    )


def _time(member: Member) -> datetime:
    text = member.text()
    try:
        return datetime.fromisoformat(text if _TIME.fullmatch(text) else "").astimezone(UTC)
    except (ValueError, OverflowError):
        member.refuse("must be a time with its offset, such as `2026-11-24T15:00:00Z`")
