"""The data dictionary: what the values of a column mean, as the steward states it for everybody.

Rules: all of it is public, part of the signed self-description. A range or a list of values comes
from the codebook, never from the rows: a value taken from them would tell of a person. What is
empty is not stated. Its form in a self-description is that of
`connector/identity/descriptions/dictionary.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog import coarseness
from connector.domain.catalog.hierarchy import Hierarchy
from federated.reading import Member
from federated.task import spelling
from federated.task.feature import INDICATOR, REFUSE
from federated.task.spelling import Ignored

_VALUES: Final = ("unit", "lower", "upper", "categories", "missing", "spelling")
MEMBERS: Final = ("labels", *_VALUES, "territory", "hierarchy", "leaves_as")
# Territories whose codes a column can hold, the smallest first, as the profile's scale calls them.
TERRITORIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "commune": "Municipality",
        "epci": "MunicipalGroup",
        "departement": "Department",
        "academie": "EducationAuthority",
        "region": "Region",
    }
)
# Whose codes a column can hold: those of schools too, which are smaller than any territory.
CODES: Final[Mapping[str, str]] = MappingProxyType({"uai": "School", **TERRITORIES})
LANGUAGES: Final = ("en", "fr")  # in which a label is looked for where a reader's own is missing
MOST_CATEGORIES: Final = 1000
MOST_LABELS: Final = 8
_TAG: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")  # RFC 5646, its usual parts
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_UNIT: Final = r"[!-~]{1,64}"  # UCUM section 2.1, §1: ASCII without blanks

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A value of a public list.

    Attributes:
        value: as it stands in the file.
        labels: (language tag, text), by tag; each language once.
    """

    value: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the values of a column mean.

    Attributes:
        labels: (language tag, text), by tag; each language once.
        unit: UCUM code of its numbers; empty where there is none, or none is stated.
        lower: least value that there can be; None when no range is stated.
        upper: greatest value that there can be, above `lower`; None when no range is stated.
        categories: all values that there can be; empty when no list is stated.
        missing: number that stands for a missing value, within the range; None: a row without a
            value is left out of sums and means.
        lacking: what training does with a row that lacks a value, where no number stands for it:
            `indicator` or `refuse`, of `federated.task.feature`; empty: it is not stated.
        spelling: what is ignored when its values are compared, of
            `federated.task.spelling.IGNORABLE`; of categories.
        territory: one of `CODES` whose codes the column holds; empty for others.
        hierarchy: declared one of its codes; None without.
        leaves_as: smallest level of it at which the column leaves, or how coarse its days or
            numbers do (`coarseness.py`), whatever a policy allows; empty: as it is.
    """

    labels: Labels = ()
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    categories: tuple[Category, ...] = ()
    missing: float | None = None
    lacking: str = ""
    spelling: Ignored = ()
    territory: str = ""
    hierarchy: Hierarchy | None = None
    leaves_as: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the public list, in its order."""
        return tuple(each.value for each in self.categories)

    @property
    def range(self) -> tuple[float, float] | None:
        """The public range, or None."""
        return None if self.lower is None or self.upper is None else (self.lower, self.upper)

    @property
    def for_none(self) -> float | str | None:
        """What is stated of a missing value: a number, `indicator`, `refuse`, or nothing."""
        return self.lacking or None if self.missing is None else self.missing


NOTHING_STATED: Final = Meaning()


def label(labels: Mapping[str, str], language: str, otherwise: str) -> str:
    """Return a label in a language, else in one of `LANGUAGES`, else any, else `otherwise`.

    Args:
        labels: language tag -> text.
        language: tag of the reader's.
        otherwise: where there is none at all.
    """
    return labelled(labels, language, otherwise)[1]


def labelled(labels: Mapping[str, str], language: str, otherwise: str) -> tuple[str, str]:
    """Return the tag of a label's language, empty where it has none, and the label; see `label`."""
    found = ((tag, labels[tag]) for tag in (language, *LANGUAGES, *labels) if tag in labels)
    return next(found, ("", otherwise))


