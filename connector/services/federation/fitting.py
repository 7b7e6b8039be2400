"""Does a job's manifest fit the contract that it names? Pure: values in, a refusal or None out.

Rules: the lead is the caller and the consumer of every contract; each other site's contract is
proved by its provider's receipt; unit of privacy, rows per person, population, ε and δ are those
of the contract; no column that identifies a person is an input; the recipes are ones that the
contract accepts; the job ends within the contract. The first check that fails answers, cheap ones
first. What the manifest's arithmetic costs, and what is left to spend, is decided after all of
these, by `site/jobs.py` and `services/privacy/budget.py`; signatures are verified there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.domain.catalog.dataset import ColumnClass, Dataset
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.decision import Refusal
from connector.enforcement.mechanisms.evaluation import NOT_PERMITTED
from connector.enforcement.steps.evaluating import ExactEvaluation
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.training import TrainingStep
from connector.errors import (
    AgreementUnknown,
    BudgetExceeded,
    ColumnMissing,
    ContractExpired,
    DataUnchecked,
    DeadlinePassed,
    EngineRefused,
    JobRefused,
    ManifestTampered,
    PreauError,
    TooFewSites,
    Unlawful,
)
from connector.identity.agreement import AgreementDocument
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.identity.receipts.receipt import Receipt
from connector.services.negotiation import agree
from federated.job import JobManifest
from federated.manifest import SiteContract
from federated.task.engine import named
from federated.task.feature import NumberFeature

# Relative; σ, q and T are floating point on both sides, ε comes from the same accountant.
TOLERANCE = 1e-6
# Noise below this multiple of the clip protects nobody, and makes the accountant's work unbounded.
LEAST_NOISE = 0.3
# So does a mechanism whose mean privacy loss alone is this many times the contract's ε.
FAR_TOO_MUCH = 100.0


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at.

    Attributes:
        manifest: as read from the signed bytes.
        job_id: as stated in the message around them.
        caller: DID of the authenticated caller.
        site: our own DID.
        agreement: ours, of the id that the manifest names for us.
        document: what both signed.
        training: the figures of its policy.
        exact: what its policy says of evaluations without noise; None where it permits none.
        kept: which columns and rows the contract lets take part; None for all.
        dataset: as published now; at the lead, as it was described.
        checked: whether the dataset's file passed its check at publication.
        recipe: that the site would run, of the job's engine; empty when it does not run that.
        sources: SHA-256 (hex) of the training code of this node, of which its recipes are made.
        now: UTC.
    """

    manifest: JobManifest
    job_id: str
    caller: str
    site: str
    agreement: Agreement
    document: AgreementDocument
    training: TrainingStep
    exact: ExactEvaluation | None
    kept: Minimise | None
    dataset: Dataset | DatasetFacts
    checked: bool
    recipe: str
    sources: str
    now: datetime


@dataclass(frozen=True, slots=True)
class SiteCase(Case):
    """A case of a site, which has the dataset itself."""

    dataset: Dataset


def check(case: Case) -> Refusal | None:
    """Return why the job does not fit our contract, or None."""
    return next((refusal for test in _CHECKS if (refusal := test(case)) is not None), None)


def foreseen(case: Case) -> Iterator[tuple[str, Refusal]]:
    """Yield why a site would refuse the job, as far as its lead can know, and where it says so.

    The place is a JSON pointer in the lead's request.
    """
    for where, test in _FORESEEN:
        refusal = test(case)
        if refusal is not None:
            yield where, refusal


def check_parties(case: Case) -> Refusal | None:
    """The job's lead calls, and is the consumer of our contract, which is concluded."""
    manifest, agreement = case.manifest, case.agreement
    if manifest.job != case.job_id:
        return _no(ManifestTampered, "the manifest is of another job than the message names")
    if manifest.lead != case.caller:
        return _no(
            JobRefused, f"the manifest names `{manifest.lead}` as lead, which is not the caller"
        )
    ours = agreement.role is Role.PROVIDER and agreement.provider == case.site
    if not ours or agreement.consumer != case.caller or not agreement.finalized:
        return _no(AgreementUnknown, f"no agreement `{agreement.id}` with this consumer")
    return None


def check_contract(case: Case) -> Refusal | None:
    """The manifest's statement of our contract is what was signed."""
    stated = case.manifest.contract(case.site)
    if stated is None or stated.agreement != case.agreement.id:
        return _no(AgreementUnknown, "the manifest names no contract with this site")
    if stated.receipt != case.agreement.receipt:
        return _no(ManifestTampered, "the receipt of our contract is not the one that we gave")
    facts = (stated.digest, stated.dataset, stated.population)
    if facts != (case.agreement.digest, case.agreement.dataset_id, case.agreement.population):
        return _no(
            ManifestTampered, "the manifest states our contract otherwise than it was signed"
        )
    return None


