"""What failed outside: network, peer, disk, process."""

from __future__ import annotations

from connector.errors.root import PreauError


class WorldFault(PreauError):
    """Something outside failed.

    Try again later.
    """

    code = "WORLD_FAULT"


class PeerUnreachable(WorldFault):
    """The peer did not answer in time.

    See that the other node runs and is reachable; what waits for it is sent again.
    """

    code = "PEER_UNREACHABLE"


class NodeUnreachable(WorldFault):
    """The command found no running node.

    Start the node (`preau serve`), or name its home.
    """

    code = "NODE_UNREACHABLE"


class StoreUnavailable(WorldFault):
    """The database did not answer, or is locked."""

    code = "STORE_UNAVAILABLE"


class RowDamaged(WorldFault):
    """A row of this node's own database holds what cannot be read."""

    code = "ROW_DAMAGED"


class LogBroken(WorldFault):
    """This node's own audit log is not the one that it wrote.

    The node's operator finds out who changed it, and restores a backup.
    """

    code = "LOG_BROKEN"


class LoginUnavailable(WorldFault):
    """The institution's provider of logins does not answer, or not as OpenID Connect says.

    Log in later, or with an account of the node; `preau doctor` says what is wrong.
    """

    code = "LOGIN_UNAVAILABLE"


class KeyUnusable(WorldFault):
    """A key file is missing, has unsafe rights or cannot be read."""

    code = "KEY_UNUSABLE"


class WorkerFailed(WorldFault):
    """A worker process died, or did not answer in time."""

    code = "WORKER_FAILED"


class ArithmeticUnsound(WorkerFailed):
    """This machine failed the worker's test of exact sums; no row was read."""

    code = "ARITHMETIC_UNSOUND"


class RoundMissed(WorldFault):
    """A site could not answer a round of a job; it takes part in the next one."""

    code = "ROUND_MISSED"


class DeadlinePassed(WorldFault):
    """A job did not end before its manifest's deadline.

    Submit the job with a later deadline.
    """

    code = "DEADLINE_PASSED"
