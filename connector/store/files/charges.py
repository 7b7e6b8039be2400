"""What was charged, outside the database: the port `Charges` over a file of the home.

Rules: the file is written whole, to the disk, before what it records is released, and never goes
back; one that was put in its place is noticed, since it is read anew whenever it is not the same
file, unchanged. What peers keep is encrypted (AES-SIV, RFC 5297, with the node's DID bound to it)
under a key of the home, and padded to one of few sizes, so that it tells them neither contracts nor
jobs.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from connector.domain.contract.notice import Standing
from connector.domain.contract.use import Counted
from connector.domain.log.audit import Head
from connector.domain.log.merkle import EMPTY_ROOT
from connector.domain.privacy.budget import STEPS, Reservation, from_steps
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Limit, Tally
from connector.errors import KeyUnusable, MessageTooLarge, SignatureInvalid
from connector.jsonld.canonical import parse_object
from connector.store.files import keys
from connector.store.mapping import SPOILED, from_row, to_column, to_row
from federated.privacy.event import Events

FILE: Final = "charges.json"
KEY_FILE: Final = "keys/tally.key"
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
SIZES: Final = tuple(4096 * 4**step for step in range(6))  # bytes of a sealed tally's content
NOTHING: Final = Tally(Head(0, 0, EMPTY_ROOT), {}, {}, {})  # of a node that was just made
_KEY_BYTES: Final = 64
_VERSION: Final = 2
_STEPS_VERSION: Final = 1  # of releases that knew one mechanism
# What changed just now may change again within one tick of the file system's clock.
_SETTLED_NS: Final = 1_000_000_000
_LENGTH_BYTES: Final = 4
_UNMERGED: Final = {"merged_into": ""}  # as releases before wrote registers


_log = logging.getLogger(__name__)


class HomeCharges:
    """The record in a node's home; thread-safe."""

    def __init__(self, home: Path, did: str) -> None:
        """Keep where it is; nothing is read, and the key is made when it is first needed."""
        self._file = home / FILE
        self._key_file = home / KEY_FILE
        self._did = did.encode()
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, ...], Tally] | None = None

    def recorded(self) -> Tally | None:
        """Return the newest tally; see `ports.Charges`.

        Raises:
            KeyUnusable: the file is there and cannot be read.
        """
        mark = _mark(self._file)
        kept = self._kept  # one value, so that no thread sees half of another's
        if mark is None:
            return None
        if kept is not None and kept[0] == mark:
            return kept[1]
        data = keys.read_private_file(self._file, MAX_FILE_BYTES)
        try:
            found = _read(parse_object(data, limit=MAX_FILE_BYTES))
        except SPOILED as exc:
            raise KeyUnusable(
                f"`{self._file}` is not a record of charges",
                hint="move it away, then run `preau recovery confirm`",
            ) from exc
        settled = time.time_ns() - mark[0] > _SETTLED_NS
        self._kept = (mark, found) if settled and mark == _mark(self._file) else None
        return found

    def record(self, tally: Tally) -> None:
        """Write a tally, unless one that came as far is there; see `ports.Charges`.

        Raises:
            KeyUnusable: it cannot be written, or what is there cannot be read.
        """
        with self._lock:
            before = self.recorded()
            if before is None or before.head.place < tally.head.place:
                keys.private_file(self._file, _written(tally))

    def seal(self, tally: Tally) -> bytes:
        """Return a tally as only this node can read it; see `ports.Charges`.

        Raises:
            MessageTooLarge: it is larger than peers take.
            KeyUnusable: the key cannot be made or read.
        """
        data = zlib.compress(_written(tally), level=6)
        plain = len(data).to_bytes(_LENGTH_BYTES, "big") + data
        size = next((each for each in SIZES if len(plain) <= each), 0)
        if not size:
            raise MessageTooLarge(f"the tally has {len(plain)} bytes, peers accept {SIZES[-1]}")
        return self._cipher().encrypt(plain.ljust(size, b"\0"), [self._did])

    def unseal(self, sealed: bytes) -> Tally:
        """Return a tally that this node sealed; see `ports.Charges`.

        Raises:
            SignatureInvalid: it did not, or the bytes were altered.
            KeyUnusable: the key cannot be made or read.
        """
        try:
            plain = self._cipher().decrypt(sealed, [self._did])
            length = int.from_bytes(plain[:_LENGTH_BYTES], "big")
            data = zlib.decompress(plain[_LENGTH_BYTES : _LENGTH_BYTES + length])
            return _read(parse_object(data, limit=MAX_FILE_BYTES))
        except (InvalidTag, zlib.error, *SPOILED) as exc:
            raise SignatureInvalid("the tally was not sealed by this node") from exc

    def _cipher(self) -> AESSIV:
        with self._lock:
            if not self._key_file.exists():
                self._say_lost()
            return AESSIV(_key(self._key_file))

    def _say_lost(self) -> None:
        """Say that a key that was there is made anew; each peer gets a new tally after a start."""
        try:
            recorded = self.recorded()
        except KeyUnusable:
            return
        if recorded is not None and any(each.committed_rounds for each in recorded.jobs.values()):
            _log.warning(
                "`%s` was missing and is made anew: what peers hold of before is lost",
                KEY_FILE,
            )


