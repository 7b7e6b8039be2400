"""What is kept of measurements: `results.json`, and the table in `README.md`.

Rules: a row measured now replaces the older one of the same work; figures of two machines cannot be
compared, so that rows of another machine are dropped, and only where that was asked for; the
machine's facts stand beside them.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from row import Row

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
README = HERE / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_PACKAGES = (
    *("cryptography", "dp-accounting", "fastapi", "flwr", "grpcio", "numpy", "opacus", "preau"),
    *("sqlalchemy", "torch", "uvicorn"),
)
_SAME = ("cpu", "cores", "python")
_HEADINGS = ("work", "ours", "bar or peer", "unit", "kept", "command")


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, memory, load, Python, versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def keep(rows: Sequence[Row], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Merge rows into `results.json` and the table; return all that is kept."""
    older = _read()
    kept = {} if foreign(facts) else {row["work"]: row for row in older.get("rows", ())}
    kept |= {row.work: {**asdict(row), "measured": facts["date"]} for row in rows}
    value = {"machine": dict(facts), "rows": [kept[work] for work in sorted(kept)]}
    RESULTS.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{_markdown(value)}{END}{after}", encoding="utf-8")
    return value


def foreign(facts: Mapping[str, Any]) -> str:
    """Return what the rows that are kept were measured on; empty where it is this machine."""
    kept = _read().get("machine", {})
    same = all(kept.get(name) == facts[name] for name in _SAME)
    return "" if same or not kept else ", ".join(f"{name} {kept.get(name)}" for name in _SAME)


def show(rows: Sequence[Row], console: Console) -> None:
    """Print rows as a table, with their notes below."""
    table = Table(*_HEADINGS, title="Measured now")
    for row in rows:
        table.add_row(*_cells(asdict(row)))
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"[bold]{row.work}[/]: {row.note}", highlight=False)


def _read() -> dict[str, Any]:
    try:
        value = json.loads(RESULTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _markdown(value: Mapping[str, Any]) -> str:
    facts = value["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    where = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB; {facts['system']}; "
        f"Python {facts['python']}; {versions}. Last run {facts['date']}, load {facts['load']} "
        "before it."
    )
    lines = [
        where,
        "",
        "| " + " | ".join(_HEADINGS) + " |",
        "|" + "---|" * len(_HEADINGS),
        *("| " + " | ".join(_escaped(_cells(row))) + " |" for row in value["rows"]),
        "",
        *(f"- **{row['work']}**: {row['note']}" for row in value["rows"] if row["note"]),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    kept = {True: "yes", False: "NO", None: ""}[row["holds"]]
    figure = f"{row['ours']:g}"
    return row["work"], figure, row["peer_or_bar"], row["unit"], kept, row["command"]


def _escaped(cells: Sequence[str]) -> list[str]:
    return [cell.replace("|", "\\|") for cell in cells]


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()
