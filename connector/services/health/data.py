"""What `preau doctor` judges of published data: the checks of the files, and two keys of the home.

Rules: as in `diagnose.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.errors import DataUnchecked
from connector.services.health.diagnose import FAIL, OK, PUT_BACK, WARN, Check, KeyFile, unusable
from connector.services.publication import snapshots
from connector.services.publication.verdicts import Verdict, mend


def persons_key(found: KeyFile, fault: str = "") -> Check:
    """Judge the key under which persons are compared, once persons are on record.

    Args:
        found: its file.
        fault: why it is not the key of the persons on record; empty when it is.
    """
    said = unusable(found, fault)
    if said is not None:
        return Check("key of persons", FAIL, said[0], f"{said[1]}; until then publish nothing")
    return Check("key of persons", OK, f"`{found.name}` is the one of the persons on record")


def suppressed(registers: Sequence[str], fault: str) -> list[Check]:
    """Judge the lists of persons who objected or withdrew; none where there are none.

    Args:
        registers: ids of those with a list whose key is not at hand.
        fault: why it is not.
    """
    mend = f"{PUT_BACK}; or start a new list: `preau person suppress --anew`"
    return [
        Check("suppressed persons", FAIL, f"no use of register `{each}` is granted: {fault}", mend)
        for each in sorted(registers)
    ]


def pseudonym_key(found: KeyFile, fault: str = "") -> Check:
    """Judge the key from which pseudonyms are made, once some were; as `persons_key`."""
    said = unusable(found, fault)
    if said is None:
        return Check("key of pseudonyms", OK, f"`{found.name}` is the one that they were made with")
    mend = f"{said[1]}; until then no use with pseudonyms is granted"
    return Check("key of pseudonyms", FAIL, said[0], mend)


def tally_key(found: KeyFile) -> Check:
    """Judge the key under which peers keep what was charged, once something was."""
    said = unusable(found)
    if said is None:
        return Check("key of charges", OK, f"`{found.name}` is there")
    mend = f"{said[1]}; without it, what peers keep of this node's charges cannot be read"
    return Check("key of charges", FAIL, said[0], mend)


def datasets(found: Mapping[str, Verdict]) -> list[Check]:
    """Judge the checks of the published files: one line when all passed, one for each that did not.

    Args:
        found: verdict by dataset.
    """
    checks = [_dataset(name, verdict) for name, verdict in found.items() if verdict.code]
    good = len(found) - len(checks)
    return [Check("datasets", OK, f"{good} of {len(found)} passed the check of the file"), *checks]


def sources(found: Mapping[str, tuple[str, str]]) -> list[Check]:
    """Judge the sources of snapshots: one line for all, and one for each that is another now.

    Args:
        found: by dataset, what became of its source, and when the snapshot was taken.
    """
    unread = (snapshots.ON_SERVER, snapshots.LARGE)
    kept = (snapshots.SAME, *unread)
    others = {name: each for name, each in found.items() if each[0] not in kept}
    unasked = sum(state in unread for state, _ in found.values())
    oldest = min((at for _, at in found.values() if at), default="of an earlier release")
    line = (
        f"{len(found) - len(others) - unasked} of {len(found)} sources are unchanged "
        f"since they were read; {unasked} are not compared, as they are on servers or "
        f"too large; the oldest snapshot is {oldest}"
    )
    return [
        Check("snapshots", OK, line),
        *(
            Check(
                f"source of {name}",
                WARN,
                f"{state}; uses read the snapshot{f' of {at}' if at else ''}",
                f"`preau dataset refresh {name}` reads it again",
            )
            for name, (state, at) in sorted(others.items())
        ),
    ]


def _dataset(name: str, verdict: Verdict) -> Check:
    found = f"no job runs on it: {verdict.code}: {'; '.join(verdict.reasons)}"
    severity = WARN if verdict.code == DataUnchecked.code else FAIL
    return Check(f"dataset {name}", severity, found, mend(name, verdict.code))
