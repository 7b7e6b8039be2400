"""Judging an evidence bundle, with no network and no node.

The chain that must hold, from the one thing that the auditor brings (the authority's key):
authority key -> membership credential -> the member's key thumbprints -> its DID document, whose
digest stands in the agreement -> both signatures over the agreement's bytes -> the receipt over
both -> the log entries, included under a head that the exporter signed.

Rules: without the authority's key the best answer is "consistent"; a bundle forged whole, with
its own authority inside, is then consistent and never proven. The authority documents inside the
bundle prove nothing. Times are those that the signers state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from connector.domain.merkle import leaf_hash, verify_inclusion
from connector.errors import CredentialInvalid, EvidenceInvalid, PreauError
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import credential as credentials
from connector.identity import document as documents
from connector.identity import jws, receipt, status
from connector.identity import key as keys
from connector.identity.agreement import AgreementDocument
from connector.identity.bundle import Evidence, PartyEvidence, SealedEvidence
from connector.identity.credential import Credential
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.identity.trust import AllOf, Claim, HoldsKeys, InPeriod, IsMembership, Policy
from connector.jsonld.canonical import parse_object

MAX_AUTHORITY_BYTES: Final = documents.MAX_BYTES


class Outcome(StrEnum):
    """What a bundle proves."""

    PROVEN = "proven"
    CONSISTENT = "consistent, signers unproven"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer.

    Attributes:
        outcome: see `Outcome`.
        reason: one line; why it is not proven; empty when it is.
        agreement: IRI; empty when it could not be read.
        provider: DID.
        consumer: DID.
        concluded_at: as both signed it, UTC; None when it could not be read.
        checks: what was verified, one line each.
        notes: what a reader should know besides, one line each.
    """

    outcome: Outcome
    reason: str
    agreement: str = ""
    provider: str = ""
    consumer: str = ""
    concluded_at: datetime | None = None
    checks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """A bare key that the auditor brings; it vouches under whatever name the credential states.

    Attributes:
        did: issuer that the credential states.
        keys: the one key, under the id that the credential states.
    """

    did: str
    keys: Mapping[str, Mapping[str, str]]

    def keys_for(self, relationship: Relationship) -> frozenset[str]:
        """Return the one key's id, for statements only."""
        return frozenset(self.keys) if relationship is Relationship.ASSERTION else frozenset()


def verify(bundle: bytes, authorities: Sequence[bytes] = ()) -> Verdict:
    """Judge a bundle.

    Args:
        bundle: the file.
        authorities: public keys of the authorities whose members the signers must be, each a JWK
            or a DID document.

    Raises:
        EvidenceInvalid: an authority's file is neither.
    """
    trusted = [_read_authority(data) for data in authorities]
    try:
        sealed = bundles.read(bundle)
        agreement = agreements.read(sealed.evidence.agreement)
    except PreauError as exc:
        return Verdict(Outcome.INVALID, exc.reason)
    try:
        checks = _check_parts(sealed, agreement)
        proven, notes = _check_signers(sealed.evidence, agreement, trusted)
    except PreauError as exc:
        return _verdict(agreement, Outcome.INVALID, exc.reason)
    if not trusted:
        reason = "the authority's key was not given"
        return _verdict(agreement, Outcome.CONSISTENT, reason, checks, notes)
    return _verdict(agreement, Outcome.PROVEN, "", [*checks, *proven], notes)


