"""Spoiled documents end in an answer; `benchmarks/policy_fuzz.py` does the same for minutes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

from tests.support.each import over
from tests.support.policy_mutations import Case, cases, outcome, read_case, seeds, written

CASES = 120


def test_seeds_are_read_and_written() -> None:
    whole = [case for case in dict.fromkeys(seeds()) if not _inherits(case)]
    assert {case.form for case in whole} == {"jsonld", "ttl"}
    assert {outcome(case) for case in whole} == {"read and written"}


def _inherits(case: Case) -> bool:
    return b"inheritFrom" in case.data


def test_a_policy_that_inherits_is_read_and_names_what_is_missing() -> None:
    child = next(case for case in seeds() if _inherits(case))
    assert written(read_case(child)) == "read, then Unresolvable"


@over("seed", [2, 3])
def test_spoiled_documents_end_in_an_answer(seed: int) -> None:
    ends = Counter(outcome(case) for case in islice(cases(seed), CASES))
    assert ends.total() == CASES
    assert len(ends) > 3, "they are spoiled in one way only"


def test_cases_can_be_repeated() -> None:
    assert list(islice(cases(5), 20)) == list(islice(cases(5), 20))
    assert list(islice(cases(5), 20)) != list(islice(cases(6), 20))


def test_the_runner_reports_what_it_did(tmp_path: Path) -> None:
    runner = Path(__file__).parents[2] / "benchmarks" / "policy_fuzz.py"
    done = subprocess.run(
        [
            # a seed that draws no document of thousands of rules, which takes ten seconds
            *(sys.executable, runner, "--minutes", "0.002", "--seed", "8"),
            *("--slow", "100", "--out", tmp_path / "out"),  # how fast this machine is is no fault
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("seed 8: ")
    assert not (tmp_path / "out").exists()
