"""A lead and its sites in this process: real stores, real signatures, links and workers in memory.

Each node has its own store, keys and runner; messages cross as the bodies that the wire would
carry, streams as seats of the lead's hub. A site's fake worker draws a fresh update each time it is
asked, so that a replay can be told from a second draw. ε is additive here, so that a test can say
what it expects: ε = Σ steps · (q / σ)².
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.catalog.dataset import Column, ColumnClass, DataFile, Dataset, PrivacyCap
from connector.domain.catalog.source import FOLDER
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.federation.frames import Hello
from connector.domain.federation.job import Job
from connector.domain.participant import IssuerDocument, Participant
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register, own_register
from connector.enforcement.ground import Ground
from connector.errors import PeerUnreachable
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.agreement import Party, Subject
from connector.identity.receipts import receipt, round_receipt
from connector.identity.receipts.job_receipts import MANIFEST_TYPE
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import policy_document
from connector.ports import Ports
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.lead.hub import LeadHub
from connector.services.federation.lead.request import complete
from connector.services.federation.site import jobs as site_jobs
from connector.services.membership import onboard
from connector.services.messages.deliver import deliver_due
from connector.services.messages.receive import HANDLERS
from connector.services.negotiation.terms import coverage, planned
from connector.services.privacy.registers import register_of
from connector.sources.files import FileSources
from connector.sources.snapshots import HomeSources
from federated.job import render
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import ADD_OR_REMOVE_ONE, Accounting, Rule
from policies_odrl import AssetRef, PartyRef, PolicyKind
from policies_odrl.checking.semantics import PRESENT
from tests.support.census import passing
from tests.support.contracts import NOW, Member, UsualSpace, policy_of, usual
from tests.support.doubles import (
    CountingIds,
    FixedClock,
    open_store,
    ports_for_tests,
    settings_for_tests,
)
from tests.support.federation_workers import (
    AdditiveAccountant,
    MemoryStream,
    ScriptedWorkers,
)

LEAD = "did:web:lab.example"
SITES = ("did:web:nord.example", "did:web:est.example", "did:web:sud.example")
CODE = "c0de" * 16
PROFILE = "https://w3id.org/preau/odrl/v1"
RESEARCH = "https://w3id.org/dpv#AcademicResearch"
MARKETING = "https://w3id.org/dpv#Marketing"
END = NOW + timedelta(days=30)
ROWS = "pupil,age,grade,score,name\np1,9,K,440,A\np2,10,K,420,B\n"


_WHOLE = "xsd:integer"


def policy(lead: str, site: str, dataset: str, number: int, **changes: Any) -> dict[str, Any]:
    """Return the ODRL agreement of a site; `changes` replace a figure by name.

    With `exact` it permits so many evaluations without noise, beside the other sites.
    """
    values = {
        "epsilon": "3",
        "delta": "0.00001",
        "sites": "3",
        "rows": "4",
        "until": END,
        **changes,
    }

    def constraint(operand: str, operator: str, value: dict[str, str]) -> dict[str, Any]:
        return {"leftOperand": operand, "operator": operator, "rightOperand": value}

    def number_of(name: str, kind: str = "decimal") -> dict[str, str]:
        return {"@value": values[name], "@type": f"xsd:{kind}"}

    until = values["until"].strftime("%Y-%m-%dT%H:%M:%SZ")
    offer: dict[str, Any] = {
        "@context": [
            "https://w3id.org/dspace/2025/1/context.jsonld",
            "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
        ],
        "@id": "urn:offer:1",
        "@type": "Offer",
        "profile": PROFILE,
        "permission": [
            {
                "action": f"{PROFILE}#federatedTraining",
                "constraint": [
                    constraint("odrl:purpose", "isA", {"@id": RESEARCH}),
                    constraint(f"{PROFILE}#membership", "eq", {"@id": "did:web:authority.example"}),
                    constraint(f"{PROFILE}#unitOfPrivacy", "eq", {"@id": f"{PROFILE}#Person"}),
                    constraint(f"{PROFILE}#rowsPerPerson", "lteq", number_of("rows", "integer")),
                    constraint(f"{PROFILE}#epsilon", "lteq", number_of("epsilon")),
                    constraint(f"{PROFILE}#delta", "lteq", number_of("delta")),
                    constraint(f"{PROFILE}#minimumSites", "gteq", number_of("sites", "integer")),
                    constraint("odrl:dateTime", "lteq", {"@value": until, "@type": "xsd:dateTime"}),
                ],
            }
        ],
    }
    if "exact" in values:
        others = [{"@id": each} for each in SITES if each != site]
        terms = [
            constraint(f"{PROFILE}#minimumCellCount", "gteq", {"@value": "2", "@type": _WHOLE}),
            constraint("odrl:count", "lteq", {"@value": values["exact"], "@type": _WHOLE}),
            {
                "leftOperand": f"{PROFILE}#sites",
                "operator": "isAnyOf",
                "rightOperand": others,
            },
        ]
        offer["permission"].append({"action": f"{PROFILE}#exactEvaluation", "constraint": terms})
    agreed = replace(
        policy_of(offer),
        kind=PolicyKind.AGREEMENT,
        id=f"urn:uuid:00000000-0000-4000-8000-{number:012x}",
        target=AssetRef(dataset),
        assigner=PartyRef(site),
        assignee=PartyRef(lead),
        timestamp="2026-11-24T15:00:00Z",
    )
    return policy_document(agreed)


class Link:
    """The port `PeerWire` of one node: straight into the other node's services.

    Attributes:
        down: DIDs that do not answer.
        cut_replies: how many of this node's next frames break their stream instead.
        calls: (peer, kind) of each call.
    """

    def __init__(self, federation: Federation, own: str) -> None:
        self._federation = federation
        self._own = own
        self.down: set[str] = set()
        self.cut_replies = 0
        self.calls: list[tuple[str, str]] = []

    def call(
        self,
        peer: Participant,
        kind: str,
        body: Mapping[str, Any],
        *,
        seconds: float = 10.0,
        carries: bool = False,
    ) -> Mapping[str, Any]:
        assert seconds > 0
        del carries
        self.calls.append((peer.did, kind))
        if peer.did in self.down or peer.did not in self._federation.nodes:
            raise PeerUnreachable(f"`{peer.did}` does not answer")
        there = self._federation.nodes[peer.did].ports
        caller = onboard.judge(there, self._own)
        return HANDLERS[kind](there, caller, body)

    def participate(self, lead: Participant, hello: Hello) -> MemoryStream:
        self.calls.append((lead.did, "participate"))
        if lead.did in self.down:
            raise PeerUnreachable(f"`{lead.did}` does not answer")
        hub = self._federation.nodes[lead.did].hub
        return MemoryStream(hub.join(hello.job_id, self._own, hello), self)


@dataclass
class Node:
    """One node: ports, hub, runners.

    Attributes:
        dataset: of a site; None at the lead.
    """

    home: Path
    member: Member
    clock: FixedClock
    link: Link
    workers: ScriptedWorkers
    accountant: AdditiveAccountant
    ports: Ports
    dataset: Dataset | None = None
    hub: LeadHub = field(default_factory=LeadHub)
    runners: list[Any] = field(default_factory=list)

    @property
    def register(self) -> Register:
        """The register of a site's dataset, as it is now."""
        assert self.dataset is not None
        with self.ports.store.read() as tx:
            return register_of(tx, self.dataset)

    def start(self) -> None:
        self.runners = [
            site_jobs.SiteRunner(self.ports),
            lead_jobs.LeadRunner(self.ports, self.hub),
        ]
        for runner in self.runners:
            runner.start()

    def stop(self) -> None:
        for runner in self.runners:
            runner.stop()
        self.runners = []

    def restart(self) -> None:
        """Stop as `kill -9` would: nothing is said to anyone; then start on the same database."""
        self.stop()
        self.reopen()
        self.start()

    def reopen(self) -> None:
        """Open the database anew, with a fresh hub."""
        self.ports.store.close()
        self.hub = LeadHub()
        self.ports = replace(self.ports, store=open_store(self.home, self.clock))

    def job(self, job_id: str) -> Job:
        with self.ports.store.read() as tx:
            found = tx.jobs.get(job_id)
        assert found is not None, f"no job {job_id}"
        return found

    def has_job(self, job_id: str) -> bool:
        with self.ports.store.read() as tx:
            return tx.jobs.get(job_id) is not None

    def reservation(self, job_id: str) -> Reservation:
        with self.ports.store.read() as tx:
            found = tx.reservations.get(job_id)
        assert found is not None
        return found

    def log(self, subject: str) -> list[str]:
        with self.ports.store.read() as tx:
            return [entry.kind for entry in tx.audit.entries(subject=subject)]


