"""What a person has to know before deciding: the terms, the budget, and what is new in them.

Rule: figures and differences are worked out now, from this node's own records; what has become of
them by the time of the decision is judged again there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.contract.approval import Approval, Subject
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.transfer.extract import Content
from connector.enforcement.asked import Asked, read_asked, spends
from connector.enforcement.mechanism import Figures
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.table import TableSteps
from connector.errors import UseRefused
from connector.identity import agreement as documents
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import read_policy
from connector.ports import Not, Ports, Transaction
from connector.protocol.messages import CoverageLine
from connector.services.approval.words import jobs, uses
from connector.services.federation.site.cost import cost
from connector.services.lookup import require
from connector.services.negotiation import agree, terms
from connector.services.negotiation.plans import plan_of
from connector.services.privacy.budget import promised
from connector.services.privacy.cost import Cost
from connector.services.privacy.registers import register_of
from connector.services.readable import Readable
from connector.services.use import charging, releasing
from federated.job import JobManifest, parse
from policies_odrl import Policy
from policies_odrl.comparison.differences import Compared

_NEWEST: Final = 5  # contracts, of which the first that can be read is meant


@dataclass(frozen=True, slots=True)
class Budget:
    """What the contract would promise, beside what the register of its persons allows.

    Attributes:
        asked: ε and δ that it would promise.
        register_id: the register.
        cap: over all contracts; None where the register has none.
        promised: Σε and Σδ of the contracts that count.
    """

    asked: Figures
    register_id: str
    cap: PrivacyCap | None
    promised: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A use that is asked for, other than of a job.

    Attributes:
        asked: as its consumer signed it.
        steps: of the plan, which it is within.
    """

    asked: Asked
    steps: TableSteps | Refer


def _free() -> Cost | None:
    return None


