"""A policy that is being written, tried out: what if, against another one, and under the layers.

Rule: nothing of it decides or is kept; deciding is the use's own (`services/use`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import policies_odrl
from connector.domain.layer import LayerKind
from connector.enforcement import layers
from connector.errors import PolicyInvalid
from connector.jsonld.policy import policy_document, read_policy
from connector.ports import Ports
from connector.protocol.messages import CoverageLine
from connector.services.layers import force
from connector.services.membership import belonging
from connector.services.negotiation import terms
from policies_odrl import OdrlError, Policy
from policies_odrl.comparison.compare import Comparison
from policies_odrl.vocabulary import OPERANDS


@dataclass(frozen=True, slots=True)
class Layered:
    """A policy as it would be offered.

    Attributes:
        names: of the layers in force.
        document: what layers and policy grant together, JSON-LD.
        lines: how each constraint is upheld, and which layer states it.
    """

    names: tuple[str, ...]
    document: Mapping[str, object]
    lines: tuple[CoverageLine, ...]


def what_if(
    ports: Ports, policy: Policy, asked: Mapping[str, str], values: Mapping[str, str], language: str
) -> tuple[bool, tuple[str, ...]]:
    """Say whether a request would be granted, why or why not, and what would have to change.

    Args:
        ports: of this node.
        policy: as it is written.
        asked: `action`, `assignee`, `target` and the time `now`; what is empty is not stated.
        values: left operand -> what is stated of it.
        language: of the sentences.

    Raises:
        PolicyInvalid: the request cannot be read.
    """
    own = {left: text for left, text in values.items() if _by_node(left)}
    others = {left: text for left, text in values.items() if left not in own}
    stated = {name: text for name, text in asked.items() if text}
    now = {"now": stated.pop("now")} if "now" in stated else {}
    try:
        known = policies_odrl.facts_from({"values": own, **now})
        known = replace(known, knowledge=ports.mechanisms.profiles.known(policy))
        request = policies_odrl.request_from({**stated, "values": others})
        found = policies_odrl.simulate(policy, request, known)
        return found.granted, policies_odrl.tell(found, language)
    except OdrlError as exc:
        raise PolicyInvalid(exc.in_(language)) from exc


def against(ports: Ports, policy: Policy, other: Policy) -> Comparison:
    """Return how two policies relate, with proofs and witnesses."""
    known = ports.mechanisms.profiles.known(policy, other)
    return policies_odrl.compare(policy, other, known)


def layered(ports: Ports, policy: Policy, *, personal: bool, space: str = "") -> Layered:
    """Return what a policy would be offered as, under the layers in force in a space.

    Args:
        ports: of this node.
        policy: as it is written.
        personal: whether it is for personal data.
        space: its name or IRI; empty: the first.

    Raises:
        NotFound: this node is not in such a space.
        LayerUnmet: nothing is left of it under a template or the charter, or one is not here.
        Untrusted: which templates are in force cannot be known.
        ConstraintUnknown: a part that this node cannot uphold.
    """
    profiles = ports.mechanisms.profiles
    with ports.store.read() as tx:
        found = belonging.chosen(ports.settings, space)
        above = force.for_own(ports, tx, found, personal=personal)
    whole = layers.merged(above, policy, profiles)
    document = policy_document(whole, profiles)
    read = read_policy(document, profiles)
    covered = terms.coverage(read, ports.mechanisms)
    pairs = [(each.path, each.constraint) for each in covered]
    kinds = layers.origins(layers.chained(above, profiles), read, pairs, LayerKind.OFFER)
    lines = (replace(line, layer=kind.value) for line, kind in zip(covered, kinds, strict=True))
    return Layered(tuple(str(each.name) for each in above), document, tuple(lines))


def _by_node(left: str) -> bool:
    known = OPERANDS.get(left)
    return known is not None and known.by_node
