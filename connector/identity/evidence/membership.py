"""Were the parties members when they signed, and not revoked? Two verdicts, judged apart.

Rules: a revocation is for good (W3C Bitstring Status List, `revocation`), so that a list made after
the signing that does not mark a membership shows that it stood, and one made before it that does
shows that it did not. A list without the mark that ended before the signing shows nothing, nor does
a later one with it, since it does not say since when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from connector.domain import instant
from connector.errors import CredentialInvalid, CredentialRevoked, PreauError
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity import jws, status
from connector.identity.bundle import Evidence, PartyEvidence
from connector.identity.credential import Credential
from connector.identity.evidence.authorities import Authority, issued
from connector.identity.evidence.verdict import Part, Standing, Step, follow
from connector.identity.trust import AllOf, Claim, HoldsKeys, InPeriod, IsMembership, Policy

NO_KEY = "the authority's key was not given"


def membership(evidence: Evidence, at: datetime, trusted: Sequence[Authority]) -> Part:
    """Judge that both parties, and who exported, are members that hold the keys they signed with.

    Args:
        evidence: the bundle.
        at: when the contract was concluded, UTC.
        trusted: the auditor's authorities.
    """
    signed: tuple[Policy, ...] = (InPeriod(),)
    judged = [(party, signed) for party in _signers(evidence)]
    steps: list[Step] = [
        (party.did, partial(_member, party, evidence, at, trusted, extra))
        # the exporter's present membership may have begun after signing
        for party, extra in (*judged, (evidence.exporter, ()))
    ]
    return without_key(follow("membership", steps), trusted)


def revocation(evidence: Evidence, at: datetime, trusted: Sequence[Authority]) -> Part:
    """Judge that neither party's membership was revoked when the contract was concluded."""
    missing: list[str] = []
    steps: list[Step] = [
        (party.did, partial(_standing, party, evidence, at, trusted, missing))
        for party in _signers(evidence)
    ]
    found = follow("revocation", steps)
    if found.standing is Standing.PROVEN and missing:
        found = replace(found, standing=Standing.UNPROVEN, finding="; ".join(missing))
    return without_key(found, trusted)


def _signers(evidence: Evidence) -> list[PartyEvidence]:
    """Return the parties that signed: of a contract that one side signs, that one alone."""
    parties = (
        (evidence.provider, evidence.provider_signature),
        (evidence.consumer, evidence.consumer_signature),
    )
    return [party for party, signature in parties if signature or not evidence.said]


def without_key(part: Part, trusted: Sequence[Authority]) -> Part:
    """Return a part as it stands where the auditor brought no authority's key."""
    if trusted or part.standing is Standing.FAILED:
        return part
    return replace(part, standing=Standing.UNPROVEN, finding=NO_KEY)


def _member(
    party: PartyEvidence,
    evidence: Evidence,
    at: datetime,
    trusted: Sequence[Authority],
    extra: tuple[Policy, ...],
) -> str:
    found = issued(party, evidence, trusted)
    if found is None:
        return ""
    issuer, member = found
    space = (extra and _stated_space(evidence)) or str(member.subject.get("space", ""))
    claim = Claim(member, issuer, documents.read(party.document, party.did), at)
    AllOf((IsMembership(space), HoldsKeys(), *extra)).check(claim)
    return f"`{party.did}` was a member of `{space}` at signing" if extra else ""


def _stated_space(evidence: Evidence) -> str:
    """Return the space that a contract states; nothing where it states none, or cannot be read."""
    try:
        return agreements.read(evidence.agreement).space
    except PreauError:
        return ""


def _standing(
    party: PartyEvidence,
    evidence: Evidence,
    at: datetime,
    trusted: Sequence[Authority],
    missing: list[str],
) -> str:
    """Say that a party was not revoked; what is missing for that goes to `missing`.

    Raises:
        CredentialRevoked: a list that was made before the signing marks it.
        CredentialInvalid: the membership, or a list, does not verify.
    """
    found = issued(party, evidence, trusted)
    if found is None:
        missing.append(f"the bundle lacks the document of the authority of `{party.did}`")
        return ""
    issuer, member = found
    tokens = evidence.status_lists.get(member.status.url, ()) if member.status else ()
    answers: list[datetime | str] = []
    unread = None
    for token in tokens:
        try:
            answers.append(_answer(member, token, issuer, at))
        except CredentialInvalid as exc:  # one of another key beside one that verifies says nothing
            unread = exc
    made = max((each for each in answers if isinstance(each, datetime)), default=None)
    if made is not None:
        return f"`{party.did}` is not marked in the status list of {instant.text(made)}"
    if unread is not None:
        raise unread
    silent = [each for each in answers if isinstance(each, str)]
    said = min(silent, default="no status list of `{}` is in the bundle")
    missing.append(said.format(party.did))
    return ""


def _answer(member: Credential, token: str, issuer: jws.KeyHolder, at: datetime) -> datetime | str:
    """Return when a list was made that does not mark a membership, or why a list says nothing."""
    entry = member.status
    found = status.read(token, issuer)
    if entry is None or (found.url, found.purpose) != (entry.url, "revocation"):
        raise CredentialInvalid(f"a status list is not the one that `{member.subject_id}` names")
    if found.is_set(entry.index):
        if found.valid_from <= at:
            raise CredentialRevoked(f"`{member.subject_id}` was revoked before it signed")
        return "`{}` is revoked in a later status list, which does not say since when"
    if found.valid_until <= at:
        return "a status list of `{}` ended before the signing"
    return found.valid_from
