"""A manifest to train with, a noise source that can be foreseen, and nodes in one loop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from federated.job import JobManifest, parse
from federated.training import code_hash
from federated.training.launch import ProcessWorker, ProcessWorkers
from federated.training.noise import DEVIATION

CODE = code_hash()
SITES = ("did:web:nord.example", "did:web:est.example", "did:web:sud.example")


def document(**changes: Any) -> dict[str, Any]:
    """Return a valid manifest as JSON; `changes` replace members of the top."""
    value: dict[str, Any] = {
        "version": 1,
        "job": "urn:uuid:2f0a5cf4-6d67-4b55-8f4c-4a1f9a1c0001",
        "lead": "did:web:lab.example",
        "purpose": "https://w3id.org/dpv#AcademicResearch",
        "contracts": [contract(site, 100 * (index + 1)) for index, site in enumerate(SITES)],
        "model": {"kind": "mlp", "hidden": [4], "activation": "tanh"},
        "features": [
            {"column": "age", "kind": "number", "low": 5, "high": 15},
            {"column": "class", "kind": "category", "values": ["small", "regular"]},
        ],
        "target": {"column": "score", "by": "grade", "thresholds": {"K": 430, "1": 520.5}},
        "unit": {"column": "pupil", "rows": 2},
        "privacy": {
            "epsilon": 3,
            "delta": 1e-5,
            "noiseMultiplier": 3.0,
            "samplingRate": 0.2,
            "steps": 6,
            "clip": 1.0,
        },
        "learningRate": 0.5,
        "rounds": 3,
        "quorum": 3,
        "roundSeconds": 60,
        "deadline": "2099-11-24T15:00:00Z",
        "code": CODE,
    }
    return {**value, **changes}


def contract(site: str, population: int) -> dict[str, Any]:
    return {
        "site": site,
        "agreement": f"urn:agreement:{site}",
        "digest": hashlib.sha256(site.encode()).hexdigest(),
        "receipt": "eyJhbGciOiJFZDI1NTE5In0.e30.c2ln",
        "dataset": f"urn:dataset:{site}",
        "population": population,
    }


def manifest(**changes: Any) -> JobManifest:
    return parse(json.dumps(document(**changes)).encode())


def task(**changes: Any) -> dict[str, Any]:
    """Return what a manifest of version 2 says beside the first; `changes` replace members."""
    number, category = document()["features"]
    value: dict[str, Any] = {
        "version": 2,
        "features": [
            {**number, "missing": {"kind": "indicator"}},
            {**category, "missing": {"kind": "refuse"}},
        ],
        "target": {"kind": "threshold-by-group", **document()["target"]},
        "optimiser": {"kind": "sgd", "schedule": "constant", "momentum": 0.0},
    }
    return document(**{**value, **changes})


class ForeseenNoise:
    """A noise source for tests: numpy's generator, or no noise and everybody drawn."""

    def __init__(self, seed: int | None = None) -> None:
        self._draw = None if seed is None else np.random.default_rng(seed)
        self.asked: list[int] = []

    def gaussian(self, size: int) -> np.ndarray:
        self.asked.append(size)
        if self._draw is None:
            return np.zeros(size, np.int64)
        return np.rint(self._draw.normal(0.0, DEVIATION, size)).astype(np.int64)

    def poisson_sample(self, size: int, rate: float) -> np.ndarray:
        if self._draw is None:
            return np.arange(size)
        return np.flatnonzero(self._draw.random(size) < rate)


