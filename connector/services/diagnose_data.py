"""What `preau doctor` judges of published data: the checks of the files, and the key of persons.

Rules: as in `diagnose.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.errors import DataUnchecked, PersonsOverlap
from connector.services.diagnose import FAIL, OK, WARN, Check, KeyFile
from connector.services.publish_verdict import Verdict


def persons_key(found: KeyFile, fault: str = "") -> Check:
    """Judge the key under which persons are compared, once persons are on record.

    Args:
        found: its file.
        fault: why it is not the key of the persons on record; empty when it is.
    """
    mend = "restore it from your backup; until then nothing can be published"
    if found.mode is None:
        return Check("key of persons", FAIL, f"`{found.name}` is missing", mend)
    if found.fault or fault:
        return Check("key of persons", FAIL, found.fault or fault, mend)
    return Check("key of persons", OK, f"`{found.name}` is the one of the persons on record")


def datasets(found: Mapping[str, Verdict]) -> list[Check]:
    """Judge the checks of the published files: one line when all passed, one for each that did not.

    Args:
        found: verdict by dataset.
    """
    checks = [_dataset(name, verdict) for name, verdict in found.items() if verdict.code]
    good = len(found) - len(checks)
    return [Check("datasets", OK, f"{good} of {len(found)} passed the check of the file"), *checks]


def _dataset(name: str, verdict: Verdict) -> Check:
    found = f"no job runs on it: {verdict.code}: {'; '.join(verdict.reasons)}"
    if verdict.code == DataUnchecked.code:
        mend = f"a running node checks it by itself; or run `preau dataset check {name}`"
        return Check(f"dataset {name}", WARN, found, mend)
    mend = f"mend it, then publish it again or run `preau dataset check {name}`"
    if verdict.code == PersonsOverlap.code:
        mend = (
            f"if they are others, run `preau dataset check {name} --distinct REASON`; if they are "
            f"the same persons, `preau dataset merge {name} REGISTER`"
        )
    return Check(f"dataset {name}", FAIL, found, mend)
