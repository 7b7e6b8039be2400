"""Offers and agreements inside messages, read and written by functions that are given.

Rule: what a message states beside the terms (ids, target) is checked here; the terms are theirs.
An offer is the same inside a message as in a catalog, but for its target: the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from connector.errors import Malformed
from connector.protocol.dsp import members
from federated.reading import Member

CATALOG: Final = "catalog"  # kind of a policy without target
MESSAGE: Final = "message"  # kind of one with target
_RULES: Final = ("permission", "prohibition")
_MOST: Final = 10_000  # rules; the reader of policies is stricter


class Writer(Protocol):
    """Says a policy of ours in the protocol's form."""

    def __call__(self, policy: bytes, *, kind: str) -> dict[str, Any]:
        """Return JSON; raises PreauError where something cannot be said so."""
        ...


class Reader(Protocol):
    """Reads a policy in the protocol's form."""

    def __call__(self, body: Mapping[str, Any], *, kind: str, contexts: Sequence[str]) -> bytes:
        """Return canonical JSON-LD; raises PreauError where something is not understood.

        `contexts` is the `@context` of the message around the policy.
        """
        ...


@dataclass(frozen=True, slots=True)
class Policies:
    """How policies are written and read.

    Attributes:
        to_dsp: writes.
        from_dsp: reads.
    """

    to_dsp: Writer
    from_dsp: Reader

    def offer(self, policy: bytes, name: str, target: str = "") -> dict[str, Any]:
        """Return an offer (DSP 2025-1, Offer and MessageOffer).

        Args:
            policy: canonical JSON-LD without target.
            name: id of the offer.
            target: the dataset; empty in a catalog.

        Raises:
            Malformed: the terms are missing.
            PreauError: they cannot be said in the protocol.
        """
        if not policy:
            raise Malformed(f"offer `{name}` cannot be written without its terms")
        body = self.to_dsp(policy, kind=CATALOG)
        return {**body, "@id": name, "@type": "Offer", **({"target": target} if target else {})}

    def read_offer(self, member: Member, root: Member) -> bytes:
        """Return the terms of an offer, without its target.

        Args:
            member: of the offer, checked.
            root: of the message.

        Raises:
            PreauError: as the reader says.
        """
        body = {name: value for name, value in member.value.items() if name != "target"}
        return self.from_dsp(body, kind=CATALOG, contexts=root.value["@context"])

    def agreement(self, policy: bytes) -> dict[str, Any]:
        """Return an agreement.

        Raises:
            Malformed: the terms are missing.
            PreauError: they cannot be said in the protocol.
        """
        if not policy:
            raise Malformed("an agreement cannot be written without its terms")
        return self.to_dsp(policy, kind=MESSAGE)

    def read_agreement(self, member: Member, root: Member) -> bytes:
        """Return the terms of an agreement.

        Args:
            member: of the agreement.
            root: of the message.

        Raises:
            Malformed: a member is missing or of another form.
            PreauError: as the reader says.
        """
        check(member, "Agreement")
        for name in ("target", "assigner", "assignee"):
            members.identifier(member, name)
        return self.from_dsp(member.value, kind=MESSAGE, contexts=root.value["@context"])


def check(member: Member, kind: str = "") -> str:
    """Return the id of a policy, after checking what any policy has.

    Args:
        member: of the policy.
        kind: its type; empty: it is an offer of a catalog, which need not state it.

    Raises:
        Malformed: a member is missing or of another form.
    """
    name = members.identifier(member, "@id")
    if kind or "@type" in member.value:
        member.fields("@type", others=True)["@type"].exactly(kind or "Offer")
    if "@context" in member.value:
        member.child("@context").refuse("is accepted at the top of a message only")
    rules = [each for name in _RULES for each in members.several(member, name, _MOST)]
    if not rules:
        member.refuse("must have a `permission` or a `prohibition`")
    return name
