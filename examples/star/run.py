"""Project STAR under contract: `make demo`.

Three académies and a lab, each a node of its own; one model trained with differential privacy;
a table with noise and an extract of one académie; then five refusals.

Writes `result.json`, a picture (PNG and SVG), the model, the extract, and the evidence
bundles. With `--console` the space runs on until Ctrl-C, and its consoles are named. See README.md
beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import consoles
import contracts
import picture
import pupils
import release
import space as spaces
import story
import yardsticks
from rich.console import Console
from rich.table import Table

from connector.cli import job_view
from connector.management.views.jobs import JobView
from federated.job import parse

CONSOLE = Console(emoji=False)
Curves = dict[str, dict[int, float]]  # académie -> round -> ε spent after it

# What the demonstration promises.
MOST_BELOW_POOLED = 0.015
LEAST_ABOVE_SMALL = 0.02
NOTICEABLE = 0.01


def main() -> int:
    """Run the demonstration; return 0 when every promise of it held."""
    options = _options()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        result, links = run(
            out, running, seed=options.seed, rounds=options.rounds, console=options.console
        )
        (out / "result.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        _report(result, out)
        if options.console:
            consoles.stay(links, CONSOLE.print)
    return 0 if result["ok"] else 1


def run(
    out: Path, running: ExitStack, *, seed: int = 0, rounds: int = 20, console: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Run everything in a fresh space below `out`.

    Args:
        out: folder.
        running: what stops the space; it is stopped here unless its consoles are wanted.
        seed: of the pupils kept out.
        rounds: of the job.
        console: whether persons visit the space afterwards.

    Returns:
        What is worth keeping, and how to get to the consoles.
    """
    started = time.monotonic()
    division = pupils.divide(pupils.load(), seed=seed)
    space = running.enter_context(spaces.space(out / "space"))
    _say("an authority and four nodes, each with its own keys, database, ports and data")
    cast = story.assemble(space, consoles.SETTINGS if console else {})
    pids = {node.name: node.pid for node in [space.authority, *space.nodes]}
    _say("three académies publish their part of Project STAR")
    story.publish(cast, space, division, out / "data")
    _say("the lab reads the catalogs and negotiates over gRPC")
    story.negotiate(cast)
    _say("one job, three sites; rows stay, noised updates leave")
    job, manifest, model, spent = train(cast, rounds)
    (out / "model.npz").write_bytes(model)
    _say("a second contract with one académie: a table with noise, an extract, their risk")
    released = release.release(cast, space, division, out / "data")
    _say("five things that the contracts forbid")
    refused = story.refusals(cast, space)
    verdicts = verify(story.evidence(cast, out / "evidence"), space)
    cpu = spaces.cpu_seconds([space.authority, *space.nodes])
    links = consoles.open_to_persons(cast, space, out / "data") if console else []
    if not console:
        running.close()
    _say("yardsticks on all records, which only this script may hold")
    scores = yardsticks.measure(division, parse(manifest), model, seed)
    draw(scores, spent, released.levels, out)
    result = _result(job, scores, refused, verdicts, pids, released) | {
        "seed": seed,
        "rounds": rounds,
        "populations": {name: division.population(name) for name in division.parts},
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds_of_nodes": round(cpu, 1),
    }
    return result, links


def train(cast: story.Cast, rounds: int) -> tuple[JobView, bytes, bytes, Curves]:
    """Submit the job, show it live, and return job, manifest, model and ε after each round."""
    with cast.lab.client() as lab:
        request = contracts.job(list(cast.agreements.values()), rounds=rounds)
        submitted = lab.submit(request)
        names = {node.did: name for name, node in cast.academies.items()}
        spent: Curves = {name: {} for name in names.values()}

        def seen() -> Any:
            for change in lab.watch(submitted.id, seconds=900):
                for site in change.sites:
                    if site.epsilon is not None and site.rounds:
                        spent[names[site.site]][site.rounds] = site.epsilon
                yield change

        job = job_view.show(seen())
        if job is None or job.state != "COMPLETED":
            why = f"{job.code}: {job.reason}" if job else "no answer"
            raise SystemExit(f"the job did not complete: {why}")
        return job, lab.manifest(job.id), lab.result(job.id), spent


def verify(files: list[Path], space: spaces.Space) -> dict[str, str]:
    """Verify evidence offline, as an auditor would: with the authority's key and nothing else."""
    key = space.folder / "authority-key.json"
    with space.authority.client() as client:
        key.write_bytes(client.document())
    return {
        file.stem.removeprefix("evidence-"): str(
            spaces.preau("audit", "verify", str(file), "--authority", str(key))["outcome"]
        )
        for file in files
    }


