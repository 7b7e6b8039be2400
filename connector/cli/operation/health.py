"""`preau health`: whether the running node works and answers; for supervisors and scripts.

Asks the node itself, without a token. What is wrong beyond that, `preau doctor` says.
"""

from __future__ import annotations

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.options import DEFAULT_HOME, Home, Json


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("health")(health)


def health(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Say whether the running node is healthy, and whether it answers peers and commands.

    Ends with a non-zero code when it is not. Not healthy: restart it. Not ready: the codes say why.
    """
    from connector.bootstrap import state, supervision  # noqa: PLC0415 - start-up stays fast
    from connector.errors import NodeUnreachable  # noqa: PLC0415 - same

    where = str(state.announced(home.absolute()).get("management", ""))
    if not where:
        raise NodeUnreachable(f"no node runs in `{home}`", hint="start it with `preau serve`")
    healthy, life = supervision.ask(where, "/health")
    ready, why = supervision.ask(where, "/ready")
    if json:
        output.json_value({**life, **why})
    else:
        dead = ", ".join(map(str, life.get("dead", [])))
        output.line("healthy" if healthy else f"not healthy: ended threads: {dead}")
        reasons = ", ".join(map(str, why.get("reasons", [])))
        output.line("ready" if ready else f"not ready: {reasons}")
    if not (healthy and ready):
        raise typer.Exit(Exit.TO_MEND)
