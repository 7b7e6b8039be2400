"""What pages of the console cost with 10,000 datasets and 100,000 contracts, and a node's memory.

A node process with what so many contracts bring (`console_mass.py`); somebody with all roles asks
for every page, in both languages, over loopback. Wall time is that until the browser has the
answer; CPU time is the node's process's, and says something on a machine that does more as well.
Size is that of the answer on the wire, compressed. Pages that wait for another node, or read
because they were told to, stand apart; so do lists that are saved as files, which are no pages.
Memory is the node's process's, at rest: before the console was first asked, after all its pages
were, and once it was full.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import console_mass
import psutil
from negotiation import DATASET, Pair, pair_of
from rich.console import Console
from row import Plan, Row, at_most, beside, percentile
from space import Node, state

from connector.console.pages import PAGES
from connector.domain.account import AccountRole
from connector.language.catalog import LANGUAGES
from connector.serving import resting
from tests.support.console import PASSWORD, Browser

PART = "console"
CONTRACTS, DATASETS, FEW = 100_000, 10_000, 1_000
BAR_MS, BAR_MB, BAR_KB = 100.0, 135.0, 150.0
TIMES, FEW_TIMES, APART_TIMES = 40, 5, 1
_PATIENCE = 60.0  # seconds; a file of every contract takes some
LOOK_SECONDS = 300  # doctor reads every contract
WIDTHS = (60, 200)  # columns of files that are pointed at
# By path, the queries of pages that the menu does not lead to, and further ones of those that it
# does; `{…}` is what this benchmark made. A list's `after` is far from its start.
EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "/approvals": ("closed=yes",),
    "/approval": ("id={approval}",),
    "/budgets": ("", "after=5000"),
    "/catalog": ("words=",),
    "/catalog/dataset": ("peer={peer}&id={theirs}",),
    "/publish/source": tuple(f"place=data%2Fwide-{width}.csv" for width in WIDTHS),
    "/policy": ("offer={offer}",),
    "/contracts": ("after=5000",),
    "/contract": ("id={contract}",),
    "/contract/life": ("id={contract}",),
    "/datasets": ("after=5000",),
    "/dataset": ("id={dataset}",),
    "/negotiations": ("after=5000",),
    "/negotiation": ("id={negotiation}", "id={waiting}"),
    "/duties": ("closed=yes", "closed=yes&after=5000"),
    "/duty": ("id={duty}",),
    "/job": ("id={job}",),
    "/job/request": ("",),
    "/table": ("id={asked}",),
    "/log": (
        *("subject={negotiation}", "kind=job", "start=100000", "kind=duty&start=100000"),
        *("since=2026-01-01&start=1", "since=2026-01-01&until=2099-01-01"),
    ),
    "/doctor": ("",),
    "/messages": ("",),
    "/figures": ("",),
    "/account": ("name=all",),
    "/accessibility": ("",),
    "/login": ("",),
    "/map": ("",),
}
# Answers that are made elsewhere, or are work that somebody asked for: catalogs of peers, a file
# that is read.
APART = ("/catalog?", "/catalog/dataset?", "/publish/source?")
SAVED = ("/contracts?as=csv", "/log?as=ods")
SHOWN = {
    each.path: each
    for each in PAGES
    if each.method == "GET" and each.page.__annotations__["return"] != "Sent"
}


@dataclass(frozen=True)
class Took:
    """What the answers of a page in a language took.

    Attributes:
        walls: milliseconds of each answer.
        cpu: milliseconds of the node's process for an answer, on average.
        size: kB of an answer on the wire.
    """

    walls: Sequence[float]
    cpu: float
    size: float

    @property
    def slow(self) -> float:
        """95th percentile of the milliseconds."""
        return percentile(self.walls, 0.95)


Found = Mapping[tuple[str, str], Took]  # by page and language


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure memory, then pages."""
    _check()
    with pair_of(folder, both=True) as pair:
        pair.wait(pair.open())
        with pair.provider.client() as client:
            client.add_account("all", [each.value for each in AccountRole], PASSWORD)
            known = {
                "contract": client.agreements(limit=1)[0].id,
                "dataset": client.datasets(limit=1)[0].id,
                "negotiation": client.negotiations(limit=1)[0].pid,
                "peer": pair.consumer.did,
                "theirs": DATASET,
            }
        with pair.provider_store() as store, store.read() as tx:
            known["offer"] = tx.offers.find()[0].id
        _switched_on(pair.provider)
        process = psutil.Process(pair.provider.pid)
        browser = Browser(pair.provider.console, patience=_PATIENCE)
        before = _idle(process)
        browser.log_in("all")
        one = _asked(browser, process, _paths(known, whole=False), 1)
        used = _idle(process)
        contracts, datasets = plan.times(CONTRACTS, FEW), plan.times(DATASETS, FEW)
        known |= asdict(console_mass.grown(pair, contracts, datasets))
        times = plan.times(TIMES, FEW_TIMES)
        _let_doctor_look(browser)
        found = _asked(browser, process, _paths(known, whole=True), times)
        saved = _asked(browser, process, SAVED, FEW_TIMES)
        full = _idle(process)
        listed = _managed(pair, times)
        commanded = _idle(process)
        browser.close()
    _show({**found, **saved})
    title = f"console, {datasets:,} datasets and {contracts:,} contracts"
    memory = "node with a console that was used"
    note = (
        f"{len(one) // len(LANGUAGES)} pages of a node with one contract, in each language; the "
        "process ran no command: the account was added before it began"
    )
    return [
        *_rows(title, found, saved),
        beside(
            f"{title}: list of contracts, median",
            statistics.median(found["/contracts", "en"].walls),
            *("management API", statistics.median(listed), "ms", PART, "50 beside 100 of them"),
        ),
        at_most(f"{memory}, idle, memory", used, BAR_MB, "MB", PART, note),
        beside(f"{memory}, beside one that nobody asked", used, "not asked", before, "MB", PART),
        beside(
            f"{title}: memory, idle after all pages",
            *(full, "after commands as well", commanded, "MB", PART),
        ),
    ]


