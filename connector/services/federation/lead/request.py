"""From a data scientist's request to the manifest that the lead signs.

Rules: contracts, receipts, populations and the recipe's hash are taken from what was signed and
from this node, never from the request; what the request leaves out has a stated default, or is what
the data dictionaries say (`features.py`); numbers are written so that reading them again gives the
same manifest. Whether the job fits the contracts is the sites' decision.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from connector.domain import instant
from connector.domain.contract.negotiation import Agreement, Role
from connector.errors import (
    AgreementUnknown,
    ConfigurationInvalid,
    JobRefused,
    Malformed,
    PreauError,
)
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.jsonld.canonical import canonical
from connector.ports import Accountant, Ports, Transaction
from connector.services.federation.lead import features
from connector.services.federation.request.form import faults, shown
from connector.services.federation.request.members import REQUEST
from connector.services.negotiation import agree
from connector.services.negotiation.described import facts_of
from federated import modelfile
from federated.errors import DataFileUnreadable, ManifestInvalid
from federated.job import FIRST_VERSION, MAX_SITES, VERSION, JobManifest, parse
from federated.privacy.event import Event
from federated.reading import Member
from federated.task import evaluation, optimiser
from federated.task.engine import EXACT, recipe
from federated.task.target import ThresholdByGroup

ROUND_SECONDS: Final = 60.0
DEADLINE_SECONDS: Final = 3600.0
_PLAIN: Final = ("purpose", "model", "target", "unit", "learningRate", "rounds")
# What stands where a simulation has no contract.
_NOBODYS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "site": "did:example:site",
        "agreement": "urn:example:none",
        "digest": "0" * 64,
        "receipt": "none",
        "dataset": "urn:example:none",
        "population": 10**9,
    }
)
_NEW: Final = ("optimiser", "evaluation", "engine")  # in version 2
_LOCATED: Final = re.compile(r"request (/\S*): (.*)")
_MEASURES: Final = ("epsilon", "delta", "samplingRate")
_PRIVACY: Final = (*_MEASURES, "noiseMultiplier", "steps", "clip")


def complete(ports: Ports, request: Mapping[str, Any]) -> tuple[JobManifest, bytes]:
    """Return the manifest of a request and its canonical bytes.

    Args:
        ports: of the lead.
        request: as `request/members.py` says; what it may leave out is completed here, and of
            features by `features.py`.

    Raises:
        Malformed: the request is not what is described, or asks for the impossible.
        AgreementUnknown: an agreement is not one that we may use.
        ContractEnded: a party has ended one.
        ContractSuspended: a party has suspended one.
        ConfigurationInvalid: this node has no training recipe.
        JobRefused: no noise keeps the ε that was asked.
    """
    for fault in faults(request, REQUEST):
        raise refusal(fault.pointer, fault.what)
    asked = Member(request, partial(_refusal, request))
    names = _names(asked.child("agreements"))
    with ports.store.read() as tx:
        agreements = [usable(tx, name) for name in names]
        own = of_task(request, asked, lambda: [facts_of(tx, each) for each in agreements])
    if not ports.code_hash:
        raise ConfigurationInvalid(
            "this node has no training recipe", hint="install the extra `federated`"
        )
    body = {
        "job": ports.ids.new(),
        "lead": ports.settings.did,
        "contracts": [_contract(agreement) for agreement in agreements],
        "privacy": with_noise(ports.accountant, request["privacy"], _evaluations(own)),
        "quorum": request.get("quorum", len(agreements)),
        "roundSeconds": request.get("roundSeconds", ROUND_SECONDS),
        "deadline": _deadline(ports.clock.now(), asked.child("deadlineSeconds")),
        "code": recipe(ports.code_hash, own.get("engine", EXACT)),
        **own,
    }
    data = canonical(body)
    return _parsed(body, data), data


def simulated(
    accountant: Accountant, request: Mapping[str, Any], known: DatasetFacts | None = None
) -> JobManifest:
    """Return the manifest of a request that is tried on rows of one's own; no contract is named.

    Args:
        accountant: for noise that the request leaves out.
        request: as of `complete`; `agreements`, `quorum` and times count for nothing here.
        known: what a dictionary says of the columns; without, each feature is stated in full.

    Raises:
        Malformed: the request is not what is described, or asks for the impossible.
        JobRefused: no noise keeps the ε that was asked.
    """
    request = {"agreements": [_NOBODYS["agreement"]], **request}
    for fault in faults(request, REQUEST):
        raise refusal(fault.pointer, fault.what)
    asked = Member(request, partial(_refusal, request))

    def described() -> list[DatasetFacts]:
        if known is None:
            asked.child("features").refuse(
                "must each state `kind`, `missing`, and `low` and `high` or `values`, where a "
                "simulation has no data dictionary"
            )
        return [known]

    own = of_task(request, asked, described)
    body = {
        "job": "urn:example:simulation",
        "lead": "did:example:lead",
        "contracts": [dict(_NOBODYS)],
        "privacy": with_noise(accountant, request["privacy"], _evaluations(own)),
        "quorum": 1,
        "roundSeconds": ROUND_SECONDS,
        "deadline": "9999-12-31T00:00:00Z",
        "code": _NOBODYS["digest"],
        **own,
    }
    return _parsed(body, canonical(body))


def _parsed(body: Mapping[str, Any], data: bytes) -> JobManifest:
    try:
        return parse(data)
    except ManifestInvalid as exc:
        raise _refusal(body, exc.pointer, exc.fault) from exc


def of_task(
    request: Mapping[str, Any], asked: Member, described: Callable[[], list[DatasetFacts]]
) -> dict[str, Any]:
    """Return the members of the manifest that say what is learnt, and its version.

    Raises:
        Malformed: a feature leaves out what `described` does not say.
    """
    version = int(request.get("version", VERSION))
    found = {name: request[name] for name in _PLAIN} | {"version": version}
    found["features"] = features.completed(asked.child("features"), described, version)
    if "start" in request:
        found["start"] = _start(asked.child("start"))
    if version == FIRST_VERSION:  # its reader says that it knows none
        return found | {name: request[name] for name in _NEW if name in request}
    return found | _since_2(request, asked)


def _since_2(request: Mapping[str, Any], asked: Member) -> dict[str, Any]:
    """Return what a manifest of version 2 states and a request may leave out."""
    found = {
        "optimiser": optimiser.completed(request.get("optimiser", {})),
        "target": {"kind": ThresholdByGroup.kind, **request["target"]},
    }
    if "evaluation" in request:
        stated, epsilon = request["evaluation"], request["privacy"]["epsilon"]
        made = evaluation.completed(stated, request["rounds"], epsilon)
        if made["noiseMultiplier"] == evaluation.NONE and made["every"] < request["rounds"]:
            every = asked.child("evaluation").child("every")
            every.refuse("must be left out: without noise the last model alone is evaluated")
        found["evaluation"] = made
    if request.get("engine", EXACT) != EXACT:
        found["engine"] = request["engine"]
    return found


def _evaluations(task: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return what the evaluations of a job release."""
    if "evaluation" not in task:
        return ()
    every, bins, noise = (task["evaluation"][name] for name in ("every", "bins", "noiseMultiplier"))
    asked = evaluation.Evaluation(every, bins, 0.0 if noise == evaluation.NONE else noise)
    return asked.released(asked.times(task["rounds"]))


