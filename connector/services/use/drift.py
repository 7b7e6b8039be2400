"""What is made under a contract comes to no more than its report said.

Rules: a use that the contract's report speaks of is measured anew before anything of it is made;
one that comes to more than the report allows is refused, and the provider publishes the dataset
anew. A table with noise is not measured: whether it were refused would tell what noise hides.
"""

from __future__ import annotations

from connector.domain.catalog.dataset import Dataset
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry
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
        RiskDrifted: persons stand out more than was reported, or tables lack more.
        StepUnknown: the steps are none of a table.
        DataFault: the file is not what its layout states.
        WorkerFailed: the process that measures ended without an answer.
    """
    with ports.store.read() as tx:
        agreement = tx.agreements.get(agreement_id)
    promised = reports.findings_of(agreement).get(use.action) if agreement else None
    if promised is None or not promised.is_held_to or registry.table(use.steps).noise:
        return
    if drifted := judging.measured(ports, dataset, use).beyond(promised):
        raise RiskDrifted(f"the use exceeds the risk report of the contract: {', '.join(drifted)}")
