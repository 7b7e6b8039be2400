"""What `preau doctor` judges: facts about a node in, verdicts and ways to mend out.

Rules: pure functions over facts that `bootstrap/diagnosis/probe.py` collects; each check says what
it found and, when it is not in order, what to do; what cannot be found out is a warning, never
silence.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connector.config import Settings
from connector.domain import instant
from connector.domain.page import Damaged

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"
_ORDER: Final = (OK, WARN, FAIL)

MAX_SKEW: Final = instant.SKEW
NOTICEABLE_SKEW: Final = timedelta(seconds=5)
SOON: Final = timedelta(days=14)
MOST_ROWS: Final = 20  # that are named, of those that cannot be read
LITTLE_DISK: Final = 1 << 30  # bytes
NO_DISK: Final = 100 << 20  # bytes
RENEWED: Final = "put a new one in its place; a running node takes it up"
PUT_BACK: Final = "restore it from a backup, or from your own copy of `keys/`"
ROW_MEND: Final = (
    "what depends on a damaged row is refused; `preau restore FILE` restores it from a backup"
)
OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        verdict: `ok`, `warn` or `fail`.
        finding: one line.
        mend: what to do about it; empty when in order.
    """

    name: str
    verdict: str
    finding: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "finding": self.finding,
            "mend": self.mend,
        }


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private file as it was found.

    Attributes:
        name: relative to the home.
        mode: permission bits; None when it is missing.
        fault: why it cannot be used; empty when it can.
    """

    name: str
    mode: int | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ListFact:
    """A status list as it was found.

    Attributes:
        url: where it comes from.
        fetched_at: UTC.
        valid_until: UTC.
    """

    url: str
    fetched_at: datetime
    valid_until: datetime


def worst(checks: Iterable[Check]) -> str:
    """Return the worst verdict; `ok` for none."""
    return max((check.verdict for check in checks), key=_ORDER.index, default=OK)


def keys(files: Sequence[KeyFile], mismatch: str = "") -> Check:
    """Judge the private files, and whether the signing key is the one that the document lists.

    Args:
        files: private files.
        mismatch: why key and DID document do not belong together; empty when they do.
    """
    for file in files:
        said = unusable(file)
        if said is not None:
            return Check("keys", FAIL, *said)
    if mismatch:
        return Check("keys", FAIL, mismatch, "restart the node, so that it serves its own document")
    return Check("keys", OK, f"{len(files)} private files, readable by their owner only")


def unusable(file: KeyFile, fault: str = "") -> tuple[str, str] | None:
    """Return why a private file is not in order, and how to mend it; None when it is.

    Args:
        file: as found.
        fault: what else is wrong with its content.
    """
    if file.mode is None:
        return f"`{file.name}` is missing", PUT_BACK
    if stat.S_IMODE(file.mode) & 0o077:
        found = f"`{file.name}` can be read by others (mode {stat.S_IMODE(file.mode):o})"
        return found, f"chmod 600 {file.name}; regard its content as disclosed"
    return (file.fault or fault, PUT_BACK) if file.fault or fault else None


def setting(name: str, fault: str, mend: str) -> Check:
    """Say that a setting names what the node does not start with."""
    return Check(name, FAIL, fault, mend or "correct the setting in preau.toml")


def certificate(
    name: str, expires: datetime | None, now: datetime, fault: str = "", mend: str = RENEWED
) -> Check:
    """Judge how long a certificate is still valid."""
    if expires is None:
        return Check(name, FAIL, fault or "cannot be read", PUT_BACK)
    if expires <= now:
        return Check(name, FAIL, f"expired at {_at(expires)}", mend)
    if expires - now < SOON:
        return Check(name, WARN, f"expires at {_at(expires)}", mend)
    return Check(name, OK, f"valid until {_at(expires)}")


def clock(skews: Mapping[str, timedelta], *, monotonic: bool, now: datetime) -> Check:
    """Judge the machine's clock.

    Args:
        skews: by host that was asked, its time minus ours.
        monotonic: whether wall and monotonic clock advanced alike while we looked.
        now: UTC.
    """
    mend = "let the machine keep its time by NTP (`timedatectl set-ntp true`)"
    if not monotonic:
        return Check("clock", FAIL, "the clock was changed while it was being checked", mend)
    if not skews:
        return Check("clock", OK, f"{_at(now)}; nobody could be asked for comparison")
    host, skew = max(skews.items(), key=lambda item: abs(item[1]))
    found = f"{abs(skew).total_seconds():.0f} s {'behind' if skew > timedelta() else 'ahead of'}"
    if abs(skew) > MAX_SKEW:
        return Check("clock", FAIL, f"{found} `{host}`; peers refuse our tokens", mend)
    if abs(skew) > NOTICEABLE_SKEW:
        return Check("clock", WARN, f"{found} `{host}`", mend)
    return Check("clock", OK, f"within {NOTICEABLE_SKEW.seconds} s of {len(skews)} asked")


def port(name: str, address: str, *, running: bool, free: bool, answers: bool) -> Check:
    """Judge one listening address.

    Args:
        name: what listens.
        address: `host:port`.
        running: whether our node runs.
        free: whether it could be bound.
        answers: whether something accepts connections there.
    """
    if running and answers:
        return Check(name, OK, f"the node answers at {address}")
    if running:
        return Check(
            name, FAIL, f"nothing answers at {address} although the node runs", "restart the node"
        )
    if free:
        return Check(name, OK, f"{address} is free; the node is not running")
    mend = "stop the other program, or change the address in preau.toml"
    return Check(
        name, FAIL, f"{address} is in use or not permitted, and no node of this home runs", mend
    )


def process(*, silent: bool) -> Check:
    """Judge the running process by whether it answers."""
    if silent:
        mend = "end it (its pid is in run/node.json), then `preau serve`; nothing is lost"
        return Check("node", FAIL, "it runs, but does not answer", mend)
    return Check("node", OK, "it runs and answers")


def schema(*, newer: bool) -> Check:
    """Judge a database whose schema is not this release's."""
    if newer:
        finding = "its schema is of a newer release than this one"
        mend = "install the newer release again, or restore a backup of this one"
        return Check("database", FAIL, finding, mend)
    finding = "its schema is of an older release, or it has none"
    mend = "`preau backup FILE` with that release, then `preau serve` brings it up to date"
    return Check("database", FAIL, finding, mend)