class Federation:
    """A lead, three sites, and a contract with each."""

    def __init__(self, folder: Path, **terms: Any) -> None:
        self.space = UsualSpace()
        self.clock = FixedClock(NOW)
        self.terms = terms
        self.nodes: dict[str, Node] = {}
        members = [self.space.admit(usual(did), index=i) for i, did in enumerate((LEAD, *SITES))]
        for index, member in enumerate(members):
            self.nodes[member.did] = self._node(folder / f"node{index}", index, member)
        for node in self.nodes.values():
            self._introduce(node, members)
        self.agreements = {did: self.contract(did, 0xA000 + i) for i, did in enumerate(SITES)}

    @property
    def lead(self) -> Node:
        return self.nodes[LEAD]

    @property
    def sites(self) -> list[Node]:
        return [self.nodes[did] for did in SITES]

    def site(self, index: int = 0) -> Node:
        return self.sites[index]

    def contract(self, site: str, number: int, **terms: Any) -> Agreement:
        """Conclude a contract between the lead and a site, and keep it at both."""
        node, lead = self.nodes[site], self.lead
        assert node.dataset is not None
        stated = {**self.terms, **terms}
        accounting = stated.pop("accounting", Accounting(Rule.SUMS))
        recipes = stated.pop("recipes", [CODE])
        alter = stated.pop("alter", None)
        until = stated.get("until", END)
        agreed = policy(LEAD, site, node.dataset.id, number, **stated)
        plan = planned(policy_of(agreed), Ground.of(node.dataset), MECHANISMS)
        data = agreements.build(
            agreed,
            offer_id="urn:offer:1",
            offer_digest="ab" * 32,
            dataset=Subject(
                node.dataset.id,
                "cd" * 32,
                node.dataset.population,
                node.dataset.rows_per_person,
                node.dataset.person_column,
            ),
            provider=Party(
                site, node.member.document.digest, f"urn:p:{number}", node.member.signer.key_id
            ),
            consumer=Party(LEAD, lead.member.document.digest, f"urn:c:{number}"),
            coverage=[
                {**line.to_body(), "layer": "offer"}
                for line in coverage(policy_of(agreed), MECHANISMS)
            ],
            accounting=accounting,
            recipes=recipes,
            semantics=PRESENT,
            plan=alter(plan) if alter else plan,
            layers=[],
            timestamp=NOW,
        )
        signed = agreements.sign(node.member.signer, data)
        accepted = agreements.sign(lead.member.signer, data)
        document = agreements.read(data)
        token = receipt.make_receipt(
            node.member.signer,
            document,
            signed,
            accepted,
            minimum_sites=int(stated.get("sites", "3")),
            valid_until=until,
            now=NOW,
        )
        agreement = Agreement(
            id=document.id,
            pid=f"urn:p:{number}",
            role=Role.PROVIDER,
            provider=site,
            consumer=LEAD,
            dataset_id=node.dataset.id,
            document=data,
            digest=document.digest,
            provider_signature=signed,
            consumer_signature=accepted,
            receipt=token,
            valid_until=until,
            population=document.dataset.population,
            finalized=True,
            provider_document=node.member.data,
            consumer_document=lead.member.data,
            provider_membership=node.member.membership,
            consumer_membership=lead.member.membership,
            concluded_at=NOW,
            epsilon=float(stated.get("epsilon", "3")),
            delta=float(stated.get("delta", "0.00001")),
        )
        for holder, role in ((node, Role.PROVIDER), (lead, Role.CONSUMER)):
            with holder.ports.store.write() as tx:
                tx.agreements.put(replace(agreement, role=role))
        return agreement

    def request(self, **changes: Any) -> dict[str, Any]:
        """Return a data scientist's request; `changes` replace members of the top.

        It costs ε = 1.5 in this module's arithmetic.
        """
        value: dict[str, Any] = {
            "purpose": RESEARCH,
            "agreements": [self.agreements[did].id for did in SITES],
            "model": {"kind": "mlp", "hidden": [4], "activation": "tanh"},
            "features": [{"column": "age", "kind": "number", "low": 5, "high": 15, "missing": 10}],
            "target": {"column": "score", "by": "grade", "thresholds": {"K": 430}},
            "unit": {"column": "pupil", "rows": 4},
            "privacy": {
                "epsilon": 1.5,
                "delta": 1e-6,
                "noiseMultiplier": 1.0,
                "samplingRate": 0.5,
                "steps": 6,
                "clip": 1.0,
            },
            "learningRate": 0.5,
            "rounds": 3,
            "roundSeconds": 30,
            "deadlineSeconds": 3600,
        }
        return {**value, **changes}

    def submission(
        self, tamper: Callable[[dict[str, Any]], None] | None = None, **changes: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return (job id, body of a JobSubmission); `tamper` changes the manifest before."""
        manifest, _ = complete(self.lead.ports, self.request(**changes))
        value = render(manifest)
        if tamper is not None:
            tamper(value)
        return self.signed(value)

    def signed(self, value: dict[str, Any], signer: Any = None) -> tuple[str, dict[str, Any]]:
        """Return (job id, body) of a manifest signed by the lead, or by another."""
        data = canonical(value)
        token = jws.sign_detached(signer or self.lead.member.signer, data, MANIFEST_TYPE)
        body = {
            "job_id": value["job"],
            "manifest": base64.b64encode(data).decode(),
            "signature": token,
        }
        return value["job"], body

    def caller(self, node: Node, did: str = LEAD) -> Participant:
        """Return a participant as a node knows it."""
        with node.ports.store.read() as tx:
            found = tx.participants.get(did)
        assert found is not None
        return found

    def ask(self, node: Node, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Submit a job to one site, as the lead."""
        return site_jobs.receive_job(node.ports, self.caller(node), body)

    def pass_time(self, seconds: float) -> None:
        """Let time pass on all clocks; `clock` alone is a wall clock that is set."""
        self.clock.advance(seconds)
        for node in self.nodes.values():
            node.ports.pace.pass_by(seconds)  # type: ignore[attr-defined] - the pace of a test

    def deliver(self) -> None:
        """Deliver the lead's outbox."""
        deliver_due(self.lead.ports)

    def revoke(self, node: Node, did: str) -> None:
        """Let a node learn that a member is revoked."""
        index = (LEAD, *SITES).index(did)
        with node.ports.store.write() as tx:
            for entry in self.space.cached(self.space.status_list(index)).values():
                tx.status_lists.put(entry)

    def _node(self, home: Path, index: int, member: Member) -> Node:
        link, workers = Link(self, member.did), ScriptedWorkers()
        accountant = AdditiveAccountant()
        ports = ports_for_tests(
            home,
            member.did,
            settings=settings_for_tests(home, member.did),
            clock=self.clock,
            ids=CountingIds(index),
            signer=member.signer,
            wire=link,
            workers=workers,
            accountant=accountant,
            sources=HomeSources(home / FOLDER, 1 << 20),
            own_document=lambda: member.data,
            own_membership=lambda _space="": member.membership,
            code_hash=CODE,
        )
        node = Node(home, member, self.clock, link, workers, accountant, ports)
        if member.did != LEAD:
            node.dataset = publish(node, 1000 * index)
        return node

    def _introduce(self, node: Node, members: Sequence[Member]) -> None:
        with node.ports.store.write() as tx:
            tx.issuers.put(IssuerDocument(self.space.did, self.space.data, NOW))
            for entry in self.space.cached(self.space.status_list()).values():
                tx.status_lists.put(entry)
            for member in members:
                if member.did != node.member.did:
                    tx.participants.put(participant(member))


def set_at(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets a value within a manifest."""

    def change(value: dict[str, Any]) -> None:
        item: Any = value
        for step in path[:-1]:
            item = item[step]
        item[path[-1]] = to

    return change


def signed_receipt(
    federation: Federation, job: Job, site: str, number: int, digest: str, /, **changes: Any
) -> str:
    """Return a site's receipt of a round; `changes` replace what it states."""
    receipt = RoundReceipt(
        job=job.id,
        manifest=job.manifest_digest,
        round=number,
        site=site,
        digest=digest,
        recipe=CODE,
        versions=(("python", "3.11.7"),),
        adjacency=ADD_OR_REMOVE_ONE,
    )
    signer = federation.nodes[site].member.signer
    return round_receipt.sign(signer, replace(receipt, **changes))


def participant(member: Member, now: datetime = NOW) -> Participant:
    """Return a member as others keep it."""
    return Participant(
        did=member.did,
        name="Académie d'essai",
        document=member.data,
        document_digest=documents.read(member.data, member.did).digest,
        membership=member.membership,
        description="",
        grpc_endpoint="localhost:1",
        tls_authorities=(),
        admitted_at=now,
        refreshed_at=now,
    )


def publish(node: Node, population: int, **changes: Any) -> Dataset:
    """Publish a small dataset at a node."""
    path = node.home / "rows.csv"
    path.write_text(ROWS)
    values: dict[str, Any] = {
        "id": f"urn:dataset:{node.member.did}",
        "title": "pupils",
        "description": "",
        "personal": True,
        "columns": (
            Column("pupil", ColumnClass.DIRECT_IDENTIFIER, "category"),
            Column("age", ColumnClass.QUASI_IDENTIFIER, "number"),
            Column("grade", ColumnClass.OTHER, "category"),
            Column("score", ColumnClass.SENSITIVE, "number"),
            Column("name", ColumnClass.DIRECT_IDENTIFIER, "category"),
        ),
        "person_column": "pupil",
        "rows_per_person": 4,
        "population": population,
        "collection_purpose": "urn:teaching",
        "legal_basis": "urn:task",
        "retention": "P10Y",
        "territory": "FR",
        "register_id": own_register(f"urn:dataset:{node.member.did}"),
        "cap": PrivacyCap(4.5, 3e-5),
        "file": DataFile(str(path), "csv", FileSources().digest(path)),
        "credential": "",
        "published_at": NOW,
        **changes,
    }
    dataset = Dataset(**values)
    accounting = Accounting(Rule.SUMS)
    register = Register(dataset.register_id, dataset.cap, accounting, 0, dataset.published_at)
    with node.ports.store.write() as tx:
        tx.datasets.put(dataset)
        tx.registers.put(register)
        tx.censuses.put(passing(dataset))
    return dataset


def reservation(job_id: str, agreement_id: str, dataset_id: str, **changes: Any) -> Reservation:
    """Return an open reservation of ε = 1.5 in three rounds."""
    values: dict[str, Any] = {
        "events": Events((sampled_gaussian(1.0, 0.5, 2),)),
        "rounds": 3,
        "committed_rounds": 0,
        "epsilon": 1.5,
        "delta": 1e-6,
        "state": ReservationState.OPEN,
        "created_at": NOW,
        **changes,
    }
    return Reservation(job_id, agreement_id, dataset_id, own_register(dataset_id), **values)


@contextmanager
def running(*nodes: Node) -> Iterator[None]:
    """Run nodes' jobs inside the block."""
    try:
        for node in nodes:
            node.start()
        yield
    finally:
        for node in nodes:
            node.stop()


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Wait for what another thread brings about; return whether it came."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        pause.wait(0.01)
    return bool(condition())
