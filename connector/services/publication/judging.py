"""Measures what the uses of an offer come to on the dataset's rows, before anybody signs.

Rules: what is measured is the plan that a contract on the offer would have; a report is signed when
the offer is published and kept beside it; a consumer sees it where the offer says so. Uses that
read no table, or add to sums, have none: what training spends stands in the contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.privacy.findings import Findings
from connector.enforcement import plan as plans
from connector.enforcement.ground import Ground
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry
from connector.errors import PreauError, StepUnknown
from connector.identity.statements import risk_report
from connector.identity.statements.risk_report import JudgedUse, RiskReport
from connector.ports import Ports
from connector.services.negotiation import terms
from connector.services.use.layouts import task_of
from federated.reading import Member
from policies_odrl import Policy

Judged = Mapping[str, Findings]  # digest of steps -> what they come to
NOTHING: Final[Judged] = {}


def uses_of(ports: Ports, dataset: Dataset, policy: Policy) -> tuple[Use, ...]:
    """Return the uses of a policy that read a table.

    Raises:
        PreauError: as `terms.planned`.
    """
    stated = terms.planned(policy, Ground.of(dataset), ports.mechanisms)
    return tuple(each for each in plans.read(Member(stated, _refusal)).uses if _reads(each))


def judge(ports: Ports, dataset: Dataset, policies: Iterable[Policy]) -> Judged:
    """Return what the uses of policies come to; each set of steps is measured once.

    A policy that cannot be planned is passed over: who publishes it says why.

    Raises:
        DataFault: the file is not what its layout states.
        WorkerFailed: the process that measures ended without an answer.
    """
    found: dict[str, Findings] = {}
    for policy in policies:
        uses: tuple[Use, ...] = ()
        with suppress(PreauError):
            uses = uses_of(ports, dataset, policy)
        for use in uses:
            digest = use.digest
            if digest not in found:
                found[digest] = measured(ports, dataset, use)
    return found


def measured(ports: Ports, dataset: Dataset, use: Use) -> Findings:
    """Return what a use comes to now.

    Raises:
        DataFault: the file is not what its layout states.
        WorkerFailed: the process that measures ended without an answer.
    """
    return ports.judging(
        task_of(
            ports,
            dataset,
            use,
            classes={each.name: each.kind.value for each in dataset.columns},
        )
    )


def found(ports: Ports, dataset: Dataset, policy: Policy, judged: Judged) -> tuple[JudgedUse, ...]:
    """Return those uses of a policy that were measured.

    Raises:
        PreauError: as `terms.planned`.
    """
    uses = [(each.action, each.digest) for each in uses_of(ports, dataset, policy)]
    return tuple(JudgedUse(*each, judged[each[1]]) for each in uses if each[1] in judged)


def report(ports: Ports, dataset: Dataset, policy: Policy, judged: Judged) -> str:
    """Return the signed report of a policy; empty where none of its uses reads a table.

    Raises:
        KeyUnusable: our key cannot sign.
        PreauError: as `terms.planned`.
    """
    uses = found(ports, dataset, policy, judged)
    if not uses:
        return ""
    at = ports.clock.now().replace(microsecond=0)
    return risk_report.make(ports.signer, RiskReport(ports.settings.did, dataset.id, uses, at))


def _reads(use: Use) -> bool:
    try:
        return registry.table(use.steps).sum is None
    except StepUnknown:
        return False


def _refusal(pointer: str, fault: str) -> StepUnknown:
    return StepUnknown(f"plan {pointer or '/'}: {fault}")
