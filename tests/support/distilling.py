"""Choose the corpus of each law: the fewest cheap draws that see what any of many draws sees.

`python -m tests.support.distilling [--faults] [WORD …]` does so for the laws whose name holds each
word, and writes `tests/cases/corpus/laws.json`; with `--faults` it only adds draws for planted
faults that a corpus does not see. Draws are chosen by two measures. Each branch of the engine that
one of `CANDIDATES` draws takes is taken by the corpus. Each fault that one of them sees is seen by
the corpus, whether somebody planted it (`planted_policies.json`) or it is one of `SLIPS`: small
slips in single expressions, made by rule in each function that the law runs. See record 0097.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from coverage import Coverage

import policies_odrl
from tests.support.distilled import FILE, Corpus, Law, corpora
from tests.support.planted_policies import Fault, keepers, laws
from tests.support.slips import Slip, slips

CANDIDATES: Final = 1_000  # draws of one law that are looked at
SECONDS: Final = 30  # processor time for all of them together
MOST: Final = 1.0  # the same for one; dearer ones are left to the fresh draws of each test
ENOUGH: Final = 3  # the same for one fault
SLIPS: Final = 8  # faults made by rule, of one law
TRIED: Final = 8  # draws beside the corpus that are asked of one of them
_LONG: Final = 10  # seconds after which a fault counts as seen: it has no end
_HOME: Final = str(Path(policies_odrl.__file__).parent)
_LAWS: Final = Path(__file__).parents[1] / "properties"

Branch = tuple[str, int, int]  # file, line, the line after it


class Draw(NamedTuple):
    """What one candidate takes and costs."""

    number: int
    branches: frozenset[Branch]
    cost: float  # seconds

    @property
    def lines(self) -> set[tuple[str, int]]:
        """The lines that it runs."""
        return {(file, line) for file, *ends in self.branches for line in ends}


# -- branches --------------------------------------------------------------------------------


def candidates(law: Law[Any]) -> Iterator[Draw]:
    """Yield draws with the branches that they take."""
    traced = Coverage(data_file=None, branch=True, include=[f"{_HOME}/*"], config_file=False)
    end = time.process_time() + SECONDS
    for number in range(CANDIDATES):
        if time.process_time() > end:
            return
        start = time.process_time()
        traced.start()
        law.ask(number)
        traced.stop()
        cost = time.process_time() - start
        data = traced.get_data()
        taken = ((it, *arc) for it in data.measured_files() for arc in data.arcs(it) or ())
        if cost < MOST:
            yield Draw(number, frozenset(taken), cost)
        traced.erase()


def covering(draws: Sequence[Draw]) -> list[Draw]:
    """Return few cheap draws that take each branch which any of them takes (greedy set cover)."""
    left = frozenset().union(*(draw.branches for draw in draws))
    found: list[Draw] = []
    while left:
        best = max(draws, key=lambda it: len(it.branches & left) / (it.cost + 0.001))
        left -= best.branches
        found.append(best)
    return [it for it in sorted(found, key=lambda it: -it.cost) if not _dropped(it, found)][::-1]


def _dropped(draw: Draw, found: list[Draw]) -> bool:
    """Drop a draw whose branches others take, too."""
    others = [it for it in found if it is not draw]
    needless = draw.branches <= frozenset().union(*(it.branches for it in others))
    if needless:
        found[:] = others
    return needless


# -- choosing --------------------------------------------------------------------------------


def _sees(law: Law[Any], fault: Slip | Fault, numbers: Iterable[int]) -> int | None:
    """Return the first of some draws by which a law sees a fault; in a process of its own."""
    fault.plant()
    signal.signal(signal.SIGALRM, _endless)
    end = time.process_time() + ENOUGH
    for number in numbers:
        signal.alarm(_LONG)
        try:
            law.ask(number)
        except Exception:  # noqa: BLE001 - whatever it is, the test fails
            return number
        finally:
            signal.alarm(0)
        if time.process_time() > end:
            break
    return None


def _endless(*_: object) -> None:
    raise TimeoutError


def distilled(law: Law[Any]) -> list[int]:
    """Return draws that take each branch, and see slips as many draws do; print what they see."""
    draws = list(candidates(law))
    chosen = covering(draws)
    branches = frozenset().union(*(draw.branches for draw in draws))
    by_cost = sorted(draws, key=lambda it: it.cost)
    lines = {(file, line) for file, *ends in branches for line in ends}
    counts = dict.fromkeys(("seen", "by one more draw", "never"), 0)
    for slip in islice(slips(lines), SLIPS):
        near = [draw for draw in by_cost if (slip.file, slip.line) in draw.lines]
        first = [draw for draw in chosen if draw in near]
        more = [draw for draw in near if draw not in chosen][:TRIED]
        seen = _apart(_sees, law, slip, [draw.number for draw in (*first, *more)])
        added = [draw for draw in more if draw.number == seen]
        chosen += added
        counts["never" if seen is None else "by one more draw" if added else "seen"] += 1
    cost, whole = (sum(draw.cost for draw in some) for some in (chosen, draws))
    sys.stdout.write(
        f"{law.name}: {len(chosen)} of {len(draws)} draws, {cost:.1f} of {whole:.1f} s, "
        f"{len(branches)} branches, slips {counts}\n"
    )
    return [draw.number for draw in chosen]


def extended(law: Law[Any], numbers: list[int], faults: Sequence[Fault]) -> Corpus:
    """Return draws, with one more for each planted fault that they do not see and another does."""
    for fault in faults:
        others = (number for number in range(CANDIDATES) if number not in numbers)
        seen = _apart(_sees, law, fault, [*numbers, *others])
        if seen is None:
            sys.stdout.write(f"{law.name}: never sees {fault.function} `{fault.new}`\n")
        elif seen not in numbers:
            law.ask(seen)  # which holds for the engine as it is
            numbers.append(seen)
    return Corpus(law.drawn(numbers), numbers)


_work: list[Any] = []  # what a process that is forked finds: not all of it can be sent


def _worked() -> Any:
    ask, *args = _work
    return ask(*args)


def _apart(*work: Any) -> Any:
    keepers()  # found once, and not in each process
    _work[:] = work
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        return pool.apply(_worked)


def main() -> None:
    """Choose the corpora that are asked for, and write them."""
    only, planted = "--faults" in sys.argv, laws()
    words = [word for word in sys.argv[1:] if word != "--faults"]
    for file in sorted(_LAWS.glob("test_policy_*.py")):
        for test in list(vars(import_module(f"tests.properties.{file.stem}")).values()):
            law = getattr(test, "law", None)
            if isinstance(law, Law) and all(word in law.name for word in words):
                numbers = list(law.corpus.numbers) if only else distilled(law)
                _written(law.name, extended(law, numbers, planted.get(law.name, ())))


def _written(name: str, corpus: Corpus) -> None:
    corpora.cache_clear()
    rows = sorted({**corpora(), name: corpus}.items())
    lines = [f" {json.dumps(law)}: {json.dumps(row)}" for law, row in rows]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
