"""HTTP pull and Flight, as their provider decides them: who may ask, and by which token.

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
    own = ports.settings.did
    flight = ports.flight.offer() if message.flight and ports.flight is not None else ""
    now = ports.clock.now()  # once that process has started
    grant = Grant(caller.did, transfer.pid, extract.id, agreement.id, agreement.dataset_id)
    return TransferAccess(
        url=dids.origin(own) + PATH + extract.id.removeprefix(_SCHEME),
        token=pull_token.make(ports.signer, own, grant, now),
        seconds=int(pull_token.LIFE.total_seconds()),
        flight=flight,
    ).to_body()


def admitted(ports: Ports, name: str, token: str) -> tuple[Transfer, Extract]:
    """Return what a request over HTTPS may pull at this moment.

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
    grant = _granted(ports, token)
    if grant.extract != extract_id:
        raise TokenMismatch("the token was made for another extract")
    return _judged(ports, grant)


def shown(ports: Ports, token: str) -> tuple[Transfer, Extract]:
    """Return what a token alone opens at this moment, over Flight.

    Raises:
        TokenInvalid: this node did not make the token, or it has expired.
        PreauError: no data may flow now; the class says why.
    """
    return _judged(ports, _granted(ports, token))


def _granted(ports: Ports, token: str) -> Grant:
    own = documents.read(ports.own_document(), ports.settings.did)
    return pull_token.check(token, own, ports.clock.now())


def _judged(ports: Ports, grant: Grant) -> tuple[Transfer, Extract]:
    transfer, extract = provider_side.judge(ports, grant.transfer, grant.consumer)
    if (extract.id, transfer.agreement_id) != (grant.extract, grant.agreement):
        raise TokenMismatch("the token was made for another transfer")
    return transfer, extract
