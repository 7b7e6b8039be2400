"""Receipts of rounds: a lead that gives different sites different models is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.federation.frames import Finish, Round, RoundRefusal, RoundReply
from connector.domain.federation.job import Job
from connector.domain.participant import Participant
from connector.domain.transfer.extract import commitment
from connector.errors import Malformed, PeerUnreachable, RoundRefused, SignatureInvalid
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.receipts import round_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.protocol.messages import JobCancellation
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.lead import relay
from connector.services.federation.site.cancellation import cancel_job
from connector.services.federation.views import check_complete, contradiction
from connector.services.membership import onboard
from federated.job import JobState, is_final, parse
from federated.privacy.event import Events, Kind, event, sampled_gaussian, to_mapping
from federated.privacy.rule import Rule
from tests.support.contracts import stranger
from tests.support.each import over
from tests.support.federation import (
    CODE,
    LEAD,
    SITES,
    Federation,
    Node,
    running,
    signed_receipt,
    wait_for,
)
from tests.support.federation_workers import VERSIONS, model_digest

A, B, C = SITES
ONE, OTHER = "1" * 64, "2" * 64
EVENTS = Events((sampled_gaussian(1.0, 0.5, 2), event(Kind.LAPLACE, 3, scale=2)))
BEFORE = Path(__file__).parents[1] / "samples" / "round-receipt" / "without-events.json"


def _receipt(
    site: str = A, digest: str = ONE, manifest: str = ONE, number: int = 1
) -> RoundReceipt:
    stated = ("urn:j", manifest, number, site, digest, CODE, (), "add-or-remove-one")
    return RoundReceipt(*stated, EVENTS)


# Pure


def test_receipts_of_one_model_agree() -> None:
    others = [_receipt(B), _receipt(C)]
    check_complete(1, [_receipt(), *others], SITES, 3)
    assert contradiction(_receipt(), others) is None
    check_complete(1, [_receipt(), *others], (A, B), 2)  # who did not enter may have a receipt


@pytest.mark.parametrize("change", [{"digest": OTHER}, {"manifest": OTHER}])
def test_another_model_or_manifest_contradicts(change: dict[str, str]) -> None:
    against = _receipt(C, **change)
    assert contradiction(_receipt(), [_receipt(B), against]) is against


@over(
    ("others", "why"),
    [
        ([_receipt(B)], "`did:web:sud.example` for round 1 is missing"),
        ([], "is missing"),
        ([_receipt(B), _receipt(B), _receipt(C)], "a site twice"),
        ([_receipt(A), _receipt(B), _receipt(C)], "a site twice"),
        ([_receipt(B), _receipt(C, number=2)], "not of round 1"),
        ([_receipt(B), replace(_receipt(C), job="urn:other")], "not of round 1"),
    ],
)
def test_receipts_that_are_not_complete(others: list[RoundReceipt], why: str) -> None:
    with pytest.raises(RoundRefused, match=why):
        check_complete(1, [_receipt(), *others], SITES, 3)


def test_a_quorum_has_receipts_whoever_is_said_to_have_answered() -> None:
    check_complete(1, [_receipt(), _receipt(B)], (), 2)
    with pytest.raises(RoundRefused, match="1 receipts, the quorum is 2"):
        check_complete(1, [_receipt()], (), 2)


@given(
    st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.sampled_from([ONE, OTHER])), max_size=6)
)
def test_whoever_differs_from_us_is_found_whatever_the_order(pairs: list[tuple[str, str]]) -> None:
    others = [_receipt(f"did:web:{n}", *pair) for n, pair in enumerate(pairs)]
    found = contradiction(_receipt(), others)
    assert (found is None) == all(pair == (ONE, ONE) for pair in pairs)
    back = contradiction(_receipt(), others[::-1])
    assert (found is None) == (back is None)


# Signed


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    return Federation(tmp_path_factory.mktemp("federation"))


def test_a_receipt_says_after_signing_what_it_said_before(federation: Federation) -> None:
    member = federation.nodes[A].member
    receipt = replace(_receipt(), versions=(("blas", "openblas 0.3"), ("python", "3.11.7")))
    token = round_receipt.sign(member.signer, receipt)
    assert round_receipt.read(token, documents.read(member.data, A)) == receipt
    assert round_receipt.unverified(token) == receipt


def test_a_receipt_of_an_earlier_release_verifies_and_states_no_events() -> None:
    sample = json.loads(BEFORE.read_bytes())
    document = documents.read(canonical(sample["document"]), sample["document"]["id"])
    found = round_receipt.read(sample["receipt"], document)
    assert (found.round, found.adjacency, found.events) == (1, "add-or-remove-one", None)
    head, body, signature = sample["receipt"].split(".")
    with pytest.raises(SignatureInvalid):
        round_receipt.read(f"{head}.{body[:-2]}AA.{signature}", document)


def test_a_receipt_of_another_site_or_kind_does_not_verify(federation: Federation) -> None:
    signer = federation.nodes[A].member.signer
    other = documents.read(federation.nodes[B].member.data, B)
    own = documents.read(federation.nodes[A].member.data, A)
    with pytest.raises(SignatureInvalid):
        round_receipt.read(round_receipt.sign(signer, _receipt()), other)
    with pytest.raises(SignatureInvalid, match="not signed by its site"):
        round_receipt.read(round_receipt.sign(signer, _receipt(B)), own)
    with pytest.raises(SignatureInvalid):
        round_receipt.read(jws.sign_compact(signer, b"{}", "preau-receipt+jws"), own)
    with pytest.raises(Malformed, match="too large"):
        round_receipt.read("x" * (round_receipt.MAX_CHARS + 1), own)


_LEDGER = to_mapping(EVENTS)
_EXPONENTIAL = {**_LEDGER["events"][0], "kind": "exponential"}
GOOD = {
    "job": "urn:j",
    "site": A,
    "manifest": ONE,
    "digest": ONE,
    "recipe": CODE,
    "round": 1,
    "versions": {"python": "3.11.7"},
    "adjacency": "add-or-remove-one",
}
BAD = {
    "without a digest": {k: v for k, v in GOOD.items() if k != "digest"},
    "with more": {**GOOD, "rows": 7},
    "digest no digest": {**GOOD, "digest": "A" * 64},
    "round zero": {**GOOD, "round": 0},
    "round true": {**GOOD, "round": True},
    "round text": {**GOOD, "round": "1"},
    "site empty": {**GOOD, "site": ""},
    "job of two lines": {**GOOD, "job": "urn:j\nk"},
    "versions a list": {**GOOD, "versions": ["python"]},
    "a version that is no text": {**GOOD, "versions": {"python": 3}},
    "events of another version": {**GOOD, "ledger": {"version": 2, "events": []}},
    "a mechanism of unknown cost": {**GOOD, "ledger": {**_LEDGER, "events": [_EXPONENTIAL]}},
    "too many versions": {**GOOD, "versions": {f"lib{n}": "1" for n in range(33)}},
}


@over("statement", BAD.values(), BAD)
def test_a_statement_that_is_no_receipt(federation: Federation, statement: object) -> None:
    member = federation.nodes[A].member

    def read(value: object) -> RoundReceipt:
        token = jws.sign_compact(member.signer, canonical(value), round_receipt.TYPE)
        return round_receipt.read(token, documents.read(member.data, A))

    assert read(GOOD).digest == ONE
    assert read({**GOOD, "ledger": _LEDGER}).events == EVENTS
    with pytest.raises(Malformed):
        read(statement)


# A site, whose lead is the test


class Lead:
    """Leads one site through rounds; hands on what receipts it likes."""

    def __init__(self, folder: Path) -> None:
        self.federation = Federation(folder)
        self.site = self.federation.site()
        self.hub = self.federation.lead.hub
        self.job_id, body = self.federation.submission()
        assert self.federation.ask(self.site, body)["accepted"]
        self.hub.open(self.job_id, self.job.manifest_digest, parse(self.job.manifest).sites)
        self.own = ""

    @property
    def job(self) -> Job:
        return self.site.job(self.job_id)

    def others(self, number: int, **changes: object) -> list[str]:
        """Return the other sites' receipts; `changes` are what the last one states otherwise."""
        digest = model_digest(b"m")
        first = signed_receipt(self.federation, self.job, B, number, digest)
        last = signed_receipt(self.federation, self.job, C, number, digest, **changes)
        return [first, last]

    def ask(self, number: int, receipts: list[str]) -> RoundReply | RoundRefusal:
        before = SITES if number > 1 else ()
        self.hub.send(self.job_id, A, Round(number, before, b"m", tuple(receipts)))
        for _ in range(20):
            got = self.hub.receive(self.job_id, 10)
            assert got is not None, "the site sent nothing"
            if isinstance(got[1], RoundReply | RoundRefusal):
                if isinstance(got[1], RoundReply):
                    self.own = got[1].receipt
                return got[1]
        raise AssertionError("the site keeps leaving")

    def stored(self, number: int) -> tuple[str, ...]:
        with self.site.ports.store.read() as tx:
            record = tx.rounds.get(self.job_id, number)
        return record.receipts if record else ()

    def split_events(self) -> list[dict[str, object]]:
        with self.site.ports.store.read() as tx:
            found = tx.audit.entries(subject=self.job_id, kind="job.view.split")
        return [json.loads(entry.event)["facts"] for entry in found]


