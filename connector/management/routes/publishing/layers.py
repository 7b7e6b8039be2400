"""Routes: templates of the authority, and this participant's charter."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.domain.layer import KeptLayer
from connector.identity import layer as documents
from connector.management.here import Here
from connector.management.render.publishing import offers as render
from connector.management.views.publishing.layers import LayersView, LayerView, NewLayer
from connector.management.views.view import Withdrawal
from connector.services.layers import force, keeping
from connector.services.readable import Readable

router: Final = APIRouter(tags=["layers"])
Id = Annotated[str, Query(alias="id", description="id of the template or charter")]


@router.get("/layers")
def layers(here: Here) -> LayersView:
    """List what this node published or fetched, and which of it is in force for its offers."""
    found = force.listed(here.ports)
    return LayersView(
        layers=[_view(each, in_force=each.digest in found.in_force) for each in found.layers],
        fault=found.fault,
    )


@router.post("/layers")
def publish(here: Here, what: NewLayer) -> LayerView:
    """Publish a template of the space, on an authority, or else this participant's charter."""
    made = keeping.publish(here.ports, what.policy, personal=what.personal)
    return _view(made, in_force=True)


@router.post("/layer/withdraw")
def withdraw(here: Here, identifier: Id, why: Withdrawal) -> LayerView:
    """Hold a template or the charter in force no longer; contracts keep their terms."""
    return _view(keeping.withdraw(here.ports, identifier, why.reason), in_force=False)


def _view(value: KeptLayer, *, in_force: bool) -> LayerView:
    shown = Readable()
    read = shown.part(partial(documents.read, value.document), None)
    return LayerView(
        layer=value.kind.value,
        id=value.id,
        version=value.version,
        digest=value.digest,
        issuer=value.issuer,
        published=value.published_at,
        personal=read.personal if read else False,
        in_force=in_force,
        policy=dict(read.policy) if read else {},
        sentences=render.sentences(read.policy) if read else {},
        fault=shown.fault,
    )
