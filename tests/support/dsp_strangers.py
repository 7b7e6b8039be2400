"""A connector of another make, as odd as the protocol allows, that negotiates with our nodes.

It says anything in any state, late and twice, in terms of its own; it is away, not ready, or takes
messages without a word. It holds its own state by the table, so that what comes to it is judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.errors import IllegalMessage, PeerUnreachable, PreauError
from connector.ports import Answer
from connector.protocol.dsp import binding, faults, members
from connector.protocol.dsp import negotiation as codec
from connector.protocol.messages import ContractNegotiation
from connector.protocol.negotiation import RECEIVING, SENDING, TERMINAL, Act
from connector.services.negotiation import negotiate
from tests.support.choices import Choices, any_text
from tests.support.contracts import stranger
from tests.support.dsp_link import PATH, LoopWeb
from tests.support.dsp_oracle import act_of
from tests.support.dsp_terms import anybodys, spoken
from tests.support.link import Link, Node, participant

State = NegotiationState
HOST: Final = "other.example"
DID: Final = f"did:web:{HOST}"
BASE: Final = f"https://{HOST}{PATH}"
DATASET: Final = "urn:x:données/1"
_MOST_STEPS: Final = 12
_OPENINGS: Final = 4
_TERMS: Final = 12  # offers of its own, which it varies
_BYTES: Final = 2048  # of choices, for one offer
_NOT_READY: Final = (404, 429, 503)
_ENDED: Final[tuple[Mapping[str, Any], ...]] = (
    *({}, {"code": "1"}, {"code": "NO"}, {"code": "a code with blanks", "reason": []}),
    *({"reason": ["été\n\tça", ""]}, {"reason": [{"@value": "x"}, 5, "é" * 2000] * 40}),
    *({"code": "", "reason": ["why"]}, {"code": "é" * 65, "reason": ["\u2028"]}),
)
_PIDS: Final = ("urn:uuid:11111111-1111-4111-8111-{:012d}", "https://x.example/é?p={}", "urn:x:{}")


@dataclass
class Stranger:
    """One connector; of its negotiations it knows the last one.

    Attributes:
        pair: our nodes.
        web: joins them with it.
        rng: chooses.
        shown: offers of our provider, as its catalog shows them.
        polite: whether it takes what comes at once.
        state: of the negotiation by its own table; None before it began.
        wrong: what came that its table does not have.
    """

    pair: Link
    web: LoopWeb
    rng: Random
    shown: tuple[dict[str, Any], ...]
    polite: bool = False
    state: State | None = None
    role: Role = Role.CONSUMER
    wrong: str = ""
    _pid: str = ""
    _theirs: str = ""
    _offer: dict[str, Any] = field(default_factory=dict)  # on the table
    _heard: set[str] = field(default_factory=set)
    _told: list[dict[str, Any]] = field(default_factory=list)
    _count: int = 0
    _odd: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make it known to our nodes."""
        member = stranger(DID, CatalogService=f"{BASE}/catalog")
        for node in self.pair.nodes.values():
            with node.ports.store.write() as tx:
                tx.participants.put(replace(participant(member), grpc_endpoint=""))
        self.web.others[DID] = self.answer

    def play(self) -> str:
        """Negotiate once with one of our nodes; return how it ended there."""
        self._count += 1
        pid = self.rng.choice(_PIDS).format(self._count)
        self.polite, self.state, self._pid, self._theirs = False, None, pid, ""
        self._heard, self._told, self.web.taken[:] = set(), [], []
        self.role = self.rng.choice(list(Role))
        node = self.pair.school if self.role is Role.CONSUMER else self.pair.lab
        self._offer = self._terms()
        before = {it.pid for it in node.negotiations()}
        for _ in range(_OPENINGS):  # many a term is not understood
            if self._opened(node):
                break
        else:
            return "nothing began"
        for _ in range(_MOST_STEPS):
            self._step(node)
            self.pair.clock.advance(60.0)
        self.polite = True
        self.pair.pump()
        found = [it for it in node.negotiations() if it.pid not in before]
        assert len(found) <= 1, found
        return self._ended(node, found[0]) if found else "nothing began"

    def answer(self, path: str, body: Any) -> Answer:
        """Answer what one of our nodes asks."""
        if not body:
            return self._dataset(path)
        if not self.polite and self.rng.random() < 0.3:
            return self._rude()
        text = json.dumps(body, sort_keys=True)
        if text not in self._heard:
            act = act_of(body["@type"], body.get("eventType", ""))
            after = RECEIVING.get((self.state, act, self.role.other))
            if after is None:
                if self.state not in TERMINAL:
                    self.wrong = self.wrong or f"{act} came in state {self.state}"
                return self._refusal("ILLEGAL_MESSAGE")
            self._heard.add(text)
            self.state = after
            self._theirs = body[f"{self.role.other}Pid"]
            self._offer = body.get("offer", self._offer)
        return Answer(200, self.rng.choice((b"", b"{}", self._standing())))

    def _opened(self, node: Node) -> bool:
        if self.role is Role.PROVIDER and self.rng.randrange(2):
            try:
                negotiate.request(node.ports, DID, DATASET, self._offer["@id"])
            except PreauError:  # it is not understood, and no word of it was said
                self._offer = self._terms()
                return False
            return True
        act = Act.REQUEST if self.role is Role.CONSUMER else Act.OFFER
        self._say(node, self._message(act, opens=True))
        return self.state is not None

    def _step(self, node: Node) -> None:
        """Let one thing happen."""
        choice = self.rng.randrange(10)
        if choice < 4:
            self.pair.deliver(1)
        elif choice < 6:
            legal = [act for state, act, by in SENDING if (state, by) == (self.state, self.role)]
            if legal and self._theirs:
                self._say(node, self._message(self.rng.choice(legal)))
        elif choice == 6:
            self._say(node, self._message(self.rng.choice(list(Act))))
        elif choice == 7 and self._told:
            self._say(node, self.rng.choice((self._told[-1], self.rng.choice(self._told))))
        else:
            self._operator(node)

    def _operator(self, node: Node) -> None:
        """Let the operator of our node do something."""
        found = _last(node)
        if found is None or found.peer != DID or found.state in TERMINAL:
            return
        try:
            if found.role is Role.CONSUMER and found.state is State.OFFERED:
                negotiate.accept(node.ports, found.pid)
            elif self.rng.randrange(4) == 0:
                negotiate.terminate(node.ports, found.pid, any_text(self._choices(), 30))
        except PreauError:  # the table, or the terms, have the last word
            return

    def _ended(self, node: Node, found: Negotiation) -> str:
        """End what is still open, and check that our node is where its messages led it."""
        if found.state not in TERMINAL:
            try:
                negotiate.terminate(node.ports, found.pid, "nobody answers")
            except IllegalMessage:  # it may not in this state, and its peer may
                self._say(node, self._message(Act.TERMINATION))
            self.pair.pump()
        with node.ports.store.read() as tx:
            ended = tx.negotiations.get(found.pid)
        assert ended is not None
        assert ended.state in TERMINAL, ended
        assert not self.wrong, self.wrong
        return ended.state.value

    # -- what it says ---------------------------------------------------------------------------

    def _say(self, node: Node, body: dict[str, Any]) -> None:
        """Say something to a node, and go where that went."""
        before, path = len(self.web.taken), binding.path(body["@type"], self._theirs or "urn:x")
        address = f"https://{node.did.removeprefix('did:web:')}{PATH}{path}"
        header = {"Authorization": f"Bearer {DID}"}
        with suppress(PeerUnreachable):  # it may have come all the same
            self.web.ask(address, json.dumps(body).encode(), headers=header)
        for one in self.web.taken[before:]:
            act = act_of(body["@type"], body.get("eventType", ""))
            leads = RECEIVING.get((one.before, act, self.role))
            if not one.code and leads is not None and one.before is not one.after:
                self.state = leads
                self._told.append(body)
                self._theirs = self._theirs or _known(node, self._pid)

    def _message(self, act: Act, *, opens: bool = False) -> dict[str, Any]:
        kind, _, event = act.partition(":")
        named = {f"{self.role}Pid": self._pid, f"{self.role.other}Pid": self._theirs or "urn:x"}
        body: dict[str, Any] = {"@context": self._contexts(), "@type": kind, **named}
        if opens:
            del body[f"{self.role.other}Pid"]
            body["callbackAddress"] = BASE + self.rng.choice(("", "/"))
        if act in (Act.REQUEST, Act.OFFER):
            self._offer = body["offer"] = self._terms()
        if act is Act.AGREEMENT:
            body["agreement"] = self._agreement()
        if act is Act.TERMINATION:
            body |= self.rng.choice(_ENDED)
        if event:
            body["eventType"] = event
        if self.rng.randrange(3) == 0:
            body["@id"] = f"urn:m:{self.rng.randrange(1 << 30)}"
        if self.rng.randrange(6) == 0:
            body["https://unknown.example/é"] = {"x": [None, 1.5, {"@value": True}]}
        return body

    def _contexts(self) -> list[str]:
        odd = ("https://unknown.example/context.jsonld", "https://w3id.org/edc/v0.0.1/ns/")
        return [*((self.rng.choice(odd),) if self.rng.randrange(4) == 0 else ()), members.CONTEXT]

    def _terms(self) -> dict[str, Any]:
        """Return an offer with its target: of ours as it is shown, or of anybody."""
        ours = self.rng.choice(self.shown)
        if self.role is Role.CONSUMER and self.rng.randrange(3):
            return dict(ours)
        name, dataset = f"urn:x:offer:{self.rng.randrange(1 << 30)}", DATASET
        if self.role is Role.CONSUMER:
            name, dataset = self.rng.choice((name, ours["@id"], ours["@id"])), ours["target"]
        elif self.rng.randrange(3) == 0:  # terms that our nodes understand
            return {**ours, "@id": name, "target": dataset}
        if len(self._odd) < _TERMS:  # making one takes longer than saying it
            self._odd.append(anybodys(self._choices))
        return spoken(self.rng.choice(self._odd), self._choices()) | {
            "@id": name,
            "@type": "Offer",
            "target": dataset,
        }

    def _agreement(self) -> dict[str, Any]:
        parties = self.rng.choice(((DID, self.pair.lab.did), ("BPNLé", "BPNL2"), (DID, DID)))
        now = self.pair.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        base = self._offer if self.rng.randrange(4) else self._terms()
        return {
            **base,
            "@id": f"urn:x:agreement:{self.rng.randrange(1 << 30)}",
            "@type": "Agreement",
            "assigner": parties[0],
            "assignee": parties[1],
            "timestamp": self.rng.choice((now, now, now, "2020-01-01T00:00:00.123456789+02:00")),
        }

    # -- what it answers ------------------------------------------------------------------------

    def _dataset(self, path: str) -> Answer:
        if "/catalog/datasets/" not in path:
            return Answer(200, self._standing())
        offer = {name: value for name, value in self._offer.items() if name != "target"}
        service = {"@id": "urn:x:s", "@type": "DataService", "endpointURL": BASE}
        way = {"@type": "Distribution", "format": "HttpData-PULL", "accessService": service}
        body = {"@context": [members.CONTEXT], "@id": DATASET, "@type": "Dataset"}
        return Answer(
            200, json.dumps({**body, "hasPolicy": [offer], "distribution": [way]}).encode()
        )

    def _rude(self) -> Answer:
        kind = self.rng.randrange(8)
        if kind == 0:
            raise PeerUnreachable("is away")
        if kind == 1:
            return self._refusal(self.rng.choice(("TERMS_REFUSED", "EDC-17", "", "INTERNAL")))
        return Answer(self.rng.choice(_NOT_READY), self.rng.choice((b"", b"<html>", b"{}")))

    def _refusal(self, code: str) -> Answer:
        pids = (self._theirs, self._pid)[:: 1 if self.role is Role.CONSUMER else -1]
        said = faults.ProtocolError(faults.NEGOTIATION, *pids, code, ("non, «ça» ne va pas",))
        return Answer(400, json.dumps(faults.write(said)).encode())

    def _standing(self) -> bytes:
        pids = (self._theirs or members.NIL, self._pid)[:: 1 if self.role is Role.CONSUMER else -1]
        state = ContractNegotiation(*pids, (self.state or State.REQUESTED).value)
        return json.dumps(codec.write_state(state)).encode()

    def _choices(self) -> Choices:
        return Choices(self.rng.randbytes(_BYTES))


def _last(node: Node) -> Negotiation | None:
    found = node.negotiations()
    return found[-1] if found else None


def _known(node: Node, peer_pid: str) -> str:
    with node.ports.store.read() as tx:
        found = tx.negotiations.find(peer=DID, peer_pid=peer_pid)
    return found[0].pid if found else ""
