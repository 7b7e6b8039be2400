"""From a request to a signed manifest: what is taken from where, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.domain.contract.negotiation import Role
from connector.errors import AgreementUnknown, ConfigurationInvalid, Malformed
from connector.identity import jws
from connector.identity.key import Relationship
from connector.identity.receipts.job_receipts import MANIFEST_TYPE
from connector.jsonld.canonical import canonical, parse_object
from connector.services.federation.lead import book
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.lead.request import complete
from federated import modelfile
from federated.job import JobState, parse
from federated.privacy.event import sampled_gaussian
from federated.privacy.question import Epsilon
from federated.training import checkpoint
from tests.support.contracts import NOW
from tests.support.each import over
from tests.support.federation import CODE, LEAD, SITES, Federation

PRIVACY = {
    "epsilon": 1.5,
    "delta": 1e-5,
    "noiseMultiplier": 1.0,
    "samplingRate": 0.5,
    "steps": 6,
    "clip": 1.0,
}


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def test_contracts_and_recipe_come_from_what_was_signed(federation: Federation) -> None:
    manifest, data = complete(federation.lead.ports, federation.request())
    assert parse(data) == manifest
    assert canonical(parse_object(data)) == data
    assert (manifest.lead, manifest.code, manifest.quorum) == (LEAD, CODE, 3)
    for contract, site in zip(manifest.contracts, SITES, strict=True):
        agreement = federation.agreements[site]
        assert contract.site == site
        assert (contract.agreement, contract.digest) == (agreement.id, agreement.digest)
        assert (contract.receipt, contract.dataset) == (agreement.receipt, agreement.dataset_id)
        assert contract.population == agreement.population


def test_what_is_left_out_has_a_default(federation: Federation) -> None:
    request = federation.request()
    for name in ("roundSeconds", "deadlineSeconds"):
        del request[name]
    manifest, _ = complete(federation.lead.ports, request)
    assert manifest.round_seconds == 60
    assert manifest.deadline == NOW + timedelta(seconds=3600)


def test_noise_that_is_left_out_is_calibrated_and_never_too_little(federation: Federation) -> None:
    privacy = {name: value for name, value in PRIVACY.items() if name != "noiseMultiplier"}
    lead = federation.lead
    manifest, _ = complete(lead.ports, federation.request(privacy={**privacy, "epsilon": 1.3}))
    sigma = manifest.privacy.noise_multiplier
    (cost,) = lead.accountant.costs([Epsilon((sampled_gaussian(sigma, 0.5, 6),), 1e-5)])
    assert 1.29 < cost <= 1.3
    assert sigma == round(sigma, 3)


def test_a_job_is_signed_and_stored_before_any_site_hears_of_it(federation: Federation) -> None:
    lead = federation.lead
    job = lead_jobs.submit(lead.ports, federation.request())
    jws.verify_detached(
        job.signature,
        job.manifest,
        lead.member.document,
        Relationship.ASSERTION,
        MANIFEST_TYPE,
    )
    assert lead.job(job.id) == job
    assert (job.state, job.peer, job.round) == (JobState.SUBMITTED, LEAD, 0)
    assert lead.link.calls == []
    assert lead.log(job.id) == ["job.submitted"]
    assert lead.ports.wakeups.wait("lead", 0)


def test_a_public_model_is_stated_by_digest_and_kept_as_the_state_before_round_1(
    federation: Federation,
) -> None:
    model = checkpoint.save({"layers.0.weight": np.ones((1, 1), np.float32)})
    start = {"source": "https://models.example/m", "model": base64.b64encode(model).decode()}
    lead = federation.lead
    job = lead_jobs.submit(lead.ports, federation.request(start=start))
    stated = parse(job.manifest).start
    assert stated is not None
    assert stated.digest == modelfile.digest(model)
    assert book.resume_from(lead.ports, job) == book.Completed(model)
    assert book.rounds(lead.ports, job.id) == []


def test_a_request_without_kind_of_target_is_one_of_thresholds_by_group(
    federation: Federation,
) -> None:
    manifest, _ = complete(federation.lead.ports, federation.request())
    assert (manifest.version, manifest.target.kind) == (2, "threshold-by-group")
    age = {"column": "age", "kind": "number", "low": 5, "high": 15}
    first, _ = complete(federation.lead.ports, federation.request(version=1, features=[age]))
    assert first.version == 1
    assert first.target == manifest.target


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rounds": 4}, "/privacy/steps: must be a multiple of `/rounds`; found `6`"),
        ({"colour": "red"}, "/colour: is not a member; known members: purpose, "),
        ({"start": {"source": "x", "model": "?"}}, "/start/model: must be a file in Base64"),
        ({"start": {"source": "x", "model": "AAAA"}}, "/start/model: the model file is not an npz"),
    ],
)
def test_an_error_names_the_member_what_was_found_and_what_is_allowed(
    federation: Federation, change: Mapping[str, Any], says: str
) -> None:
    with pytest.raises(Malformed) as caught:
        complete(federation.lead.ports, federation.request(**change))
    assert f"request {says}" in caught.value.reason


def without(name: str) -> Mapping[str, Any]:
    return {name: ...}


BAD: list[tuple[str, Mapping[str, Any], type[Exception]]] = [
    ("no agreements", {"agreements": []}, Malformed),
    ("agreements as text", {"agreements": "urn:a"}, Malformed),
    ("agreement as number", {"agreements": [1]}, Malformed),
    ("unknown agreement", {"agreements": ["urn:none"]}, AgreementUnknown),
    ("unknown member", {"lead": LEAD}, Malformed),
    ("code of the asker", {"code": CODE}, Malformed),
    ("no privacy", without("privacy"), Malformed),
    ("privacy as list", {"privacy": []}, Malformed),
    ("unknown privacy member", {"privacy": {**PRIVACY, "seed": 1}}, Malformed),
    ("no steps", {"privacy": {"epsilon": 1, "delta": 1e-5, "samplingRate": 0.5}}, Malformed),
    ("steps as text", {"privacy": {**PRIVACY, "steps": "6"}}, Malformed),
    ("ε as truth", {"privacy": {**PRIVACY, "epsilon": True}}, Malformed),
    ("ε of zero", {"privacy": {**PRIVACY, "epsilon": 0}}, Malformed),
    ("δ of one", {"privacy": {**PRIVACY, "delta": 1}}, Malformed),
    ("ε not finite", {"privacy": {**PRIVACY, "epsilon": float("nan")}}, Malformed),
    ("no purpose", without("purpose"), Malformed),
    ("no model", without("model"), Malformed),
    ("no rounds", without("rounds"), Malformed),
    ("uneven rounds", {"rounds": 4}, Malformed),
    ("quorum above the sites", {"quorum": 4}, Malformed),
    ("deadline in the past", {"deadlineSeconds": -1}, Malformed),
    ("deadline as text", {"deadlineSeconds": "1h"}, Malformed),
    ("deadline beyond time", {"deadlineSeconds": 1e18}, Malformed),
    ("round of no time", {"roundSeconds": 0}, Malformed),
]


@over(("name", "change", "error"), BAD, [case[0] for case in BAD])
def test_a_request_that_is_none_stores_nothing(
    federation: Federation, name: str, change: Mapping[str, Any], error: type[Exception]
) -> None:
    request = {**federation.request(), **change}
    request = {key: value for key, value in request.items() if value is not ...}
    with pytest.raises(error):
        lead_jobs.submit(federation.lead.ports, request)
    assert lead_jobs.jobs(federation.lead.ports).values == ()
    assert name


def test_an_agreement_named_twice(federation: Federation) -> None:
    name = federation.agreements[SITES[0]].id
    with pytest.raises(Malformed, match="twice"):
        complete(federation.lead.ports, federation.request(agreements=[name, name]))


def test_an_agreement_that_is_not_ours_to_use(federation: Federation) -> None:
    agreement = federation.agreements[SITES[0]]
    for changed in (replace(agreement, role=Role.CONSUMER, finalized=False), agreement):
        with federation.lead.ports.store.write() as tx:
            tx.agreements.put(changed)
        with pytest.raises(AgreementUnknown):
            complete(federation.lead.ports, federation.request())


def test_a_node_without_recipe_leads_no_job(federation: Federation) -> None:
    ports = replace(federation.lead.ports, code_hash="")
    with pytest.raises(ConfigurationInvalid):
        complete(ports, federation.request())
