"""Publishing for somebody who is not the operator: what of this machine may be pointed at.

Rules: a file is named beneath the folders that the settings state, by where it is once links are
followed, none of which holds the node's own files; a table or file of a connection, where the
settings state the connection; a hierarchy likewise. The operator may name any path (`publish.py`),
and nothing here lets more than that pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from connector.domain.catalog.connection import connections
from connector.domain.catalog.proposal import describe
from connector.domain.catalog.source import Source
from connector.errors import DataFileMissing, DescriptionIncomplete, NotPermitted, PreauError
from connector.identity.statements.risk_report import JudgedUse
from connector.ports import Ports
from connector.services.publication import describing, previewing, publish
from connector.services.storage import given_out

_MOST: Final = 200  # files that are listed
_SETTING: Final = "console_folders"


@dataclass(frozen=True, slots=True)
class Places:
    """What may be pointed at.

    Attributes:
        folders: as the settings state them.
        files: beneath these, from the home on; the first of them.
        connections: name -> whether it serves files; else tables.
        spaces: IRIs of the spaces for whose members offers may be.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    connections: Mapping[str, bool]
    spaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for a source, for a person to confirm.

    Attributes:
        description: as `preau source inspect --out` writes it.
        found: what was found in it, see `connector/sources/inspection/inspect.py`.
    """

    description: Mapping[str, Any]
    found: Mapping[str, Any]


def places(ports: Ports) -> Places:
    """Return what may be pointed at.

    Raises:
        ConfigurationInvalid: a connection is not stated as its kind demands, or a folder of the
            settings holds files of the node itself.
    """
    settings = ports.settings
    known = connections(settings.connections)
    return Places(
        settings.console_folders,
        tuple(islice(_files(ports), _MOST)),
        {name: each.serves_files for name, each in known.items()},
        tuple(each.id for each in settings.spaces if each.id),
    )


def propose(ports: Ports, connection: str, place: str) -> Proposal:
    """Return what is proposed for a file or table.

    Args:
        ports: of this node.
        connection: name of one in the settings; empty: a file of this machine.
        place: path or table.

    Raises:
        NotPermitted: the file is not beneath a folder that the settings state.
        DataFault: it is not there, or cannot be read.
        ConfigurationInvalid: no such connection, or as `places`.
        StoreUnavailable: there is no room to fetch it.
        WorkerFailed: the process that reads it ended without an answer.
    """
    source = _source(ports, connection, place)
    found = ports.sources.inspect(source)
    return Proposal(describe(source, found), found)


def confirm(ports: Ports, description: Mapping[str, Any]) -> None:
    """Check a description that has no offers yet.

    Raises:
        NotPermitted: it names a file that may not be pointed at.
        DescriptionIncomplete: the reason lists all that is missing or wrong.
    """
    _check(ports, description)
    describing.read(description, ports.settings.home, ports.clock.now(), offered=False)


def weigh(ports: Ports, description: Mapping[str, Any]) -> list[tuple[JudgedUse, ...] | PreauError]:
    """Return what each offer of a description would come to; see `previewing.preview_each`.

    Raises:
        NotPermitted: it names a file that may not be pointed at.
        PreauError: as `previewing.preview_each`.
    """
    _check(ports, description)
    return previewing.preview_each(ports, description)


def publish_pointed(
    ports: Ports, description: Mapping[str, Any], *, distinct: str = "", raise_cap: bool = False
) -> publish.Published:
    """Publish a description whose files may be pointed at; see `publish.publish_anew`.

    Raises:
        NotPermitted: it names a file that may not be pointed at.
        PreauError: as `publish.publish_anew`.
    """
    _check(ports, description)
    return publish.publish_anew(ports, description, distinct=distinct, raise_cap=raise_cap)


def _source(ports: Ports, connection: str, place: str) -> Source:
    if not place:
        raise DescriptionIncomplete("name a file, or a table of a connection", where="place")
    if not connection:
        return Source(path=str(_allowed(ports, place)))
    known = connections(ports.settings.connections).get(connection)
    if known is not None and known.serves_files:
        return Source(path=place, connection=connection)
    return Source(table=place, connection=connection)  # the port refuses an unknown one


def _check(ports: Ports, description: Mapping[str, Any]) -> None:
    file = description.get("file")
    if isinstance(file, Mapping) and not file.get("connection"):
        _allowed(ports, file.get("path"))
    columns = description.get("columns")
    for column in columns if isinstance(columns, list) else ():
        stated = column.get("hierarchy") if isinstance(column, Mapping) else None
        if isinstance(stated, Mapping):
            _allowed(ports, stated.get("file"))


def _allowed(ports: Ports, place: object) -> Path:
    """Return where a file is, links followed, if it may be pointed at.

    Raises:
        NotPermitted: it may not.
        DataFileMissing: it is not there.
    """
    settings = ports.settings
    roots = given_out.folders(settings, _SETTING)
    if isinstance(place, str) and place.isprintable():
        found = (settings.home / place).resolve()
        if any(found.is_relative_to(root) for root in roots):
            if not found.exists():
                hint = "name one of the files that the node lists, as they are spelled there"
                raise DataFileMissing(f"no file `{place}`", hint=hint, where="place")
            return found
    raise NotPermitted(
        "the file is not beneath a folder that accounts may point at",
        hint=f"folders: {', '.join(settings.console_folders) or 'none'}; the operator states them "
        "in `console_folders`",
        where="place",
    )


def _files(ports: Ports) -> Iterator[str]:
    """Yield the files that may be pointed at, from the home on; hidden ones are passed over."""
    settings = ports.settings
    roots = given_out.folders(settings, _SETTING)
    for each, real in zip(settings.console_folders, roots, strict=True):
        root = settings.path(each)
        for found in sorted(root.rglob("*")) if root.is_dir() else ():
            hidden = any(part.startswith(".") for part in found.relative_to(root).parts)
            if found.is_file() and not hidden and found.resolve().is_relative_to(real):
                yield str(Path(each) / found.relative_to(root))