def _start(member: Member) -> dict[str, Any]:
    """Return the member `start` of a manifest: the model's digest in place of its bytes."""
    part = member.fields("source", "model")
    try:
        found = modelfile.digest(base64.b64decode(part["model"].content(), validate=True))
    except binascii.Error:
        raise refusal(part["model"].pointer, "must be a file in Base64") from None
    except DataFileUnreadable as exc:
        raise refusal(part["model"].pointer, exc.reason) from exc
    return {"digest": found, "source": part["source"].value}


def start_model(request: Mapping[str, Any]) -> bytes:
    """Return the public model of a request that `complete` has read; empty for none."""
    return base64.b64decode(request["start"]["model"]) if "start" in request else b""


def refusal(pointer: str, fault: str) -> Malformed:
    """Return the error of a fault of a request at a pointer (RFC 6901)."""
    return Malformed(f"request {pointer or '/'}: {fault}")


def located(refused: PreauError) -> tuple[str, str]:
    """Return the pointer and the fault of what `refusal` says; no pointer of another reason."""
    found = _LOCATED.fullmatch(refused.reason)
    return (found[1].rstrip("/"), found[2]) if found else ("", refused.reason)


def _refusal(document: Mapping[str, Any], pointer: str, fault: str) -> Malformed:
    """Return the error of a fault of a request, with what was found there."""
    value: Any = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (LookupError, ValueError, TypeError):
            return refusal(pointer, fault)  # nothing is there
    return refusal(pointer, f"{fault}; found {shown(value)}")


