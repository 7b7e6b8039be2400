"""`preau serve`: run the node until it is told to stop.

Rules: one line on standard output once everything answers, so that scripts can wait for it; logs
go to standard error. Leaves everything else to `bootstrap`.
"""

import gc
import os
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from connector.cli import output
from connector.cli.options import DEFAULT_HOME, Home, Json

SETTLE_SECONDS: Final = 2.0


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    log_json: Annotated[bool, typer.Option("--log-json", help="Write log lines as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Run the node; Ctrl-C or SIGTERM stops it in order.

    Prints `ready` (with --json one line with pid and addresses) once peers and commands are
    answered.
    """
    gc.disable()  # what a start loads stays: to walk it again and again takes a seventh of a start
    try:
        _run(home, log_json=log_json, verbose=verbose, json=json)
    finally:
        gc.enable()


def _run(home: Path, *, log_json: bool, verbose: bool, json: bool) -> None:
    # gRPC's core reads this when it is loaded; else it writes lines of its own, past the log, one
    # for each handshake that fails.
    os.environ["GRPC_VERBOSITY"] = "NONE"
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap import logs, supervision, system, wiring  # noqa: PLC0415 - same
    from connector.serving import documents  # noqa: PLC0415 - same

    system.share_arenas()
    documents.load()
    supervisor = supervision.Supervision()
    settings = config.load(home.absolute())
    logs.configure(as_json=log_json, verbose=verbose)
    node = wiring.build(settings)
    with wiring.stopped_by_signals(node):
        node.start()
        ready = node.ready()
        if json:
            output.json_line(ready)
        else:
            shown = " ".join(f"{name}={value}" for name, value in ready.items() if name != "ready")
            output.line(f"ready {shown}")
            _flush()
        supervisor.ready(partial(supervision.is_healthy, str(ready["management"])))
        if not node.wait(SETTLE_SECONDS):  # the first answers come before a walk over all objects
            system.spare_collector()
            node.wait()
        supervisor.stopping()


def _flush() -> None:
    import sys  # noqa: PLC0415 - only here

    sys.stdout.flush()
