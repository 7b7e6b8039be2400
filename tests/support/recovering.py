"""Nodes that go back to a copy of their home, and what they released."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.threads.exchange import Exchange
from connector.domain.federation.job import Job
from connector.domain.participant import Participant
from connector.errors import InRecovery
from connector.services.continuity import confirmation, recovery
from connector.services.federation.lead import jobs as lead_jobs
from connector.store.files.charges import FILE
from federated.job import JobState, is_final
from tests.support.doubles import charges_in, open_store
from tests.support.federation import Federation, Node, running, wait_for

ROUND = 0.5
CONTRACT = 3.0


def keeping_heads(folder: Path) -> Federation:
    """Return a federation whose nodes tell whether they went back."""
    found = Federation(folder)
    for node in found.nodes.values():
        recovery.begin(node.ports)
    return found


@dataclass
class Copy:
    """A copy of a node's home, as a backup or a snapshot of the machine holds it."""

    folder: Path

    def restore(self, node: Node, *, home: bool = False) -> None:
        """Put the database back; with `home`, the record of charges too."""
        node.ports.store.close()
        for file in node.home.glob("node.sqlite*"):
            file.unlink()
        for name in ("node.sqlite", *([FILE] if home else [])):
            shutil.copy2(self.folder / name, node.home / name)
        restarted(node)


def restarted(node: Node) -> None:
    """Open the database anew, with nothing in memory, as a start does."""
    node.ports.store.close()
    node.ports = replace(
        node.ports,
        store=open_store(node.home, node.clock),
        charges=charges_in(node.home, node.member.did),
    )
    node.ports.asking.answered.clear()
    recovery.begin(node.ports)


def copied(node: Node, folder: Path) -> Copy:
    node.ports.store.close()  # checkpoints the write-ahead log
    shutil.copytree(node.home, folder)
    return Copy(folder)


def job(federation: Federation, **changes: Any) -> Job:
    """Run a job of three rounds to its end."""
    nodes = [*federation.sites, federation.lead]
    with running(*nodes):
        job_id = lead_jobs.submit(federation.lead.ports, federation.request(**changes)).id
        assert wait_for(lambda: is_final(federation.lead.job(job_id).state))
        if federation.lead.job(job_id).state == JobState.COMPLETED:
            for node in federation.sites:
                assert wait_for(lambda node=node: is_final(node.job(job_id).state))
    return federation.lead.job(job_id)


def released(node: Node) -> float:
    return ROUND * len(node.workers.site.updates)


def turn(node: Node) -> None:
    """Let the node deal with its peers once."""
    exchange = Exchange(node.ports)
    exchange._turn()


def known(node: Node, did: str) -> Participant:
    with node.ports.store.read() as tx:
        found = tx.participants.get(did)
    assert found is not None
    return found


def heard_of(node: Node, other: Node) -> bool:
    """Whether a node has another's newest epoch record."""
    with node.ports.store.read() as tx:
        return bool(tx.epochs.find(origin=other.member.did))


def in_full(node: Node) -> list[str]:
    """Return for whose silence contracts would count in full."""
    debt = confirmation.plan(node.ports).debt
    assert debt is not None
    return list(debt.silent)


def refused(node: Node, federation: Federation) -> None:
    _, body = federation.submission()
    with pytest.raises(InRecovery):
        federation.ask(node, body)


@contextmanager
def silent(node: Node, did: str) -> Iterator[None]:
    node.link.down.add(did)
    yield
    node.link.down.discard(did)
