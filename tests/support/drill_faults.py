"""What must hold after a drill, asked of both sides through the management API.

- No contract half-made: what one side holds as final the other holds too, byte for byte; every
  other negotiation is terminated on both sides, or was never heard of on one.
- No budget spent twice or for free: a site charged each round once, before its update left; what
  the lead used was charged; nothing was charged that could not be used; never more than reserved;
  what a job did not spend is released; ε in the report is what the accountant says of the rounds.
- Every job ended, with a code and a reason unless it completed, on every node that knows it.

Each function returns one line for each violation.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from space import Node

from connector.errors import PreauError
from connector.management.views.audits import EventView
from connector.management.views.contracts.negotiations import NegotiationView
from connector.management.views.jobs import JobView
from connector.management.views.publishing.budgets import (
    AgreementBudgetView,
    BudgetView,
    JobBudgetView,
)
from connector.sdk import Client
from connector.sdk.client import JOB_ENDS, NEGOTIATION_ENDS
from connector.services.federation.site.rounds import LOST_SHARE
from federated.job import parse
from federated.privacy import ledger
from federated.privacy.ledger import Budget
from federated.privacy.process import ProcessAccountant
from federated.privacy.question import Divergence
from federated.privacy.rule import Accounting, Rule
from tests.support.drill import CONTRACT_EPSILON, LOOK_SECONDS, Federation

_SETTLE_SECONDS = 90.0
_PAGE = 1000
_CLOSE = 1e-6


class Held(Protocol):
    """A negotiation as one side holds it; `NegotiationView` is one."""

    @property
    def pid(self) -> str: ...

    @property
    def peer_pid(self) -> str: ...

    @property
    def state(self) -> str: ...


def faults(fed: Federation, jobs: Iterable[str]) -> list[str]:
    """Return every violation, once negotiations have come to rest and jobs are over.

    Args:
        fed: all of its nodes run.
        jobs: that the lab submitted.
    """
    ids = list(jobs)
    found = [line for job in ids for line in job_faults(fed, job)]
    for name, node in fed.sites.items():
        found += contract_faults(fed.lab, node)
        found += budget_faults(fed, name)
    return found


def contract_faults(consumer: Node, provider: Node) -> list[str]:
    """Compare two nodes' negotiations and contracts, once nothing is on its way any more."""
    limit = time.monotonic() + _SETTLE_SECONDS
    with consumer.client() as one, provider.client() as other:
        while _open(one, provider.did) or _open(other, consumer.did):
            if time.monotonic() > limit:
                break
            time.sleep(10 * LOOK_SECONDS)
        ours = [n for n in one.negotiations() if n.peer == provider.did]
        theirs = [n for n in other.negotiations() if n.peer == consumer.did]
        found = negotiated(ours, theirs, provider.name)
        return [*found, *_contracts(one, other, consumer, provider)]


def job_faults(fed: Federation, job: str) -> list[str]:
    """Check that a job of the lab's has ended everywhere, and that its sites agree with its end."""
    lead = fed.ended(job, fed.lab, fed.size.deadline_seconds + 30)
    found = ending(job, fed.lab.name, lead)
    if lead.state == "COMPLETED":
        with fed.lab.client() as lab:
            if not lab.result(job) or lead.round != lead.rounds:
                found.append(f"job {job}: completed without its model")
    for node in fed.sites.values():
        with node.client() as client:
            if job not in {each.id for each in client.jobs()}:
                continue
        view = fed.ended(job, node, 60)
        found += ending(job, node.name, view)
        if (view.state == "COMPLETED") > (lead.state == "COMPLETED"):
            found.append(f"job {job}: {node.name} says completed, the lead {lead.state}")
    return found


def budget_faults(fed: Federation, name: str) -> list[str]:
    """Check a site's ledger against its log, the lead's records and the accountant."""
    node = fed.sites[name]
    with node.client() as site, fed.lab.client() as lab:
        (report,) = site.budget(f"urn:star:{name}")
        found = _report(fed, report)
        for agreement in report.agreements:
            for spent in agreement.jobs:
                seen = lab.job(spent.job)
                events = _events(site, spent.job)
                found += [
                    f"job {spent.job} at {name}: {line}"
                    for line in (*charged(spent, events), *used(node, seen, events))
                ]
    return found


def _open(client: Client, peer: str) -> list[NegotiationView]:
    return [n for n in client.negotiations() if n.peer == peer and n.state not in NEGOTIATION_ENDS]


def negotiated(ours: Sequence[Held], theirs: Sequence[Held], name: str) -> list[str]:
    """Compare the consumer's negotiations with a provider with the provider's with it."""
    mine = {n.pid: n.state for n in ours}
    other = {n.peer_pid: n.state for n in theirs}
    found = []
    for pid in sorted({*mine, *other}):
        left, right = mine.get(pid, "unknown"), other.get(pid, "unknown")
        both = {left, right}
        if both != {"FINALIZED"} and not both <= {"TERMINATED", "unknown"}:
            found.append(f"negotiation {pid}: {left} here, {right} at {name}")
    return found


