"""Spoiled policies by the minute: nothing may crash, and nothing may take long.

Run it as `python benchmarks/policy_fuzz.py --minutes 10 --seed 1`. It reads and writes documents of
`tests/support/policy_mutations.py` and reports how many there were, what came of them, the slowest,
and every one that took long or ended in anything but an answer; those are kept in the folder of
`--out`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from connector.errors import PreauError
from policies_odrl import OdrlError, Policy
from tests.support.policy_mutations import Case, cases, read_case, written

SLOW = 1.0  # seconds of CPU that reading one document may take, if nothing else is said


def main() -> int:
    """Run, report; return 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", type=float, default=SLOW)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "policy-fuzz")
    given = parser.parse_args()
    end = time.monotonic() + given.minutes * 60
    ends: Counter[str] = Counter()
    slowest = found = 0.0
    for number, case in enumerate(cases(given.seed)):
        if time.monotonic() > end:
            break
        before = time.process_time()
        try:
            came = _read(case)
            took = time.process_time() - before
            ends[came if isinstance(came, str) else written(came)] += 1
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is what is looked for
            took = time.process_time() - before
            ends["no answer"] += 1
            found += 1
            print(f"case {number}: {type(exc).__name__}: {exc}"[:300], _kept(case, given, number))
        if took > given.slow:
            found += 1
            print(f"case {number}: {took:.2f} s", _kept(case, given, number))
        slowest = max(slowest, took)
    print(f"seed {given.seed}: {ends.total()} cases, slowest read in {slowest:.2f} s of CPU")
    for name, count in ends.most_common():
        print(f"  {count:>8}  {name}")
    return 1 if found else 0


def _read(case: Case) -> tuple[Policy, ...] | str:
    try:
        return read_case(case)
    except (PreauError, OdrlError) as exc:
        return type(exc).__name__


def _kept(case: Case, given: argparse.Namespace, number: int) -> Path:
    given.out.mkdir(parents=True, exist_ok=True)
    file: Path = given.out / f"{given.seed}-{number}.{case.form}"
    file.write_bytes(case.data)
    return file


if __name__ == "__main__":
    sys.exit(main())
