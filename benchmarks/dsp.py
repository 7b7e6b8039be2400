"""What the Dataspace Protocol over HTTPS costs: contracts, pages of a catalog, and who calls.

Provider and consumer are node processes that know each other; each message is a connection of its
own under TLS, with a self-issued token, and the credentials behind it are judged (DCP 1.0). The
same negotiations over gRPC stand beside. A page is the provider's answer, measured in this process
on its database. A verification is measured in this process as well, under the provider's keys:
cold, with an empty database, so that documents, credentials and the status list are fetched from
the consumer and the authority; cached, as every later call is judged.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from many_datasets import DATASETS, FEW, PAGE, copied, name_of
from negotiation import DATASET, WARM_UP, Pair, at_once, pair_of, spans
from row import Plan, Row, at_least, at_most, beside, percentile

from connector import config
from connector.bootstrap import dataspace
from connector.bootstrap.keys.own import Identity
from connector.bootstrap.system import SystemClock, UuidIdentifiers
from connector.jsonld.canonical import b64url
from connector.peer.dsp import catalog
from connector.peer.web.client import GuardedWeb
from connector.ports import Ports
from connector.protocol.dsp.catalog_request import CatalogRequest
from connector.protocol.messages import CatalogRequestMessage
from connector.services.credentials import standing
from connector.services.credentials.authenticating import Authenticator
from connector.services.credentials.callers import DcpCallers
from connector.services.credentials.verifying import Verifier
from tests.support.doubles import open_store, ports_for_tests
from tests.support.opening import schools

PART = "dsp"
PATH = "/dsp/2025-1"
AT_ONCE, EACH = 16, 6
BAR_MS, BAR_RATE = 200.0, 20.0
PAGE_MS = 50.0
COLD_MS, CACHED_MS = 30.0, 1.0


TERMS = {
    "@context": [
        "https://w3id.org/dspace/2025/1/context.jsonld",
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
    ],
    "@id": f"{DATASET}:offer",
    "@type": "Offer",
    "profile": "https://w3id.org/preau/odrl/v1",
    "permission": [
        {
            "action": "odrl:read",
            "constraint": [
                {
                    "leftOperand": "odrl:purpose",
                    "operator": "isA",
                    "rightOperand": {"@id": "https://w3id.org/dpv#AcademicResearch"},
                }
            ],
        }
    ],
}


@dataclass(frozen=True)
class Unproxied:
    """A connection that shows no certificate."""

    certificate: str = ""


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure negotiations, then pages and verifications."""
    with pair_of(folder / "grpc", described=_described) as pair:
        for _ in range(WARM_UP):
            pair.wait(pair.open())
        plain = [each * 1e3 for each in spans(pair, plan.times(40, 10)).values()]
    with pair_of(folder / "https", described=_described, dsp_path=PATH) as pair:
        for _ in range(WARM_UP):
            pair.wait(pair.open())
        walls = [each * 1e3 for each in spans(pair, plan.times(40, 10)).values()]
        rate, cpu = at_once(pair, AT_ONCE, plan.times(EACH, 2))
        cold, cached = _verified(pair, folder / "verifier", plan.times(20, 6))
        pages, page_cpu, many = _pages(pair, folder / "pages", plan)
    title = "negotiation over HTTPS, request to FINALIZED"
    times = f"{len(walls)} one after another; p95 {percentile(walls, 0.95):.0f}"
    return [
        at_most(f"{title}, p50", statistics.median(walls), BAR_MS, "ms", PART, times),
        beside(f"{title}, beside gRPC, p50", *_halves(walls, plain), "ms", PART, times),
        at_least(
            f"negotiations over HTTPS, {AT_ONCE} at once",
            rate,
            BAR_RATE,
            "1/s",
            PART,
            f"SQLite; CPU of both nodes {cpu * 1e3:.0f} ms each",
        ),
        at_most(
            f"catalog of {many:,} datasets over HTTPS, a page of {PAGE}, p95",
            percentile(pages, 0.95),
            PAGE_MS,
            "ms",
            PART,
            f"the provider's answer; median {percentile(pages, 0.5):.1f}; CPU {page_cpu:.1f}",
        ),
        at_most("verification of a peer, cold", cold, COLD_MS, "CPU ms", PART, "median"),
        at_most("verification of a peer, cached", cached, CACHED_MS, "CPU ms", PART, "median"),
    ]