def _same() -> tuple[Compared, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Brief:
    """All that is shown of what waits for a decision.

    Attributes:
        approval: itself.
        policy: the terms that would be signed, or those of a contract that stands, canonical
            JSON-LD; empty once they are dropped, or where they cannot be read.
        coverage: returns how each constraint would be upheld, or raises a `PreauError`.
        budget: returns what they cost, or raises one; None once terms or dataset are gone.
        previous: the last contract with the same consumer on the same dataset; None if none is.
        changes: returns what the terms change of that contract's, or raises one.
        fault: why the terms, or what a job asks for, cannot be read; empty where they can.
        output: what would leave; None where nothing is made yet.
        job: what a job asks for; None of anything else.
        wanted: what another use asks for, and the steps of the plan that it is within; None of
            anything else.
        cost: returns what it costs here, or raises a `PreauError`; None where it costs nothing.
    """

    approval: Approval
    policy: bytes
    coverage: Callable[[], tuple[CoverageLine, ...]]
    budget: Callable[[], Budget | None]
    previous: Agreement | None
    fault: str
    output: Content | None = None
    job: JobManifest | None = None
    wanted: Wanted | None = None
    cost: Callable[[], Cost | None] = _free
    changes: Callable[[], tuple[Compared, ...]] = _same

    @property
    def sentences(self) -> Mapping[str, list[str]]:
        """What a job or another use asks for, by language; empty of anything else."""
        if self.job is not None:
            return jobs.sentences(self.job)
        return uses.sentences(self.wanted.asked, self.wanted.steps) if self.wanted else {}


def brief(ports: Ports, approval_id: str) -> Brief:
    """Return what a person has to know before deciding.

    Raises:
        NotFound: none of that id.
    """
    terms_read = Readable()
    with ports.store.read() as tx:
        found = require(tx.approvals.get(approval_id), "approval", approval_id)
        policy = terms_read.part(partial(_policy, tx, found), b"")
        previous = _previous(tx, found)
        extract = releasing.extract_of(tx, found)
    budget = partial(_budget, ports, found.dataset_id, policy)
    coverage = partial(_coverage, ports, found, policy)
    output = extract.content if extract else None
    job = terms_read.part(partial(parse, found.asked), None) if found.recipe else None
    other = found.asked and not found.recipe
    wanted = terms_read.part(partial(_wanted, ports, found), None) if other else None
    price = partial(cost, ports, job, found.agreement_id) if job else _free
    if wanted is not None:
        price = partial(_price, ports, found, wanted)
    changes = partial(_changes, ports, previous, policy) if previous else _same
    return Brief(
        found,
        policy,
        coverage,
        budget,
        previous,
        terms_read.fault,
        output,
        job,
        wanted,
        price,
        changes,
    )


def _wanted(ports: Ports, found: Approval) -> Wanted:
    """Return what a use asks for.

    Raises:
        NotFound: its contract is gone.
        PreauError: it cannot be read, or is within no use of the contract.
    """
    asked = read_asked(found.asked)
    with ports.store.read() as tx:
        agreement = require(tx.agreements.get(found.agreement_id), "agreement", found.agreement_id)
    use = plan_of(agreement).of(asked.action)
    if use is None:
        raise UseRefused("the contract does not permit this action")
    return Wanted(asked, steps.asked_for(use.steps))


def _price(ports: Ports, found: Approval, wanted: Wanted) -> Cost | None:
    """Return what a use costs persons here; None where nothing gets noise.

    Raises:
        NotFound: its contract or dataset is gone.
        WorkerFailed: the accountant did not answer.
        TableRefused: it is beyond the plan.
    """
    spent = spends(wanted.asked, wanted.steps)
    if spent is None:
        return None
    with ports.store.read() as tx:
        agreement = require(tx.agreements.get(found.agreement_id), "agreement", found.agreement_id)
        dataset = require(tx.datasets.get(found.dataset_id), "dataset", found.dataset_id)
        known = tx.requests.get(found.peer, wanted.asked.id)
    return charging.cost(ports, agreement, dataset, spent, known.id if known else "")


def _policy(tx: Transaction, found: Approval) -> bytes:
    """Return the terms that would be signed, or those of the contract of a use or an output."""
    if found.subject is not Subject.CONTRACT:
        agreement = tx.agreements.get(found.agreement_id)
        return canonical(dict(documents.read(agreement.document).policy)) if agreement else b""
    negotiation = tx.negotiations.get(found.id)
    return negotiation.policy if negotiation is not None else b""


def _read(ports: Ports, policy: bytes) -> Policy:
    return read_policy(policy, ports.mechanisms.profiles)


def _coverage(ports: Ports, found: Approval, policy: bytes) -> tuple[CoverageLine, ...]:
    """Return the table of the contract of a use, or the one that would be signed."""
    with ports.store.read() as tx:
        agreement = tx.agreements.get(found.agreement_id) if found.agreement_id else None
        negotiation = tx.negotiations.get(found.id)
        offer = tx.offers.get(negotiation.offer_id) if negotiation else None
    if found.subject is not Subject.CONTRACT and agreement is not None:
        return agree.coverage_of(agreement)
    if offer is not None and offer.policy == policy:
        return terms.coverage_now(offer, ports.mechanisms)
    return terms.coverage(_read(ports, policy), ports.mechanisms) if policy else ()


def _budget(ports: Ports, dataset_id: str, policy: bytes) -> Budget | None:
    with ports.store.read() as tx:
        dataset = tx.datasets.get(dataset_id)
        if dataset is None or not policy:
            return None
        register = register_of(tx, dataset)
        counted = promised(tx, register, ports.clock.now())
    asked = terms.outline(_read(ports, policy), ports.mechanisms).figures
    return Budget(asked, register.id, register.cap, counted)


def _changes(ports: Ports, previous: Agreement, policy: bytes) -> tuple[Compared, ...]:
    """Return what terms change of an earlier contract's.

    Raises:
        PreauError: one of the two cannot be read, or they cannot be compared.
    """
    before = canonical(dict(documents.read(previous.document).policy))
    return terms.changes(before, policy, ports.mechanisms.profiles)


def _previous(tx: Transaction, found: Approval) -> Agreement | None:
    earlier = tx.agreements.page(
        limit=_NEWEST,
        newest=True,
        dataset_id=found.dataset_id,
        role=Role.PROVIDER,
        consumer=found.peer,
        finalized=True,
        pid=Not(found.id),
    )
    return next(iter(earlier.values), None)
