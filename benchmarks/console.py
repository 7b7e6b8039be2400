"""What pages of the console cost with 10,000 datasets and 100,000 contracts, and a node's memory.

A node process with what so many contracts bring (`console_mass.py`); somebody with all roles asks
for every page that is read, in both languages, over loopback. Time is that until the browser has
the answer, size that of the answer on the wire. Pages that wait for another node, or look
through all data because they were told to, stand apart. Memory is the node's, idle: before the
console was first asked, after all its pages were, and once it was full.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import console_mass
import psutil
from console_mass import Known
from negotiation import Pair, pair_of
from rich.console import Console
from row import Plan, Row, at_most, beside, percentile
from space import Node, state

from connector.console.pages import PAGES
from connector.domain.account import AccountRole
from connector.language.catalog import LANGUAGES
from tests.support.console import PASSWORD, Browser

PART = "console"
CONTRACTS, DATASETS, FEW = 100_000, 10_000, 1_000
BAR_MS, BAR_MB, BAR_KB = 100.0, 135.0, 150.0
IDLE_SECONDS = 10.0
TIMES, FEW_TIMES = 40, 5
WIDTHS = (60, 200)  # columns of files that are pointed at
WIDE = tuple(f"/publish/source?place=data%2Fwide-{width}.csv" for width in WIDTHS)
# Their answers are made elsewhere, or are work that somebody asked for: catalogs of peers, a look
# through the whole node, a file that is read.
APART = frozenset({"/catalog?words=", "/doctor?look=here", *WIDE})
Times = Mapping[tuple[str, str], list[float]]


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure memory, then pages."""
    with pair_of(folder) as pair:
        pair.wait(pair.open())
        with pair.provider.client() as client:
            client.add_account("all", [each.value for each in AccountRole], PASSWORD)
            of_one = _of_one(pair)
        _switched_on(pair.provider)
        process = psutil.Process(pair.provider.pid)
        ready = json.loads((pair.provider.home / "run/node.json").read_text("utf-8"))
        browser = Browser(ready["console"])
        before = _idle(process, plan)
        browser.log_in("all")
        _asked(browser, of_one, 1)
        used = _idle(process, plan)
        contracts, datasets = plan.times(CONTRACTS, FEW), plan.times(DATASETS, FEW)
        known = console_mass.grown(pair, contracts, datasets)
        paths = [*of_one, *_of_many(known)]
        found = _asked(browser, paths, plan.times(TIMES, FEW_TIMES))
        sizes = {(path, tongue): _size(browser, path, tongue) for path, tongue in found}
        full = _idle(process, plan)
        listed = _managed(pair, plan.times(TIMES, FEW_TIMES))
        commanded = _idle(process, plan)
        browser.close()
    _show(found, sizes)
    title = f"console, {datasets:,} datasets and {contracts:,} contracts"
    memory = "node with a console that was used"
    return [
        *_rows(title, found, sizes),
        beside(
            f"{title}: list of contracts, median",
            statistics.median(found["/contracts", "en"]),
            *("management API", statistics.median(listed), "ms", PART, "50 beside 100 of them"),
        ),
        at_most(f"{memory}, idle, memory", used, BAR_MB, "MB", PART, "all pages, both languages"),
        beside(f"{memory}, beside one that nobody asked", used, "not asked", before, "MB", PART),
        beside(
            f"{title}: memory, idle after all pages",
            *(full, "after commands as well", commanded, "MB", PART),
        ),
    ]


def _rows(title: str, found: Times, sizes: Mapping[tuple[str, str], float]) -> list[Row]:
    """Return the slowest page, those that stand apart, and the largest."""
    slow = {each: percentile(walls, 0.95) for each, walls in found.items()}
    bound = sorted((each for each in slow if each[0] not in APART), key=lambda each: -slow[each])
    median = statistics.median([wall for each in bound for wall in found[each]])
    worst = ", ".join(f"{path} {slow[path, tongue]:.0f}" for path, tongue in bound[:5])
    apart = ", ".join(f"{path} {slow[path, 'en']:.0f}" for path in sorted(APART))
    note = (
        f"{len(bound)} pages, each in two languages, over loopback; median of all {median:.1f}; "
        f"{worst}; apart, since others answer or files are read: {apart}"
    )
    largest = max(sizes, key=lambda each: sizes[each])
    return [
        at_most(f"{title}: slowest page, p95", slow[bound[0]], BAR_MS, "ms", PART, note),
        at_most(f"{title}: largest page", sizes[largest], BAR_KB, "kB", PART, largest[0]),
    ]