@pytest.fixture
def lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lead]:
    def unreachable(_: Ports, did: str) -> Participant:
        raise PeerUnreachable(f"`{did}` does not answer")

    monkeypatch.setattr(onboard, "reacquaint", unreachable)
    found = Lead(tmp_path)
    with running(found.site):
        yield found


def test_a_reply_carries_a_receipt_of_what_was_read_and_what_ran(lead: Lead) -> None:
    reply = lead.ask(1, [])
    assert isinstance(reply, RoundReply)
    document = documents.read(lead.site.member.data, A)
    with lead.site.ports.store.read() as tx:
        (opened,) = tx.audit.entries(subject=lead.job_id, kind="job.source")
        (dataset,) = tx.datasets.find()
    facts = json.loads(opened.event)["facts"]
    assert facts["digest"] == dataset.file.digest
    assert dataset.file.digest not in reply.receipt
    assert round_receipt.read(reply.receipt, document) == RoundReceipt(
        job=lead.job_id,
        manifest=lead.job.manifest_digest,
        round=1,
        site=A,
        digest=model_digest(b"m"),
        recipe=CODE,
        versions=tuple(sorted(VERSIONS.items())),
        adjacency="add-or-remove-one",
        events=parse(lead.job.manifest).events,
        source=commitment(facts["digest"], facts["salt"]),
    )
    assert lead.ask(1, []) == reply
    with lead.site.ports.store.read() as tx:
        (entry,) = tx.audit.entries(subject=lead.job_id, kind="job.round.released")
    assert json.loads(entry.event)["facts"]["receipt"] == reply.receipt


