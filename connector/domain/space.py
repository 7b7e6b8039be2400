"""A data space as this node belongs to it: whom it believes there, and what it asks and states.

Rules: spaces share nothing but the node. A credential of one space proves nothing in another, so
that an issuer that two spaces trust is trusted in each for that space's members only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import ConfigurationInvalid

# DCP 1.0, section 5.4.1.2.1: a credential by its type.
MEMBERSHIP_SCOPE: Final = "org.eclipse.dspace.dcp.vc.type:MembershipCredential"

OPTIONS: Final = ("id", "trusted_issuers", "scopes", "charter")  # of a table `[spaces.NAME]`
_LISTS: Final = frozenset(("trusted_issuers", "scopes"))
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


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


def read(raw: Any) -> tuple[Space, ...]:
    """Return the spaces of the tables `[spaces.NAME]`, in their order.

    Raises:
        ConfigurationInvalid: one is not stated as it must be.
    """
    if not isinstance(raw, dict) or not all(isinstance(each, dict) for each in raw.values()):
        raise ConfigurationInvalid("setting `spaces` must hold tables `[spaces.NAME]`")
    return tuple(_read(name, options) for name, options in raw.items())


def check(spaces: Sequence[Space], *, participant: bool) -> None:
    """Check that the spaces of a node go together.

    Raises:
        ConfigurationInvalid: they do not.
    """
    first, *further = spaces
    if further and not participant:
        raise ConfigurationInvalid("an authority is in its own space only", hint="remove `spaces`")
    if further and not first.id:
        raise ConfigurationInvalid(
            "setting `space` must state the first space before `spaces` states others"
        )
    if len({each.id for each in spaces}) < len(spaces):
        raise ConfigurationInvalid("setting `spaces` must state each space once, by its `id`")
    for space in spaces:
        if not space.scopes or any(" " in each or ":" not in each for each in space.scopes):
            raise ConfigurationInvalid("setting `scopes` must list `ALIAS:VALUE`, one at least")


def _read(name: str, options: dict[str, Any]) -> Space:
    if set(options) - set(OPTIONS) or not options.get("id") or not _NAME.fullmatch(name):
        raise ConfigurationInvalid(
            f"setting `spaces.{name}` must have an `id`, and of the rest only `trusted_issuers`,"
            " `scopes` and `charter`, and a name in small letters"
        )
    stated: dict[str, Any] = {"trusted_issuers": [options["id"]], **options}
    for option, value in stated.items():
        if not _is_text(value if option in _LISTS else [value]):
            kind = "a list of texts" if option in _LISTS else "text"
            raise ConfigurationInvalid(f"setting `spaces.{name}.{option}` must be {kind}")
    stated |= {option: tuple(stated[option]) for option in _LISTS & set(stated)}
    return Space(name=name, **stated)


def _is_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
