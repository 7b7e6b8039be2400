"""May a job go on now? Trust in the lead, the contract's policy, file, time and number of sites.

Rules: the lead's membership is judged from the caches, so that no authority has to be up; the
contract is read anew, so that its end counts at once; what the policy says is decided by
`enforcement`, with the facts of this moment; what cannot be evaluated refuses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.decision import Refusal
from connector.domain.federation.job import Job
from connector.enforcement.decide import decide
from connector.enforcement.mechanisms import evaluation, row_conditions, train
from connector.enforcement.terms import FEDERATED_TRAINING
from connector.errors import DataFault, DataFileChanged, JobRefused, PreauError
from connector.ports import Ports
from connector.services.duties import keeping
from connector.services.federation import padding
from connector.services.federation.pace import cells_of, padded
from connector.services.federation.site.rounds import check_time
from connector.services.membership import belonging, dealing
from connector.services.negotiation import agree, terms
from connector.services.negotiation.plans import plan_of
from federated.job import JobManifest


def check_policy(
    ports: Ports, agreement: Agreement, manifest: JobManifest, sites: int
) -> Refusal | None:
    """Return why the contract's policy does not allow the job now, or None.

    Where this node is in several spaces it includes whether the contract's believes the lead;
    in a node of one space the caller has judged that.

    Args:
        ports: of the site.
        agreement: our contract.
        manifest: the job's.
        sites: sites of the job, or those that answered the round before.
    """
    profiles = ports.mechanisms.profiles
    try:
        space = belonging.named(ports.settings, agreement.space)
        with ports.store.read() as tx:
            dealing.check(ports, tx, agreement)
        policy = agree.policy_of(agreement, profiles)
        history = keeping.history_of(ports, agreement)
        rows = train.rows_of(plan_of(agreement))
        changed = terms.other_version(policy, agree.coverage_of(agreement), ports.mechanisms)
    except PreauError as exc:  # a profile of the contract was taken out of the settings
        return Refusal(exc.code, (exc.reason,))
    if changed:
        reason = f"profile `{changed}` is here in another version than was signed"
        return Refusal(JobRefused.code, (reason,))
    facts = train.JobFacts(
        assignee=manifest.lead,
        target=agreement.dataset_id,
        purpose=manifest.purpose,
        now=ports.clock.now(),
        memberships=space.memberships,
        epsilon=manifest.privacy.epsilon,
        delta=manifest.privacy.delta,
        rows_per_person=manifest.unit.rows,
        sites=sites,
        conditions=tuple(row_conditions.met(policy, FEDERATED_TRAINING, rows)),
    )
    refusal = decide(policy, replace(facts.use(), history=history), train.MECHANISM, profiles)
    if refusal is not None or not manifest.exact:
        return refusal
    step = evaluation.step_of(plan_of(agreement))
    if step is None:
        return Refusal(JobRefused.code, (evaluation.NOT_PERMITTED,))
    use = evaluation.use(facts, step, agreement.provider, manifest.sites)
    return decide(policy, replace(use, history=history), evaluation.MECHANISM, profiles)


def check_file(ports: Ports, dataset: Dataset) -> Refusal | None:
    """Return why the data file is not the one that was published, or None, after a public time."""
    with padded(ports.pace, lambda: padding.hash_unit(cells_of(dataset))):
        try:
            digest = ports.sources.digest(Path(dataset.file.path))
        except DataFault as exc:  # the path is the institution's own affair
            return Refusal(exc.code, (f"the data file of `{dataset.id}` cannot be read",))
    if digest != dataset.file.digest:
        reason = f"the data file of `{dataset.id}` is not the published one"
        return Refusal(DataFileChanged.code, (reason,))
    return None


def may_answer(ports: Ports, job: Job, manifest: JobManifest, sites: int) -> int:
    """Judge the lead and the contract before a round; return the fewest sites it demands.

    Raises:
        Untrusted: the lead is no longer believed; the class says why.
        AgreementUnknown: the contract is not there any more.
        ContractExpired: its time is over.
        PreauError: the policy does not allow the round, by the refusal's code.
    """
    lead = dealing.judge(ports, job.peer, job.agreement_id)
    if manifest.lead != lead.did:
        raise JobRefused("the manifest names another lead")
    now = ports.clock.now()
    with ports.store.read() as tx:
        agreement = agree.agreement_for(ports, tx, job.agreement_id, lead.did)
    check_time(agreement.valid_until, now)
    refusal = check_policy(ports, agreement, manifest, sites)
    if refusal is not None:
        raise refusal.as_error()
    _, step = train.steps_of(plan_of(agreement))
    return step.minimum_sites
