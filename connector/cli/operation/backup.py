"""`preau backup` and `preau restore`: a node in one file, and a node made from it.

Leaves what is in the file, and what a restore may replace, to `bootstrap/backups/backup.py`.
"""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli import output
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.speaking import spoken

File = Annotated[Path, typer.Argument(help="The backup's file.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    file: File,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave keys/ out; keep them elsewhere.")
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Write settings, keys, models and every row of the database into one file.

    The node may run. The file is as secret as the home: it holds private keys unless told
    otherwise, and in any case contracts and budgets. Data files are not in it; they are listed,
    and so are other files that the node needs and keeps elsewhere. Refused while keys are missing.
    """
    from dataclasses import asdict  # noqa: PLC0415 - start-up stays fast

    from connector import config  # noqa: PLC0415 - same
    from connector.bootstrap.backups import backup as backups  # noqa: PLC0415 - same

    settings = config.load(home.absolute())
    made = backups.make(settings, file.absolute(), with_keys=not without_keys)
    outside = backups.outside(settings)
    if json:
        output.json_value({"file": str(file.absolute()), **asdict(made), "outside": outside})
        return
    left_out = "left out: keep a copy of keys/ yourself"
    output.line(f"backup of {made.did} in {file}")
    output.pairs(
        (
            ("made at", made.made_at),
            ("schema", made.schema),
            ("log entries", made.log_size),
            ("rounds charged", sum(made.charges.values())),
            ("keys", spoken("included" if made.keys else left_out)),
            ("not in it", ", ".join(outside)),
        )
    )


def restore(
    file: File,
    database: Annotated[
        str,
        typer.Option(
            help="URL of an empty PostgreSQL database for the node; by default the one that its "
            "settings name, or SQLite in the home."
        ),
    ] = "",
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace the node that is there; its home is kept beside the new one, a "
            "PostgreSQL database is not.",
        ),
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Make a node's home and database from a backup, in whole or not at all.

    What was spent of anyone's privacy since the backup stays spent: the restored node asks its
    peers what they saw of it before it runs a job.
    """
    from connector.bootstrap.backups import backup as backups  # noqa: PLC0415 - start-up stays fast

    made = backups.restore(file, home, database=database, replace_home=replace)
    if json:
        output.json_value(made)
        return
    output.line(f"node restored in {made['home']} as it was at {made['made_at']}")
    output.pairs(
        (("did", made["did"]), ("log entries", made["entries"]), ("before", made["before"]))
    )
    output.line("next:")
    if not made["keys"]:
        output.line(f"  put the node's keys into {made['home']}/keys")
    output.line(f"  preau doctor --home {made['home']}")
    output.line(f"  preau serve --home {made['home']}")
    output.line(f"  preau recovery show --home {made['home']}")
    output.line(
        "what was spent since the backup stays spent: the node asks its peers, and where it"
    )
    output.line("was rolled back it resumes only after `preau recovery confirm`")
