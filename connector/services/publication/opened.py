"""Datasets that are offered to anybody: checked when they are published, found when they are asked.

Rules: an offer is open where its policy says so (`enforcement/mechanisms/opening.py`), to everybody
and without a person who decides; one that says so and demands what an anonymous reader cannot meet
is refused at publication. An open offer is one for contracts too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from connector.domain.catalog.dataset import Dataset, Offer
from connector.enforcement import plan as plans
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import Mechanisms
from connector.enforcement.mechanisms import opening
from connector.enforcement.mechanisms.opening import Licence
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.table import TableSteps
from connector.errors import ConstraintUnknown, PolicyInvalid
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.policy import read_policy
from connector.ports import Transaction
from connector.services.negotiation import terms
from connector.services.publication.verdicts import passed
from federated.reading import Member
from policies_odrl import Policy

_MARK: Final = opening.PUBLIC.encode()  # most offers are not open: they need not be read


@dataclass(frozen=True, slots=True)
class Open:
    """A dataset that anybody may read.

    Attributes:
        dataset: what it is.
        offer: the open one; the oldest, where several are.
        policy: its terms.
        licence: on which it may be used.
        use: what is done for a reader.
        plan_digest: SHA-256 of the plan, hex.
    """

    dataset: Dataset
    offer: Offer
    policy: Policy
    licence: Licence
    use: Use
    plan_digest: str

    @property
    def steps(self) -> TableSteps:
        """The steps of the use, typed."""
        return steps.table(self.use.steps)

    @property
    def formats(self) -> tuple[str, ...]:
        """In which its file may leave, what is preferred first."""
        return self.steps.release.formats


def check(mechanisms: Mechanisms, offer: Offer, policy: Policy, dataset: Dataset) -> None:
    """Check an offer that says that it is open; any other passes.

    Raises:
        PolicyInvalid: it is for one consumer, persons decide on it, its data are about persons, or
            it lacks licence or attribution.
        ConstraintUnknown: it demands what an anonymous reader cannot meet.
    """
    if opening.licence_of(policy) is None:
        return
    if offer.audience:
        raise PolicyInvalid("an open offer is for everybody, but this one names an assignee")
    if offer.review is not None:
        raise PolicyInvalid("nobody asks before reading open data, so that no person can decide")
    try:
        _opened(mechanisms, offer, policy, dataset)
    except ConstraintUnknown as exc:
        raise ConstraintUnknown(f"without a contract, {exc.reason}", hint=exc.hint) from exc


def find(tx: Transaction, mechanisms: Mechanisms, dataset_id: str) -> Open | None:
    """Return an open dataset of ours whose file passed its check, or None."""
    dataset = tx.datasets.get(dataset_id)
    if dataset is None:
        return None
    offers = tx.offers.find(dataset_id=dataset_id, audience="", derived_from="", withdrawn=False)
    for offer in sorted(offers, key=lambda each: each.created_at):
        if _MARK in offer.policy and passed(tx, dataset):
            policy = read_policy(offer.policy, mechanisms.profiles)
            # what an earlier release published, and this one would not, is not open
            with suppress(ConstraintUnknown, PolicyInvalid):
                if found := _opened(mechanisms, offer, policy, dataset):
                    return found
    return None


def _opened(mechanisms: Mechanisms, offer: Offer, policy: Policy, dataset: Dataset) -> Open | None:
    licence = opening.licence_of(policy)
    if licence is None:
        return None
    plan = terms.planned(policy, Ground.of(dataset), mechanisms.without_contract())
    use = opening.use_of(plans.read(Member(dict(plan), _refusal)))
    return Open(dataset, offer, policy, licence, use, sha256_hex(canonical(plan)))


def _refusal(pointer: str, fault: str) -> PolicyInvalid:
    return PolicyInvalid(f"plan {pointer or '/'}: {fault}")
