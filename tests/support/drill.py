"""A federation under fire: real nodes, real SIGKILL, real jobs on real pupils.

    with federation(folder) as fed:
        kill(fed.sites["nord"])
        ...
        fed.sites["nord"].start()
        assert not faults(fed, jobs)

Nodes are processes made by `examples/star/space.py`; everything is asked through their management
API. What must hold afterwards is `drill_faults.py`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import contracts
import pupils
import space as spaces
from space import Node, Space

from connector.errors import PreauError
from connector.management.views.contracts.negotiations import NegotiationView
from connector.management.views.jobs import JobView
from connector.sdk import Client
from connector.sdk.client import JOB_ENDS, NEGOTIATION_ENDS
from tests.support.command import served, step
from tests.support.ports import free_port

# A contract holds many drill jobs, a dataset many contracts.
CONTRACT_EPSILON = 3.0
LEAST_SITES = 2
CAP = {"epsilon": 10_000.0, "delta": 0.01}
LOOK_SECONDS = 0.1
LOOK_AT_END_SECONDS = 0.2  # where no moment is to be hit; a look takes a node some milliseconds
MOST_OPENED = 20

Condition = Callable[[Client], object]


@dataclass(frozen=True)
class Size:
    """How much a drill job computes.

    Attributes:
        pupils: of each site.
        rounds: of a job.
        steps: of a round; more steps make a longer round.
        noise: σ; so much that a contract holds many jobs; 0: what the contract's ε needs.
        round_seconds: longest round.
        deadline_seconds: longest job.
        rule: by which jobs add up; many small ones fit under Rényi, one that costs all under sums.
    """

    pupils: int = 600
    rounds: int = 6
    steps: int = 80
    noise: float = 40.0
    round_seconds: float = 40.0
    deadline_seconds: float = 150.0
    rule: str = "renyi"


@dataclass
class Federation:
    """Three académies with a part of STAR each, and a lab.

    Attributes:
        space: with the authority.
        sites: name -> node.
        lab: the lead.
        size: of its jobs.
        agreements: site name -> contract that jobs run under.
    """

    space: Space
    sites: dict[str, Node]
    lab: Node
    size: Size
    agreements: dict[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        return [*self.sites.values(), self.lab]

    def site(self, did: str) -> str:
        """Return the name of a site."""
        return next(name for name, node in self.sites.items() if node.did == did)

    def open(self, name: str) -> NegotiationView:
        """Let the lab ask a site for a contract."""
        with self.lab.client() as lab:
            return lab.negotiate(self.sites[name].did, f"urn:star:{name}")

    def contract(self, name: str) -> str:
        """Negotiate a contract to the end and return its id."""
        opened = self.open(name)
        with self.lab.client() as lab:
            ended = lab.await_negotiation(opened.pid)
        if ended.state != "FINALIZED":
            raise RuntimeError(f"{name}: {ended.state} {ended.code} {ended.reasons}")
        return str(ended.agreement)

    def request(self, **changes: Any) -> dict[str, Any]:
        """Return a short job under the federation's contracts."""
        size = self.size
        request = contracts.job(list(self.agreements.values()), rounds=size.rounds)
        return {
            **request,
            "privacy": {
                **request["privacy"],
                "steps": size.steps * size.rounds,
                **({"noiseMultiplier": size.noise} if size.noise else {}),
            },
            "roundSeconds": size.round_seconds,
            "deadlineSeconds": size.deadline_seconds,
            **changes,
        }

    def submit(self, **changes: Any) -> JobView:
        """Let the lab submit a job."""
        with self.lab.client() as lab:
            return lab.submit(self.request(**changes))

    def ended(self, job: str, node: Node, seconds: float) -> JobView:
        """Return a job at a node once it has ended there, or as it stands after `seconds`."""
        wait_for(
            node,
            lambda client: listed(client, job).state in JOB_ENDS,
            seconds,
            look=LOOK_AT_END_SECONDS,
        )
        with node.client() as client:
            return listed(client, job)

    def start_stopped(self) -> None:
        """Start every node that does not run."""
        for node in self.nodes:
            if node.process is None:
                node.start()


@contextmanager
def federation(
    folder: Path, size: Size | None = None, *, databases: Mapping[str, str] | None = None
) -> Iterator[Federation]:
    """Make a federation with a contract of the lab's with each site; the authority is stopped.

    Args:
        folder: for homes and files; must be short enough for Unix sockets.
        size: of its jobs.
        databases: URL by site name, and of the lab's by `lab`; SQLite where there is none.
    """
    urls = databases or {}
    chosen = size or Size()
    with spaces.space(folder / "space", run=step, port=free_port, serve=served) as space:
        sites = {
            name: _node(space, f"Academie {name}", urls.get(name, "")) for name in pupils.ACADEMIES
        }
        lab = _node(space, "Laboratoire", urls.get("lab", ""))
        fed = Federation(space, sites, lab, chosen)
        publish(fed, folder)
        for name in sites:
            meet(fed, name)
        space.authority.stop()
        fed.agreements = {name: fed.contract(name) for name in sites}
        yield fed


