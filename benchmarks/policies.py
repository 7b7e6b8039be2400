"""The policy engine: one decision, one report, one comparison, one lint, import and memory.

CPU time of this process (`time.process_time`), best of several rounds of many calls. The policies
are ours: the contract of the demonstration (eight constraints), a policy of one permission with one
bound in time, one with a permission for each working day of a year (more than 3,000 triples in
Turtle, the size of the largest policy of the public ODRL test suite), policies of 20 attributes,
and policies of 10 to 10,000 rules. The peer is pyodre, installed from the package index into an
environment of its own; it parses the policy at each decision and has no other way. Prometheus-X's
json-odrl-manager is not on the package index of npm, so that it cannot be installed here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import policy_samples as samples
from row import Plan, Row, at_most, beside

import policies_odrl as odrl
from connector.jsonld.policy import policy_document, read_policy
from tests.conformance.reports.report_of import report

PART = "policies"
PEER = "pyodre==1.0.6"
ROUNDS = 7
_IMPORT = (
    "import time; a = time.process_time(); import policies_odrl; print(time.process_time() - a)"
)


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure everything; a second or two for each line."""
    return [
        *_decisions(folder, plan),
        *_reports(plan),
        *_comparison(plan),
        *_growth(plan),
        *_import(plan),
        *_memory(folder),
    ]


def cost(act: Callable[[], object], plan: Plan, times: int) -> float:
    """Return the CPU time of one call in seconds: the best of several rounds."""
    act()
    many = plan.times(times, max(1, times // 10))
    found = []
    for _ in range(plan.times(ROUNDS, 3)):
        before = time.process_time()
        for _ in range(many):
            act()
        found.append((time.process_time() - before) / many)
    return min(found)


def _decisions(folder: Path, plan: Plan) -> list[Row]:
    small, facts = samples.small(), odrl.Facts(now=samples.NOW)
    contract, request, known = samples.contract()
    ready, agreed = odrl.compile_policy(small), odrl.compile_policy(contract)
    if not (ready.permits(samples.ASKED, facts) and agreed.permits(request, known)):
        raise RuntimeError("a policy that has to grant does not")
    document = policy_document(small)
    whole = cost(lambda: odrl.evaluate(read_policy(document), samples.ASKED, facts), plan, 200)
    return [
        at_most(
            "policy decision, compiled, one constraint",
            cost(lambda: ready.permits(samples.ASKED, facts), plan, 50_000) * 1e6,
            5,
            "µs",
            PART,
        ),
        at_most(
            "policy decision, compiled, contract of eight constraints",
            cost(lambda: agreed.permits(request, known), plan, 20_000) * 1e6,
            5,
            "µs",
            PART,
            "values that came before are looked up, as in a node that is asked again",
        ),
        at_most(
            "policy decision from a parsed policy, with all reasons",
            cost(lambda: odrl.evaluate(small, samples.ASKED, facts), plan, 2_000) * 1e6,
            50,
            "µs",
            PART,
        ),
        at_most(
            "policy decision from a parsed policy, contract of eight constraints, all reasons",
            cost(lambda: odrl.evaluate(contract, request, known), plan, 2_000) * 1e6,
            50,
            "µs",
            PART,
        ),
        beside(
            "policy decision from JSON-LD",
            whole * 1e3,
            PEER,
            _pyodre(folder, plan) * 1e3,
            "ms",
            PART,
            "both parse the same policy each time; pyodre looks at action and constraints only",
        ),
    ]


def _reports(plan: Plan) -> list[Row]:
    small, year, facts = samples.small(), samples.year(), odrl.Facts(now=samples.NOW)
    findings = cost(lambda: odrl.validate(samples.contract()[0]), plan, 200)
    return [
        at_most(
            "policy decision with full report, small policy",
            cost(lambda: report(small, samples.ASKED, facts), plan, 1_000) * 1e3,
            0.5,
            "ms",
            PART,
        ),
        at_most(
            "policy decision with full report, 261 working days",
            cost(lambda: report(year, samples.ASKED, facts), plan, 20) * 1e3,
            20,
            "ms",
            PART,
        ),
        at_most("policy lint, contract", findings * 1e3, 5, "ms", PART),
    ]


def _comparison(plan: Plan) -> list[Row]:
    offer, inside, outside = (samples.attributes(*span) for span in ((0, 90), (10, 80), (10, 95)))
    if not odrl.contains(offer, inside) or odrl.contains(offer, outside):
        raise RuntimeError("the comparison is wrong")
    note = "20 attributes, each bounded on both sides"
    return [
        at_most(
            f"policy comparison, {name}",
            cost(lambda other=other: odrl.contains(offer, other), plan, 40) * 1e3,
            5,
            "ms",
            PART,
            note,
        )
        for name, other in (("contained", inside), ("not contained, with a witness", outside))
    ]


def _growth(plan: Plan) -> list[Row]:
    """Ask policies of growing size about one asset; the rules that can apply stay two."""
    facts, rows, first = odrl.Facts(now=samples.NOW), [], 0.0
    for rules in (10, 100, 1_000, 10_000):
        compiled = odrl.compile_policy(samples.many(rules))
        asked = odrl.Request(samples.READ, samples.ALICE, "urn:example:3")
        if not compiled.permits(asked, facts):
            raise RuntimeError("a policy that has to grant does not")
        spent = cost(lambda: compiled.permits(asked, facts), plan, 20_000) * 1e6  # noqa: B023 - called at once
        first = first or spent
        rows.append(
            beside(
                f"policy decision, compiled, {rules} rules", spent, "10 rules", first, "µs", PART
            )
        )
    return rows


def _import(plan: Plan) -> list[Row]:
    found = [
        float(subprocess.check_output([sys.executable, "-c", _IMPORT]))
        for _ in range(plan.times(5, 2))
    ]
    return [at_most("policy engine, import", min(found) * 1e3, 100, "ms", PART, "CPU time")]


def _memory(folder: Path) -> list[Row]:
    """Take a fresh process that imports the engine and decides; return its peak."""
    program = folder / "memory.py"
    program.write_text(
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import resource, policies_odrl as odrl, policy_samples as samples\n"
        "facts = odrl.Facts(now=samples.NOW)\n"
        "odrl.evaluate(samples.year(), samples.ASKED, facts)\n"
        "odrl.compile_policy(samples.many(1000)).permits(samples.ASKED, facts)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n",
        encoding="utf-8",
    )
    peak = int(subprocess.check_output([sys.executable, str(program)], cwd=Path(__file__).parent))
    note = "peak of a process that decides by the year's policy and compiles one of 1,000 rules"
    return [at_most("policy engine, memory", peak / 1e3, 60, "MB", PART, note)]


def _pyodre(folder: Path, plan: Plan) -> float:
    """Return the peer's CPU time of one decision in seconds; it has an environment of its own."""
    home = folder / "pyodre"
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    subprocess.check_call([python, "-m", "pip", "install", "--quiet", PEER])
    policy = folder / "policy.json"
    policy.write_text(json.dumps(samples.for_pyodre()), encoding="utf-8")
    words = [python, str(Path(__file__).with_name("pyodre_loop.py")), str(policy)]
    return float(subprocess.check_output([*words, str(plan.times(50, 5))]))
