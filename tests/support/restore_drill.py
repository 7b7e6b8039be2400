"""A school and a lab whose nodes are restored from backups: real processes, real files.

    with pair(folder) as two:
        two.negotiate()
        two.job()
        saved = two.backup(two.school)
        two.job()
        two.restore(two.school, saved)

Each contract holds ε 3: two jobs of 1.4 fit, and nothing much beside them.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import contracts
import space as spaces
from space import Node, Space

from connector.config import load
from connector.errors import PreauError
from connector.management.views.jobs import JobView
from connector.management.views.recovery import ConfirmedView, RecoveryView
from connector.sdk import Client
from tests.support.command import served, step
from tests.support.database import PostgresServer
from tests.support.drill import wait_for
from tests.support.ports import free_port

DATASET = "urn:drill:grades"
OTHER = "urn:drill:pupils"  # a register
CONTRACT = 3.0
JOB = 1.4
LITTLE = 0.2
MUCH = 2.9
# σ by the ε that a job states, of its four steps at a sampling rate of 0.2; a lead would calibrate
# it in a process of its own. What costs more than is stated is refused.
_NOISE = {LITTLE: 12.0, JOB: 1.85, MUCH: 1.2}
WENT_BACK = ("RECOVERY", "PEER_ROLLED_BACK")  # whoever notices first
DELTA = 3e-6
ROUNDS = 2
PATIENCE = 90.0
PUPILS = 200


@dataclass
class Pair:
    """A site and a lead.

    Attributes:
        space: with the authority.
        school: the site.
        lab: the lead.
        server: of databases that are no files.
        agreement: id of the newest contract.
    """

    space: Space
    school: Node
    lab: Node
    server: PostgresServer | None = None
    agreement: str = ""

    def negotiate(self) -> None:
        """Sign a new contract, under which jobs run from now on, once no recovery is on."""
        until = time.monotonic() + PATIENCE
        with self.lab.client() as lab:
            while True:
                code, self.agreement = self._negotiated(lab)
                if code not in WENT_BACK or time.monotonic() > until:
                    break
                time.sleep(0.2)
        assert self.agreement, code

    def _negotiated(self, lab: Client) -> tuple[str, str]:
        try:
            ended = lab.await_negotiation(lab.negotiate(self.school.did, DATASET).pid)
        except PreauError as exc:
            return exc.code, ""
        return ended.code, str(ended.agreement)

    def job(self, epsilon: float = JOB) -> JobView:
        """Let the lab run a job to its end."""
        with self.lab.client() as lab:
            return lab.await_job(lab.submit(_job(self.agreement, epsilon)).id, seconds=PATIENCE)

    def refusal(self, epsilon: float = MUCH, *, settled: bool = False) -> str:
        """Let the lab ask for a job; return the code and the reason.

        Args:
            epsilon: of the job; all that is left and more, or so little that the lab asks the site.
            settled: ask again until the lab, and whom it asks, have heard that no recovery is on.
        """
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._refusal(epsilon)
            if not settled or not answer.startswith(WENT_BACK) or time.monotonic() > until:
                return answer
            time.sleep(1)

    def _refusal(self, epsilon: float) -> str:
        try:
            job = self.job(epsilon)
        except PreauError as exc:
            return f"{exc.code}: {exc.reason}"
        assert job.state in {"REFUSED", "FAILED"}, job
        return f"{job.code}: {job.reason}"

    def spent(self) -> dict[str, float]:
        """Return ε of each job that the school counts, by job."""
        with self.school.client() as school:
            (report,) = school.budget(DATASET)
        return {
            job.job: job.epsilon
            for agreement in report.agreements
            for job in agreement.jobs
            if job.committed_rounds
        }

    def merge(self) -> None:
        """Let the school count its data set in another register."""
        with self.school.client() as school:
            school.declare_register(OTHER, 9.0, 1e-3)
            school.merge(DATASET, OTHER)

    def registers(self) -> list[tuple[str, str]]:
        """Return (data set, register) of what the school publishes."""
        with self.school.client() as school:
            return [(each.id, each.register_id) for each in school.datasets()]

    def backup(self, node: Node) -> Path:
        """Back a running node up."""
        file = self.space.folder / f"{node.home.name}-{next(_NUMBERS)}.tar"
        self.space.run("backup", str(file), "--home", str(node.home))
        return file

    def restore(self, node: Node, file: Path, *how: str, lost: bool = False) -> None:
        """Put a node back to a backup and start it; of a `lost` machine all else is gone."""
        node.stop()
        if lost:
            self._empty(node)
            shutil.rmtree(node.home)
        self.space.run("restore", str(file), "--home", str(node.home), *how)
        node.start()

    def delete_database(self, node: Node) -> None:
        """Stop a node, delete what its database holds, and start it beside its keys."""
        node.stop()
        self._empty(node)
        node.start()

    def _empty(self, node: Node) -> None:
        url = load(node.home).database_url
        if self.server and url.startswith("postgresql"):
            self.server.empty(url)
        for file in node.home.glob("node.sqlite*"):
            file.unlink()

    def recovery(
        self, node: Node, until: Callable[[RecoveryView], bool] = lambda view: not view.unasked
    ) -> RecoveryView:
        """Return how a node stands, once its peers have answered, or as `until` says."""
        assert wait_for(node, lambda client: until(client.recovery()), PATIENCE)
        with node.client() as client:
            return client.recovery()

    def confirm(self, node: Node, *, in_full: bool = False) -> ConfirmedView:
        """Confirm what is owed."""
        with node.client() as client:
            return client.confirm_recovery(charge_in_full=in_full)


@contextmanager
def pair(folder: Path, server: PostgresServer | None = None) -> Iterator[Pair]:
    """Make the two nodes, and a published data set.

    Args:
        folder: for homes and files; must be short enough for Unix sockets.
        server: of the site's database; without it, this is a file as well.
    """
    where = {"database": server.create()} if server else {}
    with spaces.space(folder / "space", run=step, port=free_port, serve=served) as space:
        school, lab = space.node("School", **where), space.node("Lab")
        with school.client() as client:
            client.publish(_dataset(folder, space.authority.did))
        with lab.client() as client:
            client.meet(school.did)
        yield Pair(space, school, lab, server)


def _dataset(folder: Path, authority: str) -> dict[str, Any]:
    chance = random.Random(0)  # noqa: S311 - invented pupils
    file = folder / "grades.csv"
    lines = (
        f"p{pupil},{grade},{4 * grade + chance.gauss(100, 10):.1f}"
        for pupil in range(PUPILS)
        for grade in range(1, 4)
    )
    file.write_text("\n".join(("pupil,grade,score", *lines)) + "\n")
    until = datetime.now(UTC) + timedelta(days=30)
    offer = contracts.offer("drill", authority, until, epsilon=CONTRACT)
    for constraint in offer["permission"][0]["constraint"]:
        if constraint["leftOperand"].endswith("#minimumSites"):
            constraint["rightOperand"]["@value"] = "1"
    described = contracts.dataset("drill", file, PUPILS, [offer])
    columns = (("pupil", "direct identifier", "category"), ("grade", "other", "number"))
    return {
        **described,
        "id": DATASET,
        "person_column": "pupil",
        "cap": {"epsilon": 9.0, "delta": 1e-3},
        "columns": [
            {"name": name, "class": kind, "datatype": datatype}
            for name, kind, datatype in (*columns, ("score", "sensitive", "number"))
        ],
    }


def _job(agreement: str, epsilon: float) -> dict[str, Any]:
    request = contracts.job([agreement], rounds=ROUNDS)
    return {
        **request,
        "model": {"kind": "mlp", "hidden": [], "activation": "tanh"},
        "version": 1,  # what nodes keep of an earlier release is restored, and goes on
        "features": [{"kind": "number", "column": "grade", "low": 1, "high": 3}],
        "target": {
            "column": "score",
            "by": "grade",
            "thresholds": {str(g): 108.0 for g in (1, 2, 3)},
        },
        "unit": {"column": "pupil", "rows": 4},
        "privacy": {
            **request["privacy"],
            "epsilon": epsilon,
            "delta": DELTA,
            "noiseMultiplier": _NOISE[epsilon],
            "steps": 2 * ROUNDS,
        },
        "quorum": 1,
    }


_NUMBERS = count(1)
