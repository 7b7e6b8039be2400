"""Every failure that the node can answer with, whose fault it is, and its stable code.

    PreauError
    ├── PeerFault      the caller or peer sent something wrong, or may not ask
    │   ├── Untrusted      we do not know, or no longer believe, who it is
    │   ├── Malformed      what arrived cannot be read, or was altered
    │   └── Unlawful       understood, but the protocol or the contract forbids it
    ├── DataFault      the operator's own input or data file is wrong
    └── WorldFault     something outside (network, peer down, disk) failed

A refusal that is part of a decision is a value (`Refusal` in `connector/domain/decision.py`); an
exception of this tree is how a port or service stops. `code` is stable: programs and the manual
refer to it. Messages are one line, lower case, user input in backticks, no personal data, no
secret. `hint` says what a person can do. The first line of a docstring says what the code means and
the paragraph after it what to do about it, also for what is below; the manual lists both. Codes map
to gRPC status and HTTP status in one table (`codes.py`).
"""

from connector.errors.codes import *  # noqa: F403 - the tree in files of its families, known here
from connector.errors.data import *  # noqa: F403 - same
from connector.errors.peer import *  # noqa: F403 - same
from connector.errors.root import *  # noqa: F403 - same
from connector.errors.unlawful import *  # noqa: F403 - same
from connector.errors.world import *  # noqa: F403 - same
