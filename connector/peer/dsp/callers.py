"""Who calls over HTTPS, and how this node shows who it is: a port of the binding.

The protocol leaves tokens to profiles (DSP 2025-1, HTTPS Binding, Authorization). The product has
one: the Decentralized Claims Protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from connector.domain.participant import Participant
from connector.services.credentials.authenticating import Judged


@dataclass(frozen=True, slots=True)
class Connection:
    """What a request shows of its caller beside the header `Authorization`.

    Attributes:
        origin: by what its connection is counted, see `peer/connections/crowd.py`.
        certificate: that the caller showed, PEM; empty where none is known (`peer/web/shown.py`).
    """

    origin: str
    certificate: str = ""


class Callers(Protocol):
    """Judges callers, and makes the header by which this node is judged."""

    def judge(self, authorization: str, connection: Connection) -> Judged:
        """Return who calls, as it is known now.

        Args:
            authorization: the header; empty where there is none.
            connection: by which it came.

        Raises:
            Untrusted: it is not believed; the class says why.
            PreauError: it cannot be judged now.
        """
        ...

    def header(self, address: str, peer: Participant) -> str:
        """Return the value of `Authorization` for one request.

        Args:
            address: that is asked.
            peer: who is to believe it.

        Raises:
            PreauError: none can be made.
        """
        ...
