"""The data dictionary of a column in a self-description: its JSON-LD, written and read.

Terms: SKOS for labels and lists of values, QUDT for units by UCUM code, schema.org for ranges, DCT
for where a hierarchy comes from; our own where none of them has one. Rule: what contradicts itself
is refused, as at publication.
"""

from __future__ import annotations

from typing import Any, Final

from connector.domain.catalog import dictionary
from connector.domain.catalog.dictionary import Category, Labels, Meaning
from connector.domain.catalog.hierarchy import (
    MOST_CODES,
    MOST_LEVELS,
    MOST_LISTED,
    Hierarchy,
    Tier,
)
from federated.reading import Member
from federated.task import spelling

_LABELS: Final = "skos:prefLabel"
_UNIT: Final = "qudt:hasUnit"
_LOWER: Final = "schema:minValue"
_UPPER: Final = "schema:maxValue"
_CATEGORIES: Final = "preau:category"
_VALUE: Final = "skos:notation"
_MISSING: Final = "preau:missingCountsAs"
_SPELLING: Final = "preau:spellingIgnores"
_TERRITORY: Final = "preau:territorialUnit"
_HIERARCHY: Final = "preau:hierarchy"
_LEAVES_AS: Final = "preau:leavesAs"
_TITLE: Final = "dct:title"
_SOURCE: Final = "dct:source"
_ISSUED: Final = "dct:issued"
_DIGEST: Final = "preau:sha256"
_CODES: Final = "preau:codes"
_LEVELS: Final = "preau:level"
_NAME: Final = "preau:name"
_COUNT: Final = "preau:units"
_UNITS: Final = "preau:unit"
_PREFIX: Final = "preau:"
_CODE: Final = "qudt:ucumCode"
_RANGE: Final = (_UNIT, _LOWER, _UPPER, _CATEGORIES, _MISSING, _SPELLING)
TERMS: Final = (_LABELS, *_RANGE, _TERRITORY, _HIERARCHY, _LEAVES_AS)


def described(meaning: Meaning) -> dict[str, Any]:
    """Return the properties of a column that say what its values mean."""
    unit = {_CODE: meaning.unit} if meaning.unit else None
    categories = [_category(each) for each in meaning.categories]
    stated: dict[str, Any] = {
        _LABELS: _labels(meaning.labels) or None,
        _UNIT: unit,
        _LOWER: meaning.lower,
        _UPPER: meaning.upper,
        _CATEGORIES: {"@list": categories} if categories else None,
        _MISSING: meaning.for_none,
        _SPELLING: list(meaning.spelling) or None,
        _TERRITORY: {"id": _PREFIX + dictionary.CODES[meaning.territory]}
        if meaning.territory
        else None,
        _HIERARCHY: _hierarchy(meaning.hierarchy) if meaning.hierarchy else None,
        _LEAVES_AS: meaning.leaves_as or None,
    }
    return {term: value for term, value in stated.items() if value is not None}


def read(column: Member, datatype: str) -> Meaning:
    """Return what a column's properties say of its values.

    Args:
        column: with any of `TERMS`, and others.
        datatype: of the column.

    Raises:
        Exception: one is ill-typed, or they contradict one another, as `column` raises it.
    """
    part = column.fields(maybe=TERMS, others=True)
    list_ = part[_CATEGORIES].child("@list") if _CATEGORIES in part else None
    meaning = Meaning(
        labels=_read_labels(part[_LABELS]) if _LABELS in part else (),
        unit=dictionary.unit_of(part[_UNIT].child(_CODE)) if _UNIT in part else "",
        lower=part[_LOWER].number() if _LOWER in part else None,
        upper=part[_UPPER].number() if _UPPER in part else None,
        categories=tuple(map(_read_category, list_.items(most=dictionary.MOST_CATEGORIES)))
        if list_
        else (),
        **dictionary.missing_of(part.get(_MISSING)),
        spelling=spelling.read(part.get(_SPELLING)),
        territory=_read_territory(part[_TERRITORY]) if _TERRITORY in part else "",
        hierarchy=_read_hierarchy(part[_HIERARCHY]) if _HIERARCHY in part else None,
        leaves_as=part[_LEAVES_AS].text() if _LEAVES_AS in part else "",
    )
    for fault in dictionary.faults(meaning, datatype):
        column.refuse(fault)
    return meaning


def _labels(labels: Labels) -> list[dict[str, str]]:
    return [{"@language": tag, "@value": text} for tag, text in labels]


def _category(category: Category) -> dict[str, Any]:
    labels = _labels(category.labels)
    return {_VALUE: category.value, **({_LABELS: labels} if labels else {})}


def _read_labels(member: Member) -> Labels:
    each = (it.fields("@language", "@value") for it in member.items(most=dictionary.MOST_LABELS))
    return dictionary.labels_of(member, ((it["@language"].content(), it["@value"]) for it in each))


def _read_category(member: Member) -> Category:
    part = member.fields(_VALUE, maybe=(_LABELS,), others=True)
    return Category(part[_VALUE].text(), _read_labels(part[_LABELS]) if _LABELS in part else ())


def _read_territory(member: Member) -> str:
    units = {_PREFIX + unit: each for each, unit in dictionary.CODES.items()}
    return units[member.child("id").exactly(*units)]


def _hierarchy(found: Hierarchy) -> dict[str, Any]:
    levels = [
        {_NAME: each.name, _COUNT: each.count, **({_UNITS: list(each.units)} if each.units else {})}
        for each in found.tiers
    ]
    return {
        _TITLE: found.name,
        _SOURCE: found.source,
        _ISSUED: found.date,
        _DIGEST: found.digest,
        _CODES: found.codes,
        _LEVELS: {"@list": levels},
    }


def _read_hierarchy(member: Member) -> Hierarchy:
    named = (_TITLE, _SOURCE, _ISSUED, _DIGEST, _CODES, _LEVELS)
    part = member.fields(*named, others=True)
    levels = part[_LEVELS].child("@list").items(least=1, most=MOST_LEVELS)
    return Hierarchy(
        name=part[_TITLE].text(),
        source=part[_SOURCE].text(),
        date=dictionary.day_of(part[_ISSUED]),
        digest=part[_DIGEST].digest(),
        codes=part[_CODES].integer(least=1, most=MOST_CODES),
        tiers=tuple(map(_read_tier, levels)),
    )


def _read_tier(member: Member) -> Tier:
    part = member.fields(_NAME, _COUNT, maybe=(_UNITS,), others=True)
    listed = part[_UNITS].items(least=1, most=MOST_LISTED) if _UNITS in part else []
    count = part[_COUNT].integer(least=1, most=MOST_CODES)
    if len(listed) != (count if count <= MOST_LISTED else 0):
        member.refuse("does not list as many units as it counts")
    return Tier(part[_NAME].text(), count, tuple(each.text() for each in listed))