def draw(scores: yardsticks.Scores, spent: Curves, levels: list[release.Level], out: Path) -> None:
    """Draw the picture."""
    grey, blue, pale = "#b8c0cc", "#1f5fa8", "#dfe4ea"
    rows = [(f"{name} alone, no noise", value, grey) for name, value in scores.alone.items()]
    rows += [
        (f"federated, ε ≤ {contracts.EPSILON:g} per pupil", scores.federated, blue),
        ("federated without noise (yardstick)", scores.without_noise, pale),
        ("pooled without noise (yardstick)", scores.pooled, pale),
    ]
    files = [out / "star.png", out / "star.svg"]
    picture.draw(rows, spent, contracts.EPSILON, levels, files)


def _result(
    job: JobView,
    scores: yardsticks.Scores,
    refused: list[dict[str, str]],
    verdicts: dict[str, str],
    pids: dict[str, int],
    released: release.Released,
) -> dict[str, Any]:
    small = scores.alone["sud"]
    checks = {
        "federated within 0.015 of pooled": scores.pooled - scores.federated <= MOST_BELOW_POOLED,
        "federated at least 0.02 above the small site alone": scores.federated - small
        >= LEAST_ABOVE_SMALL,
        "every attempt refused": all(item["code"] for item in refused),
        "every evidence bundle proven": set(verdicts.values()) == {"proven"},
        "every node a process of its own": len(set(pids.values())) == len(pids),
        "no number of a pupil in the extract, which the contract's report is about": released.hidden
        and released.reported,
        "protected levels stand out less": released.levels[-1].risk < released.levels[0].risk,
    }
    return {
        "ok": all(checks.values()),
        "checks": checks,
        "auc": asdict(scores),
        "sites": {
            site.site: {
                "epsilon_spent": site.epsilon,
                "bytes_from_site": site.bytes_received,
                "bytes_to_site": site.bytes_sent,
                "rounds": site.rounds,
            }
            for site in job.sites
        },
        "released": asdict(released),
        "processes": pids,
        "refusals": refused,
        "evidence": verdicts,
    }


def _report(result: dict[str, Any], out: Path) -> None:
    auc = result["auc"]
    table = Table("model", "AUC on pupils kept out", title="Does this pupil read above?")
    for name, value in auc["alone"].items():
        table.add_row(f"académie {name} alone, without noise", f"{value:.4f}")
    epsilon = f"ε ≤ {contracts.EPSILON:g}, δ = {contracts.DELTA:g} per pupil"
    table.add_row(f"[bold]federated, {epsilon}[/]", f"[bold]{auc['federated']:.4f}[/]")
    table.add_row("yardstick: federated without noise", f"{auc['without_noise']:.4f}")
    table.add_row("yardstick: pooled without noise", f"{auc['pooled']:.4f}")
    CONSOLE.print(table)
    CONSOLE.print(_who_gains(auc))
    for site, facts in result["sites"].items():
        spent = f"{facts['epsilon_spent']:.3f}" if facts["epsilon_spent"] is not None else "?"
        CONSOLE.print(f"{site}: ε spent {spent}, {facts['bytes_from_site']} bytes sent")
    _report_released(result["released"])
    for item in result["refusals"]:
        CONSOLE.print(f"refused, {item['attempt']}: {item['code']}: {item['reason']}")
    for name, verdict in result["evidence"].items():
        CONSOLE.print(f"evidence of the contract with {name}, verified offline: {verdict}")
    for check, held in result["checks"].items():
        CONSOLE.print(f"{'held' if held else '[red]NOT HELD[/]'}: {check}")
    CONSOLE.print(f"{result['seconds']} s; written to {out}")


def _report_released(released: dict[str, Any]) -> None:
    levels = Table("level", "pupils who stand out", "kept of the columns", title="What may leave")
    for level in released["levels"]:
        levels.add_row(level["name"], f"{level['risk']:.0%}", f"{level['kept']:.0%}")
    CONSOLE.print(levels)
    cells = ", ".join(f"{row['gr']}/{row['cltype']} {row['count']}" for row in released["table"])
    deviation = f"noise of deviation {released['deviation']:.0f}"
    CONSOLE.print(f"records by grade and class type, {deviation}: {cells}")
    columns = ", ".join(released["columns"])
    rows = f"{released['rows']} records of {released['pseudonyms']} pseudonymous pupils"
    CONSOLE.print(f"extract: {rows}: {columns}")


def _who_gains(auc: dict[str, Any]) -> str:
    """Say plainly which académie is better off with the common model."""
    parts = []
    for name, alone in auc["alone"].items():
        gain = auc["federated"] - alone
        word = (
            "gains"
            if gain > NOTICEABLE
            else "loses"
            if gain < -NOTICEABLE
            else "neither gains nor loses"
        )
        parts.append(f"{name} {word} ({gain:+.3f})")
    return "Against its own model without noise: " + "; ".join(parts) + "."


def _say(words: str) -> None:
    CONSOLE.print(f"[bold]·[/] {words}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="output folder")
    parser.add_argument("--seed", type=int, default=0, help="which pupils are kept out")
    parser.add_argument(
        "--console", action="store_true", help="leave the space running, with consoles for persons"
    )
    parser.add_argument("--rounds", type=int, default=20, help="rounds; fewer for a quick look")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
