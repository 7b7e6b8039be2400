"""The switches of an evaluation, each a named reading of what public texts leave open."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """Which public reading holds where they disagree.

    `W3C` (default): a duty must be fulfilled before the use unless it states a later deadline, and
    a collection that is refined has the members of its `source` (W3C draft on formal semantics;
    IM 2.5.5). `SUITE`: only a violated duty blocks, and members are those of the collection's own
    IRI (public ODRL test suite).
    """

    W3C = "w3c"
    SUITE = "suite"


class Behaviour(Enum):
    """What holds where no rule says anything (W3C draft, Behaviour; `CLOSED` is the default).

    `OPEN` is unsafe where data has to be protected: what nobody thought of is then granted.
    """

    CLOSED = "closed"
    OPEN = "open"
