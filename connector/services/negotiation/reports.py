"""The report of an offer's risk and use, as it goes with a contract.

Rule: it is the provider's, about the contract's dataset, and speaks of those uses of the contract
that have the steps it measured, and of no others.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.contract.negotiation import Agreement
from connector.domain.participant import Participant
from connector.domain.privacy.findings import Findings
from connector.errors import AgreementTampered, PreauError
from connector.identity import document as did_documents
from connector.identity.statements import risk_report
from connector.services.negotiation import plans


def check(token: str, provider: Participant, dataset_id: str) -> None:
    """Check a report that came with a contract; none is in order.

    Raises:
        AgreementTampered: the provider did not sign it, or it is about another dataset.
    """
    if not token:
        return
    try:
        found = risk_report.read(token, did_documents.read(provider.document, provider.did))
    except PreauError as exc:
        raise AgreementTampered(f"the report of the agreement: {exc.reason}") from exc
    if found.dataset != dataset_id:
        raise AgreementTampered("the report of the agreement is about another dataset")


def findings_of(agreement: Agreement) -> Mapping[str, Findings]:
    """Return what the uses of a contract came to before it was signed: action -> findings.

    Raises:
        AgreementTampered: its document or its report cannot be read.
        StepUnknown: as `plans.plan_of`.
    """
    if not agreement.report:
        return {}
    holder = did_documents.read(agreement.provider_document, agreement.provider)
    try:
        report = risk_report.read(agreement.report, holder)
    except PreauError as exc:
        raise AgreementTampered(f"the report of the agreement: {exc.reason}") from exc
    measured = {each.steps: each.findings for each in report.uses}
    uses = {each.action: each.digest for each in plans.plan_of(agreement).uses}
    return {action: measured[it] for action, it in uses.items() if it in measured}
