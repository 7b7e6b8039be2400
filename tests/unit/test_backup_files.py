"""A backup file is taken as it is or refused before anything is written."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connector import config
from connector.bootstrap.backups import backup
from connector.bootstrap.backups.archive import DATABASE, MANIFEST, Archive
from connector.bootstrap.state import HomeLock
from connector.errors import BackupInvalid, ConfigurationInvalid, WorldFault
from tests.support.command import invoked
from tests.support.each import over
from tests.support.samples import first_generation

Parts = dict[str, bytes]
SETTINGS = "home/preau.toml"
NOT_IN_IT = {"node.sqlite", "run/backup.json"}  # as they are


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space whose lab has a backup beside it; both are only read."""
    folder = first_generation(tmp_path_factory.mktemp("space"))
    backup.make(config.load(folder / "lab"), folder / "lab.tar")
    backup.make(config.load(folder / "lab"), folder / "keyless.tar", with_keys=False)
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A home that a test may change."""
    return first_generation(tmp_path / "space") / "lab"


def parts_of(file: Path) -> tuple[dict[str, Any], Parts]:
    with tarfile.open(file) as found:
        parts = {each.name: found.extractfile(each).read() for each in found}  # type: ignore[union-attr]
    return json.loads(parts.pop(MANIFEST)), parts


def forged(space: Path, file: Path, change: Callable[[dict[str, Any], Parts], None]) -> Path:
    """Write the lab's backup with changed parts; their digests and sizes are stated as they are."""
    stated, parts = parts_of(space / "lab.tar")
    change(stated, parts)
    if "parts" in stated:
        stated["parts"] = [part(name, data) for name, data in parts.items()]
    packed(file, [(MANIFEST, json.dumps(stated).encode()), *parts.items()])
    return file


def part(name: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(data), "sha256": sha256(data).hexdigest()}


def packed(file: Path, members: list[tuple[str, bytes]], **header: Any) -> None:
    with file.open("wb") as out:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in header.items() if name == DATABASE else ():
                setattr(info, key, value)
            out.write(info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512))
        out.write(bytes(1024))


def refused(file: Path, home: Path, reason: str) -> None:
    """Nothing is left of a refused restore, not even beside the home's place."""
    with pytest.raises(BackupInvalid, match=reason):
        backup.restore(file, home)
    assert [each for each in home.parent.iterdir() if home.name in each.name] == []


def test_a_backup_is_private_whole_and_restored_with_its_keys_and_models(
    space: Path, tmp_path: Path
) -> None:
    assert stat.S_IMODE((space / "lab.tar").stat().st_mode) == 0o600
    home = tmp_path / "new" / "home"
    home.parent.mkdir()
    backup.restore(space / "lab.tar", home)
    then, now = files(space / "lab"), files(home)
    assert {name: now[name] for name in then if name not in NOT_IN_IT} == {
        name: data for name, data in then.items() if name not in NOT_IN_IT
    }
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in (home / "keys").iterdir())
    assert [each.name for each in home.parent.iterdir()] == ["home"]


def test_results_of_jobs_are_found_in_the_new_home(space: Path, tmp_path: Path) -> None:
    backup.restore(space / "lab.tar", tmp_path / "home")
    with sqlite3.connect(tmp_path / "home" / "node.sqlite") as database:
        found = [Path(row[0]) for row in database.execute("SELECT result FROM job") if row[0]]
    database.close()
    assert len(found) == 3
    assert all(each.is_file() and each.is_relative_to(tmp_path / "home") for each in found)


@over("place", [0, 100, 600, 3000, 20_000, 120_000, -600, -1])
def test_one_flipped_byte_is_refused(space: Path, tmp_path: Path, place: int) -> None:
    data = bytearray((space / "lab.tar").read_bytes())
    data[place] ^= 1
    (tmp_path / "bad.tar").write_bytes(data)
    refused(tmp_path / "bad.tar", tmp_path / "home", ".")


@over("size", [0, 511, 512, 5000, 100_000, -1024, -512, -1])
def test_a_file_that_is_cut_short_is_refused(space: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "bad.tar").write_bytes((space / "lab.tar").read_bytes()[:size])
    refused(tmp_path / "bad.tar", tmp_path / "home", ".")


