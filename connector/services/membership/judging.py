"""Judging from cached papers alone whether somebody belongs to a space, at this moment.

Rules: nothing is fetched, so that an authority that is down stops nothing and a slow one delays
nothing. A peer's papers are believed for `BELIEVED_FOR` after they were last fetched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from connector.config import Settings
from connector.domain.participant import Participant
from connector.domain.space import Space
from connector.errors import DidUnresolvable, MembershipRequired, Untrusted
from connector.identity import document as documents
from connector.identity import trust
from connector.identity.document import DidDocument
from connector.identity.trust import MembershipFacts
from connector.services.credentials.standing import judge_shown
from connector.services.membership import belonging
from connector.services.membership.fetching import Evidence

# How long papers are believed while they cannot be fetched again.
BELIEVED_FOR: Final = timedelta(days=7)


def judged(
    space: Space, membership: str, document: DidDocument, known: Evidence, now: datetime
) -> MembershipFacts:
    """Judge a membership of a space now, from cached papers.

    Raises:
        Untrusted: it is not believed; the class says why.
    """
    return trust.judge_membership(
        membership,
        document,
        issuers=known.issuers,
        status_lists=known.status_lists,
        trusted_issuers=space.trusted_issuers,
        space=space.id,
        now=now,
    )


def judge_known(
    settings: Settings, participant: Participant, known: Evidence, now: datetime
) -> None:
    """Judge a peer now, from cached papers, in the space in which it is dealt with.

    Raises:
        Untrusted: it is blocked by the operator, or not believed; the class says why.
    """
    if participant.blocked:
        raise Untrusted(f"`{participant.did}` is blocked by the operator")
    if now - participant.refreshed_at > BELIEVED_FOR:
        raise DidUnresolvable(
            f"the document of `{participant.did}` could not be obtained for "
            f"{BELIEVED_FOR.days} days",
            hint="make sure that its HTTPS server answers this node",
        )
    space = belonging.stated(settings, participant)
    if not participant.membership:
        raise MembershipRequired(
            f"`{participant.did}` does not present a membership of `{space.id}`"
        )
    document = documents.read(participant.document, participant.did)
    if participant.grpc_endpoint:
        judged(space, participant.membership, document, known, now)
    else:
        judge_shown(participant.membership, document, space, known, now)
