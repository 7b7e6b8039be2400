"""Every failure of the federated libraries, whose fault it is, and its stable code.

    FederatedError
    ├── ManifestInvalid       the manifest's author: it cannot be read, or asks for the impossible
    ├── StepIllegal           the caller: a job cannot go from this state to that one
    ├── RoundRefused          the lead: a round that this site may not answer
    ├── TooFewSites           the sites: fewer answered than the quorum
    ├── PrivacyFault          the caller: spending that cannot be accounted for
    │   ├── EventUnknown          a mechanism without a known cost: never counted as zero
    │   └── CalibrationImpossible no noise within bounds reaches the target
    ├── DataFault             the data holder: file or rows do not fit the manifest
    │   ├── DataFileMissing · DataFileUnreadable · DataFileChanged
    │   └── ColumnMissing
    ├── StatisticUnfit        the caller: what sites answered does not give this statistic
    └── WorkerFailed          the world: a process died, or was silent too long
        └── ArithmeticUnsound     this machine adds what must be exact inexactly

`code` is the same string as in the application that hosts this library, so that it can rebuild
its own exception from it. Messages are one line, lower case, user input in backticks; never a
value of a row, never a secret.
"""

from __future__ import annotations

from typing import ClassVar, Final


class FederatedError(Exception):
    """Root of the tree.

    Attributes:
        code: stable, upper snake case.
        reason: one line for people.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ManifestInvalid(FederatedError):
    """The manifest cannot be read, or its parts do not fit together.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the member at fault; empty for the whole.
    """

    code = "MALFORMED_MESSAGE"

    def __init__(self, pointer: str, fault: str) -> None:
        super().__init__(f"manifest {pointer or '/'}: {fault}")
        self.pointer = pointer
        self.fault = fault


class StepIllegal(FederatedError):
    """The job's state does not allow the step."""

    code = "JOB_REFUSED"


class RoundRefused(FederatedError):
    """The round's message is not one that this site may answer."""

    code = "ROUND_REFUSED"


class TooFewSites(FederatedError):
    """Fewer sites answered a round than the manifest's quorum."""

    code = "TOO_FEW_SITES"


class PrivacyFault(FederatedError):
    """Spending that cannot be accounted for."""

    code = "JOB_REFUSED"


class EventUnknown(PrivacyFault):
    """The mechanism's cost is not known, hence not finite."""


class CalibrationImpossible(PrivacyFault):
    """No noise multiplier within bounds reaches the target."""


class DataFault(FederatedError):
    """The data do not fit the manifest."""

    code = "DATA_FAULT"


class DataFileMissing(DataFault):
    """The data file is not there."""

    code = "DATA_FILE_MISSING"


class DataFileUnreadable(DataFault):
    """The data file cannot be read as what it was published as."""

    code = "DATA_FILE_UNREADABLE"


class DataFileChanged(DataFault):
    """The data file is no longer the one that was published."""

    code = "DATA_FILE_CHANGED"


class ColumnMissing(DataFault):
    """The data have no such column, or not of the kind that the manifest states."""

    code = "COLUMN_MISSING"


class StatisticUnfit(FederatedError):
    """What the sites answered does not give the statistic that was asked for."""

    code = "STATISTIC_UNFIT"


class WorkerFailed(FederatedError):
    """A worker process died, did not start, or did not answer in time."""

    code = "WORKER_FAILED"


class ArithmeticUnsound(WorkerFailed):
    """A sum of persons depended on more than each person's own rows, on made-up persons."""

    code = "ARITHMETIC_UNSOUND"


def _tree(root: type[FederatedError]) -> list[type[FederatedError]]:
    return [root, *(cls for child in root.__subclasses__() for cls in _tree(child))]


# The first class of a code stands for it; subclasses that share it are told apart by their reason.
BY_CODE: Final[dict[str, type[FederatedError]]] = {
    cls.code: cls for cls in reversed(_tree(FederatedError))
}
