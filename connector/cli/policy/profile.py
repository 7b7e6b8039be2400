"""`preau policy profile`: the vocabularies of others that policies are read with.

Rule: a profile is copied to the user's folder of profiles under the name of its file, and read with
every policy from then on. It is checked before it is taken.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from connector.cli import output
from connector.cli.files import read_bytes, write_new
from connector.cli.options import Json
from connector.errors import ConfigurationInvalid, NotFound, PolicyInvalid
from connector.jsonld.profiles import Profile, Profiles
from policies_odrl import Knowledge, OdrlError
from policies_odrl.reading.profiles import profiles

_ENDINGS: Final = frozenset({".ttl", ".turtle", ".jsonld", ".json"})
_NONE: Final = Knowledge()


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="Declare the operands and actions of other vocabularies."
    )
    group.command("add")(add)
    group.command("list")(show)
    group.command("remove")(remove)
    app.add_typer(group, name="profile")


def add(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="The profile, Turtle or JSON-LD."),
    ],
    json: Json = False,
) -> None:
    """Add a profile: from now on its terms are known wherever a policy is read.

    The file declares left operands, actions and concepts (`odrl:LeftOperand`, `odrl:Action`, SKOS);
    see the manual. It is kept under its own name; a profile of that name is not overwritten.
    """
    if file.suffix.lower() not in _ENDINGS:
        raise ConfigurationInvalid(f"`{file}` ends neither in .ttl nor in .jsonld")
    data = read_bytes(file)
    found = _declared(file, data)
    home = folder()
    home.mkdir(parents=True, exist_ok=True)
    if (home / file.name).exists():
        hint = f"rename the file, or first `preau policy profile remove {file.name}`"
        raise ConfigurationInvalid(f"a profile `{file.name}` was added already", hint=hint)
    write_new(home / file.name, data)
    if json:
        output.json_value({"name": file.name, **_as_json(found)})
        return
    output.line(f"`{file.name}` is added: {_summary(found)}")


def show(json: Json = False) -> None:
    """List the profiles that were added."""
    found = {file.name: _declared(file, read_bytes(file)) for file in _files()}
    if json:
        output.json_value({name: _as_json(item) for name, item in found.items()})
        return
    for name, item in found.items():
        output.line(f"{name}: {_summary(item)}")
    if not found:
        output.line("no profile was added")


def remove(
    name: Annotated[str, typer.Argument(help="Name of the file, as `list` shows it.")],
    json: Json = False,
) -> None:
    """Remove a profile; its terms are no longer known."""
    file = next((item for item in _files() if item.name == name), None)
    if file is None:
        raise NotFound(f"no profile `{name}` was added", hint="see `preau policy profile list`")
    file.unlink()
    if json:
        output.json_value({"removed": name})
        return
    output.line(f"`{name}` is removed")


def known() -> Knowledge:
    """Return what the profiles declare that were added.

    Raises:
        ConfigurationInvalid: one cannot be read.
        PolicyInvalid: one is no profile.
    """
    files = _files()
    if not files:
        return _NONE
    for file in files:
        _declared(file, read_bytes(file))
    return profiles(*files)


def held() -> Profiles:
    """Return the same for policies that are written, which are read back."""
    return Profiles((Profile("", "", known(), frozenset(), {}),))


def folder() -> Path:
    """Return where profiles are kept: `PREAU_PROFILES`, or the user's folder of settings."""
    stated = os.environ.get("PREAU_PROFILES")
    if stated:
        return Path(stated)
    settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(settings) / "preau" / "profiles"


def _files() -> list[Path]:
    try:
        found = sorted(folder().iterdir())
    except OSError:
        return []
    return [item for item in found if item.suffix.lower() in _ENDINGS and item.is_file()]


def _declared(file: Path, data: bytes) -> Knowledge:
    try:
        return profiles(data)
    except OdrlError as exc:
        hint = f"or remove it: `preau policy profile remove {file.name}`"
        raise PolicyInvalid(f"`{file}`: {exc}", hint=hint) from exc


def _summary(found: Knowledge) -> str:
    return (
        f"{len(found.operands)} left operand(s), {len(found.actions)} action(s), "
        f"{len(found.broader)} concept(s)"
    )


def _as_json(found: Knowledge) -> dict[str, object]:
    return {
        "profiles": sorted(found.profiles),
        "operands": sorted(found.operands),
        "actions": sorted(found.actions),
        "concepts": sorted(found.broader),
    }