def check_distinct(case: Case) -> Refusal | None:
    """No contract counts twice. That no site does is said by the manifest's reader."""
    names = [contract.agreement for contract in case.manifest.contracts]
    if len(set(names)) != len(names):
        return _no(JobRefused, "the manifest names a contract twice")
    return None


def check_sites(case: Case) -> Refusal | None:
    """Enough sites take part, and the job never goes on with fewer."""
    sites, minimum = len(case.manifest.sites), case.training.minimum_sites
    if sites < minimum:
        return _no(TooFewSites, f"{sites} sites take part, the contract demands {minimum}")
    if case.manifest.quorum < minimum:
        return _no(
            TooFewSites,
            f"a quorum of {case.manifest.quorum} is below the contract's {minimum} sites",
        )
    return None


def check_stands(case: Case) -> Refusal | None:
    """Neither party has taken the contract back."""
    try:
        agree.check_stands(case.agreement)
    except Unlawful as exc:
        return Refusal(exc.code, (exc.reason,))
    return None


def check_time(case: Case) -> Refusal | None:
    """The contract runs, and the job ends within it."""
    end, deadline = case.agreement.valid_until, case.manifest.deadline
    if end is not None and case.now >= end:
        return _no(ContractExpired, f"the contract ended at {_text(end)}")
    if case.now >= deadline:
        return _no(DeadlinePassed, f"the job's deadline was {_text(deadline)}")
    if end is not None and deadline > end:
        return _no(
            ContractExpired,
            f"the deadline {_text(deadline)} is past the contract's end {_text(end)}",
        )
    return None


def check_unit(case: Case) -> Refusal | None:
    """The unit of privacy is the contract's person, and the dataset is still described so."""
    unit, agreed, dataset = case.manifest.unit, case.document.dataset, case.dataset
    described = (dataset.person_column, dataset.rows_per_person, dataset.population)
    if described != (agreed.person_column, agreed.rows_per_person, agreed.population):
        return _no(JobRefused, "the dataset is described otherwise than when the contract was made")
    if unit.column != agreed.person_column:
        return _no(
            JobRefused, f"the unit of privacy is `{agreed.person_column}`, not `{unit.column}`"
        )
    if unit.rows != agreed.rows_per_person:
        return _no(
            JobRefused,
            f"{unit.rows} rows per person were asked for, {agreed.rows_per_person} are agreed",
        )
    return None


def check_limits(case: Case) -> Refusal | None:
    """The job alone asks no more than the contract allows, by a mechanism that can be computed."""
    asked, agreed = case.manifest.privacy, case.training
    exposure = asked.steps * (asked.sampling_rate / asked.noise_multiplier) ** 2 / 2
    if asked.noise_multiplier < LEAST_NOISE or exposure > FAR_TOO_MUCH * max(agreed.epsilon, 1.0):
        return _no(
            JobRefused,
            f"a noise multiplier of {asked.noise_multiplier:g} is too small to protect anyone",
        )
    if asked.epsilon > agreed.epsilon * (1 + TOLERANCE):
        return _no(
            BudgetExceeded,
            f"the job asks for ε {asked.epsilon:g}, the contract allows {agreed.epsilon:g}",
        )
    if asked.delta > agreed.delta * (1 + TOLERANCE):
        return _no(
            BudgetExceeded,
            f"the job asks for δ {asked.delta:g}, the contract allows {agreed.delta:g}",
        )
    return None


def check_columns(case: Case) -> Refusal | None:
    """Every column is published, of the kind stated, and none that is read identifies a person."""
    published = {column.name: column for column in case.dataset.columns}
    manifest = case.manifest
    for name in manifest.columns:
        if name not in published:
            return _no(ColumnMissing, f"the dataset has no column `{name}`")
    inputs = [feature.column for feature in manifest.features]
    for name in (*inputs, *manifest.target.columns):
        if name == case.document.dataset.person_column or (
            published[name].kind is ColumnClass.DIRECT_IDENTIFIER
        ):
            return _no(JobRefused, f"the column `{name}` identifies a person")
        if case.kept and name not in case.kept.columns:
            return _no(JobRefused, f"the contract does not let column `{name}` be used")
    numbers = [each.column for each in manifest.features if isinstance(each, NumberFeature)]
    if manifest.target.numeric:
        numbers.append(manifest.target.column)
    for name in numbers:
        if published[name].datatype != "number":
            return _no(ColumnMissing, f"the column `{name}` is not published as a number")
    return None


