"""`preau doctor`: what is wrong with a node, and how to mend it.

Leaves the checks to `services/health/diagnose.py` and collecting the facts to `bootstrap`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.speaking import labelled

_MARK = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no peer and no authority.")
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Check keys, clock, ports, database, peers, status list, isolation, settings and versions.

    Works with and without the node running. Ends with a non-zero code when something has to be
    fixed.
    """
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap.diagnosis import probe  # noqa: PLC0415 - same
    from connector.services.health import diagnose  # noqa: PLC0415 - same

    settings = config.load(home.absolute())
    checks = probe.examine(settings, ask_peers=not offline)
    worst = diagnose.worst(checks)
    if json:
        output.json_value({"verdict": worst, "checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            output.given(f"{_MARK[check.verdict]}  {labelled(check.name, check.finding)}")
            if check.mend and check.verdict != "ok":
                output.given(f"      {labelled('mend', check.mend)}")
    if worst == "fail":
        raise typer.Exit(Exit.TO_MEND)
