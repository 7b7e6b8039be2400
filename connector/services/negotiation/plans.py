"""The plan of a contract as both parties signed it, and what it may spend.

Rules: a plan is read from the signed bytes and never compiled anew. A contract whose document
states none has the one that was worked out when the database was carried over
(`enforcement/carried.py`); where none could be, nothing is executed on it.
"""

from __future__ import annotations

from contextlib import suppress

from connector.domain.contract.negotiation import Agreement
from connector.enforcement import plan as plans
from connector.enforcement.plan import Plan
from connector.errors import AgreementTampered, PreauError, StepUnknown
from connector.identity import agreement as documents
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.kept import kept
from federated.reading import Member, read


def plan_of(agreement: Agreement) -> Plan:
    """Return what a node executes under a contract.

    Raises:
        AgreementTampered: its document cannot be read, or states no plan that is one.
        StepUnknown: neither its document nor this node has a plan for it.
    """
    stated = _stated(agreement.document)
    if stated is not None:
        return stated
    if not agreement.plan:
        raise StepUnknown(
            f"agreement `{agreement.id}` is of an older release, and its terms have no plan here",
            hint="negotiate a new one",
        )
    return plans.read(read(agreement.plan, _refusal))


def lets(agreement: Agreement, mechanism: str) -> bool:
    """Return whether a contract has a use of a mechanism; none where its plan cannot be read."""
    with suppress(PreauError):
        return plan_of(agreement).use(mechanism) is not None
    return False


def digest_of(agreement: Agreement) -> str:
    """Return the SHA-256 (hex) of a contract's plan.

    Raises:
        AgreementTampered: as `plan_of`.
        StepUnknown: as `plan_of`.
    """
    return sha256_hex(canonical(plan_of(agreement).as_json()))


@kept(256)
def _stated(document: bytes) -> Plan | None:
    found = documents.read(document).plan
    return None if found is None else plans.read(Member(dict(found), _refusal))


def _refusal(pointer: str, fault: str) -> AgreementTampered:
    return AgreementTampered(f"plan {pointer or '/'}: {fault}")