def test_what_follows_the_last_part_is_refused(space: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes((space / "lab.tar").read_bytes() + b"x")
    refused(tmp_path / "bad.tar", tmp_path / "home", "data after its last part")


@over(
    "name",
    [
        "/etc/passwd",
        "../evil",
        "home/../../evil",
        "home/keys/../../evil",
        "home/keys/.hidden",
        "home/keys/a/b/c",
        "home/profiles/a/b",
        "home/keys/x\n",
        "home/node.sqlite",
        "home/run/node.json",
        "home/charges.json",
        "home/jobs/../model.npz",
        "home/keys/" + "x" * 60,
    ],
)
def test_a_part_goes_nowhere_but_where_a_home_has_it(
    space: Path, tmp_path: Path, name: str
) -> None:
    stated, parts = parts_of(space / "lab.tar")
    parts[name] = b"evil"
    stated["parts"] = [part(each, data) for each, data in parts.items()]
    packed(tmp_path / "bad.tar", [(MANIFEST, json.dumps(stated).encode()), *parts.items()])
    refused(tmp_path / "bad.tar", tmp_path / "home", "parts that no backup has")
    assert not (tmp_path / "evil").exists()


@over(
    "header",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "home/preau.toml"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.GNUTYPE_SPARSE},
        {"type": tarfile.XHDTYPE},
        {"name": "database.json"},
    ],
)
def test_a_part_is_a_plain_file_of_its_name(
    space: Path, tmp_path: Path, header: dict[str, Any]
) -> None:
    stated, parts = parts_of(space / "lab.tar")
    packed(
        tmp_path / "bad.tar", [(MANIFEST, json.dumps(stated).encode()), *parts.items()], **header
    )
    refused(tmp_path / "bad.tar", tmp_path / "home", "something else was found")


def test_a_size_that_is_only_stated_allocates_nothing(tmp_path: Path) -> None:
    info = tarfile.TarInfo(MANIFEST)
    info.size = 1 << 40
    (tmp_path / "bad.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    refused(tmp_path / "bad.tar", tmp_path / "home", "something else was found")


def _set(**members: Any) -> Callable[[dict[str, Any], Parts], None]:
    return lambda stated, _: stated.update(members)


def _rows(old: str, new: str) -> Callable[[dict[str, Any], Parts], None]:
    def change(_: dict[str, Any], parts: Parts) -> None:
        assert old.encode() in parts[DATABASE]
        parts[DATABASE] = parts[DATABASE].replace(old.encode(), new.encode(), 1)

    return change


def _added(line: str) -> Callable[[dict[str, Any], Parts], None]:
    def change(_: dict[str, Any], parts: Parts) -> None:
        parts[DATABASE] += line.encode() + b"\n"

    return change


def _without(name: str) -> Callable[[dict[str, Any], Parts], None]:
    return lambda stated, parts: stated.pop(name) if name in stated else parts.pop(name)


def _more_rows(stated: dict[str, Any], _: Parts) -> None:
    stated["rows"]["job"] += 1


def _other_event(_: dict[str, Any], parts: Parts) -> None:
    lines = parts[DATABASE].splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(b'{"table":"audit_entry"'))
    row = json.loads(lines[at + 3])
    row[4] = row[4][:-8] + "AAAAAAA="
    lines[at + 3] = json.dumps(row).encode()
    parts[DATABASE] = b"\n".join(lines) + b"\n"


BAD: dict[str, tuple[Callable[[dict[str, Any], Parts], None], str]] = {
    "another format": (_set(format=2), "not one that this release reads"),
    "a newer schema": (_set(schema="9999"), "of another release"),
    "no schema": (_set(schema=""), "of another release"),
    "another node's settings": (_set(did="did:web:other.example"), "of another node"),
    "an unknown member": (_set(colour="red"), "manifest cannot be read"),
    "a member of another type": (_set(keys="yes"), "manifest cannot be read"),
    "a negative number": (_set(log_size=-1), "manifest cannot be read"),
    "a missing member": (_without("home"), "manifest cannot be read"),
    "no parts": (_without("parts"), "manifest cannot be read"),
    "no database": (_without(DATABASE), "parts that no backup has"),
    "no settings": (_without(SETTINGS), "settings cannot be read"),
    "more rows stated": (_more_rows, "tables and rows that it states"),
    "another length of the log": (_set(log_size=12), "head of its audit log"),
    "another head of the log": (_set(log_root="00" * 32), "head of its audit log"),
    "another charge": (_set(charges={"urn:r": 3}), "charges are not those"),
    "another event": (_other_event, "not what was logged"),
    "an unknown table": (_rows('"table":"job"', '"table":"jobs"'), "no table of its schema"),
    "an unknown column": (_rows('"job_id","site"', '"job","site"'), "columns of table `job_site`"),
    "a table twice": (_rows('"table":"job"', '"table":"inbox"'), "columns of table|twice"),
    "a number for a text": (_rows('"lead"', "7"), "cannot be read"),
    "a row too long": (_rows('"COMPLETED",3', '"COMPLETED",3,4'), "incomplete"),
    "a text for a number": (_rows('"COMPLETED",3', '"COMPLETED","3"'), "cannot be read"),
    "a truth for a number": (_rows('"COMPLETED",3', '"COMPLETED",true'), "cannot be read"),
    "nothing for a number": (_rows('"COMPLETED",3', '"COMPLETED",null'), "do not match"),
    "a time without a zone": (_rows("+00:00", ""), "cannot be read"),
    "a line that is not JSON": (_added("{"), "not JSON"),
    "a line of nothing": (_added("null"), "neither a heading nor a row"),
    "a line too many": (_added("{}"), "no table of its schema"),
    "brackets without end": (_added("[" * 100_000), "not JSON|incomplete"),
}


