"""Actions, assets and parties, from nodes (IM 2.2 to 2.4).

Rules: a refined action names what it refines by `rdf:value` (IM 2.5.4); a known action that is
named once may be refined itself, one that is named more often may not, because what is said of it
would hold wherever it is named; a collection that is refined is named by `source`, never by `uid`
(IM 2.5.5, 2.5.6); a document may restate how a known action is included in others, and may not
invent it or name another by it, because only a profile defines terms (IM 3.3), and whoever writes a
policy could otherwise widen what its rules cover.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed, UnknownTerm
from policies_odrl.model import ODRL, Action, AssetRef, PartyRef
from policies_odrl.reading.constraints import conditions_at, needs_profile
from policies_odrl.reading.flat import Node, short
from policies_odrl.reading.notes import ASSETS, PARTIES, notes_of, notes_of_reference
from policies_odrl.reading.walk import Walk
from policies_odrl.vocabulary import IMPLIES, same_action

RDF_VALUE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"
_NAMING: Final = (ODRL + "action", RDF_VALUE)

# What an asset or a party may state of a policy instead of the policy of it (IM 2.2.3, 2.3.3).
INFERRED: Final = ("hasPolicy", "assignerOf", "assigneeOf")

_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def actions_at(node: Node, walk: Walk) -> list[Action]:
    """Return the actions of a rule or policy.

    Raises:
        Unreadable: one is not named, not known or not well formed.
    """
    return [
        walk.enter(_named(value, "action", node), lambda found: _action(found, walk))
        for value in node.all(ODRL + "action")
    ]


def assets_at(node: Node, name: str, walk: Walk) -> list[AssetRef]:
    """Return the assets that a property of ODRL refers to.

    Raises:
        Unreadable: one is not named or not well formed.
    """
    return [asset(_named(value, "asset", node), walk) for value in node.all(ODRL + name)]


def parties_at(node: Node, name: str, walk: Walk) -> list[PartyRef]:
    """Return the parties that a property, given by its IRI, refers to.

    Raises:
        Unreadable: one is not named or not well formed.
    """
    return [party(_named(value, "party", node), walk) for value in node.all(name)]


def asset(name: str, walk: Walk) -> AssetRef:
    """Return an asset by the name of its node.

    Raises:
        Unreadable: it is not well formed.
    """
    return walk.enter(name, lambda node: _reference(node, AssetRef, walk))


def party(name: str, walk: Walk) -> PartyRef:
    """Return a party by the name of its node.

    Raises:
        Unreadable: it is not well formed.
    """
    return walk.enter(name, lambda node: _reference(node, PartyRef, walk))


def _named(value: Mapping[str, Any], kind: str, node: Node) -> str:
    name = value.get("@id")
    if not isinstance(name, str):
        raise IllFormed(f"the {kind} must be named by an IRI", node=node.id)
    return name


def _action(node: Node, walk: Walk) -> Action:
    refinements = conditions_at(node, "refinement", walk)
    notes = notes_of(node, walk)
    stated = node.one_id(RDF_VALUE)
    if walk.knowledge.known_action(node.id) and (
        stated or (refinements and walk.references(node.id, _NAMING) > 1)
    ):
        raise IllFormed("only a node of its own narrows an action, by `rdf:value`", node=node.id)
    if stated:
        inner = walk.enter(stated, lambda found: _action(found, walk))
        node.only(["Action"])
        return Action(
            id=inner.id,
            refinements=(*inner.refinements, *refinements),
            node=node.name(),
            notes=(*inner.notes, *notes),
        )
    name = node.name()
    if not name:
        raise IllFormed("an action must be named by `rdf:value`", node=node.id)
    if not walk.knowledge.known_action(name):
        raise UnknownTerm(f"action `{short(name)}` is not known", node=node.id)
    needs_profile(name, node, walk)
    _restated(node, name, walk)
    node.only(["Action"])
    return Action(id=name, refinements=refinements, notes=notes)


def _restated(node: Node, name: str, walk: Walk) -> None:
    wider = walk.knowledge.wider_actions(name)
    new = [item for item in node.ids(ODRL + "includedIn") if same_action(item) not in wider]
    implied = IMPLIES.get(same_action(name), ())
    new += [item for item in node.ids(ODRL + "implies") if item not in implied]
    if new:
        raise UnknownTerm(
            f"`{short(name)}` is not known to include or imply `{short(new[0])}`", node=node.id
        )


def _reference(node: Node, build: type[_Ref], walk: Walk) -> _Ref:
    kind, classes = ("Asset", ASSETS) if build is AssetRef else ("Party", PARTIES)
    found = build(
        id=node.name(),
        collection=ODRL + kind + "Collection" in node.types,
        source=node.one_iri(ODRL + "source"),
        refinements=conditions_at(node, "refinement", walk),
        notes=notes_of_reference(node, walk, classes),
    )
    for name in INFERRED:
        node.ids(ODRL + name)  # read beforehand, from all nodes
    node.only([kind, kind + "Collection"], classes)
    if not found.id and not found.source:
        raise IllFormed(f"the {kind.lower()} has no identifier", node=node.id)
    if found.refinements and not found.source:
        raise IllFormed("what is refined must be named by `source`", node=node.id)
    return found
