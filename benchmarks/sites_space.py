"""A lead and up to thirteen sites, each a whole node process, with contracts to train under.

Rules: nodes and their workers start as an operator's do, nothing is forked from a process that has
loaded their libraries; the authority is stopped before anything is measured.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import contracts
import numpy as np
import space as spaces
from measured import ASKED, UNPADDED
from space import Node, Space

from federated.job import JobManifest, parse
from federated.training.engine import Engine
from federated.training.noise import SystemNoise
from federated.training.recipes import Arrays, initial
from federated.training.rows.encode import encode
from federated.training.rows.parts import read_table
from tests.support.command import step
from tests.support.ports import free_port

SITES: Final = 13
PERSONS, INPUTS, UNITS = 2000, 60, 64
CAP: Final = {"epsilon": 10_000.0, "delta": 0.01}
LEAST_SITES: Final = 2
NOISE: Final = 40.0  # σ: a contract holds many jobs
DEADLINE: Final = 400.0
_HERE = Path(__file__).parent
_MEASURED = _HERE / "measured.py"
_PATHS = (_HERE, _HERE.parent, _HERE.parent / "examples" / "star")
# Of a process that imports this module and computes with one thread.
ALONE: Final = {
    "PYTHONPATH": os.pathsep.join(map(str, _PATHS)),
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
}


@dataclass
class Federation:
    """Nodes that have contracts.

    Attributes:
        space: with the authority.
        lead: of jobs.
        sites: in the order of their contracts.
        files: of the sites.
        agreements: one with each site.
    """

    space: Space
    lead: Node
    sites: list[Node]
    files: list[Path]
    agreements: list[str] = field(default_factory=list)

    def request(self, sites: int, *, rounds: int, steps: int, **changes: Any) -> dict[str, Any]:
        """Return a job of the first sites, for an MLP of 4,000 parameters.

        Args:
            sites: how many.
            rounds: of the job.
            steps: of a round.
            changes: of members of the request.
        """
        return {
            **contracts.job(self.agreements[:sites], rounds=rounds),
            "model": {"kind": "mlp", "hidden": [UNITS], "activation": "tanh"},
            "features": [f"n{at}" for at in range(INPUTS)],
            "target": {"kind": "threshold", "column": "score", "above": 5},
            "unit": {"column": "person", "rows": 1},
            "privacy": {
                "epsilon": contracts.EPSILON,
                "delta": contracts.DELTA,
                "samplingRate": 0.2,
                "steps": steps * rounds,
                "clip": 1.0,
                "noiseMultiplier": NOISE,
            },
            "learningRate": 0.5,
            "quorum": sites,
            "roundSeconds": DEADLINE / 2,
            "deadlineSeconds": DEADLINE,
            **changes,
        }

    @contextmanager
    def unpadded(self) -> Iterator[None]:
        """Leave out, meanwhile, the waits that hide how long rows took."""
        mark = self.space.folder / UNPADDED
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    def asked(self, job: str, number: int) -> list[float]:
        """Return when the lead handed out each message of a round, seconds since the epoch."""
        lines = map(str.split, (self.space.folder / ASKED).read_text(encoding="utf-8").splitlines())
        return [float(at) for name, each, at in lines if (name, each) == (job, str(number))]


@contextmanager
def federation(folder: Path) -> Iterator[Federation]:
    """Make a lead and its sites, with contracts.

    Args:
        folder: for homes and files; must be short enough for Unix sockets.
    """
    with spaces.space(folder / "s", run=step, port=free_port, serve=_serve) as space:
        lead = space.node("Lead")
        sites = [space.node(f"Site {at}") for at in range(SITES)]
        files = [folder / f"{at}.csv" for at in range(SITES)]
        made = Federation(space, lead, sites, files)
        with ThreadPoolExecutor() as several:
            list(several.map(partial(_publish, made), range(SITES)))
        with lead.client() as client:
            for node in sites:
                client.meet(node.did)
        space.authority.stop()
        with lead.client() as client:
            asked = [client.negotiate(n.did, f"urn:site:{at}") for at, n in enumerate(sites)]
            for each in asked:
                ended = client.await_negotiation(each.pid)
                if not ended.agreement:
                    raise RuntimeError(f"{ended.state} {ended.code} {ended.reasons}")
                made.agreements.append(ended.agreement)
        yield made


def read(manifest: Path) -> JobManifest:
    """Read a manifest."""
    return parse(manifest.read_bytes())


def first_of(manifest: Path) -> Arrays:
    """Return what a job's training starts from."""
    return initial(read(manifest))


def engine_of(manifest: Path, file: Path, site: int) -> Engine:
    """Return the engine of a site of a job on a file's rows, warm."""
    job = read(manifest)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    persons = encode(read_table(file, "csv", digest, job.columns).whole(), job)
    engine = Engine(job, job.contracts[site].population, persons, SystemNoise())
    engine.warm()
    return engine


def _serve(home: Path, log: IO[str]) -> subprocess.Popen[str]:
    """Start a node that can leave out what `measured.py` says."""
    return subprocess.Popen(
        [sys.executable, str(_MEASURED), "serve", "--home", str(home), "--json"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )


def _publish(made: Federation, at: int) -> None:
    _write(made.files[at], at)
    until = datetime.now(UTC) + timedelta(days=30)
    offer = contracts.offer(f"site{at}", made.space.authority.did, until, sites=LEAST_SITES)
    numbers = [f"n{each}" for each in range(INPUTS)]
    described = contracts.dataset(f"{at}", made.files[at], PERSONS, [offer])
    columns = [
        {"name": "person", "class": "direct identifier", "datatype": "category"},
        {"name": "score", "class": "sensitive", "datatype": "number", "lower": 0, "upper": 10},
        *(
            {"name": n, "class": "other", "datatype": "number", "lower": 0, "upper": 1}
            for n in numbers
        ),
    ]
    described |= {
        "id": f"urn:site:{at}",
        "title": f"Site {at}",
        "description": "Made up.",
        "columns": [{"missing": "refuse", "description": each["name"], **each} for each in columns],
        "person_column": "person",
        "rows_per_person": 1,
        "cap": CAP,
        "accounting": {"rule": "renyi"},
    }
    with made.sites[at].client() as client:
        client.publish(described)


def _write(file: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    names = ",".join(f"n{each}" for each in range(INPUTS))
    with file.open("w", encoding="ascii") as out:
        out.write(f"person,score,{names}\n")
        for number, row in enumerate(draw.uniform(0, 1, (PERSONS, INPUTS))):
            cells = ",".join(f"{value:.4f}" for value in row)
            out.write(f"p{number},{int(10 * row[:10].mean() + draw.normal()) % 11},{cells}\n")