@over("name", BAD)
def test_a_forged_backup_is_refused(space: Path, tmp_path: Path, name: str) -> None:
    change, reason = BAD[name]
    refused(forged(space, tmp_path / "bad.tar", change), tmp_path / "home", reason)


def test_the_same_backup_written_anew_is_taken(space: Path, tmp_path: Path) -> None:
    forged(space, tmp_path / "good.tar", lambda _stated, _parts: None)
    backup.restore(tmp_path / "good.tar", tmp_path / "home")


def test_only_the_end_of_the_whole_file_is_its_end(space: Path) -> None:
    data = (space / "lab.tar").read_bytes()
    found = Archive(io.BytesIO(data))
    (database,) = (each for each in found.manifest.parts if each.name == DATABASE)
    assert len(found.content(database).read()) == database.size


def test_a_home_is_replaced_only_when_told_so_and_stays_beside_it(lab: Path) -> None:
    file = lab.parent / "lab.tar"
    backup.make(config.load(lab), file)
    (lab / "notes.txt").write_text("ours")
    with pytest.raises(ConfigurationInvalid, match="not empty"):
        backup.restore(file, lab)
    (lab / "charges.json").write_text("newer")
    (lab / "keys" / "tally.key").write_text("made since")
    (lab / "keys" / "signing.pem").write_text("spoiled")
    made = backup.restore(file, lab, replace_home=True)
    assert (lab / "charges.json").read_text() == "newer"
    assert (lab / "keys" / "tally.key").read_text() == "made since"
    assert "PRIVATE KEY" in (lab / "keys" / "signing.pem").read_text()
    assert not (lab / "notes.txt").exists()
    assert (Path(made["before"]) / "notes.txt").read_text() == "ours"


def test_a_home_of_another_node_or_a_running_one_is_not_replaced(lab: Path) -> None:
    file = lab.parent / "lab.tar"
    backup.make(config.load(lab), file)
    with pytest.raises(ConfigurationInvalid, match="the backup is of"):
        backup.restore(file, lab.parent / "school", replace_home=True)
    lock = HomeLock(lab)
    with pytest.raises(WorldFault, match="runs"):
        backup.restore(file, lab, replace_home=True)
    lock.release()
    backup.restore(file, lab, replace_home=True)


def test_keys_that_were_left_out_are_those_of_the_replaced_home(lab: Path, space: Path) -> None:
    stated, parts = parts_of(space / "keyless.tar")
    assert stated["keys"] is False
    assert not [name for name in parts if "keys" in name]
    assert not [data for data in parts.values() if b"PRIVATE KEY" in data]
    key = (lab / "keys" / "signing.pem").read_bytes()
    assert backup.restore(space / "keyless.tar", lab, replace_home=True)["keys"] is True
    assert (lab / "keys" / "signing.pem").read_bytes() == key
    fresh = backup.restore(space / "keyless.tar", lab.parent / "fresh")
    assert fresh["keys"] is False
    assert list((lab.parent / "fresh" / "keys").iterdir()) == []


