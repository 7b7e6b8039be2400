"""Shuts a worker out of the node's files, with Landlock (Linux 5.13 and later).

Rules: what is not listed is closed: a worker reads its interpreter, its libraries, the machine's
public facts and one data file, writes in its own folder only, and starts no other program; where
the kernel offers it, it opens no TCP connection and signals nobody outside. Best effort: a kernel
without Landlock is reported, never pretended. Must run while the process has one thread, before a
library is loaded. Standard library only. The network is left to `confine.py`; sockets that have a
path, rights and times of files, for which Landlock has no rule, to `seccomp.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

SEALED: Final = "landlock"
# linux/landlock.h; the numbers of the system calls are the same on every architecture.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_DIR: Final = 1 << 4
_REMOVE_FILE: Final = 1 << 5
_MAKE_DIR: Final = 1 << 7
_MAKE_FILE: Final = 1 << 8
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_READ: Final = _READ_FILE | _READ_DIR
# No link, socket or device: the node reads in this folder, and must not be led out of it.
_WRITE: Final = (
    *(_READ, _WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE, _REFER, _TRUNCATE),
)
_OF_FILES: Final = _READ_FILE | _WRITE_FILE | _TRUNCATE
# How many rights on files each version knows: all of them are taken away.
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_RIGHTS: Final = 16
_TCP_SINCE, _TCP = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11
_PUBLIC: Final = (
    *("/usr", "/lib", "/lib64", "/nix/store", "/sys", "/dev/null", "/dev/urandom"),
    # Of processes its own facts only: the environment of others is not closed by Landlock itself.
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group"),
)


# What names, certificates and routes of the network are found in.
_NETWORK: Final = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates"),
)


def seal(folder: Path, files: Iterable[Path] = (), *, network: bool = False) -> bool:
    """Close every file but those that a worker needs; return whether the kernel did.

    Args:
        folder: the only place to write.
        files: to be read, besides the libraries.
        network: whether TCP connections may be opened, and how is looked up.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    rights = (1 << _RIGHTS.get(version, _NEWEST_RIGHTS)) - 1
    wanted = struct.pack("=Q", rights)
    wanted += struct.pack("=Q", 0 if network else _TCP) if version >= _TCP_SINCE else b""
    wanted += struct.pack("=Q", _SCOPES) if version >= _SCOPES_SINCE else b""
    rules = libc.syscall(_CREATE, wanted, ctypes.c_size_t(len(wanted)), 0)
    if rules < 0:
        return False
    try:
        public = (*_PUBLIC, *_NETWORK) if network else _PUBLIC
        for path in (*_libraries(folder), *map(Path, public), *files):
            _allow(libc, rules, path, _READ & rights)
        _allow(libc, rules, folder, sum(_WRITE) & rights)
        _allow(libc, rules, Path(os.devnull), _OF_FILES & rights)
        return bool(libc.syscall(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _libraries(folder: Path) -> Sequence[Path]:
    """Return where modules and shared objects are loaded from.

    A search path that holds the worker's own folder is left out: it would hold the node's, too.
    """
    home = folder.resolve()
    searched = [*sys.path, *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    found = [Path(name) for name in searched if name and Path(name).is_absolute()]
    kept = [path for path in found if not home.is_relative_to(path.resolve())]
    return [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1], *kept]


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    """Allow rights on a path and what is beneath it; a path that is not there needs none."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rights = rights if path.is_dir() else rights & _OF_FILES
            rule = struct.pack("=Qi", rights, descriptor)
            libc.syscall(_ADD, rules, _PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)
