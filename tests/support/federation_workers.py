"""Accountant, workers and links of a federation in memory, with scripts that tests write.

ε is additive here, so that a test can say what it expects: ε = Σ steps · (q / σ)².
"""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.domain.federation.frames import LeadFrame, SiteFrame
from connector.errors import PeerUnreachable, PreauError, WorkerFailed
from connector.jsonld.canonical import sha256_hex
from connector.services.federation.lead.hub import Seat
from federated.job import parse
from federated.privacy.event import Event
from federated.privacy.question import Question
from federated.task.evaluation import ALL_SITES
from tests.support.census import CensusWorker

if TYPE_CHECKING:
    from tests.support.federation import Link


VERSIONS = {"numpy": "2.4.0", "python": "3.11.7"}


class AdditiveAccountant:
    """The port `Accountant`: everything costs Σ count · (q / σ)², whatever δ or order."""

    def __init__(self) -> None:
        self.asked = 0
        self.before: Callable[[], None] = lambda: None
        self.failure: PreauError | None = None
        self.boundless = False

    def costs(self, questions: Sequence[Question]) -> list[float]:
        self.asked += 1
        self.before()
        if self.failure is not None:
            raise self.failure
        return [self._cost(question.events) for question in questions]

    def _cost(self, events: Sequence[Event]) -> float:
        if self.boundless and events:
            return math.inf
        return sum(each.count * _cost(dict(each.parameters)) for each in events)

    def calibrate(
        self,
        *,
        epsilon: float,
        delta: float,
        sampling_rate: float,
        steps: int,
        beside: Sequence[Event] = (),
    ) -> float:
        self.before()
        assert 0 < delta < 1
        return (steps * sampling_rate**2 / (epsilon - self._cost(beside))) ** 0.5


def _cost(of: Mapping[str, float]) -> float:
    noise = of.get("noise_multiplier") or of["scale"] / of.get("sensitivity", 1)
    return (of.get("sampling_rate", 1) / noise) ** 2


def model_digest(message: bytes) -> str:
    """Return the digest of a message's model: what stands behind the last `|`."""
    return sha256_hex(message.rpartition(b"|")[2])


@dataclass
class SiteScript:
    """How a site's workers behave.

    Attributes:
        die_in: rounds that the next worker dies of while it computes, once each.
        die_reading: rounds that the next worker dies of while it reads the message, once each.
        misread: digest that the next worker answers instead, once each.
        refuse: code of a failure that the worker answers every round with; empty for none.
        refuse_reading: as `refuse`, before anything is charged.
        seconds: that a round takes on nobody, as it says.
        longer: bytes that an update has more than it needs.
        silent: whether it answers no round until `stop`.
        recipe: that it says it runs.
        before: what happens before a frame is received, by its name.
        enough: whether it holds out enough persons for figures without noise.
        start_failure: code that it answers the start with; empty for none.
        orders: frames that the node sent.
        suppressed: digests of persons that came with each start.
        updates: (round, update) in the order in which they were drawn.
    """

    die_in: list[int] = field(default_factory=list)
    die_reading: list[int] = field(default_factory=list)
    misread: list[str] = field(default_factory=list)
    refuse: str = ""
    refuse_reading: str = ""
    longer: int = 0
    enough: bool = True
    silent: bool = False
    seconds: object = 0.02
    start_failure: str = ""
    recipe: str = "c0de" * 16
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    suppressed: list[bytes] = field(default_factory=list)
    updates: list[tuple[int, bytes]] = field(default_factory=list)


