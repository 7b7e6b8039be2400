"""Routes: has the node gone back to an older state, what does it owe, and the confirmation."""

from functools import partial
from typing import Final

from fastapi import APIRouter

from connector.management.here import Here
from connector.management.render import recovery as render
from connector.management.views.recovery import Confirmation, ConfirmedView, RecoveryView
from connector.services.continuity import confirmation
from connector.services.readable import Readable

router: Final = APIRouter(tags=["recovery"])


@router.get("/recovery")
def recovery(here: Here) -> RecoveryView:
    """Say whether the node went back, and what confirming would charge."""
    shown = Readable()
    plan = shown.part(partial(confirmation.plan, here.ports), confirmation.Plan((), None, ()))
    epochs = shown.parts(partial(confirmation.epochs, here.ports))
    return render.recovery(plan, epochs, shown.fault)


@router.post("/recovery")
def confirm(here: Here, how: Confirmation) -> ConfirmedView:
    """Charge what is owed, go on in a new epoch, and say what was charged."""
    return render.confirmed(confirmation.confirm(here.ports, in_full=how.charge_in_full))
