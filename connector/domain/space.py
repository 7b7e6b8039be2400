"""A data space as this node belongs to it: whom it believes there, and what it asks and states.

Rules: spaces share nothing but the node. A credential of one space proves nothing in another, so
that an issuer that two spaces trust is trusted in each for that space's members only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# DCP 1.0, section 5.4.1.2.1: a credential by its type.
MEMBERSHIP_SCOPE: Final = "org.eclipse.dspace.dcp.vc.type:MembershipCredential"


@dataclass(frozen=True, slots=True)
class Space:
    """One space of this node.

    Attributes:
        id: IRI; the DID of its authority. Empty where the node is in no space yet.
        trusted_issuers: DIDs whose membership credentials are believed in this space.
        scopes: scopes of DCP by which a peer's credentials are asked for.
        charter: id of the charter of this node that bears on what it offers here; empty: the one
            that no space names.
        name: of its table in the settings; empty for the one that `space` states.
    """

    id: str
    trusted_issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = (MEMBERSHIP_SCOPE,)
    charter: str = ""
    name: str = ""

    def called(self, text: str) -> bool:
        """Return whether a person who says `text` means this space."""
        return bool(text) and text in (self.id, self.name)

    @property
    def memberships(self) -> tuple[str, ...]:
        """The spaces whose members its members are, as policies compare them: itself, or none."""
        return (self.id,) if self.id else ()