def database(fault: str, *, entries: int = 0, lost: bool = False, unchecked: bool = False) -> Check:
    """Judge the database.

    Args:
        fault: why it cannot be read; empty when it can.
        entries: events in the audit log.
        lost: the fault is that its file is not there, or not whole.
        unchecked: not all pages could be looked at in the time that there was.
    """
    if lost:
        mend = (
            "stop the node, `preau restore FILE --home FOLDER --replace`; without a "
            "backup, start it: the node goes into recovery (`preau recovery show`)"
        )
        return Check("database", FAIL, fault, mend)
    if fault:
        return Check("database", FAIL, fault, "check `database` in preau.toml, and its server")
    found = f"reachable, schema up to date, {entries} events in the audit log"
    if unchecked:
        mend = "stop the node and run `preau doctor` again"
        return Check("database", WARN, f"{found}; too large to check every page now", mend)
    return Check("database", OK, f"{found}, all pages intact")


def recovery(faults: Sequence[str]) -> list[Check]:
    """Name how the database falls short of what home and peers tell."""
    mend = "`preau recovery show` says what is owed; nothing is spent until you confirm it"
    return [Check("recovery", FAIL, f"the node was rolled back: {fault}", mend) for fault in faults]


def own_log(fault: str, entries: int, mend: str) -> Check:
    """Say whether the own audit log, recomputed from its events, is the one that was written."""
    if fault:
        return Check("audit log", FAIL, f"it was edited: {fault}", mend)
    return Check("audit log", OK, f"{entries} entries, recomputed")


def rows(damaged: Sequence[Damaged], *, whole: bool) -> list[Check]:
    """Name the rows of the database that cannot be read.

    Args:
        damaged: these.
        whole: whether all rows were looked at.
    """
    found = [Check("row", FAIL, f"{row.row}: {row.fault}", ROW_MEND) for row in damaged[:MOST_ROWS]]
    if len(damaged) > MOST_ROWS:
        found.append(
            Check("row", FAIL, f"{len(damaged) - MOST_ROWS} more rows like these", ROW_MEND)
        )
    if not whole:
        finding = "too many rows to read each of them now"
        found.append(Check("row", WARN, finding, "stop the node and run `preau doctor` again"))
    return found


def budgets(beyond: Mapping[str, str], fault: str = "", mend: str = "") -> list[Check]:
    """Name each contract or register that counts more than its rule allows.

    Args:
        beyond: what it is -> its rule.
        fault: why that could not be found out; empty when it could.
        mend: what to do about that; empty: what is mostly missing.
    """
    if fault:
        finding = f"not known which are used up: {fault}"
        return [Check("budgets", WARN, finding, mend or _EXTRA_MEND)]
    mend = (
        "nothing, if its jobs are done; else negotiate a new contract, under the cap "
        "of its register"
    )
    return [
        Check(
            "budget", WARN, f"{what} exceeds its rule ({rule}): no further job runs under it", mend
        )
        for what, rule in sorted(beyond.items())
    ]


def status_lists(found: Sequence[ListFact], now: datetime) -> list[Check]:
    """Judge the cached status lists."""
    if not found:
        return [Check("status list", OK, "none cached yet; one is fetched with the first peer")]
    return [_status_list(fact, now) for fact in found]


