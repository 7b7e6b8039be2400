"""Backups of a node, and homes made from them.

Rules: a backup is taken while the node runs; its database is of one instant. A restore verifies the
whole file before it writes, builds the home in a folder beside its place and moves it there at the
end; what was there is kept beside it. The charge counter is never taken from a backup: an older
counter beside an older database would hide what was spent since. Nor are extracts, or the key that
opens theirs: a backup must not open what was destroyed after it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Final

from connector import config
from connector.bootstrap.backups import archive
from connector.bootstrap.backups.archive import DATABASE, HOME, Archive, Manifest, Writer, is_name
from connector.bootstrap.keys import own
from connector.bootstrap.state import BACKUP_FILE, HomeLock
from connector.bootstrap.system import SystemClock
from connector.config import Settings
from connector.domain import instant
from connector.domain.catalog.source import HIERARCHIES
from connector.errors import BackupInvalid, ConfigurationInvalid, KeyUnusable, WorldFault
from connector.ports import Clock
from connector.services.continuity.recovery import RECORDED
from connector.store import SqlStore
from connector.store.backup import snapshot
from connector.store.backup.snapshot import State
from connector.store.files import keys
from connector.store.files.charges import FILE as COUNTER
from connector.store.files.extract_files import KEY_FILE as EXTRACTS_KEY

_POSTGRES: Final = ("postgresql:", "postgresql+psycopg:")
_SQLITE_FILE: Final = "node.sqlite"


def make(
    settings: Settings, file: Path, *, with_keys: bool = True, clock: Clock | None = None
) -> Manifest:
    """Write a backup of a node, running or not, and return what it holds.

    Args:
        settings: of the node.
        file: to be made, mode 0600; never overwritten.
        with_keys: whether `keys/` is in it.
        clock: wall time; the machine's by default.

    Raises:
        WorldFault: the file is there already, or cannot be written.
        StoreUnavailable: the database did not answer, or is not there.
        ConfigurationInvalid: the database is of another release, or keys are missing that are to
            be in it.
        BackupInvalid: a file of the home has a name that a backup cannot hold.
    """
    home = settings.home
    if with_keys:
        _require_keys(settings)
    with (
        _translated(file, "read"),
        _placed(file) as out,
        tempfile.TemporaryFile(dir=file.parent) as spool,
    ):
        writer = Writer(spool)
        _add(writer, home, [home / config.FILE_NAME, *_profiles(settings), *_hierarchies(home)])
        if with_keys:
            _add(writer, home, [each for each in _keys(home) if each != home / EXTRACTS_KEY])
        made_at = instant.text((clock or SystemClock()).now())
        state = writer.add(DATABASE, partial(snapshot.dump, settings.database_url))
        _add(writer, home, _results(home))
        made = writer.finish(
            out,
            release=version("preau"),
            made_at=made_at,
            did=settings.did,
            home=str(home),
            keys=with_keys,
            schema=state.schema,
            rows=state.rows,
            log_size=state.log_size,
            log_root=state.log_root,
            charges=state.charges,
        )
    _note(home, made)
    return made


def _note(home: Path, made: Manifest) -> None:
    """Write down when the last backup was made; one is none the worse where that cannot be."""
    told = {"made_at": made.made_at, "keys": made.keys, "log_size": made.log_size}
    with suppress(KeyUnusable):
        keys.private_folder(home / "run")
        keys.private_file(home / BACKUP_FILE, json.dumps(told).encode())


def outside(settings: Settings) -> list[str]:
    """Return the files that the node needs and that no backup holds: data, and what is elsewhere.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    named = (
        settings.signing_key.removeprefix("file:"),
        settings.https_certificate,
        settings.https_key,
        settings.web_roots,
    )
    paths = [settings.path(name) for name in named if name]
    elsewhere = [str(path) for path in paths if not path.is_relative_to(settings.home)]
    held = set(_profiles(settings))
    elsewhere += [str(path) for path in map(settings.path, settings.profiles) if path not in held]
    return [*elsewhere, *snapshot.data_files(settings.database_url)]