def _verdict(
    agreement: AgreementDocument,
    outcome: Outcome,
    reason: str,
    checks: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    return Verdict(
        outcome,
        reason,
        agreement.id,
        agreement.provider.did,
        agreement.consumer.did,
        agreement.timestamp,
        tuple(checks),
        tuple(notes),
    )


def _check_parts(sealed: SealedEvidence, agreement: AgreementDocument) -> list[str]:
    """Check all that needs no authority: signatures, receipt, seal, log."""
    evidence = sealed.evidence
    provider, consumer, exporter = (
        documents.read(party.document, party.did)
        for party in (evidence.provider, evidence.consumer, evidence.exporter)
    )
    agreements.verify_provider(agreement, evidence.provider_signature, provider)
    agreements.verify_consumer(agreement, evidence.consumer_signature, consumer)
    found = receipt.read_receipt(evidence.receipt, provider)
    receipt.check_receipt(
        found, agreement, evidence.provider_signature, evidence.consumer_signature
    )
    if exporter.did not in (provider.did, consumer.did):
        raise EvidenceInvalid("the bundle was exported by neither party")
    jws.verify_detached(
        sealed.seal,
        sealed.sealed,
        exporter,
        Relationship.ASSERTION,
        bundles.SEAL_TYPE,
        limit=bundles.MAX_BYTES,
    )
    included = _check_log(evidence, agreement, exporter)
    peer = consumer if exporter.did == provider.did else provider
    if evidence.peer_checkpoint:
        checkpoints.verify(evidence.peer_checkpoint, peer, agreement.timestamp)
    return [
        f"signed by the provider `{provider.did}`",
        f"signed by the consumer `{consumer.did}`",
        "receipt of the provider over both signatures",
        f"sealed by the exporter `{exporter.did}`",
        f"{included} log entries are included under the exporter's signed head",
    ]


def _check_log(evidence: Evidence, agreement: AgreementDocument, exporter: DidDocument) -> int:
    head = checkpoints.verify(evidence.checkpoint, exporter, agreement.timestamp)
    indices = [entry.index for entry in evidence.entries]
    if indices != sorted(set(indices)):
        raise EvidenceInvalid("log entries are out of order, or twice")
    recorded = False
    for entry in evidence.entries:
        leaf = leaf_hash(entry.event)
        if not verify_inclusion(leaf, entry.index, head.size, entry.proof, head.root):
            raise EvidenceInvalid(f"log entry {entry.index} is not in the signed log")
        event = parse_object(entry.event)
        recorded = recorded or agreement.digest in _strings(event)
    if not recorded:
        raise EvidenceInvalid("no log entry records this agreement")
    return len(indices)


def _check_signers(
    evidence: Evidence, agreement: AgreementDocument, trusted: Sequence[DidDocument | _Jwk]
) -> tuple[list[str], list[str]]:
    """Check memberships; by the bundle's own authorities when the auditor brings none."""
    at_signing: tuple[Policy, ...] = (InPeriod(),)
    checks, notes = [], []
    for party, extra in (
        (evidence.provider, at_signing),
        (evidence.consumer, at_signing),
        (evidence.exporter, ()),  # its present membership may have begun after signing
    ):
        issuer = _issuer(party, evidence, trusted)
        if issuer is None:
            notes.append(f"the bundle lacks the document of the authority of `{party.did}`")
            continue
        holder = documents.read(party.document, party.did)
        member = credentials.verify(party.membership, issuer)
        space = str(member.subject.get("space", ""))
        claim = Claim(member, issuer, holder, agreement.timestamp)
        AllOf((IsMembership(space), HoldsKeys(), *extra)).check(claim)
        if extra:
            checks.append(f"`{party.did}` was a member of `{space}` at signing")
            notes.extend(_revocation(member, issuer, evidence, agreement.timestamp))
    return checks, notes


def _revocation(
    member: Credential, issuer: jws.KeyHolder, evidence: Evidence, at: datetime
) -> list[str]:
    """Return notes on what the bundle's status list says of a member.

    Raises:
        CredentialRevoked: a list that was valid at signing marks it.
        CredentialInvalid: the list does not verify.
    """
    entry = member.status
    token = evidence.status_lists.get(entry.url) if entry else None
    if entry is None or token is None:
        return [f"no status list of `{member.subject_id}` is in the bundle"]
    found = status.read(token, issuer)
    if found.valid_from <= at < found.valid_until:
        status.check(entry, token, issuer, at)
        return []
    since = "marked as revoked" if found.is_set(entry.index) else "not revoked"
    return [f"`{member.subject_id}` is {since} in a status list that is not of the signing time"]


@dataclass(frozen=True, slots=True)
class _Jwk:
    """A bare authority key."""

    public: Mapping[str, str]


def _issuer(
    party: PartyEvidence, evidence: Evidence, trusted: Sequence[DidDocument | _Jwk]
) -> jws.KeyHolder | None:
    """Return who must have issued a party's membership.

    Raises:
        CredentialInvalid: none of the authorities that the auditor trusts did.
    """
    stated = credentials.unverified_issuer(party.membership)
    if not trusted:
        data = evidence.authorities.get(stated)
        return documents.read(data, stated) if data is not None else None
    for authority in trusted:
        holder: jws.KeyHolder
        if isinstance(authority, _Jwk):
            kid = jws.key_id(party.membership)
            holder = AuthorityKey(stated, {kid: authority.public})
        else:
            holder = authority
        if _issued(party.membership, holder):
            return holder
    raise CredentialInvalid(f"the membership of `{party.did}` is not by the given authority")


def _issued(membership: str, holder: jws.KeyHolder) -> bool:
    try:
        credentials.verify(membership, holder)
    except CredentialInvalid:
        return False
    return True


def _read_authority(data: bytes) -> DidDocument | _Jwk:
    try:
        content = parse_object(data, limit=MAX_AUTHORITY_BYTES)
        if "kty" in content:
            return _Jwk(keys.read(content))
        document = documents.read(data, str(content.get("id", "")))
    except PreauError as exc:
        raise EvidenceInvalid(
            f"the authority's key cannot be read: {exc.reason}",
            hint="give a JWK or the authority's DID document",
        ) from exc
    if not document.assertion:
        raise EvidenceInvalid(f"the document of `{document.did}` lists no key that signs")
    return document


def _strings(event: Mapping[str, Any]) -> set[str]:
    facts = event.get("facts")
    values = [*event.values(), *(facts.values() if isinstance(facts, dict) else ())]
    return {value for value in values if isinstance(value, str)}
