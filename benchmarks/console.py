"""What pages of the console cost with 10,000 datasets and 100,000 contracts, and a node's memory.

A node process with one dataset and one contract, copied in its database; somebody with all roles
asks for every page of the menu, and for one of each kind, over loopback. Beside it stands the same
page of the management API where there is one. Memory is the node's, idle, before the console was
first asked and after all its pages were.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import many_contracts
import many_datasets
import psutil
from negotiation import Pair, pair_of
from row import Plan, Row, at_most, beside, percentile
from space import Node

from connector.console.pages import PAGES
from connector.domain.account import AccountRole
from tests.support.console import PASSWORD, Browser

PART = "console"
CONTRACTS, DATASETS, FEW = 100_000, 10_000, 1_000
BAR_MS, BAR_MB, BAR_KB = 100.0, 135.0, 150.0
IDLE_SECONDS = 10.0


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure memory, then pages."""
    with pair_of(folder) as pair:
        pair.wait(pair.open())
        _switched_on(pair.provider)
        with pair.provider.client() as client:
            client.add_account("all", [each.value for each in AccountRole], PASSWORD)
        ready = json.loads((pair.provider.home / "run/node.json").read_text("utf-8"))
        browser = Browser(ready["console"])
        time.sleep(1.0 if plan.quick else IDLE_SECONDS)
        process = psutil.Process(pair.provider.pid)
        before = process.memory_info().rss / 1e6
        browser.log_in("all")
        for path in _paths(pair):
            browser.get(path).raise_for_status()
        time.sleep(1.0 if plan.quick else IDLE_SECONDS)
        after = process.memory_info().rss / 1e6
        contracts, datasets = plan.times(CONTRACTS, FEW), plan.times(DATASETS, FEW)
        many_contracts.copied(pair, contracts)
        many_datasets.copied(pair, datasets)
        found = {path: _times(browser, path, plan.times(40, 5)) for path in _paths(pair)}
        sizes = [len(browser.get(path).content) / 1e3 for path in found]
        listed = _managed(pair, plan.times(40, 5))
        browser.close()
    slowest = max(found, key=lambda path: percentile(found[path], 0.95))
    walls = [each for spans in found.values() for each in spans]
    title = f"console, {datasets:,} datasets and {contracts:,} contracts"
    note = f"{len(found)} pages, slowest {slowest.partition('?')[0]}; median of all "
    return [
        at_most(
            f"{title}: slowest page, p95",
            percentile(found[slowest], 0.95),
            *(BAR_MS, "ms", PART, f"{note}{statistics.median(walls):.1f}, over loopback"),
        ),
        beside(
            f"{title}: list of contracts, median",
            statistics.median(found["/contracts"]),
            *("management API", statistics.median(listed), "ms", PART, "50 beside 100 of them"),
        ),
        at_most(f"{title}: largest page", max(sizes), BAR_KB, "kB", PART, "not compressed"),
        at_most("node with a console that was used, idle, memory", after, BAR_MB, "MB", PART),
        beside(
            "node with a console that was used, beside one that nobody asked",
            *(after, "not asked", before, "MB", PART),
        ),
    ]


def _switched_on(node: Node) -> None:
    node.stop()
    file = node.home / "preau.toml"
    stated = file.read_text("utf-8").replace(
        'console_listen = ""', 'console_listen = "127.0.0.1:0"'
    )
    file.write_text(stated, "utf-8")
    node.start()


def _paths(pair: Pair) -> list[str]:
    with pair.provider.client() as client:
        contract = client.agreements(limit=1)[0].id
        dataset = client.datasets(limit=1)[0].id
        negotiation = client.negotiations(limit=1)[0].pid
    return [
        *(each.path for each in PAGES if each.menu),
        f"/contract?id={contract}",
        f"/dataset?id={dataset}",
        f"/negotiation?id={negotiation}",
    ]


def _times(browser: Browser, path: str, count: int) -> list[float]:
    found = []
    for _ in range(count + 1):
        began = time.perf_counter()
        browser.get(path).raise_for_status()
        found.append((time.perf_counter() - began) * 1e3)
    return found[1:]


def _managed(pair: Pair, count: int) -> list[float]:
    found = []
    with pair.provider.client() as client:
        for _ in range(count + 1):
            began = time.perf_counter()
            client.agreements(limit=100)
            found.append((time.perf_counter() - began) * 1e3)
    return found[1:]
