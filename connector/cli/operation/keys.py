"""`preau keys`: the keys of a node, their rotation, and taking them along.

Leaves what a rotation is to `bootstrap/keys/tls_rotation.py`; a running node follows within a
minute.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli import output
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.speaking import spoken
from connector.errors import ConfigurationInvalid

File = Annotated[Path, typer.Argument(help="The export's file, as secret as keys/ itself.")]


_NEXT = (
    "it signs from the first start after your membership names it (an authority's key: after a day)"
)


class Rotated(StrEnum):
    """What can be rotated, as argument."""

    TLS_CA = "tls-ca"
    SIGNING = "signing"


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
    from connector.bootstrap.keys import keyring  # noqa: PLC0415 - same
    from connector.bootstrap.system import SystemClock  # noqa: PLC0415 - same

    found = keyring.facts(config.load(home.absolute()), SystemClock())
    if json:
        output.json_value([each.as_json() for each in found])
        return
    output.table(
        ("use", "file", "id", "standing", "valid until"),
        ((each.use, each.name, each.id, spoken(each.standing), each.until) for each in found),
        empty="no key is there",
    )


def rotate(
    what: Annotated[Rotated, typer.Argument(help="Which key.")],
    lost: Annotated[
        bool,
        typer.Option(
            "--lost",
            help="The signing key is lost, or others have it: start over. The authority must "
            "readmit you.",
        ),
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Make the next key. A running node takes it up within a minute.

    Peers are informed of a new TLS authority first; it is used once each has answered, or a day
    has passed. The old one is removed once no certificate that it issued can be valid.

    The old signing key signs the new one. A member's new key is used from the first start after
    its membership names it: ask the authority to run `preau authority admit`. An authority's
    new key is used from the first start after a day. Signatures of the old key stay valid,
    those made later included: if others have that key, give it up with --lost.
    """
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap.keys import signing_rotation, tls_rotation  # noqa: PLC0415 - same
    from connector.bootstrap.system import SystemClock  # noqa: PLC0415 - same

    settings, standing = config.load(home.absolute()), tls_rotation.ANNOUNCED
    if what is Rotated.SIGNING:
        made = signing_rotation.make(settings, SystemClock(), lost=lost)
        name, key_id = made.uri.removeprefix(signing_rotation.FILE), made.thumbprint
        said = f"made {name}, {key_id}; "
        said += "restart the node, and ask for `preau authority readmit`" if lost else _NEXT
        standing = tls_rotation.IN_USE if lost else standing
    elif lost:
        raise ConfigurationInvalid(
            "`--lost` is for signing keys only; a new TLS authority does not need the old one"
        )
    else:
        number = tls_rotation.make(settings, SystemClock()).number
        name, key_id = f"{tls_rotation.PREFIX}{number}.pem", ""
        said = f"made {name}; peers are informed of it before it is used"
    if json:
        value = {"use": what.value, "name": name, "id": key_id, "standing": standing}
        output.json_value(value)
    else:
        output.line(said)


def export(file: File, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Write all keys of the node into one file of mode 0600. Needs no running node."""
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap.keys import keyring  # noqa: PLC0415 - same

    names = keyring.export(config.load(home.absolute()), file.absolute())
    if json:
        output.json_value({"file": str(file.absolute()), "names": names})
    else:
        output.line(f"{len(names)} files of keys/ written to {file}")


def import_(file: File, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Put the keys of an export back where they are missing in the home; replaces nothing."""
    from connector import config  # noqa: PLC0415 - start-up stays fast
    from connector.bootstrap.keys import keyring  # noqa: PLC0415 - same

    names = keyring.bring_in(config.load(home.absolute()), file.absolute())
    if json:
        output.json_value({"put": names})
    else:
        output.line(f"{len(names)} files put into keys/: {', '.join(names) or 'none was missing'}")