def test_receipts_that_agree_are_kept_and_shown(lead: Lead) -> None:
    lead.ask(1, [])
    others = lead.others(1)
    assert isinstance(lead.ask(2, [*others, lead.own]), RoundReply)
    assert set(lead.stored(1)[1:]) == set(others)
    shown = lead_jobs.progress(lead.site.ports, lead.job_id)["receipts"]
    assert [(each["site"], each["round"], each["recipe"]) for each in shown] == [(A, 2, CODE)]
    (released,) = shown[0]["released"]
    assert (released["kind"], released["count"]) == ("sampled-gaussian", 2)
    assert lead.split_events() == []


@pytest.mark.parametrize("change", [{"digest": OTHER}, {"manifest": OTHER}])
def test_a_split_view_ends_the_job_with_both_receipts_in_the_log(
    lead: Lead, change: dict[str, str]
) -> None:
    lead.ask(1, [])
    own, others = lead.own, lead.others(1, **change)
    frame = lead.ask(2, [own, *others])
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "SPLIT_VIEW"
    assert wait_for(lambda: lead.job.state == JobState.FAILED)
    assert (lead.job.code, lead.job.round) == ("SPLIT_VIEW", 1)
    assert lead.split_events() == [{"round": 1, "ours": own, "other": others[1]}]
    assert lead.site.reservation(lead.job_id).counted_rounds(Rule.RENYI) == 1
    assert [number for number, _ in lead.site.workers.site.updates] == [1]


def _missing(lead: Lead) -> list[str]:
    return lead.others(1)[:1]


def _forged(lead: Lead) -> list[str]:
    first, last = lead.others(1, site=B)  # the last site's key under another's name
    return [first, last]


def _cut(lead: Lead) -> list[str]:
    first, last = lead.others(1)
    return [first, last[:-4] + "AAAA"]


def _none(_: Lead) -> list[str]:
    return []


def _of_another_round(lead: Lead) -> list[str]:
    return lead.others(1, round=2)


def _of_a_stranger(lead: Lead) -> list[str]:
    return [*lead.others(1), signed_receipt(lead.federation, lead.job, LEAD, 1, ONE)]


def _ours_otherwise(lead: Lead) -> list[str]:
    digest = model_digest(b"another")
    return [*lead.others(1), signed_receipt(lead.federation, lead.job, A, 1, digest)]


def _charged_otherwise(lead: Lead) -> list[str]:
    return lead.others(1, events=EVENTS)


def _too_many(lead: Lead) -> list[str]:
    return lead.others(1) * 5


@pytest.mark.parametrize(
    "make",
    [
        *(_missing, _forged, _cut, _none, _of_another_round, _of_a_stranger, _ours_otherwise),
        *(_charged_otherwise, _too_many),
    ],
)
def test_receipts_that_do_not_count_end_the_job(lead: Lead, make: object) -> None:
    lead.ask(1, [])
    frame = lead.ask(2, make(lead))  # type: ignore[operator]
    assert isinstance(frame, RoundRefusal)
    assert frame.code == "ROUND_REFUSED"
    assert wait_for(lambda: lead.job.state == JobState.FAILED)
    assert lead.site.reservation(lead.job_id).counted_rounds(Rule.RENYI) == 1