def membership(
    required: bool,  # noqa: FBT001 - named at each call
    fault: str,
    valid_until: datetime | None,
    now: datetime,
    space: str = "",
) -> Check:
    """Judge the node's own membership credential of a space.

    Args:
        required: whether such a node needs one.
        fault: why it is not believed; empty when it is.
        valid_until: its end; None when there is none.
        now: UTC.
        space: name of a further space; empty: the first.
    """
    name = f"membership of {space}" if space else "membership"
    mend = (
        "ask the space's authority for `preau authority admit`; a running node then joins by "
        "itself, at once with `preau membership --refresh`"
    )
    if not required:
        return Check(name, OK, "an authority needs none")
    if fault:
        return Check(name, FAIL, fault, mend)
    if valid_until is None:
        return Check(name, WARN, "not a member of the space yet", mend)
    if valid_until <= now:
        return Check(name, FAIL, f"expired at {_at(valid_until)}", mend)
    if valid_until - now < SOON:
        return Check(name, WARN, f"expires at {_at(valid_until)}", mend)
    return Check(name, OK, f"valid until {_at(valid_until)}")


def isolation(tier: str, missing: Sequence[str]) -> Check:
    """Judge how well a worker would be shut in.

    Args:
        tier: what the worker can do here; empty when it could not be found out.
        missing: packages of the extra `federated` that are not installed.
    """
    if missing:
        found = f"no jobs can run: {', '.join(missing)} not installed"
        return Check("isolation", WARN, found, _EXTRA_MEND)
    if not tier:
        return Check("isolation", WARN, "the tier of a worker's isolation is not known", _TIER_MEND)
    parts = tier.split("+")
    closed = ", ".join(name for part, name in _LAYERS.items() if part in parts)
    opened = ", ".join(name for part, name in _LAYERS.items() if part not in parts)
    whose = "under a user of their own" if "uid" in parts else "under this node's user"
    found = f"workers are separate processes, {whose}; closed to them: {closed or 'nothing'}"
    if opened:
        found = f"{found}; open to them: {opened}"
    if "root" in parts:
        return Check("isolation", WARN, f"{found}; they run as root", _ROOT_MEND)
    if not {"netns", "seccomp"} & set(parts):
        return Check("isolation", WARN, f"{found}; they see the network", _TIER_MEND)
    if "landlock" not in parts:
        return Check("isolation", WARN, f"{found}; they see the node's files", _KERNEL_MEND)
    return Check("isolation", OK, found)


_LAYERS: Final = {
    "netns": "the network",
    "landlock": "files (Landlock)",
    "nocaps": "rights of the system (capabilities)",
    "seccomp": "system calls (seccomp)",
}
_ROOT_MEND: Final = "run the node as a user without rights, as the runbook says"
_KERNEL_MEND: Final = "use a kernel with Landlock (Linux 5.13 and later)"
_EXTRA_MEND: Final = "install the extra `federated`, as the quick start says"
_TIER_MEND: Final = "allow user namespaces on this machine, so that workers see no network"


def unsafe_settings(settings: Settings) -> list[Check]:
    """List each setting that is an exception from safety."""
    found = unsafe(settings)
    if not found:
        return [Check("unsafe settings", OK, "there are none")]
    mend = "remove it from preau.toml, unless this is a private space or a trial"
    return [Check("unsafe settings", WARN, line, mend) for line in found]


def unsafe(settings: Settings) -> list[str]:
    """Return each exception from safety as one line; also written to the log at start."""
    return [
        f"unsafe_allow_hosts: peers' addresses may name `{host}`, which is not public"
        for host in settings.unsafe_allow_hosts
    ]


def versions(
    python: tuple[int, int], installed: Mapping[str, str], generated_fault: str
) -> list[Check]:
    """Judge the versions, and whether the generated code fits the protobuf runtime.

    Args:
        python: major and minor.
        installed: version by distribution; empty when it is not installed.
        generated_fault: why the generated code does not load; empty when it does.
    """
    named = ", ".join(f"{name} {version}" for name, version in installed.items() if version)
    shown = f"python {python[0]}.{python[1]}, {named}"
    if python < OLDEST_PYTHON:
        return [Check("versions", FAIL, shown, "use Python 3.11 or newer")]
    if generated_fault:
        mend = "install the locked versions (requirements.lock), or run `make protos`"
        return [Check("versions", FAIL, f"generated code does not load: {generated_fault}", mend)]
    return [Check("versions", OK, shown)]


def disk(free: int) -> Check:
    """Judge the space left where the home is, in bytes."""
    found = f"{free / (1 << 30):.1f} GiB free"
    if free < NO_DISK:
        return Check("disk", FAIL, found, "make room: the audit log and jobs/ need it")
    if free < LITTLE_DISK:
        return Check("disk", WARN, found, "make room soon: the audit log and jobs/ need it")
    return Check("disk", OK, found)


def _status_list(fact: ListFact, now: datetime) -> Check:
    name = "status list"
    age = _span(now - fact.fetched_at)
    if fact.valid_until <= now:
        found = f"expired at {_at(fact.valid_until)}; no peer is trusted until it is renewed"
        return Check(
            name,
            FAIL,
            found,
            f"make sure that `{fact.url}` can be reached; ask the authority's operator",
        )
    return Check(name, OK, f"fetched {age} ago, valid until {_at(fact.valid_until)}")


def _at(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _span(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 120:  # noqa: PLR2004 - readable either way
        return f"{seconds} s"
    if seconds < 7200:  # noqa: PLR2004 - same
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"
