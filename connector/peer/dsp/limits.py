"""How many transfers one peer may have open with this node as their provider.

That of negotiations is `services/negotiation/steps.py`'s, for both bindings.
"""

from __future__ import annotations

from typing import Final

from connector.domain.contract.negotiation import Role
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import ENDED, TransferState
from connector.errors import QuotaReached
from connector.ports import Ports

_GOING: Final = tuple(state for state in TransferState if state not in ENDED)
_WAIT_SECONDS: Final = 600.0  # until it is worth to ask again whether one has ended


def check_open(ports: Ports, caller: Participant, consumer_pid: str) -> None:
    """Check that a peer may open one more transfer; one that it opened before is no more.

    Raises:
        QuotaReached: as many as may be have not ended.
    """
    most = ports.settings.max_transfers_per_peer
    ours = {"peer": caller.did, "role": Role.PROVIDER}
    with ports.store.read() as tx:
        if tx.transfers.count(**ours, peer_pid=consumer_pid):
            return
        going = sum(tx.transfers.count(**ours, state=state) for state in _GOING)
    if going >= most:
        raise QuotaReached(
            f"{most} transfers of this participant have not ended",
            hint="end some of them",
            retry_after=_WAIT_SECONDS,
        )