def faults(meaning: Meaning, datatype: str) -> list[str]:
    """Return what contradicts itself in what is stated of a column; empty when nothing does.

    Args:
        meaning: what is stated.
        datatype: of the column, `number` or `category`.
    """
    ends = [end for end in (meaning.lower, meaning.upper) if end is not None]
    numbers = [*ends, *([] if meaning.missing is None else [meaning.missing])]
    within = meaning.range or (float("-inf"), float("inf"))
    number = datatype == "number"
    found = {
        "needs `lower` and `upper`, both or none": len(ends) == 1,
        "needs `lower` below `upper`": meaning.range is not None and within[0] >= within[1],
        "states numbers that are not finite": not all(map(isfinite, numbers)),
        "states `lower`, `upper`, `missing` or `unit`, but does not hold numbers": not number
        and bool(numbers or meaning.unit),
        "states a `missing` outside its range": meaning.missing is not None
        and not within[0] <= meaning.missing <= within[1],
        "states a `spelling`, but holds numbers": number and bool(meaning.spelling),
        "names a category twice": len(set(meaning.values)) != len(meaning.values),
        "names a category that is not a number within its range": number
        and not all(_within(value, within) for value in meaning.values),
        "states a `territory`, but holds numbers: codes are texts, such as `01`": number
        and bool(meaning.territory),
        "states a `hierarchy`, but holds numbers: codes are texts": number
        and meaning.hierarchy is not None,
        "states a `leaves_as` that is not for numbers: `width 5` and `from 0 to 20` are": number
        and bool(meaning.leaves_as)
        and coarseness.of_numbers(meaning.leaves_as) is None,
        "states `leaves_as`, but no `hierarchy` with that level": not number
        and bool(meaning.leaves_as)
        and not _has_level(meaning),
    }
    return [what for what, wrong in found.items() if wrong]


def read(member: Member) -> Meaning:
    """Return what a column of a description file states, of the members `MEMBERS`.

    Raises:
        Exception: one is wrong, or another is there, as `member` raises it.
    """
    part = member.fields(maybe=MEMBERS)
    return Meaning(
        labels=_labels(part["labels"]) if "labels" in part else (),
        unit=unit_of(part["unit"]) if "unit" in part else "",
        lower=part["lower"].number() if "lower" in part else None,
        upper=part["upper"].number() if "upper" in part else None,
        categories=_categories(part["categories"]) if "categories" in part else (),
        **missing_of(part.get("missing")),
        spelling=spelling.read(part.get("spelling")),
        territory=part["territory"].exactly(*CODES) if "territory" in part else "",
        hierarchy=_hierarchy(part["hierarchy"]) if "hierarchy" in part else None,
        leaves_as=part["leaves_as"].text() if "leaves_as" in part else "",
    )


def missing_of(member: Member | None) -> dict[str, Any]:
    """Return `missing` or `lacking` of a meaning, as a number or one of two words states it.

    Raises:
        Exception: it is neither, as `member` raises it.
    """
    if member is None:
        return {}
    if isinstance(member.value, str):
        return {"lacking": member.exactly(INDICATOR, REFUSE)}
    return {"missing": member.number()}


def unit_of(member: Member) -> str:
    """Return a UCUM code; empty for none.

    Raises:
        Exception: it cannot be one, as `member` raises it.
    """
    return member.text(pattern=_UNIT) if member.content() else ""


def day_of(member: Member) -> str:
    """Return a day, ISO 8601.

    Raises:
        Exception: it is none, as `member` raises it.
    """
    try:
        return date.fromisoformat(member.text(pattern=_DATE)).isoformat()
    except ValueError:
        member.refuse("is not a day of the calendar")


def labels_of(member: Member, stated: Iterable[tuple[str, Member]]) -> Labels:
    """Return labels, by tag.

    Args:
        member: that has them.
        stated: tag and text of each.

    Raises:
        Exception: a tag or text cannot be one, or a language is there twice, as `member` raises it.
    """
    found: dict[str, str] = {}
    for tag, text in stated:
        if not _TAG.fullmatch(tag) or tag in found:
            member.refuse("must have each language once, by a tag such as `fr`")
        found[tag] = text.text()
    return tuple(sorted(found.items()))


def _has_level(meaning: Meaning) -> bool:
    """Whether a column's hierarchy has the level at which it leaves; a draft's may have any."""
    found = meaning.hierarchy
    if found is None and not meaning.territory:
        return meaning.leaves_as in coarseness.DAYS
    return found is not None and (not found.digest or found.tier(meaning.leaves_as) is not None)


def _hierarchy(member: Member) -> Hierarchy:
    part = member.fields("file", "name", "source", "date")
    return Hierarchy(
        name=part["name"].text(),
        source=part["source"].text(),
        date=day_of(part["date"]),
        path=part["file"].text(),
    )


def _labels(member: Member) -> Labels:
    stated = member.entries(most=MOST_LABELS).items()
    return labels_of(member, ((tag, text) for tag, text in stated if text.value))


def _categories(member: Member) -> tuple[Category, ...]:
    return tuple(map(_category, member.items(most=MOST_CATEGORIES)))


def _category(member: Member) -> Category:
    if not isinstance(member.value, dict):
        return Category(member.text())
    part = member.fields("value", maybe=("labels",))
    return Category(part["value"].text(), _labels(part["labels"]) if "labels" in part else ())


def _within(value: str, within: tuple[float, float]) -> bool:
    try:
        return within[0] <= float(value) <= within[1]
    except ValueError:
        return False