def _described(folder: Path) -> dict[str, Any]:
    """Return a dataset about no person, under terms that any peer of the protocol reads."""
    return schools(folder, TERMS, id=DATASET)


def _halves(ours: list[float], theirs: list[float]) -> tuple[float, str, float]:
    return statistics.median(ours), "gRPC", statistics.median(theirs)


def _verified(pair: Pair, folder: Path, count: int) -> tuple[float, float]:
    """Return the median CPU milliseconds of a first verification, and of a later one."""
    header = _header_of(pair, folder / "bearer")
    ports = _ports_of(pair.provider.home, folder / "verifier")

    def judged(callers: DcpCallers) -> float:
        shown = header()
        used = time.process_time()
        caller = callers.judge(shown, Unproxied()).participant
        if caller.did != pair.consumer.did:
            raise RuntimeError("another was verified")
        return (time.process_time() - used) * 1e3

    cold = []
    for _ in range(count + 1):
        _forget(ports)
        callers = DcpCallers(ports, Verifier(ports, Authenticator(ports)))
        cold.append(judged(callers))
    cached = [judged(callers) for _ in range(20 * count)]
    return statistics.median(cold[1:]), statistics.median(cached)  # the first builds statements


def _forget(ports: Ports) -> None:
    """Let a verifier know nobody and nothing."""
    with ports.store.write() as tx:
        for participant in tx.participants.find():
            tx.participants.remove(participant.did)
        for shown in tx.presented.find():
            tx.presented.remove(shown.holder, shown.question)
        for issuer in tx.issuers.find():
            tx.issuers.remove(issuer.did)
        for copy in tx.published_copies.find():
            tx.published_copies.remove(copy.url)
    for kept in (standing._verified, standing._issuer_of):  # noqa: SLF001 - cold is without
        kept.cache_clear()


def _header_of(pair: Pair, folder: Path) -> Callable[[], str]:
    """Return what makes headers as the consumer sends them to the provider."""
    bearer = _ports_of(pair.consumer.home, folder)
    with pair.store_of(pair.consumer) as store, store.read() as tx:
        provider = next(each for each in tx.participants.find() if each.did == pair.provider.did)
    with bearer.store.write() as tx:
        tx.participants.put(provider)
    callers = DcpCallers(bearer, Verifier(bearer, Authenticator(bearer)))
    return lambda: callers.header("https://localhost/", provider)


def _ports_of(home: Path, folder: Path) -> Ports:
    """Return the ports of a node's keys and settings over an empty database."""
    settings = config.load(home)
    identity = Identity(settings)
    folder.mkdir(parents=True)
    return ports_for_tests(
        folder,
        settings.did,
        settings=settings,
        clock=SystemClock(),
        ids=UuidIdentifiers(),
        signer=identity.signer,
        store=open_store(folder, SystemClock()),
        web=GuardedWeb.of(settings),
        own_document=identity.document,
        own_membership=identity.membership,
    )


def _pages(pair: Pair, folder: Path, plan: Plan) -> tuple[list[float], float, int]:
    """Return milliseconds of each page, mean CPU milliseconds, and how many datasets there are."""
    many, draw = plan.times(DATASETS, FEW), random.Random(plan.seed)  # noqa: S311 - which pages
    copied(pair, many)
    folder.mkdir()
    with pair.provider_store() as store:
        settings = config.load(pair.provider.home)
        ports = ports_for_tests(folder, settings.did, settings=settings, store=store)
        how, base = dataspace.policies(ports), f"https://localhost{PATH}"
        with store.read() as tx:
            caller = next(each for each in tx.participants.find() if each.did == pair.consumer.did)
        walls: list[float] = []
        used = time.process_time()
        for _ in range(plan.times(200, 40)):
            token = b64url(name_of(draw.randrange(many - PAGE)).encode())
            began = time.perf_counter()
            body, _ = catalog.page(
                ports, caller, CatalogRequest(CatalogRequestMessage(token)), how, base
            )
            walls.append((time.perf_counter() - began) * 1e3)
            if len(body["dataset"]) < PAGE:
                raise RuntimeError("a page is short")
    return walls, (time.process_time() - used) * 1e3 / len(walls), many
