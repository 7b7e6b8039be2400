"""How the node is, for persons: its process, keys, backup, figures, and what `doctor` finds.

Rule: what only the composition root can tell comes in as a `Watch`; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain.log.audit import Sought
from connector.domain.space import Space
from connector.domain.thread import ThreadFault
from connector.errors import PreauError
from connector.identity.trust import MembershipFacts
from connector.ports import Ports
from connector.services.health import diagnose, measure, vitals
from connector.services.health.looking import Look, Looks
from connector.services.health.measure import Figure
from connector.services.health.vitals import Vitals
from connector.services.membership import onboard


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A private file of the node.

    Attributes:
        name: below the home.
        since: from when on it is known to be there, UTC; None where it is missing.
        by: what says so: `record`, `certificate`, `log`, or `file`, whose time a restored backup
            and whoever copies it make a later one.
    """

    name: str
    since: datetime | None
    by: str = "file"


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The last backup that was made of the home.

    Attributes:
        made_at: UTC.
        keys: whether private keys are in it.
        log_size: entries of the audit log in it.
    """

    made_at: datetime
    keys: bool
    log_size: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What the composition root tells of a node.

    Attributes:
        version: of this software.
        vitals: tells how the process is.
        key_files: lists the private files.
        backup: tells of the last backup; None where none was made, or nobody knows.
        looks: those of `preau doctor`.
    """

    version: str
    vitals: Callable[[], Vitals]
    key_files: Callable[[], Sequence[HeldKey]]
    backup: Callable[[], LastBackup | None]
    looks: Looks


@dataclass(frozen=True, slots=True)
class Health:
    """How a node is.

    Attributes:
        dead: threads that have ended; restart the node.
        unready: codes of what keeps it from answering.
        faults: threads that went on after a fault nobody foresaw.
        unsafe: settings that are exceptions from safety.
    """

    dead: Sequence[str]
    unready: Sequence[str]
    faults: Mapping[str, ThreadFault]
    unsafe: Sequence[str]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, as far as the process can tell."""
        return not (self.dead or self.unready)


@dataclass(frozen=True, slots=True)
class Belonging:
    """The node's own membership of a space.

    Attributes:
        space: which.
        facts: of the membership; None where it is not believed.
        refusal: why it is not.
    """

    space: Space
    facts: MembershipFacts | None
    refusal: PreauError | None = None


def health(ports: Ports, watch: Watch) -> Health:
    """Return how the node is now."""
    found = watch.vitals()
    unready = vitals.unready(ports, found)
    return Health(found.dead, unready, dict(ports.faults), diagnose.unsafe(ports.settings))


def keys(ports: Ports, watch: Watch) -> tuple[Sequence[HeldKey], Mapping[str, datetime]]:
    """Return the private files, and the end of each certificate of ours, UTC.

    The first signing key has no record: it is as old as the log at least.
    """
    with ports.store.read() as tx:
        first = tx.audit.page(Sought(), 1).values
    signing = ports.settings.signing_key.removeprefix("file:")
    files = [
        replace(each, since=first[0].at, by="log")
        if each.name == signing and first and each.since and first[0].at < each.since
        else each
        for each in watch.key_files()
    ]
    return files, watch.vitals().expiries


def backup(_ports: Ports, watch: Watch) -> LastBackup | None:
    """Return the last backup that was made of the home, or None."""
    return watch.backup()


def figures(ports: Ports, watch: Watch) -> list[Figure]:
    """Return the figures that a monitor keeps, but for those of single registers and datasets."""
    return measure.measure(ports, watch.vitals(), watch.version, registers=False)


def look(ports: Ports, watch: Watch, *, peers: bool) -> None:
    """Let `preau doctor` look at the node; `doctor` tells what it finds.

    Args:
        ports: of the node.
        watch: of the node.
        peers: whether peers and authorities are asked.

    Raises:
        TooManyRequests: it is at work already.
    """
    watch.looks.begin(ports, peers=peers)


def doctor(_ports: Ports, watch: Watch) -> Look | None:
    """Return the last look of `preau doctor` since the node was started; None where none was."""
    return watch.looks.last


def memberships(ports: Ports) -> list[Belonging]:
    """Return the node's own membership of each of its spaces, judged now."""
    return [_belonging(ports, each) for each in ports.settings.spaces]


def _belonging(ports: Ports, space: Space) -> Belonging:
    try:
        return Belonging(space, onboard.judge_own(ports, space))
    except PreauError as exc:
        return Belonging(space, None, exc)