def test_an_existing_file_is_not_overwritten(space: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(WorldFault, match="not overwritten"):
        backup.make(config.load(space / "lab"), tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "mine"


def test_a_key_with_an_odd_name_is_not_left_out_in_silence(lab: Path) -> None:
    (lab / "keys" / "old key.pem").write_text("x")
    with pytest.raises(BackupInvalid, match=r"old key\.pem"):
        backup.make(config.load(lab), lab.parent / "b.tar")
    assert list(lab.parent.glob("*b.tar*")) == []


def test_a_database_elsewhere_comes_into_the_home(lab: Path, tmp_path: Path) -> None:
    settings = replace(config.load(lab), database=f"sqlite:///{tmp_path}/elsewhere.sqlite")
    (lab / "node.sqlite").rename(tmp_path / "elsewhere.sqlite")
    (lab / "preau.toml").write_text(config.dump(settings))
    backup.make(settings, tmp_path / "b.tar")
    backup.restore(tmp_path / "b.tar", tmp_path / "home")
    there = config.load(tmp_path / "home")
    assert there == replace(settings, home=tmp_path / "home", database="")
    assert (tmp_path / "home" / "node.sqlite").stat().st_size > 0


def test_commands_say_what_they_made(lab: Path, tmp_path: Path) -> None:
    file, home = str(tmp_path / "b.tar"), str(tmp_path / "home")
    shown = preau("backup", file, "--home", str(lab))
    assert "keys            included" in shown.output
    assert "made at         " in shown.output
    assert "not in it       " + str(lab.parent / "authority/keys/web-ca.pem") in shown.output
    again = preau("backup", file, "--home", str(lab), "--json")
    assert (again.exit_code, json.loads(again.stderr)["code"]) == (1, "WORLD_FAULT")
    made = preau("backup", file + "2", "--home", str(lab), "--without-keys", "--json")
    assert json.loads(made.output)["keys"] is False
    restored = preau("restore", file, "--home", home)
    assert f"preau serve --home {home}" in restored.output
    assert f"preau recovery show --home {home}" in restored.output
    told = preau("restore", file + "2", "--home", home + "2")
    assert f"keys into {home}2/keys" in told.output
    assert preau("restore", file, "--home", home + "3", "--database", "sqlite:///x").exit_code == 1


def test_data_files_are_listed_as_not_in_it(lab: Path, tmp_path: Path) -> None:
    """The sample's database is of an older release."""
    home = lab.parent / "school"
    with sqlite3.connect(home / "node.sqlite") as database:
        stored = [
            json.loads(row[0])["path"] for row in database.execute("SELECT file FROM dataset")
        ]
    database.close()
    shown = preau("backup", str(tmp_path / "b.tar"), "--home", str(home), "--json")
    assert stored
    assert set(stored) <= set(json.loads(shown.output)["outside"])
    assert not set(stored) & set(backup.outside(config.load(lab)))


@pytest.mark.parametrize("key", ["signing.pem", "tls-ca-1.key"])
def test_no_backup_claims_keys_that_are_not_there(lab: Path, tmp_path: Path, key: str) -> None:
    (lab / "keys" / key).rename(tmp_path / key)
    refusal = preau("backup", str(tmp_path / "b.tar"), "--home", str(lab))
    assert key in refusal.stderr
    assert "--without-keys" in refusal.stderr
    assert not (tmp_path / "b.tar").exists()
    backup.make(config.load(lab), tmp_path / "b.tar", with_keys=False)
    (tmp_path / key).rename(lab / "keys" / key)
    made = backup.make(config.load(lab), tmp_path / "whole.tar")
    assert f"home/keys/{key}" in [each.name for each in made.parts]


def test_a_place_that_cannot_be_written_is_named_as_it_was_asked(lab: Path, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "b.tar"
    with pytest.raises(WorldFault) as fault:
        backup.make(config.load(lab), file)
    assert fault.value.reason == f"`{file}` cannot be written: No such file or directory"
    (tmp_path / "plain").write_text("a file")
    backup.make(config.load(lab), tmp_path / "b.tar")
    with pytest.raises(WorldFault) as fault:
        backup.restore(tmp_path / "b.tar", tmp_path / "plain" / "home")
    assert f"`{tmp_path}/plain/home` cannot be made: Not a directory" in fault.value.reason


def test_a_backup_that_is_refused_is_named(space: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar"
    cut.write_bytes((space / "lab.tar").read_bytes()[:5000])
    for bad in (cut, forged(space, tmp_path / "b.tar", BAD["an unknown table"][0])):
        refused(bad, tmp_path / "home", f"^`{bad}`: ")


def preau(*words: str) -> Result:
    return invoked(list(words))


def files(home: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(home)): each.read_bytes() for each in home.rglob("*") if each.is_file()
    }
