"""Registers of persons: who holds a cap and what of it is spent.

The arithmetic is `federated/privacy`; here is only what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from connector.domain.dataset import PrivacyCap
from federated.privacy.rule import Accounting


@dataclass(frozen=True, slots=True)
class Register:
    """The persons that one or several datasets are about.

    INVARIANT: the cap never rises, `accounting` never changes, `charges` only grows.

    Attributes:
        id: IRI.
        cap: ε and δ per person over all contracts of its datasets; None for data of no person.
        accounting: rule by which its jobs add up.
        charges: rounds that were ever charged to it.
        created_at: UTC.
    """

    id: str
    cap: PrivacyCap | None
    accounting: Accounting
    charges: int
    created_at: datetime


def own_register(dataset_id: str) -> str:
    """Return the id of the register that a dataset has when it names none."""
    return f"urn:preau:register:{sha256(dataset_id.encode()).hexdigest()}"
