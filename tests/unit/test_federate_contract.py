"""The sector's contract on a model of dropout runs: a job granted and three refused, to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.jsonld.policy import policy_document, read_policy
from connector.services.duties import keeping
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.negotiation import terms
from federated.job import JobState
from federated.privacy.rule import Rule
from policies_odrl import AssetRef, PartyRef, Policy, PolicyKind
from tests.support import federation as nodes
from tests.support.federation import MARKETING, Federation, set_at
from tests.support.jobs import all_running, over, site_over, submitted
from tests.unit.test_use_templates import written

GUIDANCE = "https://w3id.org/dpv/sector/education#StudentGuidanceManagement"


def agreed(lead: str, site: str, dataset: str, number: int) -> Policy:
    """Return the contract as a site and the lead have signed it."""
    return replace(
        read_policy(written("decrochage")),
        kind=PolicyKind.AGREEMENT,
        id=f"urn:uuid:00000000-0000-4000-8000-{number:012x}",
        target=AssetRef(dataset),
        assigner=PartyRef(site),
        assignee=PartyRef(lead),
        timestamp="2026-11-24T15:00:00Z",
    )


@pytest.fixture
def federation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Federation:
    """A centre and three académies, each with a contract of this text."""

    def policy(lead: str, site: str, dataset: str, number: int, **_: Any) -> dict[str, Any]:
        return policy_document(agreed(lead, site, dataset, number))

    monkeypatch.setattr(nodes, "policy", policy)
    until = terms.outline(agreed("urn:a", "urn:b", "urn:c", 1), MECHANISMS).valid_until
    return Federation(tmp_path, until=until)


def test_a_model_of_dropout_is_trained_over_three_sites(federation: Federation) -> None:
    with all_running(federation):
        job_id = submitted(federation, purpose=GUIDANCE)
        over(federation, job_id, JobState.COMPLETED)
        site_over(federation, job_id, JobState.COMPLETED)
    assert lead_jobs.result(federation.lead.ports, job_id).read_bytes().startswith(b"model:")
    for did, agreement in federation.agreements.items():
        site = federation.nodes[did]
        assert site.reservation(job_id).counted_rounds(Rule.RENYI) == 3
        with site.ports.store.write() as tx:
            assert keeping.refresh(site.ports, tx, agreement) == ()  # it obliges to nothing more


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (set_at("purpose", to=MARKETING), "PURPOSE_FORBIDDEN"),
        (set_at("privacy", "epsilon", to=3.5), "BUDGET_EXCEEDED"),
        (set_at("quorum", to=2), "TOO_FEW_SITES"),
        (set_at("purpose", to=GUIDANCE), ""),
    ],
)
def test_a_job_beyond_the_contract_is_refused(
    federation: Federation, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    _, body = federation.submission(change, purpose=GUIDANCE)
    answer = federation.ask(federation.site(), body)
    assert (answer["accepted"], answer["code"]) == (not code, code)
