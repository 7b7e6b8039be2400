"""Taking a contract back: by either party, with a reason, signed, told, in both logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.contract.notice import Act, Notice, Standing, newest, next_number, standing
from connector.domain.federation.frames import Round, RoundRefusal, RoundReply
from connector.errors import (
    AgreementUnknown,
    ContractEnded,
    ContractSuspended,
    Malformed,
    NotFound,
    PreauError,
    SignatureInvalid,
    TooManyRequests,
    Unlawful,
)
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.statements import notice as signed
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.messages.deliver import MAX_AGE, MAX_ATTEMPTS
from connector.services.negotiation import agree, notices
from connector.services.privacy import budget
from connector.services.publication import publish
from federated.job import JobState, parse
from tests.support.choices import Choices, chosen
from tests.support.contracts import NOW
from tests.support.federation import SITES, Federation, running
from tests.support.link import Link, Node, description, link
from tests.support.negotiating import State, ask, both, states


def some_notices(pick: Choices) -> list[Notice]:
    """Up to eight of two parties, each with a number of its own."""
    found: dict[tuple[str, int], Notice] = {}
    for _ in range(pick.below(9)):
        party, number = pick.one(["did:web:a", "did:web:b"]), 1 + pick.below(9)
        act = pick.one(list(Act))
        found[party, number] = Notice("urn:a", party, number, act, "over", "signed", NOW)
    return list(found.values())


NOTICES = chosen(some_notices, 25)


# Pure


@given(NOTICES, st.randoms())
def test_how_a_contract_stands_does_not_depend_on_the_order_of_arrival(
    found: list[Notice], chance: Any
) -> None:
    shuffled = chance.sample(found, len(found))
    assert standing(shuffled) is standing(found)
    if any(each.act is Act.ENDED for each in found):
        assert standing(found) is Standing.ENDED


@given(NOTICES)
def test_what_is_only_noted_changes_nothing(found: list[Notice]) -> None:
    kept = [each for each in found if each.act is not Act.NOTED]
    assert standing(kept) is standing(found)


@given(NOTICES)
def test_only_the_party_that_suspended_resumes(found: list[Notice]) -> None:
    without_end = [each for each in found if each.act is not Act.ENDED]
    rests = [newest(without_end, party) for party in ("did:web:a", "did:web:b")]
    suspended = any(each is not None and each.act is Act.SUSPENDED for each in rests)
    assert (standing(without_end) is Standing.SUSPENDED) == suspended


@given(NOTICES)
def test_a_number_is_never_used_twice(found: list[Notice]) -> None:
    number = next_number(found, "did:web:a", NOW)
    assert number not in {each.number for each in found if each.party == "did:web:a"}
    assert number >= int(NOW.timestamp())  # also where the database has forgotten some


# Between two nodes


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, "other") as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        ask(pair)
        assert states(pair) == both(State.FINALIZED)
        yield pair


def contract(node: Node) -> Any:
    (found,) = node.agreements()
    return found


def use(node: Node, caller: str) -> None:
    with node.ports.store.read() as tx:
        agree.agreement_for(node.ports, tx, contract(node).id, caller)


def give(node: Node, act: Act, reason: str = "the study is over") -> None:
    notices.give(node.ports, contract(node).id, act, reason)


@pytest.mark.parametrize("side", ["school", "lab"])
def test_either_party_ends_a_contract_for_both(pair: Link, side: str) -> None:
    use(pair.school, pair.lab.did)
    node = pair.nodes[side]
    give(node, Act.ENDED)
    assert contract(node).standing is Standing.ENDED  # here at once
    pair.pump()
    for end in (pair.school, pair.lab):
        assert contract(end).standing is Standing.ENDED
        with pytest.raises(ContractEnded):
            use(end, pair.lab.did if end is pair.school else pair.school.did)
        (entry,) = end.log("agreement.ended")
        facts = json.loads(entry.event)["facts"]
        assert (facts["by"], facts["reason"]) == (node.did, "the study is over")
        notice, digest = signed.verify(
            facts["statement"], documents.read(node.member.data, node.did)
        )
        assert (notice.act, digest) == (Act.ENDED, contract(end).digest)
    with pytest.raises(ContractEnded):
        give(pair.school if side == "lab" else pair.lab, Act.SUSPENDED)


def test_only_who_suspended_resumes_and_both_must(pair: Link) -> None:
    give(pair.school, Act.SUSPENDED)
    pair.pump()
    with pytest.raises(ContractSuspended):
        use(pair.lab, pair.school.did)
    with pytest.raises(Unlawful, match="has not suspended"):
        give(pair.lab, Act.RESUMED)
    give(pair.lab, Act.SUSPENDED)
    give(pair.school, Act.RESUMED)
    pair.pump()
    assert [contract(end).standing for end in (pair.school, pair.lab)] == [Standing.SUSPENDED] * 2
    give(pair.lab, Act.RESUMED)
    pair.pump()
    use(pair.school, pair.lab.did)
    use(pair.lab, pair.school.did)
    shown = notices.of_agreement(pair.lab.ports, contract(pair.lab).id)
    assert [each.act for each in shown].count(Act.SUSPENDED) == 2


def test_a_notice_waits_for_the_other_party_and_for_the_contract(tmp_path: Path) -> None:
    """It is delivered after FINALIZED, however soon it follows."""
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        pair.hold("ContractNegotiationEventMessage", "AgreementNotice")
        with pytest.raises(AssertionError, match="still wait"):
            ask(pair)
        give(pair.school, Act.ENDED)
        pair.deliver()
        assert not contract(pair.lab).finalized
        pair.hold()
        pair.pump()
        assert contract(pair.lab).finalized
        assert contract(pair.lab).standing is Standing.ENDED


def test_the_same_again_changes_nothing_and_sends_again(pair: Link) -> None:
    pair.hold("AgreementNotice")
    give(pair.school, Act.ENDED)
    for _ in range(MAX_ATTEMPTS + 1):
        pair.deliver(rounds=1)
        pair.clock.advance(MAX_AGE.total_seconds() / MAX_ATTEMPTS)
    assert pair.school.waiting() == []  # given up
    for node in pair.nodes.values():
        node.have_fresh_papers()
    pair.hold()
    give(pair.school, Act.ENDED, "another word")
    pair.pump()
    assert contract(pair.lab).standing is Standing.ENDED
    assert [len(end.log("agreement.ended")) for end in (pair.school, pair.lab)] == [1, 1]


def test_a_notice_that_comes_twice_is_taken_once(pair: Link) -> None:
    give(pair.lab, Act.SUSPENDED)
    pair.pump()
    pair.replay(pair.school.did)
    assert len(pair.school.log("agreement.suspended")) == 1


def test_a_reason_is_one_line(pair: Link) -> None:
    for reason in ("", "two\nlines", "x" * 301):
        with pytest.raises(Malformed):
            give(pair.lab, Act.ENDED, reason)
    with pytest.raises(NotFound):
        notices.give(pair.lab.ports, "urn:none", Act.ENDED, "over")
    assert contract(pair.lab).standing is Standing.RUNNING


def statement(node: Node, pair: Link, **changes: Any) -> m.AgreementNotice:
    """Return a message that a node signs about the contract; `changes` replace what it states."""
    held = contract(pair.lab)
    content = {
        "version": 1,
        "agreement": held.id,
        "digest": held.digest,
        "party": node.did,
        "number": 7,
        "act": "ended",
        "reason": "over",
        "at": "2026-11-24T15:00:00Z",
        **changes,
    }
    content = {name: value for name, value in content.items() if value is not None}
    token = jws.sign_compact(node.member.signer, canonical(content), signed.TYPE)
    return m.AgreementNotice("urn:uuid:00000000-0000-4000-8000-00000000aaaa", token)


HOSTILE: dict[str, tuple[dict[str, Any], type[PreauError]]] = {
    "of another party": ({"party": "did:web:other.example"}, Malformed),
    "of another document": ({"digest": "ab" * 32}, Malformed),
    "of another contract": ({"agreement": "urn:uuid:none"}, AgreementUnknown),
    "without a reason": ({"reason": ""}, Malformed),
    "with two lines": ({"reason": "a\nb"}, Malformed),
    "with a long reason": ({"reason": "x" * 301}, Malformed),
    "of an act that nobody knows": ({"act": "sold"}, Malformed),
    "of a later version": ({"version": 2}, Malformed),
    "with more": ({"also": "x"}, Malformed),
    "with less": ({"at": None}, Malformed),
    "with an odd time": ({"at": "yesterday"}, Malformed),
    "with no number": ({"number": True}, Malformed),
    "with a number below one": ({"number": 0}, Malformed),
}


def test_a_notice_that_is_none_changes_nothing(pair: Link) -> None:
    before = pair.school.state_of_everything()
    for name, (changes, error) in HOSTILE.items():
        with pytest.raises(error):
            pair.school.receive(pair.lab, statement(pair.lab, pair, **changes))
        assert pair.school.state_of_everything() == before, name
    pair.school.receive(pair.lab, statement(pair.lab, pair))  # the positive twin
    assert contract(pair.school).standing is Standing.ENDED


def test_no_third_member_takes_a_contract_back(pair: Link) -> None:
    with pytest.raises(AgreementUnknown):
        pair.school.receive(pair.other, statement(pair.other, pair))
    with pytest.raises(SignatureInvalid):
        pair.school.receive(pair.other, statement(pair.lab, pair))
    assert contract(pair.school).standing is Standing.RUNNING


def test_a_number_has_one_statement_and_nothing_follows_an_end(pair: Link) -> None:
    pair.school.receive(pair.lab, statement(pair.lab, pair, act="suspended"))
    pair.school.receive(pair.lab, statement(pair.lab, pair, act="suspended"))
    with pytest.raises(Malformed, match="another content"):
        pair.school.receive(pair.lab, statement(pair.lab, pair, act="resumed"))
    pair.school.receive(pair.lab, statement(pair.lab, pair, number=8))
    with pytest.raises(Unlawful, match="has ended"):
        pair.school.receive(pair.lab, statement(pair.lab, pair, act="resumed", number=9))


def test_a_party_fills_no_disk_with_notices_and_may_still_end(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "MOST", 2)
    for number in (1, 2):
        pair.school.receive(pair.lab, statement(pair.lab, pair, act="noted", number=number))
    with pytest.raises(TooManyRequests):
        pair.school.receive(pair.lab, statement(pair.lab, pair, act="noted", number=3))
    pair.school.receive(pair.lab, statement(pair.lab, pair, number=3))
    assert contract(pair.school).standing is Standing.ENDED


def test_an_ended_contract_frees_what_it_promised_and_not_what_was_spent(pair: Link) -> None:
    def promised() -> tuple[float, float]:
        with pair.school.ports.store.read() as tx:
            (register,) = tx.registers.find()
            return budget.promised(tx, register, NOW)

    assert promised()[0] == 3
    give(pair.school, Act.SUSPENDED)
    assert promised()[0] == 3
    give(pair.school, Act.ENDED)
    assert promised() == (0, 0)


# Jobs


def test_a_running_job_stops_before_its_next_round_and_keeps_its_cost(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    site, hub = federation.site(), federation.lead.hub
    job_id, body = federation.submission()
    assert federation.ask(site, body)["accepted"]
    job = site.job(job_id)
    hub.open(job_id, job.manifest_digest, parse(job.manifest).sites)

    def asked(number: int) -> Any:
        answered = SITES if number > 1 else ()
        hub.send(job_id, SITES[0], Round(number, answered, b"m", ()))
        for _ in range(20):
            got = hub.receive(job_id, 10)
            assert got is not None, "the site sent nothing"
            if isinstance(got[1], RoundReply | RoundRefusal):
                return got[1]
        raise AssertionError("the site keeps leaving")

    with running(site):
        assert isinstance(asked(1), RoundReply)
        agreement = federation.agreements[SITES[0]]
        notices.give(site.ports, agreement.id, Act.ENDED, "the parents' council objects")
        refusal = asked(2)
    assert isinstance(refusal, RoundRefusal)
    assert refusal.code == "CONTRACT_ENDED"
    assert (site.job(job_id).state, site.job(job_id).code) == (JobState.FAILED, "CONTRACT_ENDED")
    kept = site.reservation(job_id)
    assert (kept.state.value, kept.committed_rounds) == ("closed", 1)
    with site.ports.store.read() as tx:
        promised = budget.promised(tx, site.register, NOW)
    assert promised[0] == kept.epsilon  # what was spent, and no more


@pytest.mark.parametrize(
    ("act", "code"), [(Act.ENDED, "CONTRACT_ENDED"), (Act.SUSPENDED, "CONTRACT_SUSPENDED")]
)
def test_no_job_begins_under_a_contract_that_was_taken_back(
    tmp_path: Path, act: Act, code: str
) -> None:
    federation = Federation(tmp_path)
    site, lead = federation.site(), federation.lead
    _, before = federation.submission()
    _, after = federation.submission()
    notices.give(site.ports, federation.agreements[SITES[0]].id, act, "under review")
    refused = federation.ask(site, before)
    assert (refused["accepted"], refused["code"]) == (False, code)
    agreement = federation.agreements[SITES[1]].id
    notices.give(lead.ports, agreement, act, "under review")
    with pytest.raises(Unlawful) as fault:
        lead_jobs.submit(lead.ports, federation.request())
    assert fault.value.code == code
    if act is Act.SUSPENDED:
        notices.give(site.ports, federation.agreements[SITES[0]].id, Act.RESUMED, "reviewed")
        notices.give(lead.ports, agreement, Act.RESUMED, "reviewed")
        assert federation.ask(site, after)["accepted"]
        lead_jobs.submit(lead.ports, federation.request())


def test_no_job_begins_under_a_contract_that_is_taken_back_while_its_cost_is_computed(
    tmp_path: Path,
) -> None:
    federation = Federation(tmp_path)
    site, lead = federation.site(), federation.lead
    contract = federation.agreements[SITES[0]].id

    def meanwhile(node: Any) -> None:
        node.accountant.before = lambda: None
        notices.give(node.ports, contract, Act.ENDED, "the parents' council objects")

    job_id, body = federation.submission()
    site.accountant.before = lambda: meanwhile(site)
    answer = federation.ask(site, body)
    assert (answer["accepted"], answer["code"]) == (False, "CONTRACT_ENDED")
    assert (site.job(job_id).state, site.log(job_id)) == (JobState.REFUSED, ["job.refused"])
    request = federation.request()
    request["privacy"] = {k: v for k, v in request["privacy"].items() if k != "noiseMultiplier"}
    lead.accountant.before = lambda: meanwhile(lead)
    with pytest.raises(ContractEnded):
        lead_jobs.submit(lead.ports, request)
    assert lead_jobs.jobs(lead.ports).values == ()


def test_a_lead_that_takes_a_contract_back_ends_its_jobs_under_it(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    lead = federation.lead
    job = lead_jobs.submit(lead.ports, federation.request())
    for did in SITES:
        site = federation.nodes[did]
        body = m.JobSubmission(job.id, job.manifest, job.signature).to_body()
        assert federation.ask(site, body)["accepted"]
    notices.give(lead.ports, federation.agreements[SITES[0]].id, Act.ENDED, "the study is over")
    ended = lead.job(job.id)
    assert (ended.state, ended.code) == (JobState.CANCELLED, "CONTRACT_ENDED")
    federation.deliver()
    for did in SITES:
        assert federation.nodes[did].job(job.id).state == JobState.CANCELLED
        assert federation.nodes[did].reservation(job.id).state.value == "closed"
