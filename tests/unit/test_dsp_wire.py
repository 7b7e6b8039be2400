"""What goes out over HTTPS: what a peer's answer comes to, and what the outbox makes of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from connector.bootstrap import dataspace
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.domain.delivery import OutgoingMessage
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.errors import (
    AddressForbidden,
    MessageTooLarge,
    NotFound,
    NotSupported,
    PeerFault,
    PeerUnreachable,
    PreauError,
    TermsRefused,
    TooManyRequests,
    UpgradeRequired,
)
from connector.jsonld.canonical import canonical
from connector.peer.dsp import wire as wires
from connector.peer.dsp.wire import DspWire, Known, Own
from connector.peer.healing import Healing
from connector.peer.web.client import GuardedWeb, tls_context
from connector.peer.wires import Wires
from connector.ports import Answer
from connector.ports.peers import NO_HEADERS
from connector.protocol import messages as m
from connector.protocol import transfer_messages as t
from connector.protocol.dsp import catalog, data_address, faults, negotiation, transfer
from connector.services.credentials.authenticating import Judged
from connector.services.membership import reaching
from connector.services.messages import deliver
from tests.support.contracts import stranger
from tests.support.dsp import AS_THEY_STAND, DATASET, OFFER, PAGE, SERVICE, TERMS, WAYS, C, P
from tests.support.dsp_nodes import judge
from tests.support.each import over
from tests.support.link import CONTEXT, Link, link, participant
from tests.support.outgoing import kept

BASE: Final = "https://school.example/dsp/2025-1"
READ: Final = canonical(
    {
        "@context": CONTEXT,
        "@id": OFFER,
        "@type": "Offer",
        "permission": [{"action": "odrl:use"}],
    }
)
END: Final = m.ContractNegotiationTerminationMessage("urn:m:1", P, C, "", ("enough",))


class Web:
    """`ports.Web`: answers as a test says; keeps what is asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any, Mapping[str, str]]] = []

    def ask(
        self,
        url: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Answer:
        assert limit <= wires.ANSWER_BYTES
        sent = json.loads(body) if body else None
        if sent is not None:
            judge(sent)
        self.asked.append((url, sent, headers))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Named:
    """`Callers`: a token that says for whom it is."""

    def judge(self, authorization: str, connection: Any) -> Judged:
        raise NotImplementedError((authorization, connection))

    def header(self, address: str, peer: Participant) -> str:
        return f"Bearer for {peer.did} at {address}"


_MEMBER: Final = stranger("did:web:school.example")
PEER: Final = participant(_MEMBER)


def own(role: Role | None = None, access: Any = None, theirs: str = "") -> Own:
    known = None if role is None else Known(role, theirs)
    return Own(
        callback="https://lab.example/dsp",
        process=lambda _pid: known,
        access=lambda _peer, _pid: access,
        base=lambda _peer: BASE + "/",
    )


def wire(web: Web, **how: Any) -> DspWire:
    return DspWire(web, Named(), AS_THEY_STAND, own(**how))  # type: ignore[arg-type]  # ask alone


def error(kind: str, code: str, status: int, **headers: str) -> Answer:
    body = faults.write(faults.ProtocolError(kind, P, C, code, ("a reason",)))
    return Answer(status, json.dumps(body).encode(), headers)


def state(name: str, provider: str = P, consumer: str = C) -> Answer:
    body = negotiation.write_state(m.ContractNegotiation(provider, consumer, name))
    return Answer(200, json.dumps(body).encode())


def sent(message: Any, *answers: Answer, **how: Any) -> tuple[Mapping[str, Any], str, Any]:
    """Send a message; return the answer, the path that it went to and its body."""
    web = Web(*answers or (Answer(200, b""),))
    kind = type(message).__name__
    answer = wire(web, **how).call(PEER, kind, message.to_body(), address=BASE)
    ((url, body, headers),) = web.asked
    assert headers == {"Authorization": f"Bearer for {PEER.did} at {url}"}
    return answer, url.removeprefix(BASE), body


GOES: Final[dict[str, tuple[Any, dict[str, Any], str]]] = {
    "a request": (
        m.ContractRequestMessage("urn:1", C, "", OFFER, DATASET, TERMS),
        {},
        "/negotiations/request",
    ),
    "a counter-offer": (
        m.ContractRequestMessage("urn:1", C, P, OFFER, DATASET, TERMS),
        {},
        f"/negotiations/{P}/request",
    ),
    "an opening offer": (
        m.ContractOfferMessage("urn:1", P, "", OFFER, DATASET, TERMS),
        {},
        "/negotiations/offers",
    ),
    "an offer": (
        m.ContractOfferMessage("urn:1", P, C, OFFER, DATASET, TERMS),
        {},
        f"/negotiations/{C}/offers",
    ),
    "an acceptance": (
        m.ContractNegotiationEventMessage("urn:1", P, C, "ACCEPTED"),
        {},
        f"/negotiations/{P}/events",
    ),
    "the end, by the provider": (END, {"role": Role.PROVIDER}, f"/negotiations/{C}/termination"),
    "the end, by the consumer": (END, {"role": None}, f"/negotiations/{P}/termination"),
    "a request for data": (
        t.TransferRequestMessage("urn:1", C, "urn:a", "urn:e"),
        {},
        "/transfers/request",
    ),
    "an end of a process whose other pid came late": (
        t.TransferTerminationMessage("urn:1", "", C, "", ()),
        {"role": Role.CONSUMER, "theirs": P},
        f"/transfers/{P}/termination",
    ),
    "a pid of many signs": (
        t.TransferTerminationMessage("urn:1", "urn:a/../b?c#d", C, "", ()),
        {},
        "/transfers/urn:a%2F..%2Fb%3Fc%23d/termination",
    ),
}


@over("name", GOES)
def test_each_message_goes_to_its_path(name: str) -> None:
    message, how, path = GOES[name]
    answer, went, body = sent(message, **how)
    assert (answer, went, body["@type"]) == ({}, path, type(message).__name__)
    opens = path in ("/negotiations/request", "/negotiations/offers", "/transfers/request")
    assert body.get("callbackAddress", "") == ("https://lab.example/dsp" if opens else "")


def test_a_start_carries_the_data_address_that_holds_now() -> None:
    start = t.TransferStartMessage("urn:1", P, C, "s.t.t")
    where = data_address.of_access(t.TransferAccess("https://school.example/data/x", "tok", 60))
    _, path, body = sent(start, role=Role.PROVIDER, access=where)
    assert path == f"/transfers/{C}/start"
    assert {"name": "authorization", "value": "tok"}.items() <= body["dataAddress"][
        "endpointProperties"
    ][0].items()
    _, _, body = sent(start, role=Role.PROVIDER)
    assert "dataAddress" not in body
    _, path, body = sent(start, access=where)  # of a consumer that goes on
    assert (path, "dataAddress" in body) == (f"/transfers/{P}/start", False)


ANSWERS: Final[dict[str, tuple[Answer, Any]]] = {
    "the process": (state("TERMINATED"), {"state": "TERMINATED"}),
    "no body": (Answer(200, b""), {}),
    "white space": (Answer(201, b" \n"), {}),
    "something else": (Answer(200, b"<html>ok</html>"), {}),
    "an empty object": (Answer(200, b"{}"), {}),
    "another process": (state("TERMINATED", consumer="urn:uuid:other"), {}),
    "no content": (Answer(204, b""), {}),
}


@over("name", ANSWERS)
def test_whatever_a_peer_takes_a_message_with(name: str) -> None:
    answer, expected = ANSWERS[name]
    found, _, _ = sent(END, answer)
    assert expected.items() <= found.items()
    assert bool(found) == bool(expected)


NEGOTIATION: Final = faults.NEGOTIATION
FAILURES: Final[dict[str, tuple[Answer, type[PreauError]]]] = {
    "a refusal": (error(NEGOTIATION, "TERMS_REFUSED", 400), TermsRefused),
    "a conflict": (error(NEGOTIATION, "TERMS_REFUSED", 409), TermsRefused),
    "a code of nobody's": (error(NEGOTIATION, "EDC-17", 400), PeerFault),
    "a code that speaks of our database": (
        error(NEGOTIATION, "STORE_UNAVAILABLE", 400),
        PeerFault,
    ),
    "a refusal without a body": (Answer(400, b""), PeerFault),
    "unauthorised": (Answer(401, b"no"), PeerFault),
    "not there": (Answer(404, b""), NotFound),
    "not there, with a code": (error(NEGOTIATION, "TERMS_REFUSED", 404), NotFound),
    "another version": (error(NEGOTIATION, "UPGRADE_REQUIRED", 400), UpgradeRequired),
    "too large": (Answer(413, b""), MessageTooLarge),
    "too many": (Answer(429, b"", {"retry-after": "7"}), TooManyRequests),
    "late": (Answer(408, b""), PeerUnreachable),
    "broken": (Answer(500, b"{}"), PeerUnreachable),
    "broken, with a code": (error(NEGOTIATION, "TERMS_REFUSED", 503), PeerUnreachable),
}


@over("name", FAILURES)
def test_whatever_a_peer_refuses_a_message_with(name: str) -> None:
    answer, expected = FAILURES[name]
    with pytest.raises(expected) as caught:
        sent(END, answer)
    assert type(caught.value) is expected
    assert caught.value.retry_after == (7.0 if name == "too many" else 0.0)


def test_a_message_that_the_protocol_does_not_have_asks_nobody_anything() -> None:
    web, notice = Web(), m.AgreementNotice("urn:1", "a.b.c").to_body()
    with pytest.raises(NotSupported, match="has no `AgreementNotice`"):
        wire(web).call(PEER, "AgreementNotice", notice)
    assert web.asked == []


class TestCatalog:
    def page(self, *links: str) -> Answer:
        whole = catalog.of_page(replace(PAGE, participant_id=PEER.did), "urn:c", SERVICE, WAYS)
        body = json.dumps(catalog.write(whole, AS_THEY_STAND)).encode()
        return Answer(200, body, {"link": ", ".join(links)} if links else {})

    def ask(self, web: Web, token: str = "") -> m.Catalog:
        asked = m.CatalogRequestMessage(token, 10, "reading")
        answer = wire(web).call(PEER, "CatalogRequestMessage", asked.to_body())
        return m.Catalog.from_body(answer)

    def test_the_next_page_is_asked_for_where_the_last_one_says(self) -> None:
        web = Web(self.page('<?continuationToken=x>; rel="next"'), self.page())
        first = self.ask(web)
        assert (first.participant_id, first.datasets) == (PEER.did, PAGE.datasets)
        second = self.ask(web, first.next_page_token)
        assert second.next_page_token == ""
        asked = [(url, body["filter"]) for url, body, _ in web.asked]
        assert asked[0] == (f"{BASE}/catalog/request", asked[1][1])
        assert asked[1][0] == f"{BASE}/catalog/request?continuationToken=x"

    def test_a_page_elsewhere_gets_no_token_of_ours(self) -> None:
        away = "<https://evil.example/catalog/request>; rel=next"
        with pytest.raises(AddressForbidden):
            self.ask(Web(self.page(away)))
        web = Web(self.page())
        with pytest.raises(AddressForbidden):
            self.ask(web, "https://evil.example/catalog/request")
        assert web.asked == []

    def test_offers_without_end_cost_no_time_without_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wires, "MOST_READ", 1)
        (shown,) = self.ask(Web(self.page())).datasets
        assert [each.id for each in shown.offers] == [OFFER]

    def test_one_dataset(self) -> None:
        whole = catalog.of_dataset(PAGE.datasets[0], SERVICE, WAYS)
        body = json.dumps(catalog.write_dataset(whole, AS_THEY_STAND)).encode()
        web = Web(Answer(200, body))
        asked = m.DatasetRequestMessage(DATASET).to_body()
        answer = wire(web).call(PEER, "DatasetRequestMessage", asked)
        assert m.Dataset.from_body(answer) == PAGE.datasets[0]
        assert web.asked[0][0] == f"{BASE}/catalog/datasets/{DATASET}"
        missing = Web(Answer(404, b""))
        with pytest.raises(NotFound):
            wire(missing).call(PEER, "DatasetRequestMessage", asked)

    def test_the_state_of_a_process(self) -> None:
        web = Web(state("AGREED"))
        asked = m.GetNegotiationMessage(P).to_body()
        found = wire(web).call(PEER, "GetNegotiationMessage", asked, address=BASE)
        assert (found["state"], web.asked[0][:2]) == ("AGREED", (f"{BASE}/negotiations/{P}", None))


