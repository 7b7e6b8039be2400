"""The HTTPS binding of the Dataspace Protocol: two nodes composed through `bootstrap`, over TLS.

What either node sends or answers is judged by the schemas and the loss check when the module ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from connector.bootstrap.system import UuidIdentifiers
from connector.domain.catalog.dataset import Offer
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.ports import Answer
from connector.protocol.dsp import links
from connector.protocol.dsp.members import CONTEXT, NIL
from connector.services.negotiation import negotiate
from connector.services.publication import catalog_pages
from connector.services.transfer import acts, consumer_side
from tests.support.dsp_nodes import PATH, Speaking, speaking
from tests.support.each import over
from tests.support.live_space import wait_until
from tests.support.transferring import DATA, prepared
from tests.support.transferring import over as over_now

State = NegotiationState
NOWHERE: Final = "https://localhost:1/dsp"
OTHER: Final = "did:web:other.example"  # believed, and party to nothing
PURPOSE: Final = {
    "leftOperand": "odrl:purpose",
    "operator": "isA",
    "rightOperand": {"@id": "https://w3id.org/dpv#AcademicResearch"},
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Speaking]]:
    with speaking(tmp_path_factory.mktemp("dsp"), "school", "lab") as found:
        school, lab = found
        with school.ports.store.write() as tx:
            known = tx.participants.get(lab.did)
            assert known is not None
            tx.participants.put(replace(known, did=OTHER))
        yield found


@pytest.fixture(scope="module")
def school(nodes: list[Speaking]) -> Speaking:
    return nodes[0]


@pytest.fixture(scope="module")
def lab(nodes: list[Speaking]) -> Speaking:
    return nodes[1]


@pytest.fixture(scope="module")
def shelf(school: Speaking, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Offer]:
    """All that the school publishes, whichever tests of the module run."""
    folder = tmp_path_factory.mktemp("data")
    found = {name: school.publish(folder, name) for name in ("one", "two", "three")}
    return {**found, "narrow": school.publish(folder, "narrow", constraint=[PURPOSE])}


@pytest.fixture(scope="module")
def offer(shelf: dict[str, Offer]) -> Offer:
    return shelf["one"]


@pytest.fixture(scope="module")
def narrow(shelf: dict[str, Offer]) -> Offer:
    return shelf["narrow"]


def said(kind: str, **members: Any) -> dict[str, Any]:
    return {"@context": [CONTEXT], "@type": kind, **members}


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body).get("code", "")


def agreed(school: Speaking, lab: Speaking, offer: Offer) -> Negotiation:
    """Let the lab get a contract; return its negotiation."""
    pid = negotiate.request(lab.ports, school.did, offer.dataset_id, offer_id=offer.id).pid
    assert wait_until(lambda: lab.negotiation(pid).state is State.FINALIZED)
    return lab.negotiation(pid)


def request(offer: Offer, callback: str, pid: str, **members: Any) -> dict[str, Any]:
    terms = {**json.loads(offer.dsp), "@id": offer.id, "@type": "Offer"}
    return said(
        "ContractRequestMessage",
        consumerPid=pid,
        callbackAddress=callback,
        offer={**terms, "target": offer.dataset_id, **members},
    )


def test_versions(school: Speaking) -> None:
    root = school.base.removesuffix(PATH)
    (version,) = json.loads(school.ports.web.get(f"{root}/.well-known/dspace-version"))[
        "protocolVersions"
    ]
    assert version["version"] == "2025-1"
    assert (version["path"], version["binding"]) == (PATH, "HTTPS")


class TestCatalog:
    def ask(self, node: Speaking, by: str, *filters: Any, page: str = "") -> Answer:
        body = said("CatalogRequestMessage", **({"filter": list(filters)} if filters else {}))
        return node.ask(page or "/catalog/request", body, by=by)

    @pytest.mark.usefixtures("shelf")
    def test_pages_follow_by_link(self, school: Speaking, lab: Speaking) -> None:
        two = {"https://w3id.org/preau/dsp/v1#limit": 2}
        first = self.ask(school, lab.did, two)
        address = first.headers["link"].partition("<")[2].partition(">")[0]
        assert address.startswith(f"{school.base}/catalog/request?")
        second = self.ask(school, lab.did, two, page=address.removeprefix(school.base))
        assert second.headers["link"].endswith('rel="previous"')
        ids = [
            each["@id"] for answer in (first, second) for each in json.loads(answer.body)["dataset"]
        ]
        assert ids == [f"urn:dataset:{name}" for name in ("narrow", "one", "three", "two")]
        query = {"@type": "QuerySpec", "offset": 3, "limit": 50}
        (passed,) = json.loads(self.ask(school, lab.did, query).body)["dataset"]
        assert passed["@id"] == ids[3]

    @pytest.mark.usefixtures("shelf")
    def test_pages_lead_back_as_they_lead_on(self, school: Speaking, lab: Speaking) -> None:
        def at(page: str, size: int) -> tuple[list[str], str, str]:
            limit = {"https://w3id.org/preau/dsp/v1#limit": size}
            answer = self.ask(school, lab.did, limit, page=page.removeprefix(school.base))
            beside = links.read([answer.headers.get("link", "")], f"{school.base}/catalog/request")
            ids = [each["@id"].rpartition(":")[2] for each in json.loads(answer.body)["dataset"]]
            return ids, beside.next, beside.previous

        pages, page = [], ""
        for _ in range(4):
            ids, page, previous = at(page, 1)
            pages.append(ids)
        assert (pages, page) == ([["narrow"], ["one"], ["three"], ["two"]], "")
        back = []
        while previous:
            ids, following, previous = at(previous, 1)
            back.append(ids)
            assert at(following, 1)[0] == pages[-len(back)]
        assert back == [["three"], ["one"], ["narrow"]]
        _, second, _ = at("", 3)
        ids, _, before = at(second, 3)
        assert ids == ["two"]
        two, following, first = at(before, 2)
        assert (two, following, at(first, 2)[0]) == (["one", "three"], second, ["narrow"])

    def test_a_filter_that_is_not_known_is_refused(self, school: Speaking, lab: Speaking) -> None:
        answer = self.ask(school, lab.did, {"expression": "x"})
        assert code(answer) == (400, "FILTER_UNSUPPORTED")

    def test_one_dataset(self, school: Speaking, lab: Speaking, offer: Offer) -> None:
        answer = school.ask(f"/catalog/datasets/{offer.dataset_id}", by=lab.did)
        (shown,) = json.loads(answer.body)["hasPolicy"]
        assert (answer.status, shown["@id"]) == (200, offer.id)
        assert code(school.ask("/catalog/datasets/urn:none", by=lab.did)) == (404, "NOT_FOUND")

    def test_who_is_not_believed(self, school: Speaking) -> None:
        assert code(self.ask(school, "")) == (401, "TOKEN_MISSING")
        assert code(self.ask(school, "did:web:nobody.example")) == (401, "TOKEN_INVALID")
        assert code(self.ask(school, school.did))[0] == 401

    def test_a_peer_reads_it_as_over_grpc(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        view = catalog_pages.fetch_catalog(lab.ports, school.did, limit=2)
        rest = catalog_pages.fetch_catalog(lab.ports, school.did, limit=2, after=view.next)
        assert offer.dataset_id in {each.id for each in (*view.datasets, *rest.datasets)}
        assert (len(view.datasets), rest.next) == (2, "")
        found = catalog_pages.fetch_dataset(lab.ports, school.did, offer.dataset_id)
        assert found.offer().policy == offer.policy


class TestNegotiation:
    def test_is_finalized(self, school: Speaking, lab: Speaking, offer: Offer) -> None:
        mine = agreed(school, lab, offer)
        theirs = school.negotiation(mine.peer_pid)
        assert (theirs.state, theirs.address) == (State.FINALIZED, lab.base)
        for node, pid, by in ((school, theirs.pid, lab.did), (lab, mine.pid, school.did)):
            for end in ("", "/"):
                answer = node.ask(f"/negotiations/{pid}{end}", by=by)
                body = json.loads(answer.body)
                assert (answer.status, body["state"]) == (200, "FINALIZED")
                assert (body["providerPid"], body["consumerPid"]) == (theirs.pid, mine.pid)

    def test_is_opened_by_the_provider(self, school: Speaking, lab: Speaking, offer: Offer) -> None:
        pid = negotiate.offer(school.ports, lab.did, offer.dataset_id, offer.id).pid
        assert wait_until(lambda: school.negotiation(pid).peer_pid)
        mine = lab.negotiation(school.negotiation(pid).peer_pid)
        assert (mine.state, mine.address) == (State.OFFERED, school.base)
        negotiate.accept(lab.ports, mine.pid)
        assert wait_until(lambda: lab.negotiation(mine.pid).state is State.FINALIZED)
        assert wait_until(lambda: school.negotiation(pid).state is State.FINALIZED)

    def test_ends_with_code_and_reason(self, school: Speaking, lab: Speaking, offer: Offer) -> None:
        pid = negotiate.offer(school.ports, lab.did, offer.dataset_id, offer.id).pid
        assert wait_until(lambda: school.negotiation(pid).peer_pid)
        mine = school.negotiation(pid).peer_pid
        negotiate.terminate(lab.ports, mine, "no longer needed")
        assert wait_until(lambda: school.negotiation(pid).state is State.TERMINATED)
        assert school.negotiation(pid).reasons == ("no longer needed",)

    def test_another_participants_process_looks_like_none(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        pid = agreed(school, lab, offer).peer_pid
        body = said("ContractNegotiationTerminationMessage", providerPid=pid, consumerPid="urn:x")
        answers = [
            school.ask(f"/negotiations/{each}{path}", sent, by=by)
            for path, sent in (("", None), ("/termination", body), ("/termination", b"{"))
            for each, by in ((pid, OTHER), ("urn:uuid:none", OTHER))
        ]
        assert {code(each) for each in answers} == {(404, "NOT_FOUND")}
        assert len({each.body for each in answers}) == 1
        unknown = school.ask(f"/negotiations/{pid}", by="did:web:nobody.example")
        assert unknown.status == 404
        assert school.ask(f"/negotiations/{pid}", by=lab.did).status == 200

    def test_an_illegal_message_changes_nothing(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        mine = agreed(school, lab, offer)
        both = {"providerPid": mine.peer_pid, "consumerPid": mine.pid}
        at, before = f"/negotiations/{mine.peer_pid}", school.negotiation(mine.peer_pid)
        for path, body in (
            ("termination", said("ContractNegotiationTerminationMessage", **both)),
            ("events", said("ContractNegotiationEventMessage", **both, eventType="ACCEPTED")),
            ("events", said("ContractNegotiationEventMessage", **both, eventType="FINALIZED")),
            ("agreement/verification", said("ContractAgreementVerificationMessage", **both)),
        ):
            answer = school.ask(f"{at}/{path}", body, by=lab.did)
            error = json.loads(answer.body)
            assert answer.status == 400, error
            assert error["@type"] == "ContractNegotiationError"
            assert (error["providerPid"], error["consumerPid"]) == (mine.peer_pid, mine.pid)
            assert error["code"]
            assert error["reason"]
        assert school.negotiation(mine.peer_pid) == before

    def test_an_offer_is_for_its_consumer_alone_to_accept(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        pid = negotiate.offer(school.ports, lab.did, offer.dataset_id, offer.id).pid
        assert wait_until(lambda: school.negotiation(pid).peer_pid)
        mine = school.negotiation(pid).peer_pid
        both = {"providerPid": pid, "consumerPid": mine}
        event = said("ContractNegotiationEventMessage", **both, eventType="ACCEPTED")
        answer = lab.ask(f"/negotiations/{mine}/events", event, by=school.did)
        assert code(answer) == (400, "ILLEGAL_MESSAGE")
        assert lab.negotiation(mine).state is State.OFFERED

    def test_the_address_names_the_process(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        one, two = agreed(school, lab, offer), agreed(school, lab, offer)
        both = {"providerPid": two.peer_pid, "consumerPid": two.pid}
        body = said("ContractNegotiationTerminationMessage", **both)
        answer = school.ask(f"/negotiations/{one.peer_pid}/termination", body, by=lab.did)
        assert code(answer) == (400, "MALFORMED_MESSAGE")
        assert "/providerPid" in json.loads(answer.body)["reason"][0]

    def test_a_repetition_has_the_same_answer_and_the_same_said_anew_has_not(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        body = request(offer, NOWHERE, "urn:uuid:again") | {"@id": "urn:m:1"}
        first = school.ask("/negotiations/request", body, by=OTHER)
        assert first.status == 201, first.body
        pid = json.loads(first.body)["providerPid"]
        end = said("ContractNegotiationTerminationMessage", consumerPid="urn:uuid:again")
        end |= {"providerPid": pid, "reason": ["enough"]}
        at = f"/negotiations/{pid}/termination"
        ended = [school.ask(at, {**end, "@id": name}, by=OTHER) for name in ("m:2", "m:2", "m:3")]
        assert [each.status for each in ended] == [200, 200, 400]
        assert ended[0].body == ended[1].body
        assert lab.did != OTHER

    def test_an_offer_that_is_none_of_ours_is_refused(self, school: Speaking, offer: Offer) -> None:
        body = request(offer, NOWHERE, "urn:c:2", **{"@id": "urn:offer:none"})
        assert code(school.ask("/negotiations/request", body, by=OTHER)) == (400, "OFFER_UNKNOWN")


class TestTerms:
    """A peer that signs nothing changes the terms that were offered or accepted."""

    def test_a_consumer_is_not_given_more_than_was_offered(
        self, school: Speaking, narrow: Offer
    ) -> None:
        """A wider request is answered by the offer as it is, never by an agreement on its words."""
        for pid, members, standing in (
            ("urn:c:wide", {"permission": [{"action": "use"}]}, State.OFFERED),
            ("urn:c:fit", {}, State.AGREED),
        ):
            body = request(narrow, NOWHERE, pid, **members)
            answer = school.ask("/negotiations/request", body, by=OTHER)
            assert (answer.status, json.loads(answer.body).get("state")) == (201, standing), (
                answer.body
            )
            with school.ports.store.read() as tx:
                (found,) = tx.negotiations.find(peer_pid=pid)
                assert len(tx.agreements.find(pid=found.pid)) == (standing is State.AGREED)

    def test_a_counter_offer_is_no_way_round_the_terms(
        self, school: Speaking, narrow: Offer
    ) -> None:
        wide = {"permission": [{"action": "use"}]}
        for pid, counter, standing in (
            ("urn:c:wider", wide, State.TERMINATED),
            ("urn:c:back", {}, State.AGREED),
        ):
            first = request(narrow, NOWHERE, pid, **wide)
            stated = json.loads(school.ask("/negotiations/request", first, by=OTHER).body)
            assert stated["state"] == State.OFFERED
            body = {**request(narrow, "", pid, **counter), "providerPid": stated["providerPid"]}
            del body["callbackAddress"]
            at = f"/negotiations/{stated['providerPid']}/request"
            answer = json.loads(school.ask(at, body, by=OTHER).body)
            assert answer["state"] == standing
            with school.ports.store.read() as tx:
                agreed = tx.agreements.find(pid=stated["providerPid"])
            assert len(agreed) == (standing is State.AGREED)

    def test_a_provider_cannot_agree_to_other_terms_than_it_offered(
        self, school: Speaking, lab: Speaking, narrow: Offer
    ) -> None:
        now = lab.ports.clock.now()
        asked = Negotiation(
            pid="urn:uuid:tampered",
            role=Role.CONSUMER,
            peer=school.did,
            peer_pid="urn:uuid:p",
            state=State.REQUESTED,
            dataset_id=narrow.dataset_id,
            offer_id=narrow.id,
            policy=narrow.policy,
            policy_by=Role.CONSUMER,
            offered=narrow.policy,
            created_at=now,
            updated_at=now,
            address=school.base,
        )
        with lab.ports.store.write() as tx:
            tx.negotiations.put(asked)
        stated = json.loads(narrow.dsp) | {
            "@id": "urn:agreement:plain",
            "@type": "Agreement",
            "target": narrow.dataset_id,
            "assigner": school.did,
            "assignee": lab.did,
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        both = {"providerPid": "urn:uuid:p", "consumerPid": asked.pid}
        wider = {**stated, "permission": [{"action": "use"}]}
        other = {**stated, "assignee": OTHER}
        for changed in (wider, other):
            message = said("ContractAgreementMessage", **both, agreement=changed)
            answer = lab.ask(f"/negotiations/{asked.pid}/agreement", message, by=school.did)
            assert code(answer) == (400, "AGREEMENT_TAMPERED")
            assert lab.negotiation(asked.pid).state is State.REQUESTED
        message = said("ContractAgreementMessage", **both, agreement=stated)
        answer = lab.ask(f"/negotiations/{asked.pid}/agreement", message, by=school.did)
        assert answer.status == 200, answer.body


class TestTransfer:
    """An extract that is ready, of a contract of the two."""

    @pytest.fixture
    def mine(self, school: Speaking, lab: Speaking, offer: Offer) -> Iterator[Transfer]:
        contract = agreed(school, lab, offer).agreement_id
        extract = UuidIdentifiers().new()
        prepared(school.ports, lab.ports, name=extract, agreement_id=contract)
        pid = consumer_side.request(lab.ports, contract, extract).pid
        assert wait_until(lambda: lab.transfer(pid).state is TransferState.STARTED)
        yield lab.transfer(pid)
        over_now(school.ports, lab.ports)

    def test_is_started_suspended_resumed_and_completed(
        self, school: Speaking, lab: Speaking, mine: Transfer
    ) -> None:
        theirs = school.transfer(mine.peer_pid)
        assert (theirs.state, theirs.address) == (TransferState.STARTED, lab.base)
        for node, pid, other in ((school, theirs.pid, lab), (lab, mine.pid, school)):
            acts.give(node.ports, pid, acts.Wish.SUSPEND, "a pause")
            peer = mine.peer_pid if other is school else mine.pid
            assert wait_until(
                lambda o=other, p=peer: o.transfer(p).state is TransferState.SUSPENDED
            )
            assert other.transfer(peer).reasons == ("a pause",)
            acts.give(node.ports, pid, acts.Wish.RESUME, "on")
            assert wait_until(lambda o=other, p=peer: o.transfer(p).state is TransferState.STARTED)
        for node, pid, by in ((school, theirs.pid, lab.did), (lab, mine.pid, school.did)):
            body = json.loads(node.ask(f"/transfers/{pid}/", by=by).body)
            assert (body["@type"], body["state"]) == ("TransferProcess", "STARTED")
            assert (body["providerPid"], body["consumerPid"]) == (theirs.pid, mine.pid)
        content = mine.content
        assert content is not None
        for offset in (0, 7, len(DATA)):
            _, chunks = consumer_side.content(lab.ports, mine.pid, offset)
            assert b"".join(chunks) == DATA[offset:]
        consumer_side.received(lab.ports, mine.pid, content.digest, content.bytes)
        assert wait_until(lambda: school.transfer(theirs.pid).state is TransferState.COMPLETED)

    def test_an_illegal_message_changes_nothing_and_another_s_is_not_there(
        self, school: Speaking, lab: Speaking, mine: Transfer
    ) -> None:
        both = {"providerPid": mine.peer_pid, "consumerPid": mine.pid}
        start = said("TransferStartMessage", **both)
        at = f"/transfers/{mine.peer_pid}"
        answer = school.ask(f"{at}/start", start, by=lab.did)
        error = json.loads(answer.body)
        assert (answer.status, error["@type"]) == (400, "TransferError")
        assert (error["providerPid"], error["consumerPid"]) == (mine.peer_pid, mine.pid)
        foreign = [
            school.ask(f"/transfers/{pid}{end}", body, by=OTHER)
            for pid in (mine.peer_pid, "urn:uuid:none")
            for end, body in (("", None), ("/start", start))
        ]
        assert {code(each) for each in foreign} == {(404, "NOT_FOUND")}
        assert len({each.body for each in foreign}) == 1
        assert school.transfer(mine.peer_pid).state is TransferState.STARTED

    def test_a_data_address_of_a_peers_leads_nowhere(
        self, school: Speaking, lab: Speaking, offer: Offer
    ) -> None:
        """It names a secret and a place to fetch a token (CVE-2024-4536 of another make)."""
        contract = agreed(school, lab, offer).agreement_id
        extract = UuidIdentifiers().new()
        prepared(school.ports, lab.ports, name=extract, agreement_id=contract)
        address = {
            "@type": "DataAddress",
            "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
            "endpoint": "https://localhost:1/push",
            "endpointProperties": [
                {"@type": "EndpointProperty", "name": name, "value": value}
                for name, value in (
                    ("secretName", "signing.pem"),
                    ("oauth2:tokenUrl", "https://localhost:1/token"),
                    ("authorization", "${vault:key}"),
                )
            ],
        }
        for kind, expected in (("PUSH", (400, "NOT_SUPPORTED")), ("PULL", (201, ""))):
            body = said(
                "TransferRequestMessage",
                agreementId=contract,
                consumerPid=f"urn:uuid:{kind}",
                callbackAddress=NOWHERE,
                format=f"HttpData-{kind}",
                dataAddress=address,
                **{"https://w3id.org/preau/dsp/v1#extractId": extract},
            )
            assert code(school.ask("/transfers/request", body, by=lab.did)) == expected
            with school.ports.store.read() as tx:
                waiting = b"".join(each.body for each in tx.outbox.find())
                found = tx.transfers.find(peer_pid=f"urn:uuid:{kind}")
            assert [each.data_address for each in found] == [b""] * (kind == "PULL")
            assert not any(each in waiting for each in (b"localhost:1/", b"signing.pem", b"vault"))


ELSEWHERE: Final = {
    "inside": ("https://169.254.169.254/latest", "ADDRESS_FORBIDDEN"),
    "plain": ("http://lab.example/dsp", "ADDRESS_FORBIDDEN"),
    "a fragment": ("https://lab.example/dsp#y", "MALFORMED_MESSAGE"),
}


@over("name", ELSEWHERE)
def test_a_callback_that_leads_inside_is_refused(school: Speaking, offer: Offer, name: str) -> None:
    body = request(offer, ELSEWHERE[name][0], "urn:c:1")
    answer = school.ask("/negotiations/request", body, by=OTHER)
    error = json.loads(answer.body)
    assert code(answer) == (400, ELSEWHERE[name][1])
    assert (error["providerPid"], error["consumerPid"]) in ((NIL, "urn:c:1"), (NIL, NIL))


def test_a_contract_and_its_data_by_tokens_of_the_product(tmp_path: Path) -> None:
    """As above, with each call judged by the Decentralized Claims Protocol."""
    with speaking(tmp_path, "school", "lab", callers=None) as (school, lab):
        mine = agreed(school, lab, school.publish(tmp_path, "one"))
        extract = UuidIdentifiers().new()
        prepared(school.ports, lab.ports, name=extract, agreement_id=mine.agreement_id)
        pid = consumer_side.request(lab.ports, mine.agreement_id, extract).pid
        assert wait_until(lambda: lab.transfer(pid).state is TransferState.STARTED)
        refused = school.ask(f"/negotiations/{mine.peer_pid}", by=lab.did)
        assert code(refused)[0] == 404
