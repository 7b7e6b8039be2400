"""One request of somebody's browser, as a page sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.console.parts import ticked
from connector.console.sessions import Session
from connector.services.access.desk import Desk
from connector.services.health.watching import Watch
from connector.services.membership import peers


@dataclass(frozen=True, slots=True)
class Visit:
    """A request.

    Attributes:
        desk: what its account may do; None before login.
        session: of it; None before login.
        language: in which it is answered.
        path: below the console's root.
        query: of its address.
        form: what it brings; empty where it is no form.
        files: that it brings.
        node_name: of the institution.
        contact: to which one turns who cannot reach a part of the console; may be empty.
        provided: whether the institution's provider logs persons in as well.
        told: what the composition root tells of the node; None where nobody does.
        posted: whether a form brought it.
        rows: of a page of a list.
    """

    desk: Desk | None
    session: Session | None
    language: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)
    node_name: str = ""
    contact: str = ""
    told: Watch | None = None
    posted: bool = False
    rows: int = 50
    provided: bool = False
    _names: dict[str, str] = field(default_factory=dict)

    @property
    def served(self) -> Desk:
        """The desk, of a page that only who is logged in gets."""
        if self.desk is None:
            raise RuntimeError("a page for who is logged in was asked by somebody who is not")
        return self.desk

    @property
    def watch(self) -> Watch:
        """What tells of the node."""
        if self.told is None:
            raise RuntimeError("the console was made without what tells of the node")
        return self.told

    @property
    def place(self) -> dict[str, Any]:
        """Which page of a list is asked for, as services take it."""
        return {"after": self.asked("after"), "limit": self.rows}

    @property
    def kept(self) -> dict[str, str]:
        """What its address asks for, whichever page of a list, as whichever file."""
        left = ("after", "as", "table")
        return {name: value for name, value in self.query.items() if name not in left}

    def named(self, did: str) -> str:
        """Return the name of a participant; empty where it is not known."""
        if self.desk is not None and did not in self._names:
            self._names[did] = self.desk.do(peers.name, did)
        return self._names.get(did, "")

    def asked(self, name: str) -> str:
        """Return a value of the address; empty where it has none."""
        return self.query.get(name, "")

    def ticked(self, name: str) -> list[str]:
        """Return the values whose boxes were ticked in a field of kind `several`."""
        return ticked(self.form, name)

    def given(self, name: str) -> str:
        """Return a value of the form; empty where it has none."""
        return self.form.get(name, "")