@dataclass
class Federation:
    """Three site workers and a lead's worker, wired as their nodes would.

    Attributes:
        requests: (round, site) -> Flower message of the lead.
        updates: (round, site) -> Flower message of the site.
        digests: (round, site) -> digest of the arrays that the site was sent.
        states: (round, who answered, npz) in order.
        scores: round -> what sites said of the model that it began with.
    """

    document: Mapping[str, Any]
    files: Mapping[str, Path]
    folder: Path
    silent: Callable[[int, str], bool] = lambda _round, _site: False
    requests: dict[tuple[int, str], bytes] = field(default_factory=dict)
    updates: dict[tuple[int, str], bytes] = field(default_factory=dict)
    digests: dict[tuple[int, str], str] = field(default_factory=dict)
    states: list[tuple[int, list[str], bytes]] = field(default_factory=list)
    scores: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    isolation: set[str] = field(default_factory=set)
    failure: dict[str, Any] = field(default_factory=dict)

    def run(self, done: int = 0, state: bytes = b"") -> bytes:
        """Return the final model, or empty bytes when the lead's worker failed."""
        workers, text = ProcessWorkers(), json.dumps(self.document).encode()
        running: list[ProcessWorker] = []
        try:
            sites = {}
            for index, name in enumerate(self.files):
                folder, engine = self.folder / f"site-{index}", parse(text).engine
                running.append(workers.start("site", folder, self.files.values(), engine))
                sites[name] = running[-1]
            running.append(workers.start("lead", self.folder / "lead"))
            return self._rounds(running[-1], sites, done, state)
        finally:
            for worker in running:
                worker.stop()
            workers.close()

    def _rounds(
        self, lead: ProcessWorker, sites: dict[str, ProcessWorker], done: int, state: bytes
    ) -> bytes:
        text = json.dumps(self.document)
        for name, worker in sites.items():
            worker.send({**self._start(name), "manifest": text})
        header = {"op": "start", "manifest": text, "sites": list(sites), "round": done}
        lead.send(header, state)
        for worker in (*sites.values(), lead):
            answer = begun(worker)
            assert answer["op"] == "ready", answer
            self.isolation.add(answer["isolation"])
        while True:
            header, payload = lead.receive(60)
            if header["op"] == "state":
                self.states.append((header["round"], header["answered"], payload))
                self.scores[header["round"]] = header["scores"]
                lead.send({"op": "saved"})
            elif header["op"] == "round":
                self._round(lead, sites, header, payload)
            elif header["op"] == "done":
                return payload
            else:
                self.failure = header
                return b""

    def _round(
        self,
        lead: ProcessWorker,
        sites: dict[str, ProcessWorker],
        header: dict[str, Any],
        payload: bytes,
    ) -> None:
        number, start = header["round"], 0
        asked = []
        for name, size in zip(header["sites"], header["sizes"], strict=True):
            self.requests[number, name] = payload[start : start + size]
            start += size
            if not self.silent(number, name):
                sites[name].send({"op": "round", "round": number}, self.requests[number, name])
                asked.append(name)
        for name in asked:
            answer, _ = sites[name].receive(60)
            assert answer["op"] == "checked", answer
            self.digests[number, name] = answer["digest"]
            sites[name].send({"op": "go", "round": number})
        for name in asked:
            answer, update = sites[name].receive(60)
            assert answer == {"op": "update", "round": number}, answer
            self.updates[number, name] = update
        parts = [self.updates[number, name] for name in asked]
        sizes = [len(part) for part in parts]
        lead.send(
            {"op": "replies", "round": number, "sites": asked, "sizes": sizes}, b"".join(parts)
        )

    def _start(self, name: str) -> dict[str, Any]:
        path = self.files[name]
        population = next(
            item["population"] for item in self.document["contracts"] if item["site"] == name
        )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        data: dict[str, Any] = {"path": str(path), "format": path.suffix[1:], "digest": digest}
        data |= {"person_format": "text", "rows": []}
        order = {"op": "start", "data": data, "population": population, "site": name}
        return {**order, "node": 0, "key": "", "row_key": "", "held_key": ""}


def begun(worker: ProcessWorker) -> dict[str, Any]:
    """Return what a worker that was started says once it has read its rows, or cannot."""
    header, payload = worker.receive(120)
    if header["op"] == "tried":
        assert header["seconds"] > 0
        header, payload = worker.receive(120)
    assert payload == b""
    return header


def write_rows(path: Path, persons: int, *, seed: int = 0) -> Path:
    """Write a small CSV of made-up pupils: two rows each, the label follows the age."""
    draw = np.random.default_rng(seed)
    lines = ["pupil,grade,age,class,score"]
    for person in range(persons):
        for grade, base in (("K", 430), ("1", 520)):
            age = draw.integers(5, 16)
            size = "small" if draw.random() < 0.5 else "regular"
            lines.append(f"{person},{grade},{age},{size},{base + 10 * (age - 10) + 3}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