def _names(member: Member) -> list[str]:
    names = [item.text() for item in member.items(least=1, most=MAX_SITES)]
    if len(set(names)) != len(names):
        member.refuse("names one of them twice")
    return names


def usable(tx: Transaction, name: str) -> Agreement:
    """Return a contract under which we may lead a job.

    Raises:
        AgreementUnknown: it is not one of ours as consumer, or not final.
        ContractEnded: a party has ended it.
        ContractSuspended: a party has suspended it.
    """
    agreement = tx.agreements.get(name)
    if agreement is None or agreement.role is not Role.CONSUMER:
        raise AgreementUnknown(f"no agreement `{name}` in which this node is the consumer")
    if not agreement.finalized:
        raise AgreementUnknown(f"the agreement `{name}` is not finalized yet")
    agree.check_stands(agreement)
    return agreement


def _contract(agreement: Agreement) -> dict[str, Any]:
    return {
        "site": agreement.provider,
        "agreement": agreement.id,
        "digest": agreement.digest,
        "receipt": agreement.receipt,
        "dataset": agreement.dataset_id,
        "population": agreement.population,
    }


def with_noise(
    accountant: Accountant, asked: object, beside: Sequence[Event] = ()
) -> dict[str, Any]:
    """Return the `privacy` of a request, its noise calibrated to its ε where it is left out.

    Args:
        accountant: calibrates.
        asked: the member of the request.
        beside: what else the job releases within that ε.

    Raises:
        Malformed: it is not what is described.
        JobRefused: no noise keeps the ε that was asked.
        WorkerFailed: the accountant did not answer.
    """
    member = Member(asked, refusal, (None, "privacy"))
    privacy = {name: each.value for name, each in member.fields(maybe=_PRIVACY).items()}
    if privacy.get("noiseMultiplier") is None:
        privacy["noiseMultiplier"] = _calibrated(accountant, member, beside)
    return privacy


def _calibrated(accountant: Accountant, member: Member, beside: Sequence[Event]) -> float:
    epsilon, delta, rate = (member.child(name).number() for name in _MEASURES)
    steps = member.child("steps").integer(least=1)
    ranges = {
        "epsilon": (epsilon > 0, "above 0"),
        "delta": (0 < delta < 1, "between 0 and 1"),
        "samplingRate": (0 < rate <= 1, "above 0 and at most 1"),
    }
    wrong = [
        f"`privacy/{name}` must be {form}" for name, (good, form) in ranges.items() if not good
    ]
    if wrong:
        raise JobRefused("; ".join(wrong))
    # Rounded up to what people read: more noise than needed costs less ε, never more.
    try:
        sigma = accountant.calibrate(
            epsilon=epsilon, delta=delta, sampling_rate=rate, steps=steps, beside=beside
        )
    except JobRefused as exc:
        fault = f"{exc.reason}: ask for a larger ε or δ, or for fewer steps or evaluations"
        raise JobRefused(f"request /privacy: {fault}") from exc
    return (int(sigma * 1000) + 1) / 1000


def _deadline(now: datetime, member: Member) -> str:
    seconds = DEADLINE_SECONDS if member.value is None else member.number(above=0)
    try:
        return instant.text(now + timedelta(seconds=seconds))
    except OverflowError:
        member.refuse("is too large")
