"""Rows that are delivered under a contract stand out no more than its report said.

Rule: a use that the contract's report speaks of is measured anew before anything of it is made; one
that comes to more than the report allows is refused, and the provider publishes the dataset anew.
"""

from __future__ import annotations

from connector.domain.catalog.dataset import Dataset
from connector.enforcement.plan import Use
from connector.errors import RiskDrifted
from connector.ports import Ports
from connector.services.negotiation import reports
from connector.services.publication import judging


def check(ports: Ports, agreement_id: str, dataset: Dataset, use: Use) -> None:
    """Measure a use again, where its contract has a report of it; open data have none.

    Args:
        ports: of the provider.
        agreement_id: the contract.
        dataset: what is read.
        use: of the plan.

    Raises:
        RiskDrifted: persons stand out more than was reported.
        DataFault: the file is not what its layout states.
        WorkerFailed: the process that measures ended without an answer.
    """
    with ports.store.read() as tx:
        agreement = tx.agreements.get(agreement_id)
    promised = reports.findings_of(agreement).get(use.action) if agreement else None
    if promised is None or promised.risk is None:
        return
    found = judging.measured(ports, dataset, use).risk
    drifted = found.beyond(promised.risk) if found else ()
    if drifted:
        raise RiskDrifted(
            f"persons stand out more than the report of the contract says: {', '.join(drifted)}"
        )