def _rows(title: str, found: Found, saved: Found) -> list[Row]:
    """Return the slowest page, with those that stand apart, the dearest, and the largest."""
    bound = {each: took for each, took in found.items() if not each[0].startswith(APART)}
    slow = sorted(bound, key=lambda each: -bound[each].slow)
    median = statistics.median([wall for took in bound.values() for wall in took.walls])
    apart = {each: found[each] for each in found if each not in bound} | dict(saved)
    note = (
        f"{len(bound)} pages, languages counted, over loopback; median of all {median:.1f}; "
        f"{_said(bound, slow[:5])}; apart, since others answer, or files are read or made: "
        f"{_said(apart, [each for each in apart if each[1] == 'en'])}"
    )
    dear = max(bound, key=lambda each: bound[each].cpu)
    mean = statistics.mean(took.cpu for took in bound.values())
    large = max(found, key=lambda each: found[each].size)
    forms = ", ".join(
        f"{width} columns {max(found[_wide_path(width), each].size for each in LANGUAGES):.1f}"
        for width in WIDTHS
    )
    return [
        at_most(f"{title}: slowest page, p95", bound[slow[0]].slow, BAR_MS, "ms", PART, note),
        beside(
            f"{title}: most CPU of the node for a page",
            *(bound[dear].cpu, "mean of all pages", mean, "ms", PART),
            f"{dear[0]}; of its process, so with what its other threads did meanwhile",
        ),
        at_most(
            f"{title}: largest page, compressed on the wire",
            *(found[large].size, BAR_KB, "kB", PART),
            f"{large[0]}; forms of {forms}",
        ),
    ]


