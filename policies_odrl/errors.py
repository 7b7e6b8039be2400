"""What can go wrong in this library, and its stable code.

    OdrlError
    ├── Unreadable         what was given is not a policy that this library understands
    │   ├── IllFormed          the Recommendation's information model is broken
    │   ├── NotUnderstood      a sentence that the controlled language does not have
    │   └── LimitExceeded      too many rules or conditions, or nested too deep
    ├── Unresolvable       what a policy inherits cannot be made out (IM 2.9)
    ├── NotWritable        the policy holds something that has no wire form
    └── TemplateRefused    a value that a contract template does not take

A denial is a value (`Decision`), never an exception of this tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from policies_odrl.vocabulary import loaded


def sentences() -> Mapping[str, str]:
    """Return what is raised in English -> the same in French, slots in braces."""
    return loaded("errors.json")


class OdrlError(Exception):
    """Root of the tree.

    The template is one line for people, with slots in braces if any are filled; the French one is
    by default that of `errors.json`. The node at fault is an IRI, a blank node label or a path.
    """

    code: ClassVar[str] = "ODRL_ERROR"  # stable: the name of the class in upper snake case

    def __init_subclass__(cls) -> None:
        cls.code = "ODRL" + re.sub("[A-Z]", r"_\g<0>", cls.__name__).upper()

    def __init__(
        self, template: str, /, *, node: str = "", french: str = "", **slots: str | int
    ) -> None:
        french = french or sentences().get(template, template)
        self.reason = template.format(**slots) if slots else template
        self.french = french.format(**slots) if slots else french
        self.node = node
        super().__init__(f"{self.reason} (node `{node}`)" if node else self.reason)

    def in_(self, lang: str) -> str:
        """Return what went wrong, and where, in a language, `fr` or `en`."""
        if lang != "fr":
            return str(self)
        return f"{self.french} (nœud `{self.node}`)" if self.node else self.french


class Unreadable(OdrlError):
    """The input is not a policy that this library understands."""


class IllFormed(Unreadable):
    """The information model is broken: something is missing, doubled or of the wrong kind."""


class NotUnderstood(Unreadable):
    """A sentence that the controlled language of `explain.py` does not have."""


class LimitExceeded(Unreadable):
    """The policy is larger or deeper than this library reads."""


class Unresolvable(OdrlError):
    """What a policy inherits cannot be made out; the reason says of which parent, and why."""


class NotWritable(OdrlError):
    """The policy holds something that has no wire form."""


class TemplateRefused(OdrlError):
    """A value that a contract template does not take, or a template that does not exist."""

    def __init__(self, template: str, /, *, field: str = "", french: str = "") -> None:
        super().__init__(template, french=french)
        self.field = field  # name of the parameter at fault; empty when it is the template
