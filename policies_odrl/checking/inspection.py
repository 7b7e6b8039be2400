"""Everything that is wrong with a document, read or not.

Input: the node map that `reader.py` reads. Rules: what is not as the Recommendation has it is
listed in full (`structure.py`), and what can be read is checked further (`validate.py`); a fault
that both find is told once; policies that inherit from others of the document are checked with what
they inherit; with a misspelled namespace the rest is checked as if it were right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from policies_odrl.checking.families import Family, of_inheritance, of_inherited
from policies_odrl.checking.findings import Finding, Say, Severity, speaker
from policies_odrl.checking.structure import Structure
from policies_odrl.checking.validate import BUILT_IN, validate, worst
from policies_odrl.errors import LimitExceeded, OdrlError
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, Policy
from policies_odrl.reading.flat import short
from policies_odrl.reading.reader import read_all
from policies_odrl.reading.walk import MAX_DEPTH, MAX_NODES

MAX_HEIRS: Final = 256  # policies of one document that inherit
Nodes = Sequence[Mapping[str, Any]]

# Spellings of the namespace that authors use by mistake.
_WRONG: Final = tuple(
    scheme + rest
    for scheme in ("https://www.", "http://", "https://", "http://www.")
    for rest in ("w3.org/ns/odrl/2/", "w3.org/ns/odrl/2#", "w3.org/ns/odrl/")
    if scheme + rest not in {ODRL, "http://www.w3.org/ns/odrl/"}
)
# Findings on what is not understood, which `structure.py` has told by itself: all of the one kind,
# of the other those on names that stand for a property.
_TOLD: Final = "unknown-property"
_OF_TERMS: Final = frozenset({"unknown-operand", "term-of-unknown-profile"})


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
    found.extend(structure.findings)
    try:
        policies = read_all(nodes, knowledge)
    except OdrlError as exc:
        if not any(item.severity is Severity.ERROR for item in structure.findings):
            found.append(_unreadable(exc, say))
        policies = ()
    found.extend(_sensible(policies, found, structure.strange, knowledge, lang))
    return worst(_inherited(policies, found, knowledge, say), say)


def _sensible(
    policies: Sequence[Policy],
    found: Sequence[Finding],
    strange: set[str],
    knowledge: Knowledge,
    lang: str,
) -> list[Finding]:
    known = {(item.code, item.path, item.policy) for item in found}
    more: list[Finding] = []
    for policy in policies:
        name = policy.id if len(policies) > 1 else ""
        checked = (
            replace(item, policy=name) for item in validate(policy, lang, knowledge=knowledge)
        )
        more.extend(
            item
            for item in checked
            if (item.code, item.path, item.policy) not in known
            and item.code != _TOLD
            and not (item.code in _OF_TERMS and any(_names(item, it) for it in strange))
        )
    return more


def _inherited(
    policies: Sequence[Policy], found: list[Finding], knowledge: Knowledge, say: Say
) -> list[Finding]:
    """Return the findings with those on what policies of the document inherit from one another."""
    named = {policy.id or str(place): policy for place, policy in enumerate(policies)}
    heirs = sum(bool(policy.inherits) for policy in policies)
    if heirs > MAX_HEIRS:
        return [*found, say("", "over-the-limit", f"{heirs} > {MAX_HEIRS}")]
    if len(named) < 2 or not heirs:  # noqa: PLR2004
        return found
    family = Family(named)
    more = (
        *of_inheritance(named, family, say),
        *of_inherited(named, family, say, knowledge),
    )
    told = [replace(item, policy=name) for name, item in more if item.code != "missing-parent"]
    left = [
        item
        for item in found
        if item.code != "unresolved-inheritance" or item.policy not in family.whole
    ]
    return [*left, *told]


def _names(item: Finding, name: str) -> bool:
    return f"`{short(name)}`" in item.sentence


def _unreadable(exc: OdrlError, say: Say) -> Finding:
    code = "over-the-limit" if isinstance(exc, LimitExceeded) else "unreadable"
    return say("", code, (str(exc), exc.in_("fr")))


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
