"""What a contract allows of federated training, as plain numbers.

Rule: the numbers are read from the bytes that both parties signed, never from what a dataset is
described as today. How a policy becomes a plan is `enforcement`; here are only the figures that
jobs and budgets are checked against.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.negotiation import Agreement
from connector.enforcement.compile import budget
from connector.errors import PolicyInvalid
from connector.identity import agreement as documents
from connector.services.negotiation import agree, terms
from federated.errors import PrivacyFault
from federated.privacy.ledger import Budget
from federated.privacy.rule import Rule, fixed


@dataclass(frozen=True, slots=True)
class Terms:
    """Figures of one contract.

    Attributes:
        epsilon: ε per person that all jobs may spend; > 0.
        delta: δ at which that ε is stated.
        minimum_sites: fewest sites that take part in a job and answer a round.
        rows_per_person: most rows of one person.
        person_column: column that identifies the person.
        population: persons, as declared.
        recipes: SHA-256 (hex) of the training recipes that it accepts; None where it lists none
            (version 1), so that only the site's own is accepted.
    """

    epsilon: float
    delta: float
    minimum_sites: int
    rows_per_person: int
    person_column: str
    population: int
    recipes: tuple[str, ...] | None = None


def terms_of(agreement: Agreement) -> Terms:
    """Return the figures of a contract.

    Raises:
        AgreementTampered: its document cannot be read.
        PreauError: its policy is none that this node can uphold.
    """
    limits = terms.limits(agree.policy_of(agreement))
    document = documents.read(agreement.document)
    dataset = document.dataset
    return Terms(
        epsilon=limits.epsilon,
        delta=limits.delta,
        minimum_sites=limits.minimum_sites,
        rows_per_person=dataset.rows_per_person,
        person_column=dataset.person_column,
        population=dataset.population,
        recipes=None if document.version == 1 else document.recipes,
    )


def privacy_limits(agreement: Agreement) -> tuple[float, float]:
    """Return (ε, δ) of a contract, whether or not it could be contracted today.

    What was promised counts against the cap for as long as the contract stands.

    Raises:
        PreauError: its document cannot be read, or has no such figures.
    """
    return budget(agree.policy_of(agreement))


def budget_of(agreement: Agreement) -> Budget:
    """Return what a contract allows, with the rule that it states.

    A contract of version 1 states none: it is held to Rényi, at the order that follows from its
    ε and δ alone.

    Raises:
        PreauError: its document cannot be read, or has no such figures.
        PolicyInvalid: its figures are no budget.
    """
    epsilon, delta = privacy_limits(agreement)
    stated = documents.read(agreement.document).accounting
    try:
        return Budget(epsilon, delta, stated or fixed(Rule.RENYI, epsilon, delta))
    except PrivacyFault as exc:
        raise PolicyInvalid(exc.reason) from exc
