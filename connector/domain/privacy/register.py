"""Registers of persons: who holds a cap and what of it is spent.

The arithmetic is `federated/privacy`; here is only what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from connector.domain.catalog.dataset import PrivacyCap
from federated.privacy.rule import Accounting


@dataclass(frozen=True, slots=True)
class Register:
    """The persons that one or several datasets are about.

    INVARIANT: the cap rises only where its operator asks for it (`--raise-cap`), and never by a
    recovery; `accounting` never changes, `charges` only grows; a merge is for good.

    Attributes:
        id: IRI.
        cap: ε and δ per person over all contracts of its datasets; None for data of no person.
        accounting: rule by which its jobs add up.
        charges: rounds that were ever charged to it.
        created_at: UTC.
        merged_into: id of the register that holds all that was in it; empty: it was not merged.
    """

    id: str
    cap: PrivacyCap | None
    accounting: Accounting
    charges: int
    created_at: datetime
    merged_into: str = ""


def joined(one: Register, other: Register) -> Register:
    """Return what two records of one register count together; the rule declared first stands."""
    first = min(one, other, key=_declared)
    charges, into = max(one.charges, other.charges), max(one.merged_into, other.merged_into)
    return replace(first, cap=smaller(one.cap, other.cap), charges=charges, merged_into=into)


def _declared(register: Register) -> tuple[datetime, str, int]:
    return register.created_at, register.accounting.rule, register.accounting.order


def smaller(one: PrivacyCap | None, other: PrivacyCap | None) -> PrivacyCap | None:
    """Return what neither of two caps exceeds; no cap limits nothing."""
    return one.smaller(other) if one else other


def own_register(dataset_id: str) -> str:
    """Return the id of the register that a dataset has when it names none."""
    return f"urn:preau:register:{sha256(dataset_id.encode()).hexdigest()}"
