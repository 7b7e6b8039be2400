"""Whether credentials that a participant presented stand, by the rules of a space.

Rules: each is of an issuer that *this* space trusts, is in its period, is the participant's own and
is neither revoked nor suspended; a membership that names a space is one of this space, and one that
names keys is believed of these keys only. What it takes is asked of whoever judges: a call may
fetch lists, a look at caches may not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from connector.config import Settings
from connector.domain.credentials import Presented, PublishedCopy
from connector.domain.space import Space
from connector.errors import (
    CredentialInvalid,
    DidUnresolvable,
    StatusRetrievalFailed,
    UntrustedIssuer,
)
from connector.identity import document as documents
from connector.identity.credential import MEMBERSHIP
from connector.identity.dcp import credential as credentials
from connector.identity.dcp import presentation, query, scopes, status_list
from connector.identity.dcp.credential import Held, Profile
from connector.identity.dcp.presentation import Issuers, Presentation
from connector.identity.dcp.scopes import Scope
from connector.identity.dcp.status_list import PublishedList
from connector.identity.document import DidDocument
from connector.identity.trust import AllOf, Claim, HoldsKeys, IssuedBy, Policy
from connector.jsonld.canonical import canonical, sha256_hex
from connector.ports import Transaction
from connector.services.credentials.resolving import kept_issuer
from connector.services.credentials.statuses import LONGEST, answering, issuer_of, kept_list
from connector.services.membership.fetching import Evidence

Lists = Callable[[str], PublishedList]


@dataclass(frozen=True, slots=True)
class Stands:
    """No list marks the credential; one without status stands, which is its issuer's choice."""

    lists: Lists

    def check(self, claim: Claim) -> None:
        """Ask the lists."""
        status_list.check(claim.credential, self.lists, claim.now, stated=False)


@dataclass(frozen=True, slots=True)
class OfSpace:
    """A membership that states a space, or keys, is believed of these only."""

    space: str

    def check(self, claim: Claim) -> None:
        """Compare what it states."""
        if MEMBERSHIP not in claim.credential.types:
            return
        subject = claim.credential.subject
        if subject.get("space", self.space) != self.space:
            raise CredentialInvalid("the membership is of another space")
        if "keyThumbprint" in subject:
            HoldsKeys().check(claim)


def policy(space: Space, lists: Lists, further: Sequence[Policy] = ()) -> Policy:
    """Return the conditions under which a space believes a credential; `further` ones beside."""
    own = (IssuedBy(space.trusted_issuers), OfSpace(space.id), Stands(lists))
    return AllOf((*own, *further))


def asked(space: Space) -> tuple[Scope, ...]:
    """Return by which scopes credentials of its members are asked for.

    Raises:
        Malformed: a scope of the settings is of an alias that is not known here.
    """
    return _asked(space.scopes)


def question(space: Space) -> str:
    """Return what names the scopes of a space, SHA-256 in hex."""
    return _question(space.scopes)


def judge(
    presented: Sequence[Presentation],
    holder: DidDocument,
    space: Space,
    now: datetime,
    *,
    issuers: Issuers,
    lists: Lists,
) -> None:
    """Judge what was presented and verified, now or again later.

    Raises:
        CredentialInvalid: a scope is not answered, or as `presentation.judge`.
        Untrusted: as `presentation.judge`; the class says why.
    """
    believed = policy(space, lists)
    held = [each for one in presented for each in one.credentials]
    scopes.check_answered(asked(space), held)
    for each in presented:
        presentation.judge(each, holder, now, issuers=issuers, policy=believed)


def verified(tokens: Sequence[str], holder: str, issuers: Issuers) -> tuple[Presentation, ...]:
    """Return credentials that were presented before, as presentations; each verifies.

    Args:
        tokens: VC-JWTs.
        holder: DID of who presented them.
        issuers: DID document of an issuer.

    Raises:
        CredentialInvalid: one does not verify any more.
        Untrusted: as `issuers` says.
    """
    found = []
    for token in tokens:
        issuer = issuers(_issuer_of(token))
        found.append(_verified(token, issuer.data, issuer.did))
    return tuple(
        Presentation(holder, profile, chosen)
        for profile in Profile
        if (chosen := tuple(each for each in found if each.profile is profile))
    )


def judge_kept(
    tx: Transaction,
    settings: Settings,
    presented: Presented,
    holder: DidDocument,
    space: Space,
    now: datetime,
) -> frozenset[str]:
    """Judge what was presented before, by what is kept alone.

    Returns:
        Addresses of the lists of which newer ones should be looked for.

    Raises:
        DidUnresolvable: the document of an issuer is not at hand.
        StatusRetrievalFailed: a list is not at hand, or answers no longer.
        Untrusted: as `judge`.
    """
    due = set()

    @cache
    def issuers(did: str) -> DidDocument:
        found = kept_issuer(tx, settings, did)
        if found is None:
            raise DidUnresolvable(f"the document of the issuer `{did}` is not available here")
        return found

    def lists(url: str) -> PublishedList:
        kept = kept_list(tx, settings, url, now, issuers)
        if kept is None:
            raise StatusRetrievalFailed("no status list of the issuer is available here")
        if kept.due:
            due.add(url)
        return kept.found

    found = verified(presented.credentials, holder.did, issuers)
    judge(found, holder, space, now, issuers=issuers, lists=lists)
    return frozenset(due)


def judge_shown(
    membership: str, holder: DidDocument, space: Space, known: Evidence, now: datetime
) -> None:
    """Judge the credential by which a participant is known by DCP alone, by what is kept.

    Args:
        membership: VC-JWT, as it was presented.
        holder: the participant's document.
        space: in which it is dealt with.
        known: documents of issuers, and lists.
        now: UTC.

    Raises:
        UntrustedIssuer: the space does not trust its issuer, whose document may not be at hand.
        StatusRetrievalFailed: its list is not at hand, or answers no longer.
        Untrusted: as `judge`.
    """

    def issuers(did: str) -> DidDocument:
        if did not in space.trusted_issuers or did not in known.issuers:
            raise UntrustedIssuer(
                f"`{did[:200]}` is not a trusted issuer, or its document is not available here"
            )
        return documents.read(known.issuers[did], did)

    def lists(url: str) -> PublishedList:
        copy, own = known.copies.get(url), known.status_lists.get(url)
        if copy is None and own is not None:
            copy = PublishedCopy(url, own.credential, own.fetched_at)
        if copy is None:
            raise StatusRetrievalFailed("no status list of the issuer is available here")
        kept = answering(copy, issuers(issuer_of(copy)), LONGEST, now)
        if kept is None:
            raise StatusRetrievalFailed(
                "the status list that is kept here does not answer any more"
            )
        return kept.found

    (shown,) = verified((membership,), holder.did, issuers)
    presentation.judge(shown, holder, now, issuers=issuers, policy=policy(space, lists))


@lru_cache(maxsize=512)
def _issuer_of(token: str) -> str:
    return credentials.unverified(token).credential.issuer


@lru_cache(maxsize=512)
def _verified(token: str, issuer_document: bytes, issuer: str) -> Held:
    """Return a credential that verifies: of the same bytes, always the same answer."""
    return credentials.verify(token, documents.read(issuer_document, issuer))


@lru_cache(maxsize=16)
def _question(stated: tuple[str, ...]) -> str:
    return sha256_hex(canonical(list(stated)))


@lru_cache(maxsize=16)
def _asked(stated: tuple[str, ...]) -> tuple[Scope, ...]:
    return query.read_scopes(stated)