@pytest.mark.parametrize("served", [True, False])
def test_a_site_that_rotated_its_keys_ends_no_job_of_others(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, *, served: bool
) -> None:
    """Its receipt counts once the document that it serves now has the key."""
    lead.ask(1, [])
    rotated = lead.federation.space.admit(stranger(C), index=3)
    lead.federation.nodes[C].member = rotated
    fetched = []

    def reacquaint(_: Ports, did: str) -> Participant:
        fetched.append(did)
        found = lead.federation.caller(lead.site, did)
        return replace(found, document=rotated.data) if served else found

    monkeypatch.setattr(onboard, "reacquaint", reacquaint)
    frame = lead.ask(2, lead.others(1))
    assert isinstance(frame, RoundReply) == served
    assert fetched == [C]


@pytest.mark.parametrize("by_message", [False, True])
@pytest.mark.parametrize(
    ("change", "state", "code"),
    [
        ({}, JobState.COMPLETED, ""),
        ({"digest": OTHER}, JobState.FAILED, "SPLIT_VIEW"),
        ({"round": 2}, JobState.FAILED, "ROUND_REFUSED"),
    ],
)
def test_the_last_round_is_compared_at_the_end(
    lead: Lead, change: dict[str, object], state: JobState, code: str, *, by_message: bool
) -> None:
    for number in (1, 2, 3):
        lead.ask(number, lead.others(number - 1) if number > 1 else [])
    receipts = tuple(lead.others(3, **change))
    if by_message:
        caller = lead.federation.caller(lead.site)
        cancel_job(
            lead.site.ports, caller, JobCancellation(lead.job_id, "completed", receipts).to_body()
        )
    else:
        lead.hub.send(lead.job_id, A, Finish("completed", "", "", receipts))
    assert wait_for(lambda: is_final(lead.job.state))
    assert (lead.job.state, lead.job.code) == (state, code)
    assert set(lead.stored(3)[1:]) == (set(receipts) if not code else set())


# Whole jobs


@contextmanager
def _all_running(federation: Federation) -> Iterator[None]:
    with running(*federation.sites, federation.lead):
        yield


def _submitted(federation: Federation) -> str:
    return lead_jobs.submit(federation.lead.ports, federation.request()).id


def _over(node: Node, job_id: str) -> Job:
    assert wait_for(lambda: node.has_job(job_id) and is_final(node.job(job_id).state))
    return node.job(job_id)


def test_an_honest_lead_keeps_and_shows_the_receipts_of_all_sites(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    with _all_running(federation):
        job_id = _submitted(federation)
        assert _over(federation.lead, job_id).state == JobState.COMPLETED
        for node in federation.sites:
            assert _over(node, job_id).state == JobState.COMPLETED
    for node in (federation.lead, *federation.sites):
        shown = lead_jobs.progress(node.ports, job_id)["receipts"]
        assert sorted(each["site"] for each in shown) == sorted(SITES)
        assert len({each["digest"] for each in shown}) == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_lead_that_misleads_one_site_is_found_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The lead's node is hostile, too: it takes whatever receipt comes."""
    monkeypatch.setattr(relay, "check_reply", lambda *_: None)
    federation = Federation(tmp_path)
    federation.lead.workers.lead.mislead = {number: (B,)}
    with _all_running(federation):
        job_id = _submitted(federation)
        ended = [_over(node, job_id) for node in federation.sites]
        _over(federation.lead, job_id)
    assert {(job.state, job.round) for job in ended} == {(JobState.FAILED, number)}
    assert "SPLIT_VIEW" in {job.code for job in ended}
    for node in federation.sites:
        assert [each for each, _ in node.workers.site.updates] == list(range(1, number + 1))
        assert node.reservation(job_id).counted_rounds(Rule.RENYI) == number


def test_a_site_that_signs_another_model_leaves_and_the_others_go_on(tmp_path: Path) -> None:
    """One site cannot end the job of the others by a false receipt."""
    federation = Federation(tmp_path, sites="2")
    federation.site(1).workers.site.misread = [OTHER]
    with _all_running(federation):
        job_id = lead_jobs.submit(federation.lead.ports, federation.request(quorum=2)).id
        assert _over(federation.lead, job_id).state == JobState.COMPLETED
        ended = [_over(node, job_id) for node in federation.sites]
    assert [job.state for job in ended] == [
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.COMPLETED,
    ]
    with federation.lead.ports.store.read() as tx:
        left = tx.sites.get(job_id, B)
    assert left is not None
    assert (left.decision, left.code) == ("left", "ROUND_REFUSED")
