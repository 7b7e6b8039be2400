"""The kit's side of a case: what it sends, what it waits for, what it looks at.

A case is a line of words (`tests/conformance/cases/dsp_scenarios.json`):

    ?offer   let the node send an offer once, from now on; what is not let comes too early: 404
    ~offer   wait until one came too early
    <offer   wait until one came in time
    +offer   send one; it is taken, and the node is in the state that it brings about at once
    !offer   send one that is illegal here; it is refused by a 4xx other than 404 and moves nothing
    =OFFERED the node is in that state

Messages have the form of the kit: `@id`, empty `constraint`, pids that are no IRIs. So JSON-LD has
no reading of them without a base, and only schemas judge what is said.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

import httpx

from connector.domain.contract.negotiation import Role
from connector.protocol.dsp.members import CONTEXT
from tests.support.dsp_nodes import allowed
from tests.support.live_space import wait_until
from tests.tck.scripts import FORMAT, KIT, TRANSFERS, Case

SECONDS: Final = 30.0
USE: Final = [{"action": "use", "constraint": []}]
ADDRESS: Final = {
    "@type": "DataAddress",
    "endpoint": "http://example.com",
    "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
}
# Word -> type, path below a process (or of all, where it begins with a slash), state after it.
_NEGOTIATED: Final = {
    "request": ("ContractRequestMessage", "/request", "REQUESTED"),
    "counter": ("ContractRequestMessage", "request", "REQUESTED"),
    "offer": ("ContractOfferMessage", "offers", "OFFERED"),
    "accepted": ("ContractNegotiationEventMessage", "events", "ACCEPTED"),
    "agreement": ("ContractAgreementMessage", "agreement", "AGREED"),
    "verification": (
        "ContractAgreementVerificationMessage",
        "agreement/verification",
        "VERIFIED",
    ),
    "finalized": ("ContractNegotiationEventMessage", "events", "FINALIZED"),
    "termination": ("ContractNegotiationTerminationMessage", "termination", "TERMINATED"),
}
_TRANSFERRED: Final = {
    "request": ("TransferRequestMessage", "/request", "REQUESTED"),
    "start": ("TransferStartMessage", "start", "STARTED"),
    "suspension": ("TransferSuspensionMessage", "suspension", "SUSPENDED"),
    "completion": ("TransferCompletionMessage", "completion", "COMPLETED"),
    "termination": ("TransferTerminationMessage", "termination", "TERMINATED"),
}


@dataclass
class Heard:
    """What the node has sent in one case, by path."""

    expected: set[str] = field(default_factory=set)
    came: dict[str, dict[str, Any]] = field(default_factory=dict)
    early: set[str] = field(default_factory=set)
    again: int = 0


class Kit:
    """Takes what the node sends, at one address for each case."""

    def __init__(self) -> None:
        self.heard: dict[str, Heard] = {}
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"take": self._take})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.address = f"http://localhost:{self._server.server_address[1]}"

    @contextmanager
    def listening(self) -> Iterator[Kit]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _take(self, path: str, body: dict[str, Any]) -> int:
        """Keep a message; return the status of the answer, as the kit's endpoint does."""
        case, _, rest = path.strip("/").partition("/")
        allowed(body)
        with self._lock:
            heard = self.heard[case]
            where = _general(rest, body)
            if where in heard.expected:
                heard.expected.discard(where)
                heard.came[where] = body
                return 200
            heard.again += body in heard.came.values()
            heard.early.add(where)
            return 404


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # all cases are played at once