def _mark(path: Path) -> tuple[int, ...] | None:
    """Return what changes with a file; nobody can set back the time of its change (ctime)."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ctime_ns, found.st_mtime_ns, found.st_dev, found.st_ino, found.st_size


def _key(path: Path) -> bytes:
    if not path.exists():
        keys.private_folder(path.parent)
        keys.private_file(path, secrets.token_bytes(_KEY_BYTES), replace=False)
    key = keys.read_private_file(path)
    if len(key) != _KEY_BYTES:
        raise KeyUnusable(f"key file `{path}` does not have {_KEY_BYTES} bytes")
    return key


def _written(tally: Tally) -> bytes:
    """Return the one spelling of a tally; it is read by this node alone, so speed counts."""
    head = tally.head
    value = {
        "version": _VERSION,
        "head": {"epoch": head.epoch, "size": head.size, "root": head.root.hex()},
        "registers": [_plain(to_row(each)) for each in tally.registers.values()],
        "limits": [_plain(to_row(each)) for each in tally.limits.values()],
        "jobs": [_plain(to_row(each)) for each in tally.jobs.values()],
        "takenBack": {name: each.value for name, each in tally.taken_back.items()},
        "uses": [_plain(to_row(each)) for each in tally.uses.values()],
    }
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()


def _read(value: Mapping[str, Any]) -> Tally:
    if value["version"] not in (_STEPS_VERSION, _VERSION):
        raise ValueError("a record of another release")
    read_job = _job_of_steps if value["version"] == _STEPS_VERSION else partial(_row, Reservation)
    uses = [_row(Counted, each) for each in value.get("uses", ())]
    head = value["head"]
    registers = [_row(Register, _UNMERGED | each) for each in value["registers"]]
    limits = [_row(Limit, each) for each in value["limits"]]
    jobs = [read_job(each) for each in value["jobs"]]
    return Tally(
        Head(int(head["epoch"]), int(head["size"]), bytes.fromhex(head["root"])),
        {each.id: each for each in registers},
        {each.id: each for each in limits},
        {each.job_id: each for each in jobs},
        # earlier releases recorded none, and no uses
        {name: Standing(each) for name, each in value.get("takenBack", {}).items()},
        {each.key: each for each in uses},
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: item.isoformat() if isinstance(item, datetime) else item for name, item in row.items()
    }


def _job_of_steps(plain: Mapping[str, Any]) -> Any:
    row = dict(plain)
    stated = [row.pop(name) for name in STEPS]
    events, rounds = from_steps(*stated)
    carried = to_column(Events, events)
    return _row(Reservation, row | {"events": carried, "rounds": rounds})


def _row(kind: type[Any], plain: Mapping[str, Any]) -> Any:
    """Return the value; numbers come back from JSON as what the field is."""
    row = dict(plain)
    for item in fields(kind):
        if "datetime" in str(item.type) and row[item.name] is not None:
            row[item.name] = datetime.fromisoformat(row[item.name])
        elif str(item.type) == "float":
            row[item.name] = float(row[item.name])
    return from_row(kind, row)
