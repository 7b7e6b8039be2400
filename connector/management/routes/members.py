"""Routes: members of a space; only an authority's node answers them."""

from typing import Final

from fastapi import APIRouter

from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.render import records as render
from connector.management.views.members import Admission, MemberView, Revocation
from connector.management.views.view import DamagedView
from connector.services.membership import authority

router: Final = APIRouter(tags=["authority"])


@router.get("/members")
def members(here: Here, paged: Paged) -> list[MemberView | DamagedView]:
    """List the members, revoked ones too, oldest first."""
    page = authority.members(here.ports, after=paged.after, limit=paged.limit)
    return paged.rows(page, render.member)


@router.post("/members")
def admit(here: Here, who: Admission) -> MemberView:
    """Admit a member, or renew its membership."""
    admitted = authority.admit(here.ports, who.did, name=who.name, role=who.role, days=who.days)
    return render.member(admitted)


@router.post("/members/anew")
def readmit(here: Here, who: Revocation) -> MemberView:
    """Revoke a membership and admit the member anew, under the keys that it serves now."""
    return render.member(authority.readmit(here.ports, who.did, who.reason))


@router.post("/revocations")
def revoke(here: Here, who: Revocation) -> MemberView:
    """Revoke a membership."""
    return render.member(authority.revoke(here.ports, who.did, who.reason))