class _Handler(BaseHTTPRequestHandler):
    take: Any

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.take(self.path, body)
        opens = status == 200 and "callbackAddress" in body
        data = json.dumps(_acknowledged(body)).encode() if opens else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Say nothing on the console."""


def _general(path: str, body: Mapping[str, Any]) -> str:
    """Return a path without the pid, and with the event where there is one."""
    named = re.sub(r"(negotiations|transfers)/[^/]+/(?!$)", r"\1/", path)
    return named.rstrip("/") + body.get("eventType", "") + ("" if named == path else "*")


def _acknowledged(body: Mapping[str, Any]) -> dict[str, Any]:
    kind = "TransferProcess" if "agreementId" in body else "ContractNegotiation"
    pid = f"provider-of-{body['consumerPid']}"
    about = {"providerPid": pid, "consumerPid": body["consumerPid"], "state": "REQUESTED"}
    return {"@context": [CONTEXT], "@type": kind, **about}


class Scenario:
    """One case, played against a node."""

    def __init__(self, kit: Kit, case: Case, properties: Mapping[str, str]) -> None:
        """Prepare.

        Args:
            kit: takes what the node sends.
            case: of the kit.
            properties: of the kit.
        """
        self._case, self._properties = case, properties
        self._transfers = case.kind == TRANSFERS
        self._provides = case.role is Role.PROVIDER
        self._words = _TRANSFERRED if self._transfers else _NEGOTIATED
        name = case.name.replace(":", "-")
        self._heard = kit.heard[name] = Heard()
        self._own = f"{kit.address}/{name}"
        self._base = properties["dataspacetck.dsp.connector.http.url"]
        self._ours, self._theirs = str(uuid4()), ""  # pids
        self._web = httpx.Client(trust_env=False, timeout=SECONDS)

    def play(self, line: str) -> None:
        """Go through the words of a case.

        Raises:
            AssertionError: the node does something else.
        """
        works = {"?": self._let, "<": self._wait, "~": self._early, "+": self._send, "=": self._is}
        works["!"] = partial(self._send, legal=False)
        with self._web:
            for word in line.split():
                works[word[0]](word[1:])
        assert self._heard.again == 0, "a message that was taken came again"

    def _let(self, word: str) -> None:
        self._heard.expected.add(self._where(word))

    def _wait(self, word: str) -> None:
        came, where = self._heard.came, self._where(word)
        assert wait_until(lambda: where in came, SECONDS), f"no {word} came"
        body = came.pop(where)
        if self._provides:
            assert body["consumerPid"] == self._ours
        elif word == "request":
            self._begun(body)

    def _early(self, word: str) -> None:
        early, where = self._heard.early, self._where(word)
        assert wait_until(lambda: where in early, SECONDS), f"no {word} came"

    def _begun(self, body: Mapping[str, Any]) -> None:
        self._theirs, self._ours = body["consumerPid"], f"provider-of-{body['consumerPid']}"
        self._base = body["callbackAddress"].rstrip("/")
        if not self._transfers:
            offer = body["offer"]
            assert (offer["@id"], offer["target"]) == (self._case.offer, self._case.about)
        else:
            assert (body["agreementId"], body["format"]) == (self._case.about, FORMAT)

    def _send(self, word: str, *, legal: bool = True) -> None:
        if word == "initiate":
            self._initiate()
            return
        kind, path, state = self._words[word]
        before = "" if legal else self._state()
        where = f"/{self._theirs}/{path}" if not path.startswith("/") else path
        body = {"@context": [CONTEXT], "@id": str(uuid4()), "@type": kind, **self._said(word)}
        answer = self._web.post(f"{self._base}/{self._case.kind}{where}", json=body)
        said = answer.json()
        allowed(said)
        if not legal:
            assert 400 <= answer.status_code < 500, said
            assert answer.status_code != 404, said
            assert said["@type"] in ("ContractNegotiationError", "TransferError")
            assert self._state() == before
            return
        assert answer.status_code == (201 if path.startswith("/") else 200), said
        assert said["state"] == state, said
        if path.startswith("/"):
            self._theirs = said["providerPid"]
        if all(step[0] != state for step in self._case.steps):
            assert self._state() == state
        else:  # the node may go on meanwhile
            self._state()

    def _initiate(self) -> None:
        case, kind = self._case, self._case.kind.removesuffix("s")
        url = self._properties[f"dataspacetck.dsp.connector.{kind}.initiate.url"]
        said = {"providerId": KIT, "connectorAddress": self._own}
        if self._transfers:
            said |= {"agreementId": case.about, "format": FORMAT}
        else:
            said |= {"datasetId": case.about, "offerId": case.offer}
        answer = self._web.post(url, json=said)
        assert answer.status_code == 200, answer.text

    def _is(self, state: str) -> None:
        now = self._state()
        assert now == state, f"{now}, not {state}"

    def _state(self) -> str:
        answer = self._web.get(f"{self._base}/{self._case.kind}/{self._theirs}")
        body = answer.json()
        assert answer.status_code == 200, body
        allowed(body)
        return str(body["state"])

    def _where(self, word: str) -> str:
        kind, path, state = self._words[word]
        event = state if kind.endswith("EventMessage") else ""
        if path.startswith("/"):
            return f"{self._case.kind}{path}"
        return f"{self._case.kind}/{path}{event}*"

    def _said(self, word: str) -> dict[str, Any]:
        case = self._case
        mine, theirs = ("consumerPid", "providerPid")[:: 1 if self._provides else -1]
        pids = {mine: self._ours, theirs: self._theirs}
        parties = {"assigner": KIT, "assignee": self._properties[_AGENT]}
        terms = {"permission": USE, "target": case.about}
        if word == "request":
            said: dict[str, Any] = {"consumerPid": self._ours, "callbackAddress": self._own}
            if self._transfers:
                return {**said, "agreementId": case.about, "format": FORMAT}
            return {**said, "offer": {"@id": case.offer, "@type": "Offer", **terms}}
        if word == "counter":
            offer = {"@id": case.offer, "@type": "Offer", **terms}
            return {**pids, "offer": {**offer, "assignee": KIT}}
        if word == "offer":
            return {**pids, "offer": {"@id": case.offer, "@type": "Offer", **terms, **parties}}
        if word == "agreement":
            agreed = {"@id": str(uuid4()), "@type": "Agreement", **terms, **parties}
            return {**pids, "agreement": agreed, "callbackAddress": self._own}
        more: dict[str, dict[str, Any]] = {
            "accepted": {"eventType": "ACCEPTED"},
            "finalized": {"eventType": "FINALIZED"},
            "termination": {"code": "1"},
            "suspension": {"code": "1"},
            "start": {} if self._provides else {"dataAddress": ADDRESS},
        }
        return {**pids, **more.get(word, {})}


_AGENT: Final = "dataspacetck.dsp.connector.agent.id"
