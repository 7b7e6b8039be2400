"""Audit the training engine: `make audit`.

Prints tables and writes `audit-output/audit.json`; with `--end-to-end` real workers are attacked
instead, for some minutes, and the file is `end-to-end.json`. Ends with 1 when a claim of the engine
is contradicted, an attack on a person succeeds, or a planted fault is not seen.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from audit.attacks import Tried, attempt_all
from audit.bound import CONFIDENCE
from audit.cells import CELLS, END_TO_END, NO_FAULT, Outcome, run_all
from audit.rig import DELTA
from federated.training import code_hash
from federated.training.versions import versions

CONSOLE = Console(width=None if sys.stdout.isatty() else 150)
_HEADINGS = ("engine", "what is attacked", "claim ε", "σ", "scores", "bound", "free bound", "")
_OF_ATTACKS = ("engine", "attack", "contract ε", "found", "chance", "of certainty", "")


def main() -> int:
    """Run every cell; return 0 when each came out as it must."""
    options = _options()
    begun = time.monotonic()
    outcomes = []
    for outcome in run_all(END_TO_END if options.end_to_end else CELLS, options.seed):
        outcomes.append(outcome)
        CONSOLE.print(f"  {_of_cell(outcome)[-1]:8} {_name(outcome)}", highlight=False)
    tried = [] if options.end_to_end else list(attempt_all(options.seed))
    seconds = time.monotonic() - begun
    _print("Privacy audit", _HEADINGS, map(_of_cell, outcomes))
    if tried:
        _print("Attacks on a person", _OF_ATTACKS, map(_of_attack, tried))
    CONSOLE.print(
        f"bounds on ε at δ = {DELTA:g}, each below the truth with a chance of {CONFIDENCE:.1%}; "
        f"seed {options.seed}, {seconds:.0f} s",
        highlight=False,
    )
    file = options.out / ("end-to-end.json" if options.end_to_end else "audit.json")
    _write(file, outcomes, tried, seed=options.seed, seconds=seconds)
    sound = [each.as_it_must for each in outcomes] + [each.as_it_must for each in tried]
    return 0 if all(sound) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="audit", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("audit-output"), help="folder")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the auditor"
    )
    parser.add_argument(
        "--end-to-end", action="store_true", help="a hostile lead against real workers instead"
    )
    return parser.parse_args()


def _print(title: str, headings: Iterable[str], lines: Iterable[Iterable[str]]) -> None:
    table = Table(*headings, title=title)
    for line in lines:
        table.add_row(*line)
    CONSOLE.print(table)


def _engine(fault: str) -> str:
    return "sound" if fault == NO_FAULT else fault


def _of_cell(outcome: Outcome) -> tuple[str, ...]:
    cell, bound = outcome.cell, outcome.bound
    figures = (
        f"{outcome.noise:.3f}",
        str(outcome.scores),
        f"{bound.fitted:.2f}",
        f"{bound.free:.2f}",
    )
    verdict = _verdict(cell.fault, as_it_must=outcome.as_it_must)
    return _engine(cell.fault), cell.title, f"{cell.claim:g}", *figures, verdict


def _of_attack(tried: Tried) -> tuple[str, ...]:
    case = tried.case
    figures = f"{tried.found:.3f}", f"{tried.chance:.3f}", f"{tried.share:.0%}"
    verdict = _verdict(case.fault, as_it_must=tried.as_it_must)
    return _engine(case.fault), case.title, f"{case.epsilon:g}", *figures, verdict


def _name(outcome: Outcome) -> str:
    return f"{outcome.cell.title}, ε = {outcome.cell.claim:g}, fault: {outcome.cell.fault}"


def _verdict(fault: str, *, as_it_must: bool) -> str:
    sound, faulty = ("holds", "caught") if as_it_must else ("BROKEN", "MISSED")
    return sound if fault == NO_FAULT else faulty


def _write(
    file: Path, outcomes: list[Outcome], tried: list[Tried], *, seed: int, seconds: float
) -> None:
    value: dict[str, Any] = {
        "delta": DELTA,
        "confidence": CONFIDENCE,
        "seed": seed,
        "seconds": round(seconds, 1),
        "recipe": code_hash(),
        "versions": versions(),
        "cells": [
            {
                "fault": outcome.cell.fault,
                "attacked": outcome.cell.title,
                "claim": outcome.cell.claim,
                "noise": outcome.noise,
                "scores": outcome.scores,
                "bound": asdict(outcome.bound),
                "verdict": _of_cell(outcome)[-1],
                "seconds": round(outcome.seconds, 1),
            }
            for outcome in outcomes
        ],
        "attacks": [
            {
                "fault": each.case.fault,
                "attack": each.case.title,
                "epsilon": each.case.epsilon,
                "runs": each.case.runs,
                "found": each.found,
                "chance": each.chance,
                "verdict": _of_attack(each)[-1],
            }
            for each in tried
        ],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