def _said(found: Found, which: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{each[0]} {found[each].slow:.0f}" for each in which)


def _check() -> None:
    """Check that each page has an example.

    Raises:
        RuntimeError: one has none, or an example is of no page.
    """
    needed = {path for path, each in SHOWN.items() if not each.menu}
    if wrong := sorted((needed - EXAMPLES.keys()) | (EXAMPLES.keys() - SHOWN.keys())):
        raise RuntimeError(f"`EXAMPLES` lacks these pages, or has them in excess: {wrong}")


def _paths(known: Mapping[str, str], *, whole: bool) -> list[str]:
    """Return the pages that are asked for.

    Args:
        known: names of examples -> what they are here.
        whole: whether all of them are known; else those that need others are left out.
    """
    quoted = {name: quote(value, safe="") for name, value in known.items()}
    paths = [path for path, each in SHOWN.items() if each.menu]
    for path, queries in EXAMPLES.items():
        for query in queries:
            try:
                filled = query.format_map(quoted)
            except KeyError:
                if whole:
                    raise
                continue
            paths.append(f"{path}?{filled}" if filled else path)
    return paths


def _switched_on(node: Node) -> None:
    node.stop()
    for width in WIDTHS:
        _wide(node.home / "data" / f"wide-{width}.csv", width)
    state(node.home, {"console_listen": "127.0.0.1:0"})
    node.start()


def _let_doctor_look(browser: Browser) -> None:
    """Let doctor look through the node to the end, so that its page shows what it found.

    Raises:
        RuntimeError: it did not end in time.
    """
    browser.do("/doctor/look", look="here")
    for _ in range(LOOK_SECONDS):
        if "is looking" not in browser.get("/doctor").text:
            return
        time.sleep(1.0)
    raise RuntimeError("`doctor` did not end in time")


def _wide(file: Path, width: int) -> None:
    file.parent.mkdir(exist_ok=True)
    names = [f"question_{number}_of_the_survey" for number in range(width)]
    lines = [",".join(str(row * (at + 1) % 97) for at in range(width)) for row in range(200)]
    file.write_text("\n".join([",".join(names), *lines]), "utf-8")


def _wide_path(width: int) -> str:
    return f"/publish/source?place=data%2Fwide-{width}.csv"


def _idle(process: psutil.Process) -> float:
    """Return MB of the process once it rests, which it does some time after its last answer."""
    time.sleep(resting.SECONDS + 3.0)
    return float(process.memory_info().rss / 1e6)


def _asked(browser: Browser, process: psutil.Process, paths: Sequence[str], count: int) -> Found:
    """Return what each page in each language took, but for its first time."""
    found = {}
    for tongue in LANGUAGES:
        browser.cookies["preau-language"] = tongue
        for path in paths:
            size = browser.get(path).raise_for_status().num_bytes_downloaded / 1e3
            times = min(count, APART_TIMES) if path.startswith(APART) else count
            walls, used = [], _cpu(process)
            for _ in range(times):
                began = time.perf_counter()
                browser.get(path).raise_for_status()
                walls.append((time.perf_counter() - began) * 1e3)
            found[path, tongue] = Took(walls, (_cpu(process) - used) / times, size)
    return found


def _cpu(process: psutil.Process) -> float:
    """Return the milliseconds of CPU that a process has used, in steps of the kernel's clock."""
    used = process.cpu_times()
    return float(used.user + used.system) * 1e3


def _show(found: Found) -> None:
    """Print what each page took; what is kept says the worst of them."""
    console = Console(width=150, highlight=False)
    for (path, tongue), took in found.items():
        line = f"{tongue} {statistics.median(took.walls):8.1f} {took.slow:8.1f} ms"
        line += f" {took.cpu:8.1f} ms CPU {took.size:8.1f} kB  {path}"
        console.print(line, markup=False)


def _managed(pair: Pair, count: int) -> list[float]:
    found = []
    with pair.provider.client() as client:
        for _ in range(count + 1):
            began = time.perf_counter()
            client.agreements(limit=100)
            found.append((time.perf_counter() - began) * 1e3)
    return found[1:]
