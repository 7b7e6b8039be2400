"""Routes: persons whose rows are not used."""

from typing import Final

from fastapi import APIRouter

from connector.management.here import Here
from connector.management.views.publishing.budgets import Objection, SuppressionView
from connector.services.privacy import suppression
from connector.services.privacy.suppression import Listed

router: Final = APIRouter(tags=["persons"])


@router.get("/persons/suppressed")
def lists(here: Here) -> list[SuppressionView]:
    """Say of each register with a list how many persons are on it."""
    return [_view(each) for each in suppression.lists(here.ports).values]


@router.post("/persons/suppress")
def suppress(here: Here, what: Objection) -> SuppressionView:
    """Use no row of some persons from the next step on."""
    return _view(suppression.suppress(here.ports, what.register_id, what.persons, anew=what.anew))


@router.post("/persons/restore")
def restore(here: Here, what: Objection) -> SuppressionView:
    """Use the rows of some persons again, from the next step on."""
    return _view(suppression.restore(here.ports, what.register_id, what.persons))


def _view(value: Listed) -> SuppressionView:
    return SuppressionView(register_id=value.register_id, persons=value.persons, known=value.known)