def publish(fed: Federation, folder: Path) -> None:
    """Let each site publish its part of STAR, or the first pupils of it."""
    division = pupils.divide(pupils.load())
    until = datetime.now(UTC) + timedelta(days=30)
    for name, node in fed.sites.items():
        rows = _first(division.parts[name], fed.size.pupils)
        file = folder / f"star-{name}.csv"
        pupils.write(rows, file)
        terms = {"epsilon": CONTRACT_EPSILON, "sites": LEAST_SITES}
        offer = contracts.offer(name, fed.space.authority.did, until, **terms)
        count = len({row["id"] for row in rows})
        described = contracts.dataset(name, file, -(-count // 100) * 100, [offer])
        with node.client() as client:
            client.publish({**described, "cap": CAP, "accounting": {"rule": fed.size.rule}})


def meet(fed: Federation, name: str) -> None:
    """Let lab and site meet; the sites meet each other when a job makes them."""
    with fed.lab.client() as lab:
        lab.meet(fed.sites[name].did)


def kill(node: Node) -> None:
    """End a node's process as a power cut would: SIGKILL, and nothing else."""
    process = node.process
    if process is None:
        raise RuntimeError(f"{node.name} is not running")
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
    node.process = None


def restart(node: Node) -> None:
    """Kill a node and start it again."""
    kill(node)
    node.start()


def wait_for(
    node: Node, condition: Condition, seconds: float, *, look: float = LOOK_SECONDS
) -> bool:
    """Ask a node every `look` seconds until something holds; no answer means that it does not."""
    limit = time.monotonic() + seconds
    with node.client() as client:
        while time.monotonic() < limit:
            with contextlib.suppress(PreauError):
                if condition(client):
                    return True
            time.sleep(look)
    return False


def committed(job: str, number: int) -> Condition:
    """Return a condition on a site: it has charged a round of a job."""
    return _logged(job, "job.round.committed", number)


def rounds_answered(site: Node, job: str) -> list[int]:
    """Return the rounds of a job that a site has answered, in order; the lead may count fewer."""
    with site.client() as client:
        return [facts["round"] for facts in _facts(client, job, "job.round.released")]


def entered(job: str, site: Node, number: int) -> Condition:
    """Return a condition on the lead: it has counted a site's answer to a round, or a later one."""

    def look(client: Client) -> bool:
        found = _facts(client, job, "job.round.completed")
        return any(it["round"] >= number and site.did in it["sites"] for it in found)

    return look


def completed(job: str, number: int) -> Condition:
    """Return a condition on the lead: it has stored the state after a round, or the job is over.

    Round 0 is complete when the sites have accepted.
    """
    logged = _logged(job, "job.round.completed", number)
    if number == 0:
        return lambda client: listed(client, job).state != "SUBMITTED"
    return lambda client: listed(client, job).state in JOB_ENDS or logged(client)


def listed(client: Client, job: str) -> JobView:
    """Return a job without its sites; showing those asks the accountant, which takes its time."""
    return next(each for each in client.jobs() if each.id == job)


def killed_in_negotiations(fed: Federation, victim: Node, name: str, after: float) -> bool:
    """Kill a node while the lab opens negotiations with a site, and start it again.

    Args:
        fed: the federation.
        victim: the node to kill.
        name: of the site that the lab negotiates with.
        after: seconds after the first request.

    Returns:
        Whether a negotiation was under way just before.
    """
    opening = threading.Thread(target=_open_many, args=(fed, name))
    with fed.lab.client() as lab:
        opening.start()
        time.sleep(after)
        hit = any(each.state not in NEGOTIATION_ENDS for each in lab.negotiations())
    kill(victim)
    opening.join()
    victim.start()
    return hit


def _node(space: Space, name: str, database: str) -> Node:
    return space.node(name, database=database) if database else space.node(name)


def _open_many(fed: Federation, name: str) -> None:
    """Open negotiations until the lab, or the site, does not answer."""
    with fed.lab.client() as lab, contextlib.suppress(PreauError):
        for _ in range(MOST_OPENED):
            lab.negotiate(fed.sites[name].did, f"urn:star:{name}")


def _logged(job: str, kind: str, number: int) -> Condition:
    return lambda client: any(it["round"] == number for it in _facts(client, job, kind))


def _facts(client: Client, job: str, kind: str) -> list[dict[str, Any]]:
    """Return what the log says of each event of one kind of a job, in order."""
    found = client.events(subject=job, limit=1000)
    return [each.event["facts"] for each in found if each.kind == kind]


def _first(rows: list[pupils.Record], count: int) -> list[pupils.Record]:
    ids = sorted({row["id"] for row in rows}, key=int)[:count]
    kept = set(ids)
    return [row for row in rows if row["id"] in kept]
