"""Edits of findings, applied to a copy of a written policy.

Rules: an edit that finds no place is left out. Values are changed in place first, then members are
added and moved, then removed from the last to the first, so that no step shifts another.
Source: RFC 6901 and 6902.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from policies_odrl import Finding
from policies_odrl.checking.findings import Change, Step
from policies_odrl.reading.walk import parts

_ORDER: Final = (Change.REPLACE, Change.ADD, Change.MOVE, Change.REMOVE)
_TAKING: Final = frozenset({Change.REMOVE, Change.MOVE})


def mended(document: Mapping[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """Return a copy of a written policy, or a checked document, with edits of findings applied."""
    return edited(document, (step for item in findings for step in item.edit))[0]


def edited(
    document: Mapping[str, Any], steps: Iterable[Step]
) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """Return a copy of a written policy with edits applied, and those that were left out.

    What is named elsewhere in the policy and described only here is not taken away.
    """
    copy: dict[str, Any] = deepcopy(dict(document))
    mentions = Counter(_texts(copy))
    each = {(step.change, step.path): step for step in steps}
    ordered = sorted(each.values(), key=_rank, reverse=True)
    left: list[Step] = []
    for step in sorted(ordered, key=lambda step: _ORDER.index(step.change)):
        if step.change not in _TAKING or _spared(copy, step, mentions):
            _apply(copy, step)
        else:
            left.append(step)
    return copy, tuple(left)


def _rank(step: Step) -> list[tuple[int, str]]:
    return [(int(it), "") if it.isdecimal() else (-1, it) for it in _tokens(step.path)]


def _spared(document: dict[str, Any], step: Step, mentions: Counter[str]) -> bool:
    """Return whether all that is still named stays described, and count what is taken away.

    A part with an IRI is written in full once (`writer.py`): without that place, the others would
    name a collection or a condition of which nothing is said.
    """
    gone = at(document, step.path)
    kept = at(document, step.source) if step.change is Change.MOVE else None
    if step.change is Change.MOVE and kept is None:
        return False  # nothing is taken away
    taken = Counter(_texts(gone)) - Counter(_texts(kept))
    if any(mentions[name] > taken[name] for name in _described(gone) - _described(kept)):
        return False
    mentions.subtract(taken)
    return True


def _texts(part: Any) -> Iterator[str]:
    return (item for item in parts(part) if isinstance(item, str))


def _described(part: Any) -> set[str]:
    """Return the names of nodes of which something is said below a part of a document."""
    nodes = (item for item in parts(part) if isinstance(item, Mapping) and len(item) > 1)
    return {node["@id"] for node in nodes if isinstance(node.get("@id"), str)}


def _apply(document: dict[str, Any], step: Step) -> None:
    if step.change is Change.REMOVE:
        _remove(document, step.path)
        return
    value = step.value
    if step.change is Change.MOVE:
        value = at(document, step.source)
        if not step.source.startswith(step.path + "/"):  # what holds it is replaced otherwise
            _remove(document, step.source)
    elif step.change is Change.REPLACE and at(document, step.path) is None:
        return
    above, _, _ = step.path.rpartition("/")
    holder, name = at(document, above), _tokens(step.path)[-1]
    if isinstance(holder, dict):
        holder[name] = value
    elif at(document, step.path) is not None:
        holder[int(name)] = value


def _remove(document: dict[str, Any], path: str) -> None:
    above, _, _ = path.rpartition("/")
    holder, name = at(document, above), _tokens(path)[-1]
    if isinstance(holder, dict):
        holder.pop(name, None)
    elif at(document, path) is not None:
        del holder[int(name)]
        if not holder:
            _remove(document, above)  # an empty array says nothing


def _tokens(path: str) -> list[str]:
    """Return the parts of a JSON pointer (RFC 6901, section 4)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def at(document: Any, path: str) -> Any:
    """Return what stands at a JSON pointer, or None."""
    for name in _tokens(path):
        try:
            document = document[int(name) if isinstance(document, list) else name]
        except (LookupError, TypeError, ValueError):
            return None
    return document