def _switched_on(node: Node) -> None:
    node.stop()
    for width in WIDTHS:
        _wide(node.home / "data" / f"wide-{width}.csv", width)
    state(node.home, {"console_listen": "127.0.0.1:0"})
    node.start()


def _wide(file: Path, width: int) -> None:
    file.parent.mkdir(exist_ok=True)
    names = [f"question_{number}_of_the_survey" for number in range(width)]
    lines = [",".join(str(row * (at + 1) % 97) for at in range(width)) for row in range(200)]
    file.write_text("\n".join([",".join(names), *lines]), "utf-8")


def _idle(process: psutil.Process, plan: Plan) -> float:
    time.sleep(1.0 if plan.quick else IDLE_SECONDS)
    return float(process.memory_info().rss / 1e6)


def _of_one(pair: Pair) -> list[str]:
    """Return pages of a node with one contract: those of the menu, and one of each kind."""
    with pair.provider.client() as client:
        contract = client.agreements(limit=1)[0].id
        dataset = client.datasets(limit=1)[0].id
        negotiation = client.negotiations(limit=1)[0].pid
    with pair.provider_store() as store, store.read() as tx:
        offer = tx.offers.find()[0].id
    return [
        *(each.path for each in PAGES if each.menu),
        *(_path("/contract", id=contract), _path("/contract/life", id=contract)),
        *(_path("/dataset", id=dataset), _path("/negotiation", id=negotiation)),
        *(_path("/policy", offer=offer), "/catalog?words=", "/doctor", "/doctor?look=here"),
        *("/messages", "/figures", "/accessibility", "/job/request"),
        *(_path("/log", subject=negotiation), "/log?kind=job", "/log?since=2026-01-01&start=1"),
        *WIDE,
    ]


def _of_many(known: Known) -> list[str]:
    """Return further pages of a node that is full: details, and lists far from their start."""
    far = ("/contracts", "/negotiations", "/duties?closed=yes", "/datasets")
    return [
        *(_path("/approval", id=known.approval), _path("/duty", id=known.duty)),
        *(_path("/job", id=known.job), _path("/negotiation", id=known.waiting)),
        *("/approvals?closed=yes", "/duties?closed=yes", "/log?start=100000"),
        *("/log?kind=duty&start=100000", "/log?since=2026-01-01&until=2099-01-01"),
        *(f"{path}{'&' if '?' in path else '?'}after=5000" for path in far),
        *("/contracts?as=csv", "/log?as=ods"),
    ]


def _path(page: str, **query: str) -> str:
    return f"{page}?{urlencode(query)}"


def _asked(browser: Browser, paths: list[str], count: int) -> Times:
    """Return the milliseconds of each page in each language, without its first time."""
    found = {}
    for tongue in LANGUAGES:
        browser.cookies["preau-language"] = tongue
        for path in paths:
            walls = []
            for _ in range(1 + (count if path not in APART else min(count, FEW_TIMES))):
                began = time.perf_counter()
                browser.get(path).raise_for_status()
                walls.append((time.perf_counter() - began) * 1e3)
            found[path, tongue] = walls[1:]
    return found


def _size(browser: Browser, path: str, tongue: str) -> float:
    """Return kB of an answer as it was on the wire."""
    browser.cookies["preau-language"] = tongue
    return browser.get(path).num_bytes_downloaded / 1e3


def _show(found: Times, sizes: Mapping[tuple[str, str], float]) -> None:
    """Print what each page took; what is kept says the worst of them."""
    console = Console(width=150, highlight=False)
    for (path, tongue), walls in found.items():
        median, slow = statistics.median(walls), percentile(walls, 0.95)
        size = sizes[path, tongue]
        console.print(f"{tongue} {median:8.1f} {slow:8.1f} ms {size:8.1f} kB  {path}", markup=False)


def _managed(pair: Pair, count: int) -> list[float]:
    found = []
    with pair.provider.client() as client:
        for _ in range(count + 1):
            began = time.perf_counter()
            client.agreements(limit=100)
            found.append((time.perf_counter() - began) * 1e3)
    return found[1:]
