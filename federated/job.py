"""A federated job: the JSON of its manifest, which the lead signs and sites check, and its states.

Rules: numbers are finite and bounded; a member that is missing or unknown stops the reading, and
the fault is named by its JSON pointer. The values are `federated/manifest.py`; signatures,
contracts and budgets are left to the application, the meaning of ε to `federated/privacy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from federated.errors import ManifestInvalid, StepIllegal
from federated.manifest import JobManifest, Privacy, SiteContract, Start, Unit
from federated.reading import Member, read
from federated.task import evaluation, feature, model, optimiser, target
from federated.task.engine import ENGINES, EXACT
from federated.task.model import MAX_WIDTH
from federated.task.optimiser import PLAIN

__all__ = ["TRANSITIONS", "JobManifest", "JobState", "advance", "is_final", "parse", "render"]

VERSION: Final = 2  # what a lead writes
FIRST_VERSION: Final = 1  # read, kept and run as long as a job of it may be stored
MAX_SITES: Final = 100
MAX_COLUMNS: Final = 200
MAX_ROUNDS: Final = 1000
MAX_STEPS: Final = 100_000
MAX_ROWS: Final = 1000
MAX_ROUND_SECONDS: Final = 86_400.0
LEAST_NOISE: Final = 0.1  # with these, a clip is 419 to 2**26 units of the grid of sums
MOST_NOISE: Final = 1e4
LEAST_CLIP: Final = 1e-6
MOST_CLIP: Final = 1e3
_DID: Final = r"did:[a-z0-9]+:\S+"
_IRI: Final = r"[A-Za-z][A-Za-z0-9+.-]*:\S+"


_MEMBERS: Final = (
    *("version", "job", "lead", "purpose", "contracts", "model", "features", "target"),
    *("unit", "privacy", "learningRate", "rounds", "quorum", "roundSeconds", "deadline", "code"),
)
# Of each version: what it has besides, and what it may have.
_SINCE: Final[Mapping[int, tuple[str, ...]]] = {1: (), 2: ("optimiser",)}
_MAYBE: Final[Mapping[int, tuple[str, ...]]] = {1: (), 2: ("start", "evaluation", "engine")}


class JobState(StrEnum):
    """Life of a job, the same on both sides."""

    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REFUSED = "REFUSED"


# From each state, the states that may follow. A job may fail or be cancelled before it runs.
TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.SUBMITTED: frozenset(
        {JobState.ACCEPTED, JobState.REFUSED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.ACCEPTED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.REFUSED: frozenset(),
}

# What a state means at the lead, and at a site.
MEANINGS: Final[Mapping[JobState, tuple[str, str]]] = {
    JobState.SUBMITTED: ("signed; the sites are asked", "–"),
    JobState.ACCEPTED: (
        "a quorum has accepted",
        "accepted; its ε is reserved",
    ),
    JobState.RUNNING: ("rounds run", "a round was charged"),
    JobState.COMPLETED: ("all rounds are done; there is a model", "its lead has completed the job"),
    JobState.FAILED: (
        "it cannot go on; the reason is kept",
        "the site has completed its part",
    ),
    JobState.CANCELLED: ("the lead has ended it", "the site has completed its part"),
    JobState.REFUSED: ("refusals left no quorum", "refused, and nothing was reserved"),
}


def advance(state: JobState | str, to: JobState) -> JobState:
    """Return `to` when the table allows the step.

    Raises:
        StepIllegal: it does not, or `state` is no state.
    """
    if state not in TRANSITIONS or to not in TRANSITIONS[JobState(state)]:
        raise StepIllegal(f"a job in state `{state}` cannot become `{to}`")
    return to


def is_final(state: JobState | str) -> bool:
    """Tell whether nothing can follow this state."""
    return not TRANSITIONS[JobState(state)]


def parse(data: bytes) -> JobManifest:
    """Read a manifest strictly.

    Args:
        data: JSON, UTF-8.

    Raises:
        ManifestInvalid: with the JSON pointer of the first fault.
    """
    root = read(data, ManifestInvalid)
    stated = root.child("version")  # where it is missing, that is said like of any other member
    version = VERSION if stated.value is None else stated.integer(least=FIRST_VERSION, most=VERSION)
    part = root.fields(*_MEMBERS, *_SINCE[version], maybe=_MAYBE[version])
    features = part["features"].items(least=1, most=MAX_COLUMNS)
    predicted = target.read(part["target"], version)
    manifest = JobManifest(
        version=part["version"].integer(),
        job=part["job"].text(pattern=_IRI),
        lead=part["lead"].text(pattern=_DID),
        purpose=part["purpose"].text(pattern=_IRI),
        contracts=tuple(
            _contract(item) for item in part["contracts"].items(least=1, most=MAX_SITES)
        ),
        model=model.read(part["model"], version),
        features=tuple(feature.read(item, version) for item in features),
        target=predicted,
        unit=_unit(part["unit"]),
        privacy=_privacy(part["privacy"]),
        learning_rate=part["learningRate"].number(above=0, most=1e6),
        rounds=part["rounds"].integer(least=1, most=MAX_ROUNDS),
        quorum=part["quorum"].integer(least=1, most=MAX_SITES),
        round_seconds=part["roundSeconds"].number(above=0, most=MAX_ROUND_SECONDS),
        deadline=part["deadline"].instant(),
        code=part["code"].digest(),
        optimiser=optimiser.read(part["optimiser"]) if "optimiser" in part else PLAIN,
        start=_start(part["start"]) if "start" in part else None,
        evaluation=(
            evaluation.read(part["evaluation"], predicted) if "evaluation" in part else None
        ),
        engine=part["engine"].exactly(*ENGINES) if "engine" in part else EXACT,
    )
    _check_sites(manifest)
    _check_columns(manifest)
    if manifest.exact and manifest.evaluates(manifest.rounds):
        part["evaluation"].child("every").refuse(
            "must be at least `/rounds`: without noise the last model alone is evaluated"
        )
    model.check(part["model"], manifest.model, manifest.target, manifest.features)
    return manifest


def render(manifest: JobManifest) -> dict[str, Any]:
    """Return the manifest as a JSON value; `parse` of its bytes gives the manifest again."""
    return {
        "version": manifest.version,
        "job": manifest.job,
        "lead": manifest.lead,
        "purpose": manifest.purpose,
        "contracts": [_render_contract(contract) for contract in manifest.contracts],
        "model": model.render(manifest.model),
        "features": [feature.render(each, manifest.version) for each in manifest.features],
        "target": target.render(manifest.target, manifest.version),
        "unit": {"column": manifest.unit.column, "rows": manifest.unit.rows},
        "privacy": _render_privacy(manifest.privacy),
        "learningRate": manifest.learning_rate,
        "rounds": manifest.rounds,
        "quorum": manifest.quorum,
        "roundSeconds": manifest.round_seconds,
        "deadline": manifest.deadline.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "code": manifest.code,
        **_render_new(manifest),
    }


def _render_new(manifest: JobManifest) -> dict[str, Any]:
    """Return what version 1 has not."""
    if manifest.version == FIRST_VERSION:
        return {}
    new: dict[str, Any] = {"optimiser": optimiser.render(manifest.optimiser)}
    if manifest.start is not None:
        new["start"] = {"digest": manifest.start.digest, "source": manifest.start.source}
    if manifest.evaluation is not None:
        new["evaluation"] = evaluation.render(manifest.evaluation)
    if manifest.engine != EXACT:
        new["engine"] = manifest.engine
    return new


def _contract(member: Member) -> SiteContract:
    part = member.fields("site", "agreement", "digest", "receipt", "dataset", "population")
    return SiteContract(
        site=part["site"].text(pattern=_DID),
        agreement=part["agreement"].text(pattern=_IRI),
        digest=part["digest"].digest(),
        receipt=part["receipt"].text(most=65_536),
        dataset=part["dataset"].text(pattern=_IRI),
        population=part["population"].integer(least=1, most=10**9),
    )


def _start(member: Member) -> Start:
    part = member.fields("digest", "source")
    return Start(part["digest"].digest(), part["source"].text())


def _unit(member: Member) -> Unit:
    part = member.fields("column", "rows")
    return Unit(part["column"].text(), part["rows"].integer(least=1, most=MAX_ROWS))


def _privacy(member: Member) -> Privacy:
    part = member.fields("epsilon", "delta", "noiseMultiplier", "samplingRate", "steps", "clip")
    delta = part["delta"].number(above=0, most=1)
    if delta == 1:
        part["delta"].refuse("must be below 1")
    return Privacy(
        epsilon=part["epsilon"].number(above=0, most=1000),
        delta=delta,
        noise_multiplier=part["noiseMultiplier"].number(above=LEAST_NOISE, most=MOST_NOISE),
        sampling_rate=part["samplingRate"].number(above=0, most=1),
        steps=part["steps"].integer(least=1, most=MAX_STEPS),
        clip=part["clip"].number(above=LEAST_CLIP, most=MOST_CLIP),
    )


def _check_sites(manifest: JobManifest) -> None:
    if len(set(manifest.sites)) != len(manifest.sites):
        raise ManifestInvalid("/contracts", "names a site twice")
    if manifest.quorum > len(manifest.contracts):
        raise ManifestInvalid("/quorum", "must be at most the number of contracts")
    if manifest.privacy.steps % manifest.rounds:
        raise ManifestInvalid("/privacy/steps", "must be a multiple of `/rounds`")
    for index, contract in enumerate(manifest.contracts):
        # A lead that counted as a site would stand in for one that others believe takes part.
        if contract.site == manifest.lead:
            raise ManifestInvalid(f"/contracts/{index}/site", "is the lead")
        # The update is divided by q times the population: below one person it would grow instead.
        if manifest.privacy.sampling_rate * contract.population < 1:
            raise ManifestInvalid(
                f"/contracts/{index}/population", "is too small for `/privacy/samplingRate`"
            )


def _check_columns(manifest: JobManifest) -> None:
    names = sorted(each.column for each in manifest.features)
    twice = [name for name, following in pairwise(names) if name == following]
    if twice:
        raise ManifestInvalid("/features", f"names the column `{twice[0]}` twice")
    for index, each in enumerate(manifest.features):
        if each.column in (manifest.target.column, manifest.unit.column):
            raise ManifestInvalid(f"/features/{index}/column", "is the target or the person")
    if manifest.width > MAX_WIDTH:
        raise ManifestInvalid("/features", f"makes more than {MAX_WIDTH} inputs")
    if manifest.unit.column in manifest.target.columns:
        raise ManifestInvalid("/unit/column", "is used by the target")


def _render_contract(contract: SiteContract) -> dict[str, Any]:
    return {
        "site": contract.site,
        "agreement": contract.agreement,
        "digest": contract.digest,
        "receipt": contract.receipt,
        "dataset": contract.dataset,
        "population": contract.population,
    }


def _render_privacy(privacy: Privacy) -> dict[str, Any]:
    return {
        "epsilon": privacy.epsilon,
        "delta": privacy.delta,
        "noiseMultiplier": privacy.noise_multiplier,
        "samplingRate": privacy.sampling_rate,
        "steps": privacy.steps,
        "clip": privacy.clip,
    }
