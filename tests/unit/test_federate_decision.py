"""A site's decision about a job: a bad one has one code, changes nothing, and is in the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.privacy.budget import ReservationState
from connector.domain.privacy.census import Overlap
from connector.enforcement import carried
from connector.errors import (
    Malformed,
    PeerUnreachable,
    PreauError,
    TooManyRequests,
    WorkerFailed,
)
from connector.identity.receipts.receipt import read_receipt
from connector.jsonld.canonical import canonical, parse_object
from connector.services.federation.fitting import check_receipt
from connector.services.federation.lead.request import complete
from connector.services.federation.site import jobs as site_jobs
from connector.services.federation.site import names
from connector.services.membership import onboard
from connector.services.negotiation.agree import policy_of
from federated.job import JobState, is_final
from federated.task.engine import recipe
from tests.support.census import passing
from tests.support.contracts import NOW, of_version, stranger
from tests.support.each import over
from tests.support.federation import (
    CODE,
    END,
    LEAD,
    MARKETING,
    SITES,
    Federation,
    participant,
    running,
    set_at,
    wait_for,
)
from tests.support.keys import MemorySigner

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def refused(federation: Federation, answer: Any, job_id: str, code: str, lead: str = LEAD) -> None:
    """A refusal is one line with a code, is in the log, and reserves nothing."""
    site = federation.site()
    assert (answer["accepted"], answer["code"]) == (False, code), answer
    assert len(answer["reasons"]) == 1
    assert answer["reasons"][0]
    assert "\n" not in answer["reasons"][0]
    with site.ports.store.read() as tx:
        name = names.kept_as(tx, lead, job_id)
        assert tx.reservations.find() == []
    assert site.job(name).state == JobState.REFUSED
    assert site.log(name) == ["job.refused"]


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("logistic", {"kind": "category", "column": "grade", "positive": ["K"]}),
        ("softmax", {"kind": "classes", "column": "grade", "values": ["K", "1"]}),
        ("poisson", {"kind": "count", "column": "score", "most": 9}),
    ],
)
def test_a_target_may_be_of_any_kind_that_its_column_holds(
    federation: Federation, model: str, target: dict[str, Any]
) -> None:
    _, body = federation.submission(model={"kind": model}, target=target)
    assert federation.ask(federation.site(), body)["accepted"]


def test_a_lawful_job_is_accepted_reserved_and_logged(federation: Federation) -> None:
    job_id, body = federation.submission()
    site = federation.site()
    answer = federation.ask(site, body)
    assert answer == {"job_id": job_id, "accepted": True, "code": "", "reasons": []}
    kept = site.reservation(job_id)
    assert (kept.state, kept.rounds) == (ReservationState.OPEN, 3)
    assert [each.count for each in kept.events.items] == [2]
    assert (kept.epsilon, kept.delta, kept.agreement_id) == (
        1.5,
        1e-6,
        federation.agreements[SITES[0]].id,
    )
    assert site.job(job_id).state == JobState.ACCEPTED
    assert site.log(job_id) == ["job.accepted"]
    assert site.ports.wakeups.wait("job", 0)


def drop_contract(index: int) -> Change:
    def change(value: dict[str, Any]) -> None:
        del value["contracts"][index]
        value["quorum"] = len(value["contracts"])

    return change


def swap(name: str) -> Change:
    """Let two contracts exchange a member."""

    def change(value: dict[str, Any]) -> None:
        one, other = value["contracts"][1], value["contracts"][2]
        one[name], other[name] = other[name], one[name]

    return change


def same_agreement(value: dict[str, Any]) -> None:
    value["contracts"][2]["agreement"] = value["contracts"][1]["agreement"]


def lead_as_site(value: dict[str, Any]) -> None:
    value["contracts"][2]["site"] = LEAD


def twice(value: dict[str, Any]) -> None:
    value["contracts"].append(dict(value["contracts"][0]))


NUMBER = {"kind": "number", "missing": {"kind": "refuse"}, "low": 0, "high": 1}
TAMPERED = [
    ("another lead", set_at("lead", to="did:web:other.example"), "JOB_REFUSED"),
    ("a lead that is a site", set_at("lead", to=SITES[1]), "MALFORMED_MESSAGE"),
    ("the lead as the third site", lead_as_site, "MALFORMED_MESSAGE"),
    ("another job", None, "MANIFEST_TAMPERED"),
    ("no contract of ours", drop_contract(0), "AGREEMENT_UNKNOWN"),
    ("our contract twice", twice, "MALFORMED_MESSAGE"),
    ("unknown agreement", set_at("contracts", 0, "agreement", to="urn:none"), "AGREEMENT_UNKNOWN"),
    ("digest of ours", set_at("contracts", 0, "digest", to="00" * 32), "MANIFEST_TAMPERED"),
    ("receipt of ours", set_at("contracts", 0, "receipt", to="x"), "MANIFEST_TAMPERED"),
    ("population of ours", set_at("contracts", 0, "population", to=999), "MANIFEST_TAMPERED"),
    ("dataset of ours", set_at("contracts", 0, "dataset", to="urn:else"), "MANIFEST_TAMPERED"),
    ("fewer sites", drop_contract(2), "TOO_FEW_SITES"),
    ("a lower quorum", set_at("quorum", to=2), "TOO_FEW_SITES"),
    ("one agreement twice", same_agreement, "JOB_REFUSED"),
    ("receipts exchanged", swap("receipt"), "AGREEMENT_TAMPERED"),
    ("digests exchanged", swap("digest"), "MANIFEST_TAMPERED"),
    ("datasets exchanged", swap("dataset"), "MANIFEST_TAMPERED"),
    ("population of another", set_at("contracts", 1, "population", to=9), "MANIFEST_TAMPERED"),
    ("receipt of another", set_at("contracts", 2, "receipt", to="a.b.c"), "AGREEMENT_TAMPERED"),
    ("another purpose", set_at("purpose", to=MARKETING), "PURPOSE_FORBIDDEN"),
    ("other code", set_at("code", to="00" * 32), "JOB_REFUSED"),
    ("another unit", set_at("unit", "column", to="name"), "JOB_REFUSED"),
    ("more rows", set_at("unit", "rows", to=5), "JOB_REFUSED"),
    ("fewer rows", set_at("unit", "rows", to=3), "JOB_REFUSED"),
    ("too much ε", set_at("privacy", "epsilon", to=3.5), "BUDGET_EXCEEDED"),
    ("too much δ", set_at("privacy", "delta", to=2e-5), "BUDGET_EXCEEDED"),
    ("ε declared too low", set_at("privacy", "epsilon", to=1.4), "JOB_REFUSED"),
    ("no noise worth the name", set_at("privacy", "noiseMultiplier", to=0.2), "JOB_REFUSED"),
    ("absurd exposure", set_at("privacy", "steps", to=99_999), "JOB_REFUSED"),
    ("missing column", set_at("features", 0, "column", to="none"), "COLUMN_MISSING"),
    ("category as number", set_at("target", "column", to="grade"), "COLUMN_MISSING"),
    ("identifier as input", set_at("features", to=[{"column": "name", **NUMBER}]), "JOB_REFUSED"),
    ("identifier as target", set_at("target", "by", to="name"), "JOB_REFUSED"),
    (
        "number of a category",
        set_at("target", to={"kind": "binary", "column": "grade"}),
        "COLUMN_MISSING",
    ),
    (
        "model of another target",
        set_at("model", to={"kind": "linear"}),
        "MALFORMED_MESSAGE",
    ),
    (
        "person as input",
        set_at("features", to=[{"column": "pupil", **NUMBER}]),
        "MALFORMED_MESSAGE",
    ),
    ("deadline over", set_at("deadline", to="2026-11-24T14:59:59Z"), "DEADLINE_PASSED"),
    (
        "deadline past the contract",
        set_at("deadline", to="2027-11-24T15:00:00Z"),
        "CONTRACT_EXPIRED",
    ),
    ("uneven steps", set_at("privacy", "steps", to=7), "MALFORMED_MESSAGE"),
    ("unknown member", set_at("extra", to=1), "MALFORMED_MESSAGE"),
]


@over(("name", "change", "code"), TAMPERED, [case[0] for case in TAMPERED])
def test_a_manifest_that_does_not_fit_is_refused(
    federation: Federation, name: str, change: Change | None, code: str
) -> None:
    job_id, body = federation.submission(change)
    if change is None:
        job_id = body["job_id"] = "urn:uuid:00000000-0000-4000-8000-00000000dead"
    refused(federation, federation.ask(federation.site(), body), job_id, code)
    assert name


@pytest.mark.parametrize("job_id", ["urn:uuid:../../etc", "urn:uuid:", "urn:job:1"])
def test_an_id_that_names_no_folder_is_refused(federation: Federation, job_id: str) -> None:
    _, body = federation.submission(set_at("job", to=job_id))
    body["job_id"] = job_id
    with pytest.raises(Malformed, match="urn:uuid"):
        federation.ask(federation.site(), body)
    with federation.site().ports.store.read() as tx:
        assert (tx.jobs.find(), tx.inbox.find()) == ([], [])


def test_a_manifest_signed_by_another_is_refused(federation: Federation) -> None:
    job_id, body = federation.submission()
    _, other = federation.submission()
    body["signature"] = other["signature"]
    refused(federation, federation.ask(federation.site(), body), job_id, "MANIFEST_TAMPERED")


def test_a_manifest_signed_by_an_unknown_key_is_refused(federation: Federation) -> None:
    _, body = federation.submission()
    value = parse_object(base64.b64decode(body["manifest"]))
    job_id, forged = federation.signed(value, MemorySigner(LEAD))
    refused(federation, federation.ask(federation.site(), forged), job_id, "MANIFEST_TAMPERED")


def test_another_consumer_gets_the_answer_of_an_unknown_agreement(federation: Federation) -> None:
    site = federation.site()

    def change(value: dict[str, Any]) -> None:
        value["lead"] = SITES[1]
        drop_contract(1)(value)

    job_id, body = federation.submission(change)
    value_signer = federation.nodes[SITES[1]].member.signer
    value = parse_object(base64.b64decode(body["manifest"]))
    job_id, body = federation.signed(value, value_signer)
    answer = site_jobs.receive_job(site.ports, federation.caller(site, SITES[1]), body)
    refused(federation, answer, job_id, "AGREEMENT_UNKNOWN", SITES[1])


def test_an_expired_contract_refuses(federation: Federation) -> None:
    job_id, body = federation.submission(deadlineSeconds=40 * 86_400)
    federation.clock.set(END + timedelta(hours=1))
    with federation.site().ports.store.write() as tx:
        for entry in federation.space.cached(
            federation.space.status_list(valid_until=END + timedelta(days=2))
        ).values():
            tx.status_lists.put(entry)
    refused(federation, federation.ask(federation.site(), body), job_id, "CONTRACT_EXPIRED")


def test_a_contract_that_is_not_final_refuses(federation: Federation) -> None:
    job_id, body = federation.submission()
    with federation.site().ports.store.write() as tx:
        tx.agreements.put(replace(federation.agreements[SITES[0]], finalized=False))
    refused(federation, federation.ask(federation.site(), body), job_id, "AGREEMENT_UNKNOWN")


OTHER = "0123" * 16
BY_OPACUS = recipe(CODE, "opacus")
CHEAP = {
    "epsilon": 0.1,
    "delta": 1e-6,
    "noiseMultiplier": 4.0,
    "samplingRate": 0.5,
    "steps": 6,
    "clip": 1.0,
}


@pytest.mark.parametrize(
    ("listed", "asked", "code"),
    [
        ([CODE], CODE, ""),
        ([CODE, OTHER], CODE, ""),
        ([CODE, OTHER], OTHER, ""),  # the lead has another release; the site runs its own
        ([CODE], OTHER, "JOB_REFUSED"),
        ([OTHER], OTHER, "JOB_REFUSED"),  # the site has been upgraded past its contract
        ([OTHER], CODE, "JOB_REFUSED"),
        ([], CODE, "JOB_REFUSED"),
    ],
)
def test_a_contract_lists_the_recipes_of_both(
    tmp_path: Path, listed: list[str], asked: str, code: str
) -> None:
    federation = Federation(tmp_path, recipes=listed)
    _, body = federation.submission(set_at("code", to=asked))
    answer = federation.ask(federation.site(), body)
    assert (answer["accepted"], answer["code"]) == (not code, code)


@pytest.mark.parametrize(
    ("listed", "engines", "reason"),
    [
        ([CODE, BY_OPACUS], ("exact", "opacus"), ""),
        (
            [CODE],
            ("exact", "opacus"),
            "it is of the engine `opacus`, the contract accepts `exact` of this release",
        ),
        (["00" * 32], ("exact", "opacus"), "the contract was made for another release"),
        ([CODE, BY_OPACUS], ("exact",), "ENGINE_REFUSED"),
    ],
)
def test_a_contract_and_a_site_say_which_engines_run(
    tmp_path: Path, listed: list[str], engines: tuple[str, ...], reason: str
) -> None:
    federation = Federation(tmp_path, recipes=listed)
    site = federation.site()
    site.ports = replace(site.ports, engines=engines)
    _, body = federation.submission(engine="opacus")
    answer = federation.ask(site, body)
    assert answer["accepted"] is (not reason)
    assert reason in str(answer)


def test_a_job_whose_engine_was_left_out_since_it_was_accepted_ends(tmp_path: Path) -> None:
    federation = Federation(tmp_path, recipes=[CODE, BY_OPACUS])
    site = federation.site()
    site.ports = replace(site.ports, engines=("exact", "opacus"))
    job_id, body = federation.submission(engine="opacus")
    assert federation.ask(site, body)["accepted"]
    site.ports = replace(site.ports, engines=("exact",))
    with running(site):
        assert wait_for(lambda: is_final(site.job(job_id).state))
    assert (site.job(job_id).state, site.job(job_id).code) == ("FAILED", "ENGINE_REFUSED")
    assert site.workers.started == []


@pytest.mark.parametrize(("asked", "code"), [(CODE, ""), (OTHER, "JOB_REFUSED")])
def test_a_contract_of_version_1_accepts_the_sites_own_recipe(
    federation: Federation, asked: str, code: str
) -> None:
    site, kept = federation.site(), federation.agreements[SITES[0]]
    with site.ports.store.write() as tx:
        plan = canonical(carried.plan(policy_of(kept)).as_json())
        tx.agreements.put(replace(kept, document=of_version(kept.document, 1), plan=plan))
    _, body = federation.submission(set_at("code", to=asked), privacy=CHEAP)
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (not code, code)


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [("epsilon", 1.0, "BUDGET_EXCEEDED"), ("minimumSites", 4, "TOO_FEW_SITES")],
)
def test_what_runs_is_the_step_that_was_signed(
    tmp_path: Path, member: str, value: float, code: str
) -> None:
    """The policy alone would allow the job: the plan is executed, not compiled anew."""

    def alter(plan: Mapping[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(canonical(plan))
        changed["uses"][0]["steps"][1][member] = value
        return changed

    for change, expected in ((None, ""), (alter, code)):
        federation = Federation(tmp_path / expected, alter=change)
        _, body = federation.submission()
        answer = federation.ask(federation.site(), body)
        assert (answer["accepted"], answer["code"]) == (not expected, expected)


def test_a_site_without_recipe_refuses(federation: Federation) -> None:
    site = federation.site()
    site.ports = replace(site.ports, code_hash="")
    job_id, body = federation.submission()
    refused(federation, federation.ask(site, body), job_id, "ENGINE_REFUSED")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("missing", "DATA_FILE_MISSING"),
        ("changed", "DATA_FILE_CHANGED"),
        ("folder", "DATA_FILE_UNREADABLE"),
    ],
)
def test_a_data_file_that_is_not_the_published_one_refuses(
    federation: Federation, fault: str, code: str
) -> None:
    site = federation.site()
    assert site.dataset is not None
    path = Path(site.dataset.file.path)
    if fault == "changed":
        path.write_text("pupil\n1\n")
    else:
        path.unlink()
    if fault == "folder":
        path.mkdir()
    job_id, body = federation.submission()
    answer = federation.ask(site, body)
    refused(federation, answer, job_id, code)
    assert str(path) not in answer["reasons"][0]
    assert site.accountant.asked == 0


@pytest.mark.parametrize(
    "changes",
    [
        None,
        {"code": "ROWS_MALFORMED", "reason": "7 of 9 rows are malformed"},
        {"file": "0" * 64},
        {"overlaps": (Overlap("urn:r", 7, same_file=False, uncounted=False),)},
    ],
)
def test_a_data_file_that_passed_no_check_refuses_and_says_no_more(
    federation: Federation, changes: dict[str, Any] | None
) -> None:
    site = federation.site()
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        if changes is None:
            tx.censuses.remove(site.dataset.id)
        else:
            tx.censuses.put(replace(passing(site.dataset), **changes))
    job_id, body = federation.submission()
    answer = federation.ask(site, body)
    refused(federation, answer, job_id, "DATA_UNCHECKED")
    assert "7" not in answer["reasons"][0].replace(site.dataset.id, "")


def test_a_dataset_described_otherwise_since_the_contract_refuses(federation: Federation) -> None:
    site = federation.site()
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        tx.datasets.put(replace(site.dataset, rows_per_person=9))
    job_id, body = federation.submission()
    refused(federation, federation.ask(site, body), job_id, "JOB_REFUSED")


def test_a_provider_that_is_revoked_does_not_count(federation: Federation) -> None:
    site = federation.site()
    federation.revoke(site, SITES[2])
    job_id, body = federation.submission()
    refused(federation, federation.ask(site, body), job_id, "CREDENTIAL_REVOKED")


@pytest.mark.parametrize("failure", [PeerUnreachable("no answer"), TooManyRequests("busy")])
def test_a_provider_that_cannot_be_met_decides_nothing(
    federation: Federation, failure: PreauError
) -> None:
    site = federation.site()
    with site.ports.store.write() as tx:
        tx.participants.remove(SITES[2])

    class Nowhere:
        def get(self, *_: object, **__: object) -> bytes:
            raise failure

    site.ports = replace(site.ports, web=Nowhere())
    job_id, body = federation.submission()
    with pytest.raises(type(failure)):
        federation.ask(site, body)
    assert not site.has_job(job_id)
    with site.ports.store.write() as tx:
        tx.participants.put(participant(federation.nodes[SITES[2]].member))
    assert federation.ask(site, body)["accepted"]


def test_the_accountant_comes_last_and_its_failure_decides_nothing(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    site.accountant.failure = WorkerFailed("gone")
    with pytest.raises(WorkerFailed):
        federation.ask(site, body)
    assert not site.has_job(job_id)
    site.accountant.failure = None
    assert federation.ask(site, body)["accepted"]


def test_a_mechanism_without_finite_cost_is_refused(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    site.accountant.boundless = True
    refused(federation, federation.ask(site, body), job_id, "JOB_REFUSED")


@pytest.mark.parametrize(
    "change", [{"manifest": ""}, {"manifest": "%%"}, {"signature": ""}, {"extra": 1}, {"job_id": 7}]
)
def test_a_message_that_cannot_be_read_changes_nothing(
    federation: Federation, change: dict[str, Any]
) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    with pytest.raises(Malformed):
        federation.ask(site, {**body, **change})
    assert not site.has_job(job_id)


def test_a_caller_without_membership_is_not_heard(federation: Federation) -> None:
    """The binding judges each call; the judgement itself is what refuses."""
    site = federation.site()
    with pytest.raises(PreauError) as unknown:
        onboard.judge(site.ports, stranger("did:web:stranger.example").did)
    assert unknown.value.code == "UNKNOWN_PEER"
    federation.revoke(site, LEAD)
    with pytest.raises(PreauError) as revoked:
        onboard.judge(site.ports, LEAD)
    assert revoked.value.code == "CREDENTIAL_REVOKED"


def test_another_contract_that_ends_before_the_job_does_not_count(federation: Federation) -> None:
    soon = federation.contract(SITES[1], 0xC000, until=NOW + timedelta(minutes=30))
    federation.agreements[SITES[1]] = soon
    job_id, body = federation.submission()
    answer = federation.ask(federation.site(), body)
    refused(federation, answer, job_id, "CONTRACT_EXPIRED")
    assert SITES[1] in answer["reasons"][0]


def test_a_receipt_of_another_consumer_does_not_count(federation: Federation) -> None:
    manifest, _ = complete(federation.lead.ports, federation.request())
    provider = federation.nodes[SITES[1]].member
    receipt = read_receipt(federation.agreements[SITES[1]].receipt, provider.document)
    contract = manifest.contracts[1]
    assert check_receipt(contract, receipt, LEAD, manifest.deadline) is None
    refusal = check_receipt(contract, receipt, SITES[2], manifest.deadline)
    assert refusal is not None
    assert refusal.code == "MANIFEST_TAMPERED"


@pytest.mark.parametrize("of_lead", ["site", "provider"])
def test_a_contract_of_the_lead_itself_does_not_count(federation: Federation, of_lead: str) -> None:
    """Whoever stands in for a site is a site, and never who leads."""
    manifest, _ = complete(federation.lead.ports, federation.request())
    provider = federation.nodes[SITES[1]].member
    found = read_receipt(federation.agreements[SITES[1]].receipt, provider.document)
    contract = manifest.contracts[1]
    assert check_receipt(contract, found, LEAD, manifest.deadline) is None
    if of_lead == "site":
        contract = replace(contract, site=LEAD)
    else:
        found = replace(found, provider=LEAD)
    refusal = check_receipt(contract, found, LEAD, manifest.deadline)
    assert refusal is not None
    assert refusal.code == "JOB_REFUSED"
