"""Scopes: which credentials a verifier asks for, and which an access token lets it have.

Rules (DCP 1.0 section 5.4.1.2): a scope is `alias:discriminator`; the aliases of the specification
are always known, a space may name more. A trailing `:read`, which many write, says nothing more,
because credentials are only ever read. A token bounds the query: what it does not grant is refused,
whether or not such a credential is held, and a credential leaves only when a scope that was asked
and a scope that was granted both name it, whichever aliases they use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from connector.errors import CredentialInvalid, ScopeForbidden
from connector.identity.credential import Credential
from connector.identity.dcp.credential import Held
from federated.reading import Member

MAX_CHARS: Final = 512
MOST: Final = 64
_READ: Final = ":read"


class Naming(StrEnum):
    """By what a scope names credentials."""

    TYPE = "type"
    ID = "id"


# Sections 5.4.1.2.1 and 5.4.1.2.2.
ALIASES: Final[Mapping[str, Naming]] = MappingProxyType(
    {
        "org.eclipse.dspace.dcp.vc.type": Naming.TYPE,
        "org.eclipse.dspace.dcp.vc.id": Naming.ID,
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one scope names.

    Attributes:
        naming: by type or by id.
        value: the type, or the id.
    """

    naming: Naming
    value: str

    def names(self, credential: Credential) -> bool:
        """Return whether it names a credential; types are compared whole."""
        if self.naming is Naming.ID:
            return credential.id == self.value
        return self.value in credential.types


def read(member: Member, aliases: Mapping[str, Naming] = ALIASES) -> Scope:
    """Read a scope.

    Args:
        member: the text.
        aliases: those that are known here.

    Raises:
        PreauError: the reader's refusal: not a scope, or of an unknown alias.
    """
    text = member.text(most=MAX_CHARS)
    alias, _, discriminator = text.removesuffix(_READ).partition(":")
    if alias not in aliases:
        member.refuse(f"must begin with {' or '.join(f'`{each}:`' for each in aliases)}")
    if not discriminator or any(map(str.isspace, text)):
        member.refuse("names no type or id after its alias")
    return Scope(aliases[alias], discriminator)


def check_granted(asked: Iterable[Scope], granted: Iterable[Scope]) -> None:
    """Check that an access token grants each scope that is asked; of none, none is.

    Raises:
        ScopeForbidden: it does not grant one.
    """
    within = frozenset(granted)
    for scope in asked:
        if scope not in within:
            raise ScopeForbidden(
                f"the access token does not grant credentials of {scope.naming} `{scope.value}`",
                hint="ask within the scopes that its holder granted",
            )


def check_answered(asked: Iterable[Scope], presented: Sequence[Held]) -> None:
    """Check that what was presented answers each scope that was asked; more may be presented.

    Raises:
        CredentialInvalid: no credential answers one.
    """
    for scope in asked:
        if not any(scope.names(each.credential) for each in presented):
            raise CredentialInvalid(
                f"no credential of {scope.naming} `{scope.value}` was presented",
                hint="ask the holder to grant this scope, and whether it has such a credential "
                "that is valid",
            )


def answering(
    held: Sequence[Held], asked: Sequence[Scope], granted: Sequence[Scope]
) -> tuple[Held, ...]:
    """Return the credentials that may leave, each once, in the order held.

    Args:
        held: what the holder has; each is valid now (section 5.4.2), as the caller has checked.
        asked: scopes of the query.
        granted: scopes of the access token.
    """
    return tuple(
        each
        for each in held
        if all(any(scope.names(each.credential) for scope in scopes) for scopes in (asked, granted))
    )