def check_evaluation(case: Case) -> Refusal | None:
    """A job is evaluated without noise only where the contract permits it, with these sites."""
    manifest, step = case.manifest, case.exact
    if not manifest.exact:
        return None
    if step is None:
        return _no(JobRefused, NOT_PERMITTED)
    named = (case.site, *step.sites)
    if strangers := [each for each in manifest.sites if each not in named]:
        return _no(
            JobRefused,
            f"the contract does not name `{strangers[0]}` among the sites of an evaluation without "
            "noise (`preau:sites`)",
        )
    if len(manifest.sites) < step.minimum_sites:
        return _no(
            TooFewSites,
            f"an evaluation without noise is over at least {step.minimum_sites} sites, "
            f"{len(manifest.sites)} take part",
        )
    return None


def check_file(case: Case) -> Refusal | None:
    """The dataset's file passed its check, once and for all jobs: what is on record decides."""
    if not case.checked:
        return _no(DataUnchecked, f"the file of `{case.dataset.id}` has not passed its check")
    return None


def check_code(case: Case) -> Refusal | None:
    """The contract accepts the lead's recipe and the one that this node would run in its place.

    A contract of version 1 lists none and accepts the one that this node runs.
    """
    asked, own = case.manifest.code, case.recipe
    accepted = (own,) if case.document.version == 1 else case.document.recipes
    if not own:
        return _no(EngineRefused, f"this site does not run the engine `{case.manifest.engine}`")
    if asked not in accepted:
        what = "the job's training recipe is not one that this contract accepts"
        return _no(JobRefused, f"{what}: {_differs(case, asked, accepted)}")
    if own not in accepted:
        what = "the contract does not accept the training recipe of this site"
        return _no(JobRefused, f"{what}: {_differs(case, own, accepted)}")
    return None


def _differs(case: Case, recipe: str, accepted: Sequence[str]) -> str:
    """Return in what a recipe differs from the nearest that a contract accepts."""
    known = named(case.sources, [recipe])
    listed = named(case.sources, accepted)
    if not known:
        return "it is of another release of the training code than this node's"
    if not listed:
        return (
            "the contract was made for another release of the training code than this "
            "node's: negotiate a new one"
        )
    engines = ", ".join(f"`{each}`" for each in sorted(listed.values()))
    return f"it is of the engine `{known[recipe]}`, the contract accepts {engines} of this release"


def check_receipt(
    contract: SiteContract, receipt: Receipt, lead: str, deadline: datetime
) -> Refusal | None:
    """Another site's contract is what its provider's verified receipt says, with the same lead."""
    if lead in (contract.site, receipt.provider):
        return _no(JobRefused, "the lead cannot be a site of its own job")
    stated = (contract.agreement, contract.digest, contract.site)
    if stated != (receipt.agreement, receipt.digest, receipt.provider):
        return _no(ManifestTampered, f"the receipt of `{contract.site}` is of another contract")
    if receipt.consumer != lead:
        return _no(ManifestTampered, f"the receipt of `{contract.site}` is another consumer's")
    if (contract.dataset, contract.population) != (receipt.dataset, receipt.population):
        return _no(
            ManifestTampered,
            f"the receipt of `{contract.site}` states another dataset or population",
        )
    if receipt.valid_until is not None and deadline > receipt.valid_until:
        return _no(
            ContractExpired, f"the contract of `{contract.site}` ends before the job's deadline"
        )
    return None


def check_cost(manifest: JobManifest, epsilon: float) -> Refusal | None:
    """The mechanism that the manifest describes costs no more than the manifest declares.

    Args:
        manifest: of the job.
        epsilon: of its σ, q and steps at its δ, by the accountant.
    """
    declared = manifest.privacy.epsilon
    if epsilon <= declared * (1 + TOLERANCE):
        return None
    return _no(
        JobRefused, f"the job declares ε {declared:g}, its noise and steps cost {epsilon:.4g}"
    )


_CHECKS: tuple[Callable[[Case], Refusal | None], ...] = (
    check_parties,
    check_contract,
    check_distinct,
    check_stands,
    check_time,
    check_sites,
    check_code,
    check_unit,
    check_columns,
    check_evaluation,
    check_file,
    check_limits,
)


# What rests on the contract and the description, which a lead has, too.
_FORESEEN: tuple[tuple[str, Callable[[Case], Refusal | None]], ...] = (
    ("/agreements", check_distinct),
    ("/agreements", check_stands),
    ("/deadlineSeconds", check_time),
    ("/quorum", check_sites),
    ("", check_code),
    ("/unit", check_unit),
    ("/features", check_columns),
    ("/evaluation", check_evaluation),
    ("/privacy", check_limits),
)


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _no(kind: type[PreauError], reason: str) -> Refusal:
    return Refusal(kind.code, (reason,))