def restore(
    file: Path,
    home: Path,
    *,
    database: str = "",
    replace_home: bool = False,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Make a home from a backup, in whole or not at all; return what was made.

    Args:
        file: a backup.
        home: folder to be made; must not exist, or be empty, unless `replace_home`.
        database: URL of a PostgreSQL database; empty: the one that the backup's settings name, or
            else a SQLite file in the home.
        replace_home: the node of the same DID that is there is replaced.
        clock: wall time; the machine's by default.

    Raises:
        BackupInvalid: the file is damaged, incomplete, or of another release.
        ConfigurationInvalid: home or database are not empty, or are another node's.
        WorldFault: a node runs there, or the home cannot be written.
        StoreUnavailable: the database did not answer, or is in use.
    """
    home = home.absolute()
    if database and not database.startswith(_POSTGRES):
        raise ConfigurationInvalid(
            "`--database` must be a URL of PostgreSQL; SQLite is in the home"
        )
    with archive.opened(file) as found, _translated(home, "read or written"):
        manifest = found.manifest
        before = _before(home, manifest.did, replace_home=replace_home)
        with _held(before), _staged(home) as staged:
            settings = _settled(_unpacked(found, staged), database)
            if before is not None:
                _carry_over(before.home, staged)
            url = settings.database or f"sqlite:///{staged / _SQLITE_FILE}"
            _load(found, url, home, replace_database=before is not None)
            if not (staged / COUNTER).exists():
                _expect_record(url, manifest.did, clock or SystemClock())
            aside = _exchanged(staged, home)
    return {
        "home": str(home),
        "did": manifest.did,
        "made_at": manifest.made_at,
        "entries": manifest.log_size,
        "keys": manifest.keys or before is not None,
        "before": str(aside or ""),
    }


def _require_keys(settings: Settings) -> None:
    for name in own.key_files(settings):
        path = settings.path(name)
        if path.is_relative_to(settings.home) and not path.is_file():
            raise ConfigurationInvalid(
                f"`{path}` is missing: no node could start from the backup",
                hint="put the keys back, or pass `--without-keys`",
            )


def _keys(home: Path) -> list[Path]:
    return sorted((home / "keys").rglob("[!.]*"))


def _results(home: Path) -> list[Path]:
    """Return the files of models; what else a worker left in its folder is none, and no fault."""
    found = sorted((home / "jobs").glob("*/model.*"))
    return [each for each in found if is_name(_part(home, each)) and not each.is_symlink()]


def _profiles(settings: Settings) -> list[Path]:
    """Return the profiles that lie in the folder `profiles` of the home, each once."""
    found = dict.fromkeys(map(settings.path, settings.profiles))
    inside = [each for each in found if each.is_relative_to(settings.home)]
    return [each for each in inside if is_name(_part(settings.home, each))]


def _hierarchies(home: Path) -> list[Path]:
    """Return the files that descriptions and plans name: contracts that run may need any."""
    return sorted(each for each in (home / HIERARCHIES).glob("*") if is_name(_part(home, each)))


def _part(home: Path, file: Path) -> str:
    return f"{HOME}{file.relative_to(home)}"


def _add(writer: Writer, home: Path, files: list[Path]) -> None:
    for file in files:
        if file.is_file():
            with file.open("rb") as content:
                writer.add(_part(home, file), partial(shutil.copyfileobj, content))


def _before(home: Path, did: str, *, replace_home: bool) -> Settings | None:
    """Return the settings of the node that is to be replaced; None when the place is free."""
    if not home.exists() or (home.is_dir() and not any(home.iterdir())):
        return None
    if not replace_home:
        raise ConfigurationInvalid(
            f"`{home}` is not empty", hint="nothing was changed; pass `--home`, or `--replace`"
        )
    settings = config.load(home)
    if settings.did != did:
        raise ConfigurationInvalid(f"the backup is of `{did}`, `{home}` of `{settings.did}`")
    return settings


@contextmanager
def _held(before: Settings | None) -> Iterator[None]:
    """Keep a node from starting in the home that is replaced."""
    lock = HomeLock(before.home) if before else None
    try:
        yield
    finally:
        if lock:
            lock.release()


@contextmanager
def _staged(home: Path) -> Iterator[Path]:
    """Make a folder beside the home; it is gone at the end unless it became the home."""
    folder = home.with_name(f".{home.name}.{secrets.token_hex(8)}")
    try:
        for name in ("", "keys", "run", "jobs"):
            keys.private_folder(folder / name)
    except KeyUnusable as exc:  # which names a folder that nobody asked for
        why = exc.__cause__.strerror if isinstance(exc.__cause__, OSError) else exc.reason
        raise WorldFault(f"`{home}` cannot be made: {why}") from exc
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpacked(found: Archive, staged: Path) -> Settings:
    """Write the home's files and return the settings among them, their home the staged folder."""
    for part in found.manifest.parts:
        if part.name != DATABASE:
            target = staged / part.name.removeprefix(HOME)
            keys.private_folder(target.parent)
            with _created(target) as out:
                shutil.copyfileobj(found.content(part), out)
    try:
        settings = config.load(staged)
    except ConfigurationInvalid as exc:
        raise BackupInvalid(f"its settings cannot be read: {exc.reason}") from exc
    if settings.did != found.manifest.did:
        raise BackupInvalid("its settings are of another node than its manifest")
    return settings


def _settled(settings: Settings, database: str) -> Settings:
    """Return the settings with the database that is used from now on, and write them down."""
    kept = settings.database if settings.database.startswith(_POSTGRES) else ""
    settled = replace(settings, database=database or kept)
    if settled != settings:
        keys.private_file(settings.home / config.FILE_NAME, config.dump(settled).encode())
    return settled


def _carry_over(old: Path, staged: Path) -> None:
    """Take from the replaced home what is newer than any backup, and keys that this one lacks.

    Without the key of the sealed tallies, peers would give back what nobody can read. The key of
    what the node held for a time is left behind: the database may name what was destroyed since.
    """
    for file in _keys(old):
        target = staged / file.relative_to(old)
        if file != old / EXTRACTS_KEY and file.is_file() and not target.exists():
            keys.private_folder(target.parent)
            shutil.copy2(file, target)
    with suppress(FileNotFoundError):
        shutil.copy2(old / COUNTER, staged / COUNTER)


def _load(found: Archive, url: str, home: Path, *, replace_database: bool) -> None:
    manifest = found.manifest
    stated = State(
        manifest.schema, manifest.rows, manifest.log_size, manifest.log_root, manifest.charges
    )
    (part,) = (part for part in manifest.parts if part.name == DATABASE)
    moved = (manifest.home, str(home))
    snapshot.load(url, found.content(part), stated, moved=moved, replace=replace_database)


def _expect_record(url: str, did: str, clock: Clock) -> None:
    """Let the log say that there was a record of charges, so that its absence means recovery.

    A backup that was taken before this release first ran does not say so by itself.
    """
    store = SqlStore(url, clock)
    try:
        with store.write() as tx:
            if not tx.audit.since(RECORDED):
                tx.audit.append(RECORDED, did)
    finally:
        store.close()


def _exchanged(staged: Path, home: Path) -> Path | None:
    """Put the staged home in its place; return where the one that was there lies now."""
    aside = None
    if home.exists() and any(home.iterdir()):
        aside = home.with_name(f"{home.name}.before-{secrets.token_hex(4)}")
        home.rename(aside)
    try:
        staged.rename(home)
    except OSError:
        if aside:
            aside.rename(home)
        raise
    keys.sync_folder(home.parent)
    return aside


@contextmanager
def _placed(file: Path) -> Iterator[BinaryIO]:
    """Write a file under another name until it is whole."""
    if file.exists():
        raise WorldFault(f"`{file}` exists and is not overwritten", hint="choose another name")
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with _created(part) as out:
            yield out
        part.rename(file)
    except OSError as exc:
        if exc.filename is None or str(exc.filename) == str(part):
            raise WorldFault(f"`{file}` cannot be written: {exc.strerror or exc}") from exc
        raise
    finally:
        part.unlink(missing_ok=True)
    keys.sync_folder(file.parent)


@contextmanager
def _created(file: Path) -> Iterator[BinaryIO]:
    """Make a private file; it is on disk at the end of the block."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, keys.PRIVATE_MODE)
    with open(descriptor, "wb") as out:  # noqa: PTH123 - made with its rights
        yield out
        out.flush()
        os.fsync(descriptor)


@contextmanager
def _translated(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        name = str(exc.filename or path)
        if f"/.{path.name}." in name:  # on its way to where it belongs
            name = str(path)
        raise WorldFault(f"`{name}` cannot be {what}: {exc.strerror or exc}") from exc
