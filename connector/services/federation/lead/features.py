"""What a request leaves out of its features, from the data dictionaries of its datasets.

Rules: what the request states stays; what it leaves out is what all dictionaries say alike, and
where one says nothing, or another thing, the request must state it. The manifest states all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog.dataset import Column
from connector.identity.dataset_facts import DatasetFacts
from federated.job import MAX_COLUMNS
from federated.reading import Member

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"number": ("low", "high"), "category": ("values",)}
)
_CALLED: Final = MappingProxyType({"number": "public range", "category": "public list of values"})


def completed(features: Member, described: Callable[[], Sequence[DatasetFacts]]) -> list[Any]:
    """Return the features of a request as a manifest has them.

    Args:
        features: of the request; a text is the name of a column.
        described: the datasets of the job; asked only where something was left out.

    Raises:
        Malformed: what is left out is not what all dictionaries say alike.
        DescriptionTampered: as `described` raises it.
    """
    found: list[DatasetFacts] = []

    def known() -> list[DatasetFacts]:
        found.extend(() if found else described())
        return found

    return [_feature(each, known) for each in features.items(least=1, most=MAX_COLUMNS)]


def _feature(member: Member, described: Callable[[], Sequence[DatasetFacts]]) -> Any:
    stated = {"column": member.value} if isinstance(member.value, str) else member.value
    if not isinstance(stated, dict) or not isinstance(stated.get("column"), str):
        return member.value  # the manifest's reader says what is wrong
    if all(name in stated for name in _NEEDED.get(str(stated.get("kind")), ("kind",))):
        return stated
    columns = {facts.id: _column(member, facts, stated["column"]) for facts in described()}
    kind = stated.get("kind") or _alike(member, columns, "datatype", lambda it: it.datatype)
    if kind not in _NEEDED:
        return stated
    said = _alike(member, columns, _CALLED[kind], lambda it: _said(it, kind))
    for name, column in columns.items():
        if not any(each in said for each in _NEEDED[kind]):
            member.refuse(
                f"needs {' and '.join(f'`{each}`' for each in _NEEDED[kind])}: the dictionary of "
                f"`{name}` states no {_CALLED[kind]} of `{column.name}`"
            )
    return {"kind": kind, **said, **stated}


def _column(member: Member, facts: DatasetFacts, name: str) -> Column:
    known = {column.name: column for column in facts.columns}
    if name not in known:
        member.refuse(f"names `{name}`, and `{facts.id}` has no such column")
    return known[name]


def _said(column: Column, kind: str) -> dict[str, Any]:
    """Return the members of a feature that a dictionary states."""
    meaning = column.meaning
    if kind == "category":
        return {"values": list(meaning.values)} if meaning.values else {}
    said = {"low": meaning.lower, "high": meaning.upper, "missing": meaning.missing}
    return {name: value for name, value in said.items() if value is not None}


def _alike(
    member: Member, columns: Mapping[str, Column], what: str, of: Callable[[Column], Any]
) -> Any:
    """Return what all datasets say of a column."""
    first, *others = ((name, of(column)) for name, column in columns.items())
    for name, said in others:
        if said != first[1]:
            member.refuse(
                f"is of a column of which `{first[0]}` and `{name}` state another {what}: state it "
                "in the request"
            )
    return first[1]
