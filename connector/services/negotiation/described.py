"""The dataset of a contract, by the description that its consumer decided on."""

from __future__ import annotations

from connector.domain.contract.negotiation import Agreement
from connector.identity import document as documents
from connector.identity.descriptions import dataset_facts
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.ports import Transaction


def facts_of(tx: Transaction, agreement: Agreement) -> DatasetFacts:
    """Return what a provider described, as our side of the negotiation kept it.

    Raises:
        DescriptionTampered: nothing was kept, or it does not verify.
    """
    found = tx.negotiations.get(agreement.pid)
    holder = documents.read(agreement.provider_document, agreement.provider)
    token = found.description if found else ""
    return dataset_facts.verified(token, holder, agreement.dataset_id)[1]
