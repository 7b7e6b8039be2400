"""What `preau doctor` judges of sums and copies: whether they are what was signed and charged.

Rules: as in `diagnose.py`.
"""

from __future__ import annotations

from typing import Final

from connector.services.health.diagnose import FAIL, MOST_ROWS, OK, ROW_MEND, WARN, Check
from connector.services.privacy.promises import Miscount

_PROMISED: Final = "the sum that its contracts promise is recorded wrongly"
_ALTERED: Final = "its document is not the one that was signed; no job runs under it"
_UNCHARGED: Final = "its row does not match the record of charges in the home"


def counts(found: Miscount) -> list[Check]:
    """Name what is counted otherwise than it was signed or charged."""
    recount = "`preau agreement recount --reason …` recounts from what was signed"
    named = [
        (f"register {each}" if each else "missing datasets", _PROMISED, recount)
        for each in found.registers
    ]
    named += [
        (f"agreement {each}", "its row does not match what was signed", recount)
        for each in found.contracts
    ]
    named += [(f"agreement {each}", _ALTERED, ROW_MEND) for each in found.altered]
    named += [(f"job {each}", _UNCHARGED, ROW_MEND) for each in found.jobs]
    checks = [Check(name, FAIL, finding, mend) for name, finding, mend in named[:MOST_ROWS]]
    if len(named) > MOST_ROWS:
        checks.append(Check("counts", FAIL, f"{len(named) - MOST_ROWS} more like these", recount))
    if not found.whole:
        finding = "too many contracts to read each of them now"
        checks.append(Check("counts", WARN, finding, "stop the node and run `preau doctor` again"))
    return checks or [Check("counts", OK, "contracts and jobs count what was signed and charged")]
