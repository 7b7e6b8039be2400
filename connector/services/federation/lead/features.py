"""What a request leaves out of its features, from the data dictionaries of its datasets.

Rules: what the request states stays; what it leaves out is what all dictionaries say alike, and
where one says nothing, or another thing, the request must state it. The manifest states all of it,
from version 2 on also what a missing value counts as: nothing is taken for it in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog.dataset import Column
from connector.identity.descriptions.dataset_facts import DatasetFacts
from federated.job import MAX_COLUMNS, VERSION
from federated.reading import Member
from federated.task.feature import VALUE

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"number": ("low", "high"), "category": ("values",)}
)
_MISSING: Final = "missing"
_CALLED: Final = MappingProxyType({"number": "public range", "category": "public list of values"})
_FOR_NONE: Final = "value for a missing one"


def completed(
    features: Member, described: Callable[[], Sequence[DatasetFacts]], version: int = VERSION
) -> list[Any]:
    """Return the features of a request as a manifest of a version has them.

    Args:
        features: of the request; a text is the name of a column. `missing` may be a number,
            `indicator` or `refuse` instead of an object.
        described: the datasets of the job; asked only where something was left out.
        version: of the manifest.

    Raises:
        Malformed: what is left out is not what all dictionaries say alike.
        DescriptionTampered: as `described` raises it.
    """
    found: list[DatasetFacts] = []

    def known() -> list[DatasetFacts]:
        found.extend(() if found else described())
        return found

    return [_feature(each, known, version) for each in features.items(least=1, most=MAX_COLUMNS)]


def _feature(member: Member, known: Callable[[], list[DatasetFacts]], version: int) -> Any:
    stated = {"column": member.value} if isinstance(member.value, str) else member.value
    if not isinstance(stated, dict) or not isinstance(stated.get("column"), str):
        return member.value  # the manifest's reader says what is wrong
    if version > 1 and _MISSING in stated:
        stated = {**stated, _MISSING: _as_object(stated[_MISSING])}
    more = (_MISSING,) if version > 1 else ()
    needed = {kind: (*names, *more) for kind, names in _NEEDED.items()}
    if all(name in stated for name in needed.get(str(stated.get("kind")), ("kind",))):
        return stated
    columns = {facts.id: _column(member, facts, stated["column"]) for facts in known()}
    kind = stated.get("kind") or _alike(member, columns, "datatype", lambda it: it.datatype)
    if kind not in needed:
        return stated
    said = _alike(member, columns, _CALLED[kind], lambda it: _said(it, kind, version))
    whole = {"kind": kind, **said, **stated}
    for name in needed[kind]:
        if name not in whole:
            what = _FOR_NONE if name == _MISSING else _CALLED[kind]
            first = next(iter(columns))
            member.refuse(
                f"needs `{name}`: the dictionary of `{first}` does not state the {what} of "
                f"`{stated['column']}`"
            )
    return whole


def _as_object(missing: Any) -> Any:
    """Return what a request states of missing values as a manifest has it."""
    if isinstance(missing, str):
        return {"kind": missing}
    if isinstance(missing, int | float) and not isinstance(missing, bool):
        return {"kind": VALUE, "value": missing}
    return missing


def _column(member: Member, facts: DatasetFacts, name: str) -> Column:
    known = {column.name: column for column in facts.columns}
    if name not in known:
        member.refuse(f"names `{name}`, but `{facts.id}` has no such column")
    return known[name]


def _said(column: Column, kind: str, version: int) -> dict[str, Any]:
    """Return the members of a feature that a dictionary states."""
    meaning = column.meaning
    missing: Any = meaning.for_none
    if version > 1:
        missing = _as_object(missing)
    elif isinstance(missing, str) or kind == "category":  # version 1 cannot say it
        missing = None
    said: dict[str, Any] = {"low": meaning.lower, "high": meaning.upper}
    if kind == "category":
        said = {"values": list(meaning.values) or None}
        said["spelling"] = list(meaning.spelling) or None if version > 1 else None
    found = {**said, _MISSING: missing}
    return {name: value for name, value in found.items() if value is not None}


def _alike(
    member: Member, columns: Mapping[str, Column], what: str, of: Callable[[Column], Any]
) -> Any:
    """Return what all datasets say of a column."""
    first, *others = ((name, of(column)) for name, column in columns.items())
    for name, said in others:
        if said != first[1]:
            member.refuse(
                f"is of a column for which `{first[0]}` and `{name}` do not state the same "
                f"{what}: state it in the request"
            )
    return first[1]
