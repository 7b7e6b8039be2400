"""`preau keys`: the keys of a node, their rotation, and taking them along.

Leaves what a rotation is to `bootstrap/tls_rotation.py`; a running node follows within a minute.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli import output
from connector.cli.options import DEFAULT_HOME, Home, Json

File = Annotated[Path, typer.Argument(help="The export's file, as secret as keys/ itself.")]


class Rotated(StrEnum):
    """What can be rotated, as argument."""

    TLS_CA = "tls-ca"


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The keys of this node.")
    group.command("list")(list_)
    group.command("rotate")(rotate)
    group.command("export")(export)
    group.command("import")(import_)
    app.add_typer(group, name="keys")


def list_(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the keys, what each is for now, and until when. Needs no running node."""
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap import keyring  # noqa: PLC0415 - same
    from connector.bootstrap.system import SystemClock  # noqa: PLC0415 - same

    found = keyring.facts(config.load(home.absolute()), SystemClock())
    if json:
        output.json_value([each.as_json() for each in found])
        return
    output.table(
        ("use", "file", "id", "standing", "valid until"),
        ((each.use, each.name, each.id, each.standing, each.until) for each in found),
        empty="no key is there",
    )


def rotate(
    what: Annotated[Rotated, typer.Argument(help="Which key.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Make the next key. A running node takes it up within a minute.

    Peers are told of the new one before it is used: until each has answered, or a day has passed.
    The old one is removed once nothing that it issued can be valid.
    """
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap import tls_rotation  # noqa: PLC0415 - same
    from connector.bootstrap.system import SystemClock  # noqa: PLC0415 - same

    made = tls_rotation.make(config.load(home.absolute()), SystemClock())
    name = f"{tls_rotation.PREFIX}{made.number}.pem"
    if json:
        output.json_value({"use": what.value, "name": name, "standing": tls_rotation.ANNOUNCED})
    else:
        output.line(f"made {name}; peers are told of it before it is used")


def export(file: File, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Write all keys of the node into one file of mode 0600. Needs no running node."""
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap import keyring  # noqa: PLC0415 - same

    names = keyring.export(config.load(home.absolute()), file.absolute())
    if json:
        output.json_value({"file": str(file.absolute()), "names": names})
    else:
        output.line(f"{len(names)} files of keys/ written to {file}")


def import_(file: File, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Put the keys of an export back where they are missing in the home; replaces nothing."""
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap import keyring  # noqa: PLC0415 - same

    names = keyring.bring_in(config.load(home.absolute()), file.absolute())
    if json:
        output.json_value({"put": names})
    else:
        output.line(f"{len(names)} files put into keys/: {', '.join(names) or 'none was missing'}")
