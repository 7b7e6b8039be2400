"""What can be known of a job before it is submitted, with nothing spent and no site asked.

Rules: the form of a request, then the contracts and data dictionaries, then cost, then a try on
made-up rows; each part is looked at only where those before it refuse nothing. A submission makes
the same checks, the try before its sites are asked (`lead/tried.py`), and is refused by the first
finding that has a code. What a site
alone knows (its register's cap, its file, persons who decide) stays its own affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from connector.domain.contract.negotiation import Agreement
from connector.enforcement.mechanisms import evaluation, train
from connector.errors import (
    BudgetExceeded,
    DataFault,
    DutyOwed,
    Malformed,
    PeerFault,
    PurposeForbidden,
    TooFewSites,
    TooManyRequests,
    from_code,
)
from connector.identity import agreement as documents
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.ports import Ports, Transaction
from connector.services.federation.fitting import Case, check_cost, foreseen
from connector.services.federation.lead.request import complete, located, start_model, usable
from connector.services.federation.request import rehearsal
from connector.services.federation.request.estimate import Cost, costs
from connector.services.federation.request.findings import Finding, against_dictionary
from connector.services.federation.request.form import faults
from connector.services.federation.request.members import REQUEST
from connector.services.federation.request.rehearsal import Asked, Rehearsal
from connector.services.federation.site.judge import check_policy
from connector.services.negotiation.described import facts_of
from connector.services.negotiation.plans import plan_of
from federated.job import JobManifest
from federated.task.engine import recipe

_NOT_DP: Final = "the last model is evaluated without noise: that is not DP, and outside ε"
SECONDS: Final = 60.0  # of a try, where nothing else is asked
# Where a request says what a contract's policy refuses by these codes.
_WHERE: Final = {
    PurposeForbidden.code: "/purpose",
    BudgetExceeded.code: "/privacy",
    TooFewSites.code: "/quorum",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a request.

    Attributes:
        findings: refusals and remarks.
        manifest: as it would be signed but for its id; None where the request makes none.
        costs: of each contract; empty where they were not asked for.
        rehearsal: None where the job was not tried.
    """

    findings: tuple[Finding, ...]
    manifest: JobManifest | None = None
    costs: tuple[Cost, ...] = ()
    rehearsal: Rehearsal | None = None

    @property
    def accepted(self) -> bool:
        """Whether nothing that can be known here refuses the job."""
        return self.manifest is not None and not any(each.code for each in self.findings)


@dataclass(frozen=True, slots=True)
class _Known:
    """A contract of a job, and the dataset as it was described; None where that is not kept."""

    agreement: Agreement
    facts: DatasetFacts | None


def check(
    ports: Ports, request: Mapping[str, Any], *, rehearse: bool = True, seconds: float = SECONDS
) -> Report:
    """Return what can be known of a request. Nothing is stored, nobody is asked.

    Args:
        ports: of the lead.
        request: as for a submission.
        rehearse: whether to try the job on made-up rows, too.
        seconds: after which the try begins no further round.

    Raises:
        TooManyRequests: the accountant is busy, or another job is being tried.
        WorkerFailed: the accountant or the worker failed.
    """
    wrong = [Finding(each.pointer, each.what, Malformed.code) for each in faults(request, REQUEST)]
    if wrong:
        return Report(tuple(wrong))
    try:
        manifest, data = complete(ports, request)
    except TooManyRequests:
        raise
    except (PeerFault, DataFault) as exc:
        return Report((Finding(*located(exc), exc.code),))
    known = _known(ports, manifest)
    found = list(_findings(ports, manifest, known))
    if manifest.exact:
        found.append(Finding("/evaluation", _NOT_DP))
    report = Report(tuple(found), manifest)
    if not report.accepted:
        return report
    priced = costs(ports, manifest, [each.agreement for each in known])
    found += _too_dear(manifest, priced)
    report = Report(tuple(found), manifest, priced)
    if not rehearse or not report.accepted:
        return report
    sites = {each.agreement.provider: each.facts for each in known if each.facts is not None}
    return _rehearsed(ports, report, Asked(manifest, data, sites, seconds, start_model(request)))


def described(ports: Ports, manifest: JobManifest) -> dict[str, DatasetFacts]:
    """Return the dataset of each site of a job whose description is kept here, by DID."""
    with ports.store.read() as tx:
        found = [tx.agreements.get(contract.agreement) for contract in manifest.contracts]
        kept = {each.provider: _described(tx, each) for each in found if each is not None}
    return {site: facts for site, facts in kept.items() if facts is not None}


