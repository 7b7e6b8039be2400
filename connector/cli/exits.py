"""The exit codes of `preau`, in one table.

Rule: scripts may rely on these numbers; `preau --help` prints the table and the manual is generated
from it.
"""

from __future__ import annotations

from enum import IntEnum

from connector.errors import NodeUnreachable, PreauError


class Exit(IntEnum):
    """Exit codes."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NO_NODE = 3
    UNPROVEN = 4
    INVALID = 5
    TO_MEND = 6
    NOT_YET = 7


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.REFUSED: "refused or failed; the code and the reason are on standard error",
    Exit.USAGE: "the command was not understood",
    Exit.NO_NODE: "no node is running in that home",
    Exit.UNPROVEN: "`audit verify`: nothing fails, but not all of it is proven",
    Exit.INVALID: "`audit verify` and `audit card`: something does not verify; "
    "`policy check` and `policy lint`: a policy has errors; `job check`: the job is refused",
    Exit.TO_MEND: "`doctor`: something has to be fixed",
    Exit.NOT_YET: "`--wait`, `--watch` or a wait ended before what was waited for did",
}


def exit_of(error: PreauError) -> Exit:
    """Return the exit code of an error."""
    return Exit.NO_NODE if isinstance(error, NodeUnreachable) else Exit.REFUSED


def epilog() -> str:
    """Return the table as text for `preau --help`."""
    rows = [f"{code.value}  {meaning.replace('`', '')}" for code, meaning in MEANINGS.items()]
    return "Exit codes:\n\n" + "\n\n".join(rows)
