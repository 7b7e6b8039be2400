"""What can go wrong in this library, and its stable code.

    OdrlError
    ├── Unreadable         what was given is not a policy that this library understands
    │   ├── IllFormed          the Recommendation's information model is broken
    │   ├── UnknownTerm        a term that neither ODRL 2.2 nor a declared profile defines
    │   ├── UnknownProfile     a profile that is not known here: a reader must stop (IM, Profiles)
    │   └── LimitExceeded      too many rules or conditions, or nested too deep
    └── NotWritable        the policy holds something that has no wire form

A denial is a value (`Decision`), never an exception of this tree.
"""

from __future__ import annotations

from typing import ClassVar


class OdrlError(Exception):
    """Root of the tree.

    Attributes:
        code: stable, upper snake case.
        reason: one line for people.
        node: identifier of the node at fault (IRI, blank node label or path); may be empty.
    """

    code: ClassVar[str] = "ODRL_ERROR"

    def __init__(self, reason: str, *, node: str = "") -> None:
        super().__init__(f"{reason} (node `{node}`)" if node else reason)
        self.reason = reason
        self.node = node


class Unreadable(OdrlError):
    """The input is not a policy that this library understands."""

    code = "ODRL_UNREADABLE"


class IllFormed(Unreadable):
    """The information model is broken: something is missing, doubled or of the wrong kind."""

    code = "ODRL_ILL_FORMED"


class UnknownTerm(Unreadable):
    """A term that neither ODRL 2.2 nor a declared profile defines."""

    code = "ODRL_UNKNOWN_TERM"


class UnknownProfile(Unreadable):
    """A profile that this library does not know."""

    code = "ODRL_UNKNOWN_PROFILE"


class LimitExceeded(Unreadable):
    """The policy is larger or deeper than this library reads."""

    code = "ODRL_LIMIT_EXCEEDED"


class NotWritable(OdrlError):
    """The policy holds something that has no wire form."""

    code = "ODRL_NOT_WRITABLE"