class SiteWorker:
    """A site's worker in memory: a fresh random update each time."""

    pid = 1

    def __init__(self, script: SiteScript) -> None:
        self._script = script
        self._answers: list[tuple[dict[str, Any], bytes]] = []
        self._gone = threading.Event()
        self._checked = 0

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        if self._gone.is_set():
            raise WorkerFailed("the worker has ended")
        assert header["op"] == "start" or bool(payload) == (header["op"] == "round")
        script = self._script
        script.orders.append(dict(header))
        if header["op"] == "start":
            script.suppressed.append(payload)
            code = script.start_failure
            self._answers.append(({"op": "tried", "seconds": script.seconds}, b""))
            ready = {"op": "ready", "recipe": script.recipe, "versions": VERSIONS}
            ready["enough"] = script.enough
            self._answers.append(({"op": "failed", "code": code} if code else ready, b""))
            return
        if header["op"] == "round":
            self._read(header["round"], payload)
            return
        number = header["round"]
        assert (header["op"], number) == ("go", self._checked)
        if number in script.die_in:
            script.die_in.remove(number)
            self._gone.set()
        elif script.refuse:
            secret = {"reason": "row 7 is odd", "code": script.refuse}
            self._answers.append(({"op": "failed", **secret}, b""))
        elif not script.silent:
            update = b"update:" + secrets.token_bytes(16) + bytes(script.longer)
            script.updates.append((number, update))
            self._answers.append(({"op": "update", "round": number}, update))

    def _read(self, number: int, message: bytes) -> None:
        script = self._script
        if number in script.die_reading:
            script.die_reading.remove(number)
            self._gone.set()
        elif script.refuse_reading:
            secret = {"reason": "byte 7 is odd", "code": script.refuse_reading}
            self._answers.append(({"op": "failed", **secret}, b""))
        else:
            self._checked = number
            digest = script.misread.pop() if script.misread else model_digest(message)
            self._answers.append(({"op": "checked", "round": number, "digest": digest}, b""))

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        assert seconds > 0
        if self._answers:
            header, payload = self._answers.pop(0)
            self._script.before.get("ready" if header["op"] == "failed" else header["op"], int)()
            return header, payload
        self._gone.wait(seconds)
        raise WorkerFailed("the worker has ended, or is silent")

    def stop(self) -> None:
        self._gone.set()


