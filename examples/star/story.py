"""The story, act by act, through the management API of each node.

Each act does what a person would do with the command `preau`; nothing reaches into a node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import contracts
import pupils
from space import Node, Space

from connector.errors import PreauError
from connector.management.views.jobs import JobView

SHORT_SECONDS = 25.0
SHORT_EPSILON = 1.0


@dataclass
class Cast:
    """Who takes part.

    Attributes:
        academies: name -> node.
        lab: the lead.
        agreements: name -> id of the contract that the job runs under.
        short: name -> id of a contract that is over before the end.
        short_ends: when.
    """

    academies: dict[str, Node]
    lab: Node
    agreements: dict[str, str] = field(default_factory=dict)
    short: dict[str, str] = field(default_factory=dict)
    short_ends: datetime = field(default_factory=lambda: datetime.now(UTC))


def assemble(space: Space, settings: Mapping[str, str] = MappingProxyType({})) -> Cast:
    """Make and start the four nodes, with settings of their own."""
    names = pupils.ACADEMIES
    academies = {name: space.node(f"Académie {name}", settings=settings) for name in names}
    return Cast(academies, space.node("Laboratoire", settings=settings))


def publish(cast: Cast, space: Space, division: pupils.Division, folder: Path) -> None:
    """Give each académie its file, and let it publish with two offers."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    cast.short_ends = now + timedelta(seconds=SHORT_SECONDS)
    for name, node in cast.academies.items():
        file = folder / f"star-{name}.csv"
        pupils.write(division.parts[name], file)
        offers = [
            contracts.offer(name, space.authority.did, now + timedelta(days=365)),
            contracts.offer(name, space.authority.did, cast.short_ends, epsilon=SHORT_EPSILON),
        ]
        with node.client() as client:
            client.publish(contracts.dataset(name, file, division.population(name), offers))


def negotiate(cast: Cast) -> None:
    """Find the three data sets in the peers' catalogs and get two contracts with each."""
    with cast.lab.client() as lab:
        for name, node in cast.academies.items():
            catalog = lab.catalog(node.did)
            dataset = next(d for d in catalog.datasets if d.id == f"urn:star:{name}")
            long, short = sorted(dataset.offers, key=_epsilon, reverse=True)
            for offer, kept in ((long, cast.agreements), (short, cast.short)):
                kept[name] = contract(lab, node, dataset.id, offer.id)


def contract(lab: Any, provider: Node, dataset: str, offer: str) -> str:
    """Negotiate one contract and return its id.

    Raises:
        PreauError: it was refused, by the provider's code.
    """
    opened = lab.negotiate(provider.did, dataset, offer=offer)
    ended = lab.await_negotiation(opened.pid)
    if ended.state != "FINALIZED":
        raise _refused(ended.code, "; ".join(ended.reasons) or ended.state)
    return str(ended.agreement)


def refusals(cast: Cast, space: Space) -> list[dict[str, str]]:
    """Try what the contracts forbid; return the code and the reason of each refusal."""
    with cast.lab.client() as lab:
        agreements = list(cast.agreements.values())

        def marketing() -> None:
            _run(lab, contracts.job(agreements, purpose=contracts.MARKETING))

        def beyond_budget() -> None:
            _run(lab, contracts.job(agreements))

        def beyond_cap() -> None:
            name, node = next(iter(cast.academies.items()))
            dataset = next(d for d in lab.catalog(node.did).datasets if d.id == f"urn:star:{name}")
            offer = max(dataset.offers, key=_epsilon)
            contract(lab, node, dataset.id, offer.id)

        def expired() -> None:
            left = (cast.short_ends - datetime.now(UTC)).total_seconds()
            time.sleep(max(0.0, left + 0.5))
            _run(lab, contracts.job(list(cast.short.values())))

        def stranger() -> None:
            outsider = space.node("Stranger", admit=False)
            try:
                with outsider.client() as client:
                    client.catalog(next(iter(cast.academies.values())).did)
            finally:
                outsider.stop()

        return [
            _try("another purpose", marketing),
            _try("a caller without membership", stranger),
            _try("a job beyond the contract's budget", beyond_budget),
            _try("a second agreement beyond the data set's cap", beyond_cap),
            _try("an expired contract", expired),
        ]


def evidence(cast: Cast, folder: Path) -> list[Path]:
    """Export the evidence of each contract from the lab's node."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with cast.lab.client() as lab:
        for name, agreement in cast.agreements.items():
            file = folder / f"evidence-{name}.json"
            file.write_bytes(lab.evidence(agreement))
            files.append(file)
    return files


def _run(lab: Any, request: dict[str, Any]) -> JobView:
    job = lab.await_job(lab.submit(request).id, seconds=60)
    if job.state in {"REFUSED", "FAILED"}:
        raise _refused(job.code, job.reason)
    return job  # type: ignore[no-any-return]


def _try(title: str, act: Callable[[], None]) -> dict[str, str]:
    try:
        act()
    except PreauError as exc:
        return {"attempt": title, "code": exc.code, "reason": exc.reason}
    return {"attempt": title, "code": "", "reason": "NOT REFUSED"}


def _refused(code: str, reason: str) -> PreauError:
    from connector.errors import from_code  # noqa: PLC0415 - only here

    return from_code(code, reason)


def _epsilon(offer: Any) -> float:
    """Return ε of an offer of ours, read from its policy."""
    for constraint in offer.policy["permission"][0]["constraint"]:
        if str(constraint["leftOperand"]).endswith("epsilon"):
            return float(constraint["rightOperand"]["@value"])
    return 0.0
