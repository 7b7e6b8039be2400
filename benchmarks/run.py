"""Measure: `make bench`, or `make bench ARGS="negotiation node"` for some parts.

Writes `benchmarks/results.json` and the table in `benchmarks/README.md`. `--quick` repeats less
and keeps nothing. Rows of another machine stay, and nothing is kept, unless `--replace` is given.
Ends with 1 when a bar is not kept.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The demonstration's modules make spaces; the drill is shared with the tests.
sys.path[1:1] = [str(ROOT), str(ROOT / "examples" / "star")]

import results  # noqa: E402 - after the path is set
from rich.console import Console  # noqa: E402 - same
from row import Plan, Row  # noqa: E402 - same

PARTS = (
    *("policies", "node", "connections", "negotiation", "many_contracts", "many_datasets", "dsp"),
    *("transfer", "round", "step", "memory", "ledger", "protection", "kills", "star", "robustness"),
    *("accuracy", "sites", "console"),
)
CONSOLE = Console(width=None if sys.stdout.isatty() else 170)  # a table in a file is not folded


def main() -> int:
    """Measure the parts that were asked for; return 0 when every bar was kept."""
    options = _options()
    facts = results.machine()
    plan = Plan(options.quick, options.seed)
    other = results.foreign(facts)
    if other and not (options.replace or options.quick):
        CONSOLE.print(f"the rows that are kept are of another machine: {other}")
        CONSOLE.print("`--replace` drops them; `--quick` keeps nothing")
        return 2
    CONSOLE.print(f"seed {plan.seed}; load {facts['load']} on {facts['cores']} cores")
    rows: list[Row] = []
    for part in options.parts or PARTS:
        CONSOLE.print(f"[bold]· {part}[/]")
        with tempfile.TemporaryDirectory(prefix="pb-") as folder:
            measured = importlib.import_module(part).measure(Path(folder), plan)
        rows += measured
        if not plan.quick:
            results.keep(measured, facts)
    results.show(rows, CONSOLE)
    return 1 if any(row.holds is False for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--quick", action="store_true", help="repeat less; keep nothing")
    parser.add_argument(
        "--replace", action="store_true", help="drop rows that were measured on another machine"
    )
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of what is drawn"
    )
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part `{min(unknown)}`")
    return options


if __name__ == "__main__":
    sys.exit(main())