def refuse(ports: Ports, manifest: JobManifest) -> None:
    """Stop a submission that would be refused, as far as can be known here.

    Raises:
        PreauError: by the code of the first refusal.
        WorkerFailed: the accountant did not answer.
    """
    known = _known(ports, manifest)
    _refuse_first(_findings(ports, manifest, known))
    _refuse_first(_too_dear(manifest, costs(ports, manifest, [each.agreement for each in known])))


def _refuse_first(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.code:
            raise from_code(finding.code, f"request {finding.where or '/'}: {finding.what}")


def _rehearsed(ports: Ports, report: Report, asked: Asked) -> Report:
    """Return a report with what a try says; what the job cannot run for is a finding."""
    try:
        tried = rehearsal.rehearse(ports, asked)
    except TooManyRequests:
        raise
    except (PeerFault, DataFault) as exc:
        return replace(report, findings=(*report.findings, Finding("", exc.reason, exc.code)))
    left = (asked.manifest.deadline - ports.clock.now()).total_seconds()
    memory = ports.settings.worker_memory_bytes
    more = rehearsal.findings(tried, asked.manifest, memory, left)
    return replace(report, findings=(*report.findings, *more), rehearsal=tried)


def _known(ports: Ports, manifest: JobManifest) -> list[_Known]:
    with ports.store.read() as tx:
        agreements = [usable(tx, contract.agreement) for contract in manifest.contracts]
        return [_Known(each, _described(tx, each)) for each in agreements]


def _described(tx: Transaction, agreement: Agreement) -> DatasetFacts | None:
    negotiation = tx.negotiations.get(agreement.pid)
    kept = negotiation is not None and negotiation.description
    return facts_of(tx, agreement) if kept else None


def _findings(ports: Ports, manifest: JobManifest, known: Sequence[_Known]) -> Iterator[Finding]:
    """Yield what contracts and dictionaries say of a job; what several say alike once."""
    seen: set[tuple[str, str, str]] = set()
    for each in known:
        for finding in _of_contract(ports, manifest, each):
            said = (finding.where, finding.what, finding.code)
            if said not in seen:
                seen.add(said)
                yield finding


def _of_contract(ports: Ports, manifest: JobManifest, known: _Known) -> Iterator[Finding]:
    agreement, facts = known.agreement, known.facts
    name = agreement.dataset_id
    if facts is None:
        what = f"the description of `{name}` is not kept here: only its site can compare the job"
        yield Finding("", what, dataset=name)
        return
    wrong = list(against_dictionary(manifest, facts))
    yield from wrong
    if any(each.code for each in wrong):
        return
    refused = list(foreseen(_case(ports, manifest, agreement, facts)))
    yield from (
        Finding(where, "; ".join(refusal.reasons), refusal.code, name) for where, refusal in refused
    )
    refusal = check_policy(ports, agreement, manifest, len(manifest.sites))
    if refusal is not None and refusal not in [each for _, each in refused]:
        owed = refusal.code == DutyOwed.code  # the provider knows which duties were done
        where, code = _WHERE.get(refusal.code, ""), "" if owed else refusal.code
        yield Finding(where, "; ".join(refusal.reasons), code, name)


def _case(ports: Ports, manifest: JobManifest, agreement: Agreement, facts: DatasetFacts) -> Case:
    return Case(
        manifest=manifest,
        job_id=manifest.job,
        caller=manifest.lead,
        site=agreement.provider,
        agreement=agreement,
        document=documents.read(agreement.document),
        training=train.steps_of(plan_of(agreement))[1],
        exact=evaluation.step_of(plan_of(agreement)),
        kept=train.steps_of(plan_of(agreement))[0],
        dataset=facts,
        checked=True,
        recipe=recipe(ports.code_hash, manifest.engine),
        sources=ports.code_hash,
        now=ports.clock.now(),
    )


def _too_dear(manifest: JobManifest, priced: Sequence[Cost]) -> Iterator[Finding]:
    for cost in priced:
        declared = check_cost(manifest, cost.epsilon)
        if declared is not None:
            yield Finding("/privacy", "; ".join(declared.reasons), declared.code, cost.site)
        elif cost.code:
            yield Finding("/privacy/epsilon", cost.refusal, cost.code, cost.site)
