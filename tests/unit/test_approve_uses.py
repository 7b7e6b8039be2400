"""Persons decide on each use of a contract, where it was made so: nothing is charged before."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.catalog.review import Decision, Review
from connector.domain.contract.approval import Approval, ApprovalState, Subject
from connector.domain.contract.notice import Act
from connector.errors import ApprovalAwaited, ApprovalDiffers, TooManyRequests
from connector.jsonld.canonical import canonical, sha256_hex
from connector.protocol.messages import JobCancellation
from connector.services.approval import deciding, reviewing, timing, viewing
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.site.cancellation import cancel_job
from connector.services.negotiation import notices
from connector.services.publication import entries, publish, withdrawing
from federated.job import JobState, is_final
from tests.support.federation import CODE, SITES, Federation, Node, running, wait_for
from tests.support.link import description, link, offer
from tests.support.management import commanded
from tests.support.negotiating import State, ask, both, states

HOUR = 3600.0
EACH = Review(Decision.USE, ("dpo",), 48, 144)


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    """Whose first site decides on each use."""
    return reviewed(Federation(tmp_path), EACH)


def reviewed(federation: Federation, review: Review) -> Federation:
    with federation.site().ports.store.write() as tx:
        agreement = tx.agreements.get(federation.agreements[SITES[0]].id)
        assert agreement is not None
        tx.agreements.put(replace(agreement, review=review))
    return federation


def waiting(node: Node) -> Approval:
    (found,) = deciding.approvals(node.ports).values
    return found


def awaited(federation: Federation, body: dict[str, Any]) -> None:
    with pytest.raises(ApprovalAwaited, match="waits for a person") as refusal:
        federation.ask(federation.site(), body)
    assert refusal.value.retry_after == reviewing.AGAIN_SECONDS


def untouched(node: Node) -> bool:
    with node.ports.store.read() as tx:
        return not tx.jobs.find() and not tx.reservations.find()


def test_a_job_waits_and_is_charged_once_a_person_accepts(federation: Federation) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    for _ in range(2):
        awaited(federation, body)
    found = waiting(site)
    assert (found.subject, found.roles) == (Subject.USE, ("dpo",))
    assert found.agreement_id == federation.agreements[SITES[0]].id
    assert "in 3 rounds with 3 sites for ε 1.5 at δ 1e-06" in found.figures
    assert job_id in found.figures
    shown = viewing.brief(site.ports, found.id)
    assert b"odrl" in shown.policy
    assert shown.coverage()
    assert shown.job is not None
    assert (found.asked, shown.job.job) == (base64.b64decode(body["manifest"]), job_id)
    assert untouched(site)
    decided = deciding.accept(site.ports, found.id, reason="as agreed")
    assert decided.state is ApprovalState.ACCEPTED
    assert untouched(site)
    assert federation.ask(site, body)["accepted"]
    assert federation.ask(site, body)["accepted"]
    assert site.reservation(job_id).rounds == 3


def test_two_roles_accept_both(tmp_path: Path) -> None:
    federation = reviewed(Federation(tmp_path), replace(EACH, roles=("dpo", "head")))
    _, body = federation.submission()
    awaited(federation, body)
    for role in ("head", "dpo"):
        awaited(federation, body)
        deciding.accept(federation.site().ports, waiting(federation.site()).id, role)
    assert federation.ask(federation.site(), body)["accepted"]


def test_what_a_person_refuses_is_refused_with_the_reason(federation: Federation) -> None:
    _, body = federation.submission()
    awaited(federation, body)
    deciding.refuse(federation.site().ports, waiting(federation.site()).id, "not in July")
    for _ in range(2):
        answer = federation.ask(federation.site(), body)
        assert (answer["accepted"], answer["code"]) == (False, "APPROVAL_REFUSED")
        assert answer["reasons"] == ["not in July"]


def test_what_nobody_decides_lapses_after_a_reminder(federation: Federation) -> None:
    site = federation.site()
    _, body = federation.submission()
    awaited(federation, body)
    federation.clock.advance(48 * HOUR)
    timing.turn(site.ports, steady=True)
    assert waiting(site).reminded
    federation.clock.advance(96 * HOUR)
    timing.turn(site.ports, steady=True)
    assert deciding.approvals(site.ports).values == ()
    (closed,) = deciding.approvals(site.ports, pending=False).values
    assert (closed.state, closed.code) == (ApprovalState.LAPSED, "APPROVAL_LAPSED")
    assert untouched(site)


def test_a_decision_is_on_what_was_asked(federation: Federation) -> None:
    def other(manifest: dict[str, Any]) -> None:
        manifest["learningRate"] = 0.25

    job_id, body = federation.submission()
    awaited(federation, body)
    deciding.accept(federation.site().ports, waiting(federation.site()).id)
    value, forged = federation.submission(other)
    forged = dict(forged, job_id=job_id)
    assert value != job_id
    answer = federation.ask(federation.site(), forged)  # another job under this name
    assert not answer["accepted"]
    assert federation.site().job(job_id).state == JobState.REFUSED


def test_another_manifest_of_the_same_job_is_not_what_was_asked(federation: Federation) -> None:
    changed: dict[str, Any] = {}

    def named(manifest: dict[str, Any]) -> None:
        manifest["job"] = changed.setdefault("job", manifest["job"])
        manifest["learningRate"] = changed.get("rate", manifest["learningRate"])

    _, body = federation.submission(named)
    awaited(federation, body)
    changed["rate"] = 0.25
    _, again = federation.submission(named)
    assert again["job_id"] == body["job_id"]
    site = federation.site()
    with pytest.raises(ApprovalDiffers, match="does not wait for a decision here"):
        federation.ask(site, again)
    deciding.accept(site.ports, waiting(site).id)
    with pytest.raises(ApprovalDiffers):
        federation.ask(site, again)
    assert untouched(site)
    assert federation.ask(site, body)["accepted"]


OTHER = "ab" * 32  # a recipe that the contract accepts, too


@pytest.mark.parametrize("decided", [False, True])
def test_another_recipe_than_was_decided_on_is_refused(tmp_path: Path, *, decided: bool) -> None:
    federation = reviewed(Federation(tmp_path, recipes=sorted((CODE, OTHER))), EACH)
    site = federation.site()
    _, body = federation.submission()
    awaited(federation, body)
    (found,) = deciding.approvals(site.ports).values
    assert found.recipe == CODE
    if decided:
        deciding.accept(site.ports, found.id)
    site.ports = replace(site.ports, code_hash=OTHER)  # as after an upgrade of the node
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (False, "APPROVAL_DIFFERS")
    assert deciding.approvals(site.ports).values == ()


def test_a_job_that_was_accepted_ends_where_another_recipe_runs(tmp_path: Path) -> None:
    federation = reviewed(Federation(tmp_path, recipes=sorted((CODE, OTHER))), EACH)
    site = federation.site()
    job_id, body = federation.submission()
    awaited(federation, body)
    deciding.accept(site.ports, waiting(site).id)
    assert federation.ask(site, body)["accepted"]
    site.workers.site.recipe = OTHER
    with running(site):
        assert wait_for(lambda: is_final(site.job(job_id).state))
    assert (site.job(job_id).state, site.job(job_id).code) == ("FAILED", "APPROVAL_DIFFERS")
    assert site.reservation(job_id).committed_rounds == 0


def test_the_command_shows_a_job_in_words_and_what_it_costs(federation: Federation) -> None:
    site = federation.site()
    _, body = federation.submission()
    awaited(federation, body)
    found = waiting(site)
    with commanded(site.ports) as preau:
        english = preau("approve", "show", found.id).output
        french = preau("approve", "show", found.id, "--lang", "fr").output
        job = json.loads(preau("approve", "show", found.id, "--json").output)["job"]
    assert canonical(job["manifest"]) == found.asked
    assert (job["digest"], job["recipe"]) == (sha256_hex(found.asked), CODE)
    own = {"register_id": "", "limit": 3.0, "rule": "sums", "left": 3.0, "after": 1.5}
    cap = {"register_id": site.register.id, "limit": 4.5, "rule": "sums", "left": 4.5, "after": 3.0}
    assert (job["epsilon"], job["budgets"], job["refusal"]) == (1.5, [own, cap], "")
    assert "predicts whether `score` lies above a limit by `grade`: K 430" in english
    assert "prédit si `score` dépasse un seuil selon `grade`\N{NO-BREAK SPACE}: K 430" in french
    assert re.search(r"recipe, SHA-256 +" + CODE, english)
    assert re.search(r"coûte ε +1.5", french)
    assert re.search(r"état +en attente", french)
    assert "trains on" in english
    assert "trains on" not in french
    for label in ("enforced", "checked"):
        assert label in english
    assert "asks for ε" not in english


@pytest.mark.parametrize("way", ["called off", "contract ended"])
def test_what_ends_otherwise_leaves_nothing_to_decide(federation: Federation, way: str) -> None:
    site = federation.site()
    job_id, body = federation.submission()
    awaited(federation, body)
    if way == "called off":
        message = JobCancellation(job_id, "enough").to_body()
        cancel_job(site.ports, federation.caller(site), message)
    else:
        notices.give(site.ports, federation.agreements[SITES[0]].id, Act.ENDED, "no longer")
    assert not federation.ask(site, body)["accepted"]
    assert deciding.approvals(site.ports).values == ()
    (closed,) = deciding.approvals(site.ports, pending=False).values
    assert closed.state is ApprovalState.VOID


def test_one_lead_fills_no_list_of_what_waits(federation: Federation) -> None:
    most = federation.site().ports.settings.max_jobs_per_lead
    for _ in range(most):
        awaited(federation, federation.submission()[1])
    with pytest.raises(TooManyRequests):
        federation.ask(federation.site(), federation.submission()[1])
    assert len(deciding.approvals(federation.site().ports).values) == most


def test_the_lead_sees_that_a_site_waits_and_runs_once_it_has_decided(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "AGAIN_SECONDS", 0.1)
    lead, site = federation.lead.ports, federation.site()
    with running(*federation.nodes.values()):
        job = lead_jobs.submit(lead, federation.request())

        def sites() -> dict[str, dict[str, Any]]:
            return {each["site"]: each for each in lead_jobs.progress(lead, job.id)["sites"]}

        assert wait_for(lambda: sites()[SITES[0]]["code"] == "APPROVAL_AWAITED")
        first = sites()[SITES[0]]
        assert (first["decision"], "waits for a person" in first["reason"]) == ("pending", True)
        deciding.accept(site.ports, waiting(site).id)
        assert wait_for(lambda: lead_jobs.status(lead, job.id).state == JobState.COMPLETED)
    assert sites()[SITES[0]]["code"] == ""
    assert federation.lead.log(job.id).count("job.site.waits") == 1


def test_a_contract_is_signed_at_once_and_keeps_how_its_uses_are_decided(tmp_path: Path) -> None:
    entry = {"policy": offer(), "decision": "review each use", "roles": ["dpo"]}
    assert entries.read(entry).review == EACH
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=entry))
        ask(pair)
        assert states(pair) == both(State.FINALIZED)
        (ours,), (theirs,) = pair.school.agreements(), pair.lab.agreements()
        assert (ours.review, theirs.review) == (EACH, None)
        automatic = {"policy": offer(), "decision": "automatic"}
        withdrawing.replace_offer(pair.school.ports, "urn:example:offer", automatic, "trusted")
        (still,) = pair.school.agreements()
    assert still.review == EACH
