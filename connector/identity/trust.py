"""Who belongs: the judgement of a membership, composed of small policies.

Rules: a valid signature never means belongs; every policy must pass; an empty list of policies
never passes; what cannot be decided is refused. The member's keys are those whose thumbprints its
credential states: whoever takes over a member's host, and serves a document with other keys, is
not the member.

Fetching documents and lists is left to services (`onboard`); this module takes bytes and time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from connector.domain.participant import StatusList
from connector.errors import CredentialInvalid, StatusListStale, UntrustedIssuer
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import jws, status
from connector.identity.credential import MEMBERSHIP, Credential
from connector.identity.document import DidDocument


@dataclass(frozen=True, slots=True)
class MembershipFacts:
    """What a believed membership says.

    Attributes:
        did: member.
        name: legal name.
        role: role in the space.
        space: IRI of the space.
        issuer: DID of the authority.
        valid_until: end of the credential, UTC.
    """

    did: str
    name: str
    role: str
    space: str
    issuer: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What is judged: a credential whose signature verified, shown by the owner of a document.

    Attributes:
        credential: verified, nothing more.
        issuer: its issuer's document.
        holder: document of who shows it.
        now: time of judgement, UTC.
    """

    credential: Credential
    issuer: jws.KeyHolder
    holder: DidDocument
    now: datetime


class Policy(Protocol):
    """One condition."""

    def check(self, claim: Claim) -> None:
        """Return when the condition holds.

        Raises:
            Untrusted: it does not.
        """
        ...


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every policy must pass; an empty list does not."""

    policies: Sequence[Policy]

    def check(self, claim: Claim) -> None:
        """Check each, in order."""
        if not self.policies:
            raise CredentialInvalid("no condition was stated, so that nothing can be trusted")
        for policy in self.policies:
            policy.check(claim)


@dataclass(frozen=True, slots=True)
class IssuedBy:
    """The issuer is on the allow-list."""

    trusted: Collection[str]

    def check(self, claim: Claim) -> None:
        """Compare the issuer."""
        if claim.credential.issuer not in self.trusted:
            raise UntrustedIssuer(f"`{claim.credential.issuer}` is not a trusted issuer")


@dataclass(frozen=True, slots=True)
class IsMembership:
    """The credential is a membership of this space, and its subject is who shows it."""

    space: str

    def check(self, claim: Claim) -> None:
        """Compare type, subject and space."""
        if MEMBERSHIP not in claim.credential.types:
            raise CredentialInvalid("the credential is not a membership")
        if claim.credential.subject_id != claim.holder.did:
            raise CredentialInvalid("the membership is another participant's")
        if not self.space or claim.credential.subject.get("space") != self.space:
            raise CredentialInvalid("the membership is of another space")


@dataclass(frozen=True, slots=True)
class InPeriod:
    """The credential is valid now, and says until when."""

    def check(self, claim: Claim) -> None:
        """Compare the time."""
        if claim.credential.valid_from is None or claim.credential.valid_until is None:
            raise CredentialInvalid("the membership states no period of validity")
        credentials.check_period(claim.credential, claim.now)


@dataclass(frozen=True, slots=True)
class HoldsKeys:
    """Every key that the document puts to use is one that the credential states."""

    def check(self, claim: Claim) -> None:
        """Compare thumbprints."""
        stated = claim.credential.subject.get("keyThumbprint")
        used = claim.holder.thumbprints()
        if not isinstance(stated, list) or not used or not used.issubset(map(str, stated)):
            raise CredentialInvalid(f"the keys of `{claim.holder.did}` are not the member's")


@dataclass(frozen=True, slots=True)
class NotRevoked:
    """The issuer's current status list does not mark the credential."""

    lists: Mapping[str, StatusList]
    issuers: Mapping[str, bytes]

    def check(self, claim: Claim) -> None:
        """Ask the cached list."""
        entry = claim.credential.status
        if entry is None:
            raise CredentialInvalid("the membership names no status list")
        known = self.lists.get(entry.url)
        if known is None:
            raise StatusListStale("no status list of the issuer is available here")
        issuer = claim.credential.issuer
        found = read_list(known.credential, self.issuers[issuer], issuer)
        status.check_in(entry, found, claim.now)


