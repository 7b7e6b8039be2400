"""Closes system calls that a worker does not need, with seccomp (Linux 3.17 and later).

Rules: what Landlock has no rule for is closed here: rights, owners and times of files, links,
sockets of any kind, `io_uring` (which would go round both), other processes, namespaces, mounts,
programs. A closed call fails with EPERM; calls of another architecture's table do, too. Best
effort: a kernel or a processor without it is reported, never pretended. Must run while the process
has one thread and no new privileges (`confine.py`). Standard library only.

The numbers are the kernel's ABI: `arch/x86/entry/syscalls/syscall_64.tbl` and
`include/uapi/asm-generic/unistd.h`. The program is classic BPF (seccomp(2)).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

FILTERED: Final = "seccomp"
_X86, _ARM = "x86_64", "aarch64"
_AUDIT_ARCH: Final = {_X86: 0xC000003E, _ARM: 0xC00000B7}  # linux/audit.h
_X32_BIT: Final = 0x40000000  # calls of the x32 table, on x86_64
# name -> number on x86_64 and on aarch64; None: it has no such call.
CLOSED: Final[Mapping[str, tuple[int | None, int]]] = MappingProxyType(
    {
        # rights, owners, times and attributes of files
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fchmodat2": (452, 452),
        "fchown": (93, 55),
        "fchownat": (260, 54),
        "utimensat": (280, 88),
        "setxattr": (188, 5),
        "lsetxattr": (189, 6),
        "fsetxattr": (190, 7),
        "removexattr": (197, 14),
        "lremovexattr": (198, 15),
        "fremovexattr": (199, 16),
        # links, devices, handles
        "linkat": (265, 37),
        "symlinkat": (266, 36),
        "mknodat": (259, 33),
        "name_to_handle_at": (303, 264),
        "open_by_handle_at": (304, 265),
        # sockets with a path or an address, and what goes round both seals
        "socket": (41, 198),
        "socketpair": (53, 199),
        "bind": (49, 200),
        "listen": (50, 201),
        "accept": (43, 202),
        "accept4": (288, 242),
        "connect": (42, 203),
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        # memory shared by name
        "shmget": (29, 194),
        "shmat": (30, 196),
        "semget": (64, 190),
        "msgget": (68, 186),
        "msgsnd": (69, 189),
        "msgrcv": (70, 188),
        "mq_open": (240, 180),
        # programs and other processes
        "execve": (59, 221),
        "execveat": (322, 281),
        "ptrace": (101, 117),
        "tkill": (200, 130),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "kcmp": (312, 272),
        "pidfd_open": (434, 434),
        "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424),
        "process_madvise": (440, 440),
        "process_mrelease": (448, 448),
        # the machine
        "unshare": (272, 97),
        "setns": (308, 268),
        "chroot": (161, 51),
        "pivot_root": (155, 41),
        "mount": (165, 40),
        "umount2": (166, 39),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
        "bpf": (321, 280),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
        "keyctl": (250, 219),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "init_module": (175, 105),
        "finit_module": (313, 273),
        "delete_module": (176, 106),
        "kexec_load": (246, 104),
        "kexec_file_load": (320, 294),
        "reboot": (169, 142),
        "swapon": (167, 224),
        "swapoff": (168, 225),
        "fanotify_init": (300, 262),
    }
)
# The older calls, which only x86_64 has.
_X86_ONLY: Final = {
    "chmod": 90,
    "chown": 92,
    "lchown": 94,
    "utime": 132,
    "utimes": 235,
    "futimesat": 261,
    "link": 86,
    "symlink": 88,
    "mknod": 133,
}
_OF_CLIENTS: Final = ("socket", "socketpair", "connect")
_OF_SERVERS: Final = (*_OF_CLIENTS, "bind", "listen", "accept", "accept4")
_OF_FORKS: Final = ("pidfd_open",)
# Calls whose first argument is a process: this one alone, and 0 where that means this one.
ITSELF: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "kill": (62, 129),
        "tgkill": (234, 131),
        "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240),
        "prlimit64": (302, 261),
    }
)
# linux/bpf_common.h, linux/seccomp.h, linux/prctl.h
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def close_calls(*, network: bool = False, serving: bool = False, forking: bool = False) -> bool:
    """Close the calls for this process, for good; return whether the kernel did.

    Args:
        network: whether it may open sockets and connect them.
        serving: whether it may listen, too.
        forking: whether it starts processes that close their calls themselves. They have numbers
            of their own, so that what only a process may do to itself stays open here.
    """
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        return False
    own = None if forking else os.getpid()
    program = assembled(machine, own, network=network, serving=serving)
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = _Program(len(program), b"".join(program))
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(wanted), 0, 0) == 0)


def assembled(
    machine: str, own: int | None, *, network: bool = False, serving: bool = False
) -> Sequence[bytes]:
    """Return the BPF program, an instruction each.

    Args:
        machine: `x86_64` or `aarch64`.
        own: number of this process; None where it forks, and hands out what refers to a child.
        network: as in `close_calls`.
        serving: the same.
    """
    column = 0 if machine == _X86 else 1
    open_ = _OF_SERVERS if serving else _OF_CLIENTS if network else ()
    open_ = (*open_, *(_OF_FORKS if own is None else ()))
    closed = [pair[column] for name, pair in CLOSED.items() if name not in open_]
    closed += _X86_ONLY.values() if machine == _X86 else ()
    itself = [] if own is None else [pair[column] for pair in ITSELF.values()]
    # From the end: refuse is the last instruction, allow the one before.
    tail = [
        *((_EQUAL, number, "itself", "") for number in itself),
        (_RETURN, _ALLOW, "", ""),
        (_LOAD, _FIRST_ARGUMENT, "", ""),
        (_EQUAL, own or 0, "allow", ""),
        (_EQUAL, 0, "zero", "refuse"),
        (_LOAD, _NUMBER, "", ""),
        (_EQUAL, ITSELF["prlimit64"][column], "allow", "refuse"),
        (_RETURN, _ALLOW, "", ""),
        (_RETURN, _REFUSE, "", ""),
    ]
    head = [
        (_LOAD, _ARCH, "", ""),
        (_EQUAL, _AUDIT_ARCH[machine], "", "refuse"),
        (_LOAD, _NUMBER, "", ""),
        *([(_AT_LEAST, _X32_BIT, "refuse", "")] if machine == _X86 else ()),
        *((_EQUAL, number, "refuse", "") for number in closed if number is not None),
    ]
    lines = [*head, *tail]
    last = len(lines) - 1
    places = {"refuse": last, "allow": last - 1, "zero": last - 3, "itself": last - 6}
    return [
        struct.pack("=HBBI", code, _jump(yes, at, places), _jump(no, at, places), value)
        for at, (code, value, yes, no) in enumerate(lines)
    ]


def _jump(label: str, at: int, places: Mapping[str, int]) -> int:
    """Return how many instructions are skipped to reach a label; 0: the next one."""
    return places[label] - at - 1 if label else 0
