"""Everything that is wrong with a document, read or not.

Input: the node map that `reader.py` reads. Rules: what keeps the document from being read is listed
in full (`structure.py`); where only names stood in the way (an unknown term, an undeclared or
unknown profile, a misspelled namespace), the rest is checked as well, as if they were known. A
document that is read has no structural findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from policies_odrl.checking.findings import Finding, Say, speaker
from policies_odrl.checking.shapes import CLASSES, Shape
from policies_odrl.checking.structure import Structure
from policies_odrl.checking.validate import BUILT_IN, validate, worst
from policies_odrl.errors import LimitExceeded, OdrlError
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, Policy
from policies_odrl.reading.reader import read_all
from policies_odrl.reading.walk import MAX_DEPTH, MAX_NODES
from policies_odrl.vocabulary import ALLOWED, PROFILE, PROFILES, Kind, Operand

Nodes = Sequence[Mapping[str, Any]]

# Spellings of the namespace that authors use by mistake.
_WRONG: Final = tuple(
    scheme + rest
    for scheme in ("https://www.", "http://", "https://", "http://www.")
    for rest in ("w3.org/ns/odrl/2/", "w3.org/ns/odrl/2#", "w3.org/ns/odrl/")
    if scheme + rest not in {ODRL, "http://www.w3.org/ns/odrl/"}
)
_NAMES_ONLY: Final = frozenset(
    {"undeclared-profile", "unknown-action", "unknown-operand", "unknown-profile"}
)
_ALSO_WHEN_READ: Final = frozenset({"operator-misspelled"})


def inspect(nodes: Nodes, knowledge: Knowledge = BUILT_IN, lang: str = "en") -> tuple[Finding, ...]:
    """Return all that is wrong or questionable in a document, read or not.

    >>> odrl = "http://www.w3.org/ns/odrl/2/"
    >>> nodes = [
    ...     {"@id": "urn:p", "@type": [odrl + "Set"], odrl + "permission": [{"@id": "_:r"}]},
    ...     {"@id": "_:r", odrl + "action": [{"@id": odrl + "raed"}]},
    ... ]
    >>> item = inspect(nodes)[0]
    >>> item.code, item.path, item.fix
    ('unknown-action', '/permission/0/action', 'did you mean `odrl:read`?')

    Args:
        nodes: node objects of a flattened, expanded document.
        knowledge: terms and hierarchies beyond the built-in ones.
        lang: `en` or `fr`.
    """
    say = speaker(lang)
    if len(nodes) > MAX_NODES:
        return (say("", "over-the-limit", f"{len(nodes)} > {MAX_NODES}"),)
    found: list[Finding] = []
    wrong = _wrong_namespace(nodes)
    if wrong:
        found.append(say("", "wrong-namespace", wrong, ODRL))
        nodes = [_respelled(node, wrong) for node in nodes]
    structure = Structure(nodes, knowledge, say)
    structure.walk()
    try:
        policies = read_all(nodes, knowledge)
    except OdrlError as exc:
        found.extend(structure.findings)
        if all(item.code in _ALSO_WHEN_READ for item in structure.findings):
            found.append(_unreadable(exc, say))
        policies = _read_anyway(nodes, knowledge, structure)
    else:
        found.extend(item for item in structure.findings if item.code in _ALSO_WHEN_READ)
    found.extend(_sensible(policies, found, knowledge, lang))
    return worst(found, say)


def _sensible(
    policies: Sequence[Policy], found: Sequence[Finding], knowledge: Knowledge, lang: str
) -> list[Finding]:
    known = {(item.code, item.path, item.policy) for item in found}
    more: list[Finding] = []
    for policy in policies:
        name = policy.id if len(policies) > 1 else ""
        checked = (
            replace(item, policy=name) for item in validate(policy, lang, knowledge=knowledge)
        )
        more.extend(item for item in checked if (item.code, item.path, item.policy) not in known)
    return more


def _read_anyway(nodes: Nodes, knowledge: Knowledge, structure: Structure) -> tuple[Policy, ...]:
    """Return the policies as they would be if their names were known; none where more is wrong."""
    if {item.code for item in structure.findings} - _NAMES_ONLY - _ALSO_WHEN_READ:
        return ()
    operands = {
        name: Operand(name, Kind.IDENTITY, ALLOWED[Kind.IDENTITY]) for name in structure.operands
    }
    lenient = replace(
        knowledge,
        operands={**knowledge.operands, **operands},
        actions={**knowledge.actions, **dict.fromkeys(structure.actions, ())},
    )
    try:
        return read_all([_with_profile(node, knowledge.profiles) for node in nodes], lenient)
    except OdrlError:
        return ()


def _with_profile(node: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    types = node.get("@type", [])
    if not isinstance(types, list) or not CLASSES[Shape.POLICY] & set(map(str, types)):
        return node
    stated = node.get(ODRL + "profile", [])
    kept = [item for item in stated if item.get("@id") in (PROFILES | known) - {PROFILE}]
    return {**node, ODRL + "profile": [*kept, {"@id": PROFILE}]}


def _unreadable(exc: OdrlError, say: Say) -> Finding:
    code = "over-the-limit" if isinstance(exc, LimitExceeded) else "unreadable"
    return say("", code, str(exc))


def _wrong_namespace(nodes: Nodes) -> str:
    """Return a misspelled namespace that names of the document begin with, or an empty string."""
    for node in nodes:
        types = node.get("@type", [])
        names = [*node, *(map(str, types) if isinstance(types, list) else ())]
        for name in names:
            wrong = next((item for item in _WRONG if name.startswith(item)), "")
            if wrong and not name.startswith(ODRL):
                return wrong
    return ""


def _respelled(value: Any, wrong: str, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:  # lists in lists: no policy has any
        return value
    if isinstance(value, str):
        return ODRL + value.removeprefix(wrong) if value.startswith(wrong) else value
    if isinstance(value, list):
        return [_respelled(item, wrong, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {
            _respelled(name, wrong): item
            if name == "@value"
            else _respelled(item, wrong, depth + 1)
            for name, item in value.items()
        }
    return value
