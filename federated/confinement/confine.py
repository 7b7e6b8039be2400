"""What a worker takes away from itself before it loads anything.

Rules: limits first, then no new privileges, then the network; what the machine does not allow is
reported, never pretended; a worker ends when its node does. Must run while the process has one
thread. Standard library only, Linux. A stronger sandbox around the process is left to the node.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import sys
import threading
from pathlib import Path
from typing import Final

NETLESS: Final = "process+netns"
PROCESS: Final = "process"
CAPLESS: Final = "nocaps"
OWN_USER: Final = "uid"
AS_ROOT: Final = "root"
# Numbers that no account has; the second is `nobody`, for containers with few numbers.
WORKER_USERS: Final = (4_100_002_856, 65_534)
MOST_FILES: Final = 256
MOST_FILE_BYTES: Final = 1 << 32  # as large as a data file, whose columns are kept in one
_PR_SET_NO_NEW_PRIVS: Final = 38  # linux/prctl.h
_CAPABILITY_VERSION: Final = 0x20080522  # linux/capability.h, as the next
_CAP_DAC_READ_SEARCH: Final = 1 << 2
_PR_SET_KEEPCAPS: Final = 8  # linux/prctl.h
_CLONE_NEWUSER: Final = 0x10000000  # linux/sched.h
_CLONE_NEWNET: Final = 0x40000000


def confine(memory: int = 0, *, network: bool = False) -> str:
    """Give up what a worker does not need; return the isolation that is in force.

    Args:
        memory: most private memory in bytes (RLIMIT_DATA: the libraries map much address space
            that they never use, so that a limit of it says little); 0 for no limit.
        network: whether it needs the network: it fetches, and reads no file of rows.

    Returns:
        `process+netns` when the process sees no network, `process` when the machine allows no
        network namespace, or the network is needed.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, MOST_FILES)
    _limit(resource.RLIMIT_FSIZE, MOST_FILE_BYTES)
    limit_memory(memory)
    sys.meta_path.insert(0, _Unneeded)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return NETLESS if not network and _leave_network(libc) else PROCESS


def limit_memory(memory: int) -> None:
    """Bound the private memory of this process, in bytes; 0 for no bound: see `confine`."""
    if memory:
        _limit(resource.RLIMIT_DATA, memory)


class _Unneeded:
    """Finds no pandas: Arrow loads it with the first value that it takes, where it is installed.

    That is half a second of CPU and 40 MB, for a library that no worker uses.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("no worker needs pandas", name=name)


def leave_root(folder: Path | None) -> bool:
    """Become a user of its own where the node runs as root; return whether that is one.

    The folder becomes that user's. Capabilities are still there: `drop_capabilities` is due next.

    Args:
        folder: the only place to write; None where others give one later.
    """
    if os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    for user in WORKER_USERS:
        with contextlib.suppress(OSError):  # a container may have no such number
            if folder is not None:
                hand_over(folder, user)
            libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            return True
    return False


def hand_over(folder: Path, user: int) -> None:
    """Make a folder and what is in it a user's, and of the group of the same number.

    Raises:
        OSError: this process may not, or there is no such number.
    """
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def drop_capabilities() -> bool:
    """Give up what root, or the maker of a user namespace, may do; return whether it is gone.

    What is kept is to read files of others: the data file may be one, and Landlock closes the rest.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    wanted = (ctypes.c_uint32 * 6)(_CAP_DAC_READ_SEARCH, _CAP_DAC_READ_SEARCH)
    if libc.capset(header, wanted) == 0:
        return True
    nothing = (ctypes.c_uint32 * 6)()  # this one is not ours to keep
    return bool(libc.capset(header, nothing) == 0)


def tier_of_rights(folder: Path | None) -> str:
    """Leave root and drop capabilities; return what is in force, as a part of the isolation."""
    parts = [OWN_USER] if leave_root(folder) else [AS_ROOT] if os.geteuid() == 0 else []
    parts += [CAPLESS] if drop_capabilities() else []
    return "".join(f"+{part}" for part in parts)


def end_with(descriptor: int) -> None:
    """End this process at once when the other end of a socket is closed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)

    def watch() -> None:
        poll.poll()
        os._exit(0)

    threading.Thread(target=watch, name="node-gone", daemon=True).start()


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (least, least))


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Enter an empty network namespace, through a user namespace when we have no right to one."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    # Keep our own number inside, so that files and names look as before (user_namespaces(7)).
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True