def judge_membership(
    credential_jwt: str,
    holder: DidDocument,
    *,
    issuers: Mapping[str, bytes],
    status_lists: Mapping[str, StatusList],
    trusted_issuers: Collection[str],
    space: str,
    now: datetime,
) -> MembershipFacts:
    """Judge whether the owner of a DID document is a member of a space.

    Args:
        credential_jwt: membership credential that it shows.
        holder: its DID document.
        issuers: DID documents of issuers, exact bytes, by DID.
        status_lists: cached lists by address.
        trusted_issuers: DIDs whose memberships are believed.
        space: IRI of the space.
        now: UTC.

    Raises:
        UntrustedIssuer: the issuer is not on the list, or its document is not at hand.
        CredentialInvalid: signature, subject, space, keys or shape are wrong.
        CredentialExpired: outside its period.
        CredentialRevoked: the status list marks it.
        StatusListStale: no valid status list is at hand.
        DidUnresolvable: the issuer's cached document is not sound.
    """
    claim = _claim(credential_jwt, holder, issuers, trusted_issuers, now)
    policy = AllOf(
        (
            IssuedBy(trusted_issuers),
            IsMembership(space),
            InPeriod(),
            HoldsKeys(),
            NotRevoked(status_lists, issuers),
        )
    )
    policy.check(claim)
    return facts(claim.credential)


def status_url(credential_jwt: str, issuer_document: DidDocument) -> str:
    """Return the address of the status list that a verified credential names, or "".

    Raises:
        CredentialInvalid: the credential does not verify.
    """
    entry = _verified(credential_jwt, issuer_document.data, issuer_document.did).status
    return entry.url if entry else ""


def facts(credential: Credential) -> MembershipFacts:
    """Return what a membership says; the caller has judged it.

    Raises:
        CredentialInvalid: it has no end.
    """
    if credential.valid_until is None:
        raise CredentialInvalid("the membership states no period of validity")
    subject = credential.subject
    name, role, space = (str(subject.get(key, "")) for key in ("name", "role", "space"))
    return MembershipFacts(
        credential.subject_id, name, role, space, credential.issuer, credential.valid_until
    )


def _claim(
    credential_jwt: str,
    holder: DidDocument,
    issuers: Mapping[str, bytes],
    trusted_issuers: Collection[str],
    now: datetime,
) -> Claim:
    issuer = credentials.unverified_issuer(credential_jwt)
    # Said before the signature is looked at: of a stranger we hold no document to verify with.
    if issuer not in trusted_issuers:
        raise UntrustedIssuer(f"`{issuer[:200]}` is not a trusted issuer")
    if issuer not in issuers:
        raise UntrustedIssuer(f"the document of the issuer `{issuer}` is not available here")
    issuer_document = documents.read(issuers[issuer], issuer)
    verified = _verified(credential_jwt, issuers[issuer], issuer)
    return Claim(verified, issuer_document, holder, now)


@lru_cache(maxsize=16)
def read_list(token: str, issuer_document: bytes, issuer: str) -> status.VerifiedList:
    """Return a list whose signature verifies; as `_verified`."""
    return status.read(token, documents.read(issuer_document, issuer))


@lru_cache(maxsize=256)
def _verified(credential_jwt: str, issuer_document: bytes, issuer: str) -> Credential:
    """Return a credential whose signature verifies: of the same bytes, always the same answer.

    What changes with time or with a list (period, keys, revocation) is judged at each call.
    """
    return credentials.verify(credential_jwt, documents.read(issuer_document, issuer))