class TestOutbox:
    """Deliveries to a peer that is reached over HTTPS."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> Iterator[Link]:
        with link(tmp_path) as pair:
            yield pair

    def waiting(
        self,
        pair: Link,
        web: Web | GuardedWeb,
        kind: type[Any] = m.ContractRequestMessage,
        at: str = BASE,
    ) -> None:
        """Let a message of the lab wait for the school."""
        node, now = pair.lab, pair.clock.now()
        over_https = Wires(node.ports.wire, Healing())  # type: ignore[arg-type]  # of a test
        over_https.over_https(dataspace.wire(replace(node.ports, web=web), Named()))  # type: ignore[arg-type]
        node.ports = replace(node.ports, wire=over_https)
        times = {"created_at": now, "updated_at": now, "peer": pair.school.did, "pid": C}
        message: Any = t.TransferRequestMessage("urn:m", C, "urn:a", "urn:e")
        with node.ports.store.write() as tx:
            if kind is t.TransferRequestMessage:
                ids = {"agreement_id": "urn:a", "extract_id": "urn:e"}
                going = {"role": Role.CONSUMER, "state": TransferState.REQUESTED}
                tx.transfers.put(Transfer(**times, **ids, **going, address=at))
            else:
                message = m.ContractRequestMessage("urn:m", C, "", OFFER, DATASET, READ)
                said = {"dataset_id": DATASET, "policy": READ, "policy_by": Role.CONSUMER}
                going = {"role": Role.CONSUMER, "state": NegotiationState.REQUESTED}
                tx.negotiations.put(
                    Negotiation(**times, **said, **going, offer_id=OFFER, address=at)
                )
            body = canonical(message.to_body())
            tx.outbox.put(
                OutgoingMessage(
                    "urn:m", pair.school.did, kind.__name__, body, C, now, now, address=at
                )
            )

    def test_a_peer_that_is_not_ready_is_asked_again(self, pair: Link) -> None:
        web = Web(Answer(404, b""), Answer(503, b""), state("REQUESTED"))
        self.waiting(pair, web)
        for _ in range(3):
            deliver.deliver_due(pair.lab.ports)
            assert pair.lab.only().state is NegotiationState.REQUESTED
            pair.clock.advance(600.0)
        assert [each[0] for each in web.asked] == [f"{BASE}/negotiations/request"] * 3
        assert pair.lab.only().peer_pid == P
        assert kept(pair.lab, "urn:m").delivered_at is not None

    def test_a_refusal_ends_the_process_by_its_code(self, pair: Link) -> None:
        self.waiting(pair, Web(error(NEGOTIATION, "TERMS_REFUSED", 400)))
        deliver.deliver_due(pair.lab.ports)
        found = pair.lab.only()
        assert (found.state, found.code) == (NegotiationState.TERMINATED, "TERMS_REFUSED")

    def test_a_callback_that_leads_inside_gets_nothing(self, pair: Link) -> None:
        """Its name is judged with each connection, whatever it resolved to before."""
        with socket.create_server(("127.0.0.1", 0)) as management:
            management.settimeout(0)
            port = management.getsockname()[1]
            for address in ("169.254.169.254", "127.0.0.1", "::1", "fe80::1", "10.0.0.1"):
                web = GuardedWeb(tls_context(), resolver=lambda *_, to=address: [to])
                self.waiting(pair, web, at=f"https://inside.example:{port}/dsp")
                deliver.deliver_due(pair.lab.ports)
                found = pair.lab.only()
                assert (found.state, found.code) == (
                    NegotiationState.TERMINATED,
                    "ADDRESS_FORBIDDEN",
                )
            with pytest.raises(BlockingIOError):
                management.accept()
            named = ("inside.example",)  # by the operator, in `unsafe_allow_hosts`
            web = GuardedWeb(
                tls_context(), allow_hosts=named, resolver=lambda *_: ["127.0.0.1"], seconds=0.1
            )
            self.waiting(pair, web, at=f"https://inside.example:{port}/dsp")
            deliver.deliver_due(pair.lab.ports)
            assert pair.lab.only().state is NegotiationState.REQUESTED
            management.accept()[0].close()

    def test_a_word_without_a_body_is_enough(self, pair: Link) -> None:
        self.waiting(pair, Web(Answer(200, b"")))
        deliver.deliver_due(pair.lab.ports)
        assert pair.lab.waiting() == []
        assert pair.lab.only().state is NegotiationState.REQUESTED

    def test_a_transfer_learns_the_providers_pid(self, pair: Link) -> None:
        body = transfer.write_state(t.TransferProcess(P, C, "REQUESTED"))
        web = Web(Answer(201, json.dumps(body).encode()))
        self.waiting(pair, web, t.TransferRequestMessage)
        deliver.deliver_due(pair.lab.ports)
        with pair.lab.ports.store.read() as tx:
            (found,) = tx.transfers.find()
        assert (found.peer_pid, found.state) == (P, TransferState.REQUESTED)


class TestReaching:
    def found(self, services: Mapping[str, str], *versions: dict[str, Any]) -> str:
        member = stranger("did:web:school.example", **services)
        pages = {"https://school.example/.well-known/dspace-version", "https://a.example/x"}

        class Pages:
            def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
                assert url.endswith("/.well-known/dspace-version")
                assert limit
                assert pages
                return json.dumps({"protocolVersions": versions}).encode()

        return reaching.base_of(Pages(), participant(member))  # type: ignore[arg-type]  # get alone

    def version(self, path: str, number: str = "2025-1", **more: Any) -> dict[str, Any]:
        return {"version": number, "path": path, "binding": "HTTPS", **more}

    def test_by_the_document_of_the_peer(self) -> None:
        assert self.found({"CatalogService": "https://a.example/x/catalog"}) == (
            "https://a.example/x"
        )
        data = {"DataService": "https://a.example/x/.well-known/dspace-version"}
        assert self.found(data, self.version("/dsp")) == "https://a.example/x/dsp"

    def test_by_the_host_of_its_did(self) -> None:
        oauth = {"auth": {"protocol": "OAuth", "version": "2"}}
        dcp = {"auth": {"protocol": "DCP", "version": "1.0"}}
        found = self.found(
            {},
            self.version("/old", "2024-1"),
            self.version("/oauth", **oauth),
            self.version("/dcp/", **dcp),
        )
        assert found == "https://school.example/dcp"

    def test_other_versions_are_refused_by_name(self) -> None:
        with pytest.raises(UpgradeRequired, match="`2024-1`"):
            self.found({}, self.version("/old", "2024-1"))
