"""What a node does to uphold an agreement, as data that both parties sign.

A plan knows nothing of policies; the mechanisms that execute its steps know nothing of agreements.
Rules: every constraint of the agreement has exactly one line in the coverage table, and none is
left out (`coverage.py`). A plan is compiled once, stands in the agreement, and is executed as it
stands there; it is never compiled anew. A step of an unknown kind or version is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from connector.domain import instant
from connector.jsonld.canonical import canonical, sha256_hex
from federated.reading import Member

VERSION: Final = 1
_MOST_USES: Final = 16
_MOST_STEPS: Final = 32
_MOST_VERSIONS: Final = 1000


class Label(StrEnum):
    """Who upholds a constraint, and when."""

    CHECKED = "checked"  # at each request, before anything happens
    ENFORCED = "enforced"  # by a step of the plan
    AUDITED = "audited"  # afterwards, from the audit log; the weakest, hence last


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """One row of the table that both parties see before they sign.

    Attributes:
        path: JSON pointer into the policy.
        constraint: the constraint in one line.
        label: see `Label`.
        by: what upholds it.
    """

    path: str
    constraint: str
    label: Label
    by: str

    def as_json(self) -> dict[str, str]:
        """Return the line as it stands in the agreement document."""
        return {
            "path": self.path,
            "constraint": self.constraint,
            "label": self.label.value,
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an executor does, as it is signed; its typed form is in `steps/`.

    Attributes:
        kind: what is done.
        version: of the members that say how.
        body: those members, JSON values.
    """

    kind: str
    version: int
    body: Mapping[str, Any] = field(hash=False)

    def as_json(self) -> dict[str, Any]:
        """Return the step as it stands in a plan."""
        return {"kind": self.kind, "version": self.version, **self.body}


@dataclass(frozen=True, slots=True)
class Use:
    """What one permission of the agreement lets a consumer ask for, and how it is done.

    Attributes:
        action: IRI of the action that is permitted.
        mechanism: name of the mechanism that carries it out.
        steps: in the order in which they are executed.
    """

    action: str
    mechanism: str
    steps: tuple[Step, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the steps do to rows, whoever the consumer is.

        The scope of pseudonyms names the consumer, and who reviews a file alters nothing in it.
        """
        stated = [
            {name: value for name, value in each.as_json().items() if name != "scope"}
            for each in self.steps
            if each.kind != "review"
        ]
        return sha256_hex(canonical(stated))


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one agreement.

    Attributes:
        valid_until: end of the contract, UTC, whole seconds; None without an end.
        uses: one for each permission, in the policy's order; none where another's node, which
            states no plan, does all that is executed.
    """

    valid_until: datetime | None
    uses: tuple[Use, ...]

    def use(self, mechanism: str) -> Use | None:
        """Return the first use that a mechanism carries out, or None."""
        return next((use for use in self.uses if use.mechanism == mechanism), None)

    def of(self, action: str) -> Use | None:
        """Return the use of an action, or None."""
        return next((use for use in self.uses if use.action == action), None)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it stands in the agreement document."""
        return {
            "version": VERSION,
            "validUntil": instant.text(self.valid_until) if self.valid_until else None,
            "uses": [
                {
                    "action": use.action,
                    "mechanism": use.mechanism,
                    "steps": [step.as_json() for step in use.steps],
                }
                for use in self.uses
            ],
        }


def read(member: Member) -> Plan:
    """Read a plan as it is signed; steps of any kind, `steps/registry.py` refuses unknown ones.

    Raises:
        Exception: it is none, as the document's reader refuses.
    """
    part = member.fields("version", "validUntil", "uses")
    part["version"].integer(least=VERSION, most=VERSION)
    end = part["validUntil"]
    return Plan(
        valid_until=None if end.value is None else end.instant(),
        uses=tuple(map(_use, part["uses"].items(most=_MOST_USES))),
    )


def _use(member: Member) -> Use:
    part = member.fields("action", "mechanism", "steps")
    return Use(
        action=part["action"].text(),
        mechanism=part["mechanism"].text(),
        steps=tuple(map(_step, part["steps"].items(least=1, most=_MOST_STEPS))),
    )


def _step(member: Member) -> Step:
    part = member.fields("kind", "version", others=True)
    body = {name: each for name, each in member.value.items() if name not in ("kind", "version")}
    return Step(part["kind"].text(), part["version"].integer(least=1, most=_MOST_VERSIONS), body)
