"""Commands as they were on the screen: `tests/cases/tables/commands.json`.

Each row is one command: the `files` in a folder, the `words` (`{tmp}` is that folder, `{root}` the
repository), and all that comes of it: the `exit` code, the lines of `out` and `err`, and the files
`made`. `python -m tests.support.transcripts` writes what commands say now into the rows; the
difference is then read, row by row, before it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.support.command import invoked

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "tests/cases/tables/commands.json"


def transcripts() -> list[dict[str, Any]]:
    """Return the rows."""
    return list(json.loads(FILE.read_text("utf-8"))["rows"])


def outcome(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what comes of a row's command in an empty folder."""

    def shown(text: str) -> str:
        return text.replace(str(folder), "{tmp}").replace(str(ROOT), "{root}")

    before = row.get("files", {})
    for name, text in before.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    words = [word.format(tmp=folder, root=ROOT) for word in row["words"]]
    done = invoked(words, **row.get("more", {}))
    after = {
        str(file.relative_to(folder)): shown(file.read_text("utf-8"))
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    found = {
        "out": shown(done.stdout).splitlines(),
        "err": shown(done.stderr).splitlines(),
        "made": {name: text for name, text in after.items() if before.get(name) != text},
    }
    return {"exit": done.exit_code, **{name: value for name, value in found.items() if value}}


def renew() -> None:
    """Write what the commands say now into each row."""
    data = json.loads(FILE.read_text("utf-8"))
    lines = []
    for row in data["rows"]:
        given = {name: row[name] for name in ("name", "files", "words", "more") if name in row}
        with TemporaryDirectory() as folder:
            lines.append(json.dumps({**given, **outcome(row, Path(folder))}, ensure_ascii=False))
    rows = ",\n".join(f"  {line}" for line in lines)
    FILE.write_text(f'{{"about": {json.dumps(data["about"])}, "rows": [\n{rows}\n]}}\n', "utf-8")


if __name__ == "__main__":
    renew()
