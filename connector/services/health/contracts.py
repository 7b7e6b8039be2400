"""What `preau doctor` says of running contracts: what the present semantics decide otherwise.

Rules: as in `diagnose.py`. A contract is read by the version of the semantics that it states; its
clauses are compared with the table of what was changed since. What cannot be read grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.contract.notice import Standing
from connector.errors import PreauError
from connector.identity import agreement as documents
from connector.jsonld.policy import read_policy
from connector.jsonld.profiles import NO_PROFILES, Profiles
from connector.services.health.diagnose import FAIL, OK, WARN, Check
from policies_odrl.checking import semantics
from policies_odrl.checking.semantics import Clause

MOST_SHOWN: Final = 20  # contracts
MOST_CLAUSES: Final = 8  # of one contract

_NAME: Final = "contracts"
_ANEW: Final = "if that is not what both parties want, negotiate a new one"


def contracts(
    found: Iterable[Agreement], now: datetime, profiles: Profiles = NO_PROFILES
) -> list[Check]:
    """Judge the running contracts by the version of the semantics that they were signed under.

    Args:
        found: contracts of both roles; those that have ended are left out.
        now: UTC.
        profiles: those of the node.
    """
    running, checks = 0, []
    for each in found:
        if _runs(each, now):
            running += 1
            checks += [check] if (check := _judged(each, profiles)) is not None else []
    if len(checks) > MOST_SHOWN:
        more = f"{len(checks) - MOST_SHOWN} more contracts like these"
        checks[MOST_SHOWN:] = [Check(_NAME, WARN, more, _ANEW)]
    good = f"{running} running, evaluated as when they were signed"
    return checks or [Check(_NAME, OK, good)]


def _runs(agreement: Agreement, now: datetime) -> bool:
    ended = agreement.valid_until is not None and agreement.valid_until <= now
    standing = agreement.stands and agreement.standing is not Standing.ENDED
    return agreement.finalized and standing and not ended


def _judged(agreement: Agreement, profiles: Profiles) -> Check | None:
    """Return what is to be said of a contract; None where nothing is."""
    peer = agreement.provider if agreement.role is Role.CONSUMER else agreement.consumer
    named = f"contract `{agreement.id}` with `{peer}`"
    try:
        document = documents.read(agreement.document)
        policy = read_policy(document.policy, profiles)
    except PreauError as exc:
        return Check(_NAME, FAIL, f"{named} can no longer be read: {exc.reason}", _ANEW)
    touched = [
        clause
        for clause in semantics.decided_otherwise(
            policy, document.semantics, profiles.known(policy)
        )
        if clause.change.node
    ]
    if not touched:
        return None
    signed = f"signed under version {document.semantics} of the semantics"
    shown = "; ".join(map(_said, touched[:MOST_CLAUSES]))
    more = len(touched) - MOST_CLAUSES
    rest = f"; and {more} more clauses" if more > 0 else ""
    return Check(
        _NAME, WARN, f"{named}, {signed}, may now be evaluated differently: {shown}{rest}", _ANEW
    )


def _said(clause: Clause) -> str:
    return f"`{clause.path}`: {clause.change.en} (record {clause.change.record})"