@dataclass
class LeadScript:
    """How the lead's workers behave; the same from the same state, as real ones are.

    Attributes:
        die_before: rounds before which the next worker dies, once each.
        starts: (round, state) of each start.
        replies: round -> sites whose replies arrived.
        ignore: sites whose replies it does not use.
        mislead: by round, the sites that are sent another model.
        failure: code that it answers a start with; empty for none.
        tries: frames that asked for a try.
        tried: what a try answers instead of its usual figures.
        hold: cleared while workers must wait before they ask for a round.
    """

    die_before: list[int] = field(default_factory=list)
    starts: list[tuple[int, bytes]] = field(default_factory=list)
    replies: dict[int, list[str]] = field(default_factory=dict)
    ignore: set[str] = field(default_factory=set)
    mislead: dict[int, tuple[str, ...]] = field(default_factory=dict)
    failure: str = ""
    tries: list[dict[str, Any]] = field(default_factory=list)
    tried: dict[str, Any] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    def rehearsed(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a frame `rehearse`."""
        self.tries.append(dict(header))
        manifest = parse(header["manifest"].encode())
        part = {"persons": 9, "usable": 9, "labels": 2, "round_seconds": 0.1, "needs": 10}
        sites = dict.fromkeys(manifest.sites, part)
        figures = {"rounds": manifest.turns, "seconds": 1.0, "peak": 1, "refused": {}}
        return {"op": "rehearsed", "isolation": "", **figures, "sites": sites, **self.tried}


class LeadWorker:
    """The lead's worker in memory."""

    pid = 2

    def __init__(self, script: LeadScript) -> None:
        self._script = script
        self._answers: list[tuple[dict[str, Any], bytes]] = []
        self._gone = threading.Event()
        self._sites: list[str] = []
        self._rounds = 0
        self._number = 0
        self._state = b""

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        if self._gone.is_set():
            raise WorkerFailed("the worker has ended")
        if header["op"] == "rehearse":
            self._answers.append((self._script.rehearsed(header), b""))
        elif header["op"] == "start":
            self._start(header, payload)
        elif header["op"] == "replies":
            self._reply(header, payload)
        else:
            assert header == {"op": "saved"}
            self._ask()

    def _start(self, header: Mapping[str, Any], state: bytes) -> None:
        self._script.starts.append((header["round"], state))
        if self._script.failure:
            self._answers.append(({"op": "failed", "code": self._script.failure}, b""))
            return
        assert bool(state) == bool(header["round"])
        self._sites, self._number, self._state = header["sites"], header["round"], state
        self._manifest = parse(header["manifest"].encode())
        self._rounds = self._manifest.turns
        self._answers.append(({"op": "ready", "isolation": "none"}, b""))
        self._ask()

    def _ask(self) -> None:
        if self._number == self._rounds:
            self._answers.append(({"op": "done"}, b"model:" + self._state))
            return
        number = self._number + 1
        if number in self._script.die_before:
            self._script.die_before.remove(number)
            self._gone.set()
            return
        models = dict.fromkeys(self._sites, b"model %d " % number + self._state[:64])
        digest = sha256_hex(models[self._sites[0]])
        models.update(dict.fromkeys(self._script.mislead.get(number, ()), b"another model"))
        parts = [f"round {number} {site}|".encode() + models[site] for site in self._sites]
        sizes = [len(part) for part in parts]
        header = {"op": "round", "round": number, "sites": self._sites, "sizes": sizes}
        self._answers.append(({**header, "digest": digest}, b"".join(parts)))

    def _reply(self, header: Mapping[str, Any], payload: bytes) -> None:
        self._number = header["round"]
        self._script.replies[self._number] = header["sites"]
        assert sum(header["sizes"]) == len(payload)
        self._state = sha256_hex(self._state + payload).encode()
        used = [site for site in header["sites"] if site not in self._script.ignore]
        refused = dict.fromkeys(self._script.ignore, "too far")
        state = {"op": "state", "round": self._number, "answered": used, "refused": refused}
        asked = self._manifest.evaluation
        if asked is not None and self._manifest.evaluates(self._number):
            cells = [float(1 + at) for at in range(asked.cells(self._manifest.target))]
            state["scores"] = {ALL_SITES: cells} if asked.exact else dict.fromkeys(used, cells)
        self._answers.append((state, self._state))

    def receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        assert seconds > 0
        if self._answers and self._answers[0][0]["op"] == "round":
            self._script.hold.wait(seconds)
        if self._answers and not self._gone.is_set():
            return self._answers.pop(0)
        self._gone.wait(seconds)
        raise WorkerFailed("the worker has ended, or is silent")

    def stop(self) -> None:
        self._gone.set()
        self._script.hold.set()


class ScriptedWorkers:
    """The port `Workers`: workers in memory; remembers which are running."""

    def __init__(self) -> None:
        self.site = SiteScript()
        self.lead = LeadScript()
        self.started: list[SiteWorker | LeadWorker] = []

    def ready(self, _folder: Path, _files: object, _engines: object) -> None:
        """These start at once."""

    def start(
        self, role: str, folder: Path, _files: object = (), _engine: str = ""
    ) -> SiteWorker | LeadWorker | CensusWorker:
        if role == "census":
            return CensusWorker()
        assert folder.is_dir()
        worker = SiteWorker(self.site) if role == "site" else LeadWorker(self.lead)
        self.started.append(worker)
        return worker

    @property
    def running(self) -> int:
        return sum(not worker._gone.is_set() for worker in self.started)


class MemoryStream:
    """A site's end of a stream, over a seat of the lead's hub."""

    def __init__(self, seat: Seat, link: Link) -> None:
        self._seat = seat
        self._link = link

    def receive(self, seconds: float) -> LeadFrame | None:
        frame = self._seat.next(seconds)
        if frame is None and self._seat.ended is not None:
            raise PeerUnreachable("the stream broke")
        return frame

    def send(self, frame: SiteFrame) -> None:
        if self._link.cut_replies > 0:
            self._link.cut_replies -= 1
            self.close()
            raise PeerUnreachable("the stream broke")
        try:
            self._seat.deliver(frame)
        except PreauError as exc:
            raise PeerUnreachable("the stream broke") from exc

    def close(self) -> None:
        self._seat.leave("the site closed its stream")
