"""Routes: transfers of prepared data, and the data itself on its way to the operator."""

import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from connector.domain.transfer.transfer import Transfer
from connector.errors import PreauError
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.views.contracts.transfers import (
    AccessView,
    Received,
    TransferRequest,
    TransferView,
    TransferWish,
)
from connector.management.views.contracts.uses import ContentView
from connector.management.views.view import DamagedView
from connector.services.transfer import acts, consumer_side
from connector.services.transfer.acts import Wish

router: Final = APIRouter(tags=["transfers"])
Id = Annotated[str, Query(alias="id", description="our id of the transfer")]

_log = logging.getLogger(__name__)


@router.get("/transfers")
def transfers(here: Here, paged: Paged) -> list[TransferView | DamagedView]:
    """List the transfers, as provider and as consumer, oldest first."""
    page = acts.transfers(here.ports, after=paged.after, limit=paged.limit)
    return paged.rows(page, _view)


@router.post("/transfers")
def ask(here: Here, wanted: TransferRequest) -> TransferView:
    """Ask for an extract that the provider has prepared; one that is under way is shown."""
    return _view(consumer_side.request(here.ports, wanted.agreement, wanted.extract))


@router.get("/transfer")
def transfer(here: Here, identifier: Id) -> TransferView:
    """Show a transfer."""
    return _view(acts.transfer(here.ports, identifier))


@router.post("/transfer")
def give(here: Here, identifier: Id, what: TransferWish) -> TransferView:
    """Suspend, resume or end a transfer, and tell the peer why."""
    return _view(acts.give(here.ports, identifier, Wish(what.act), what.reason))


@router.get("/transfer/content", response_class=StreamingResponse)
def content(
    here: Here,
    identifier: Id,
    offset: Annotated[int, Query(ge=0, description="bytes that are here already")] = 0,
) -> StreamingResponse:
    """Fetch the bytes from an offset on, as the provider sends them.

    A body that ends early broke off: ask again from where it ended, and the answer says why.
    """
    found, chunks = consumer_side.content(here.ports, identifier, offset)
    return StreamingResponse(_flowing(found, chunks), media_type="application/octet-stream")


@router.post("/transfer/received")
def received(here: Here, identifier: Id, what: Received) -> TransferView:
    """Say that all has been written: the node signs a receipt and gives it to the provider."""
    return _view(consumer_side.received(here.ports, identifier, what.digest, what.bytes))


@router.post("/transfer/access")
def access(
    here: Here,
    identifier: Id,
    flight: Annotated[bool, Query(description="whether over Arrow Flight, too")] = False,  # noqa: FBT002 - of a query
) -> AccessView:
    """Ask the provider how any client may pull the same bytes over HTTPS."""
    found, authorities = consumer_side.access(here.ports, identifier, flight=flight)
    return AccessView(
        url=found.url,
        token=found.token,
        seconds=found.seconds,
        flight=found.flight,
        flight_roots="".join(authorities) if found.flight else "",
    )


def _flowing(transfer: Transfer, chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except PreauError as exc:
        _log.info("transfer `%s` broke off: %s", transfer.pid, exc.code)
    finally:
        chunks.close()  # type: ignore[attr-defined] # the wire's iterators have it


def _view(value: Transfer) -> TransferView:
    return TransferView(
        id=value.pid,
        role=value.role.value,
        peer=value.peer,
        peer_pid=value.peer_pid,
        agreement=value.agreement_id,
        extract=value.extract_id,
        state=value.state.value,
        held_by=value.held_by.value if value.held_by else "",
        code=value.code,
        reasons=list(value.reasons),
        content=ContentView(**asdict(value.content)) if value.content else None,
        passed=value.passed,
        receipt=value.receipt,
        peer_receipt=value.peer_receipt,
        created_at=value.created_at,
        updated_at=value.updated_at,
    )
