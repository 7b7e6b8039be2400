"""What a page of a catalog of 10,000 datasets costs its provider, and who asks for it.

One dataset is published and copied in the provider's database with other ids, titles and offers;
then pages of 100 are asked for at random places, some with words. The bar is on the provider's
answer, measured in this process on its database; beside it stands the page as the consumer's
management API answers it, with transport and verification of 100 signatures.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import psutil
import sqlalchemy
from negotiation import Pair, pair_of
from row import Plan, Row, at_most, beside, percentile

from connector import config
from connector.bootstrap.keys.own import Identity
from connector.domain.catalog.dataset import Dataset
from connector.domain.catalog.search import text_of
from connector.identity.descriptions import description as descriptions
from connector.jsonld.canonical import b64url
from connector.ports import Signer
from connector.protocol.messages import CatalogRequestMessage
from connector.services.publication import catalog_pages
from connector.store.mapping import to_row
from connector.store.tables.keyed import table_of
from connector.store.tables.records import DatasetRow, OfferRow
from federated.privacy.rule import Accounting, Rule
from tests.support.doubles import ports_for_tests

PART = "many_datasets"
DATASETS, FEW = 10_000, 1_000
PAGE, BAR_MS = 100, 50.0
_ROWS = 500


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure pages of a provider with many datasets."""
    many = plan.times(DATASETS, FEW)
    draw = random.Random(plan.seed)  # noqa: S311 - which pages are measured
    with pair_of(folder) as pair:
        copied(pair, many)
        walls, cpu = _answers(pair, folder, many, plan.times(200, 40), draw)
        whole, grown = _at_consumer(pair, many, plan.times(20, 5), draw)
    title = f"catalog of {many:,} datasets, a page of {PAGE}"
    note = f"median {percentile(walls, 0.5):.1f} ms; CPU {cpu:.1f} ms a page, a third with words"
    seen = (
        f"with gRPC and {PAGE} signatures verified; median {percentile(whole, 0.5):.0f} ms; the "
        f"provider's memory grew by {grown:.1f} MB over these pages"
    )
    return [
        at_most(
            f"{title}, provider's answer, p95", percentile(walls, 0.95), BAR_MS, "ms", PART, note
        ),
        beside(
            f"{title}, at the consumer, p95",
            percentile(whole, 0.95),
            "provider's answer",
            percentile(walls, 0.95),
            "ms",
            PART,
            seen,
        ),
    ]


def _answers(
    pair: Pair, folder: Path, many: int, count: int, draw: random.Random
) -> tuple[list[float], float]:
    """Return milliseconds of each answer, and mean CPU milliseconds."""
    (folder / "beside").mkdir()
    with pair.provider_store() as store:
        ports = ports_for_tests(folder / "beside", pair.provider.did, store=store)
        with store.read() as tx:
            (caller,) = (p for p in tx.participants.find() if p.did == pair.consumer.did)
        walls: list[float] = []
        used = time.process_time()
        for number in range(count):
            after = name_of(draw.randrange(many - PAGE)) if number else ""
            words = f"part {draw.randrange(10)}" if number % 3 == 0 else ""
            asked = CatalogRequestMessage(b64url(after.encode()), PAGE, words).to_body()
            began = time.perf_counter()
            body = catalog_pages.receive_catalog(ports, caller, asked)
            walls.append((time.perf_counter() - began) * 1e3)
            if len(body["datasets"]) < PAGE and not words:
                raise RuntimeError("a page is short")
    return walls, (time.process_time() - used) * 1e3 / count


def _at_consumer(
    pair: Pair, many: int, count: int, draw: random.Random
) -> tuple[list[float], float]:
    """Return milliseconds of each page at the consumer, and MB by which the provider grew."""
    process = psutil.Process(pair.provider.pid)
    before, walls = 0, []
    for _ in range(count):
        after = b64url(name_of(draw.randrange(many - PAGE)).encode())
        began = time.perf_counter()
        pair.client.catalog(pair.provider.did, limit=PAGE, after=after, said=False)
        walls.append((time.perf_counter() - began) * 1e3)
        before = before or process.memory_info().rss  # after the first page, which loads code
    return walls, (process.memory_info().rss - before) / 1e6


def copied(pair: Pair, many: int) -> None:
    """Copy a provider's one dataset and offer under other names, each described and signed."""
    with pair.provider_store() as store, store.read() as tx:
        (dataset,), (offer,) = tx.datasets.find(), tx.offers.find()
    settings = config.load(pair.provider.home)
    signer = Identity(settings).signer
    engine = sqlalchemy.create_engine(settings.database_url)
    numbers = iter(range(many))
    while part := list(islice(numbers, _ROWS)):
        datasets = [_described(dataset, number, signer) for number in part]
        offers = [replace(offer, id=f"{d.id}:offer", dataset_id=d.id) for d in datasets]
        with engine.begin() as connection:
            rows = [{**to_row(each), "words": text_of(each)} for each in datasets]
            connection.execute(table_of(DatasetRow).insert(), rows)
            connection.execute(table_of(OfferRow).insert(), [to_row(each) for each in offers])
    engine.dispose()


def _described(dataset: Dataset, number: int, signer: Signer) -> Dataset:
    named = replace(dataset, id=name_of(number), title=f"Part {number % 10} of {number}")
    publisher = signer.key_id.partition("#")[0]
    credential = descriptions.issue_description(
        signer,
        descriptions.describe_dataset(named, publisher, Accounting(Rule.SUMS)),
        issuer_did=publisher,
        valid_from=named.published_at,
    )
    return replace(named, credential=credential)


def name_of(number: int) -> str:
    """Return the id of a copy."""
    return f"urn:copy:{number:06d}"
