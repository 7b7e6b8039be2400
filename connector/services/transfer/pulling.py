"""HTTP pull, as its provider decides it: who may ask for which extract, and by which token.

Rules: a token is given over the authenticated peer call, to the consumer of a transfer that flows;
whoever shows it is judged as that consumer is, by `provider_side.judge`, before and while it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.domain.federation import identifier
from connector.domain.participant import Participant
from connector.domain.transfer.extract import Extract
from connector.domain.transfer.transfer import Transfer
from connector.errors import NotFound, TokenMismatch
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity import pull_token
from connector.identity.pull_token import Grant
from connector.ports import Ports
from connector.protocol.transfer_messages import TransferAccess, TransferAccessMessage
from connector.services.lookup import require
from connector.services.transfer import provider_side

PATH: Final = "/data/"
_SCHEME: Final = "urn:uuid:"


def receive_access(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tell the consumer of a transfer where to pull it, and by which token.

    Raises:
        NotFound: no such transfer with this peer.
        PreauError: no data may flow now; the class says why.
    """
    message = TransferAccessMessage.from_body(body)
    transfer, extract = provider_side.judge(ports, message.provider_pid, caller.did)
    with ports.store.read() as tx:
        agreement = require(
            tx.agreements.get(transfer.agreement_id), "agreement", transfer.agreement_id
        )
    own, now = ports.settings.did, ports.clock.now()
    grant = Grant(caller.did, transfer.pid, extract.id, agreement.id, agreement.dataset_id)
    return TransferAccess(
        url=dids.origin(own) + PATH + extract.id.removeprefix(_SCHEME),
        token=pull_token.make(ports.signer, own, grant, now),
        seconds=int(pull_token.LIFE.total_seconds()),
    ).to_body()


def admitted(ports: Ports, name: str, token: str) -> tuple[Transfer, Extract]:
    """Return what a request may pull at this moment.

    Args:
        ports: of this node.
        name: of the extract, as in the address.
        token: bearer token.

    Raises:
        NotFound: the address names no extract.
        TokenInvalid: this node did not make the token, or it has expired.
        TokenMismatch: it was made for another extract.
        PreauError: no data may flow now; the class says why.
    """
    extract_id = _SCHEME + name
    if identifier.uuid_in(extract_id) is None:
        raise NotFound("no such extract")
    own = documents.read(ports.own_document(), ports.settings.did)
    grant = pull_token.check(token, own, extract_id, ports.clock.now())
    transfer, extract = provider_side.judge(ports, grant.transfer, grant.consumer)
    if (extract.id, transfer.agreement_id) != (grant.extract, grant.agreement):
        raise TokenMismatch("the token was made for another transfer")
    return transfer, extract