def _contracts(one: Client, other: Client, consumer: Node, provider: Node) -> list[str]:
    ours = {a.id: a for a in one.agreements() if a.provider == provider.did}
    theirs = {a.id: a for a in other.agreements() if a.consumer == consumer.did}
    found = [
        f"contract {each}: final on one side only"
        for each in {*ours, *theirs}
        if not (each in ours and each in theirs and ours[each].finalized and theirs[each].finalized)
    ]
    for each in {*ours} & {*theirs}:
        left, right = one.agreement(each), other.agreement(each)
        proofs = (left.provider_signature, left.consumer_signature, left.receipt)
        same = (right.provider_signature, right.consumer_signature, right.receipt)
        if left.digest != right.digest or proofs != same or not all(proofs):
            found.append(f"contract {each}: the sides hold different papers")
    return found


def ending(job: str, who: str, view: JobView) -> list[str]:
    """Check that a job has ended, and says why unless it completed."""
    if view.state not in JOB_ENDS:
        return [f"job {job}: still {view.state} at {who} after its deadline"]
    if view.state != "COMPLETED" and not (view.code and view.reason):
        return [f"job {job}: {view.state} at {who} without a reason"]
    return []


def _report(fed: Federation, report: BudgetView) -> list[str]:
    """Compare the report with what follows from its own jobs and contracts."""
    found = []
    if report.spent > report.reserved + _CLOSE or report.reserved > report.epsilon:
        found.append(f"{report.id}: spent {report.spent}, reserved {report.reserved}")
    standing = sum(each.epsilon for each in report.agreements if _stands(fed, each))
    if abs(report.promised - standing) > _CLOSE:
        found.append(f"{report.id}: promises {report.promised}, contracts sum {standing}")
    for each in report.agreements:
        expected = _cost(fed, each)
        if abs(each.spent - expected) > _CLOSE or each.reserved > each.epsilon + _CLOSE:
            found.append(f"{each.agreement}: spent {each.spent}, by the accountant {expected}")
    return found


def _stands(fed: Federation, agreement: AgreementBudgetView) -> bool:
    """Whether the lab holds the contract as final, so that its ε is promised."""
    with fed.lab.client() as lab:
        try:
            return lab.agreement(agreement.agreement).finalized
        except PreauError:
            return False


def _cost(fed: Federation, agreement: AgreementBudgetView) -> float:
    if (agreement.epsilon, agreement.rule) != (CONTRACT_EPSILON, Rule.RENYI):
        return -1.0
    with fed.lab.client() as lab:
        signed = [(parse(lab.manifest(job.job)), job.committed_rounds) for job in agreement.jobs]
    events = tuple(event for manifest, rounds in signed for event in manifest.events.of(rounds))
    found = _ACCOUNTANT.costs([Divergence(events, agreement.order)])
    accounting = Accounting(Rule.RENYI, agreement.order)
    return ledger.epsilon_of(Budget(agreement.epsilon, agreement.delta, accounting), [(found[0],)])


def charged(spent: JobBudgetView, events: list[EventView]) -> list[str]:
    """Compare a job's ledger with the site's log."""
    charges = Counter(_round(e) for e in events if e.kind == "job.round.committed")
    released = [_round(e) for e in events if e.kind == "job.round.released"]
    # A round beyond these evaluates, which is counted with the first that is charged.
    trained = sum(number <= spent.rounds for number in charges)
    found = []
    if max(trained, bool(charges)) != spent.committed_rounds or set(charges.values()) > {1}:
        found.append(f"{spent.committed_rounds} rounds committed, the log has {sorted(charges)}")
    if len(set(released)) != len(released) or not set(released) <= set(charges):
        found.append(f"rounds {released} left, {sorted(charges)} were charged")
    if spent.committed_rounds > spent.rounds:
        found.append(f"{spent.committed_rounds} rounds committed of {spent.rounds} reserved")
    if spent.open:
        found.append("the job is over and its reservation open")
    return found


def used(node: Node, seen: JobView, events: list[EventView]) -> list[str]:
    """Compare what the site charged with what the lead used, and could have used."""
    used = next(site.rounds for site in seen.sites if site.site == node.did)
    released = sum(e.kind == "job.round.released" for e in events)
    charges = sum(e.kind == "job.round.committed" for e in events)
    found = []
    if not used <= released <= charges:
        found.append(f"used {used}, left {released}, charged {charges}")
    # A death costs a round at most, and two in vain are the most of a short job.
    if charges > used + 1 + seen.rounds // LOST_SHARE:
        found.append(f"charged {charges} rounds, of which {used} were used")
    return found


def _events(client: Client, subject: str) -> list[EventView]:
    return client.events(subject=subject, limit=_PAGE)


def _round(event: EventView) -> int:
    return int(event.event["facts"]["round"])


_ACCOUNTANT = ProcessAccountant()
