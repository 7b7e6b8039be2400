"""Actions, assets and parties, from nodes (IM 2.2 to 2.4).

Rules: a refined action names what it refines by `rdf:value` (IM 2.5.4); a known action that is
named once may be refined itself; of one that is named more often it is not understood which use is
meant, because what is said of it holds wherever it is named; a collection that is refined is named
by `source`, never by `uid` (IM 2.5.5, 2.5.6). What a document says an action is included in is kept
and not believed, because only a profile defines terms (IM 3.3): a policy could otherwise widen what
its rules cover. Assets and parties are described in any vocabulary (IM 2.2, 2.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed
from policies_odrl.model import ODRL, RDF_VALUE, Action, AssetRef, Iri, Notes, PartyRef
from policies_odrl.reading.constraints import conditions_at
from policies_odrl.reading.flat import Left, Node
from policies_odrl.reading.notes import Scope, besides
from policies_odrl.reading.walk import Walk
from policies_odrl.vocabulary import IMPLIES, same_action

_NAMING: Final = (ODRL + "action", RDF_VALUE)
# By which an asset or a party is told from others, or has to be (IM 2.5.5, 2.5.6: a refined one).
_DISTINCT: Final = frozenset(ODRL + name for name in ("uid", "source", "refinement"))

# What an asset or a party may state of a policy instead of the policy of it (IM 2.2.3, 2.3.3).
INFERRED: Final = ("hasPolicy", "assignerOf", "assigneeOf")

_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def actions_at(node: Node, walk: Walk) -> list[Action]:
    """Return the actions of a rule or policy.

    Raises:
        Unreadable: one is not named, not known or not well formed.
    """
    return [
        walk.enter(_named(value, node), lambda found: _action(found, walk))
        for value in node.all(ODRL + "action")
    ]


def assets_at(node: Node, name: str, walk: Walk) -> list[AssetRef]:
    """Return the assets that a property of ODRL refers to, without those that nobody can tell.

    Raises:
        Unreadable: one is not well formed.
    """
    return [asset(item, walk) for item in _identified(ODRL + name, node, walk)]


def parties_at(node: Node, name: str, walk: Walk) -> list[PartyRef]:
    """Return the parties that a property, given by its IRI, refers to; see `assets_at`.

    Raises:
        Unreadable: one is not well formed.
    """
    return [party(item, walk) for item in _identified(name, node, walk)]


def _identified(name: str, node: Node, walk: Walk) -> list[str]:
    """Return the names of the nodes that a property refers to, of those that can be told apart.

    An asset or a party need not have a uid (IM 2.2, 2.3), but nobody can tell which one is meant
    that has none, or is given as text: it is left unread, so that the rule is never decided.
    """
    found: list[str] = []
    for value in node.all(name):
        item = value.get("@id")
        if isinstance(item, str) and not _anonymous(item, walk):
            found.append(item)
        else:
            walk.leave([(name, [value])], node)
    return found


def _anonymous(name: str, walk: Walk) -> bool:
    """Return whether a node has neither a name nor a `source`, nor has to have one."""
    return name.startswith("_:") and not _DISTINCT & walk.nodes.get(name, {}).keys()


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


def _named(value: Mapping[str, Any], node: Node) -> str:
    name = value.get("@id")
    if not isinstance(name, str):
        raise IllFormed("the action must be named by an IRI", node=node.id)
    return name


def _action(node: Node, walk: Walk) -> Action:
    stated = node.one_id(RDF_VALUE)
    name = node.name()
    narrowed = conditions_at(node, "refinement", walk)
    restated = _restated(node, name, walk)
    notes, strange = besides(node, Scope.PART, ["Action"], walk)
    misnamed = _misnamed(node, walk)
    walk.leave([*strange, *misnamed], node)
    if stated and not misnamed:
        inner = walk.enter(stated, lambda found: _action(found, walk))
        return Action(
            id=inner.id,
            refinements=(*inner.refinements, *narrowed),
            node=name,
            notes=(*inner.notes, *notes, *restated),
        )
    if not name:
        raise IllFormed("an action must be named by `rdf:value`", node=node.id)
    return Action(id=name, refinements=narrowed, notes=(*notes, *restated))


def _misnamed(node: Node, walk: Walk) -> Left:
    """Return what is said of a known action by its own name, as if it were one use of it."""
    named, narrowed = node.all(RDF_VALUE), node.all(ODRL + "refinement")
    if not walk.knowledge.known_action(node.id) or not (named or narrowed):
        return []
    if named:
        return [(RDF_VALUE, named)]
    several = walk.references(node.id, _NAMING) > 1
    return [(ODRL + "refinement", narrowed)] if several else []


def _restated(node: Node, name: str, walk: Walk) -> Notes:
    """Return what the document says of an action that is not known of it."""
    wider = walk.knowledge.wider_actions(name)
    implied = IMPLIES.get(same_action(name), ())
    new = [
        (ODRL + "includedIn", Iri(item))
        for item in node.ids(ODRL + "includedIn")
        if same_action(item) not in wider
    ]
    said = [item for item in node.ids(ODRL + "implies") if item not in implied]
    return (*new, *((ODRL + "implies", Iri(item)) for item in said))


def _reference(node: Node, build: type[_Ref], walk: Walk) -> _Ref:
    kind = "Asset" if build is AssetRef else "Party"
    name, source = node.name(), node.one_iri(ODRL + "source")
    refinements = conditions_at(node, "refinement", walk)
    for stated in INFERRED:
        node.ids(ODRL + stated)  # read beforehand, from all nodes
    notes, strange = besides(node, Scope.THING, [kind, kind + "Collection"], walk)
    walk.leave(strange, node)
    if not name and not source:
        asset = kind == "Asset"
        raise IllFormed(
            "the asset has no identifier" if asset else "the party has no identifier", node=node.id
        )
    if refinements and not source:
        raise IllFormed("what is refined must be named by `source`", node=node.id)
    return build(
        id=name,
        collection=ODRL + kind + "Collection" in node.types,
        source=source,
        refinements=refinements,
        notes=notes,
    )
