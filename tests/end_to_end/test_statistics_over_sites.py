"""Statistics over the sites of a space: real nodes, and the pooled rows for comparison."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connector.errors import SumRefused
from connector.sdk import Client
from federated.statistics import Asked, write
from tests.support import sites
from tests.support.command import ok, typed
from tests.support.command_space import Space, space
from tests.unit.test_statistics import pooled_logit

pytestmark = pytest.mark.timeout(300)

step = partial(ok, run=typed)
NUMBERS = {"a": 240, "est": 228, "nord": 252, "small": 12}
THREE = ("a", "est", "nord")


@pytest.fixture(scope="module")
def running() -> Iterator[Space]:
    with space(*NUMBERS, "lab") as found:
        yield found


@pytest.fixture(scope="module")
def contracts(running: Space) -> dict[str, str]:
    """Contracts of the lab with each site on sums, and with one on cells, by offer."""
    for name, number in NUMBERS.items():
        peers = [running.dids[each] for each in NUMBERS if each != name]
        told = (running.dids["authority"], peers, number)
        file = sites.summing(running.folder / f"of-{name}", name, *told)
        step("dataset", "publish", str(file), home=running.nodes[name])
    found = {}
    trained = [f"{name}:trained" for name in NUMBERS]
    for offer in (*NUMBERS, "a:cells", *trained, "a:plain"):
        name = offer.partition(":")[0]
        about = ("negotiate", running.dids[name], f"urn:example:{name}")
        wait = ("--offer", f"urn:o:{offer}", "--wait", "--seconds", "60")
        found[offer] = str(step(*about, *wait, home=running.nodes["lab"])["agreement"])
    return found


def pooled() -> tuple[Any, Any, Any]:
    rows = [row for name in THREE for row in sites.class_of(len(name), NUMBERS[name])]
    x = [[1, row["sex"] == "M", row["year"] == 2, row["year"] == 3, row["hours"]] for row in rows]
    scores = [row["score"] for row in rows]
    return (
        np.array(x, float),
        np.array(scores),
        np.array([r["passed"] == "yes" for r in rows], float),
    )


def test_sums_over_three_sites_give_the_pooled_fit(
    running: Space, contracts: dict[str, str]
) -> None:
    lab, every = running.nodes["lab"], [contracts[name] for name in NUMBERS]
    x, scores, passed = pooled()
    # Five terms are over 0.33 for each of twelve persons: the site refuses, the others go on.
    words = ("--of", "score", "--on", "hours", "--by", "sex", "--by", "year", "--sums", "--json")
    done = typed("stats", "linear", *every, *words, home=lab)
    assert done.code == 1, done.err
    found = done.value
    fitted = [row["value"] for row in found["rows"]]
    expected = np.linalg.lstsq(x, scores, rcond=None)[0]
    np.testing.assert_allclose(fitted, expected, rtol=0, atol=1e-9)
    assert (found["private"], found["label"]) == (False, "not DP")
    told = {each["provider"]: (each["state"], each["code"]) for each in found["sites"]}
    small = running.dids["small"]
    assert told.pop(small) == ("failed", "SUM_REFUSED")
    assert set(told.values()) == {("ready", "")}

    asked = Asked(kind="logistic", event=("passed", "yes"), on=("hours",), by=("sex",))
    with Client(str(lab)) as node:
        made = node.stats(asked, [contracts[name] for name in THREE], sums=True)
    np.testing.assert_allclose(
        made.result.table["value"], pooled_logit(x[:, [0, 1, 4]], passed), rtol=0, atol=1e-9
    )
    out = running.folder / "fit.arrow"
    write(made.result, out)
    with pa.memory_map(str(out)) as file:
        assert pa.ipc.open_file(file).schema.metadata[b"label"] == b'"not DP"'

    # What differs by one site would tell of that site, whatever the model.
    with Client(str(lab)) as node, pytest.raises(SumRefused, match="sums began over"):
        node.stats(Asked(kind="linear", of=("score",), on=("hours",)), every, sums=True)


def test_a_model_is_evaluated_by_exact_counts_over_three_sites(
    running: Space, contracts: dict[str, str]
) -> None:
    """The smallest site holds out too few: it trains, and the counts are of the other three."""
    every = [contracts[f"{name}:trained"] for name in NUMBERS]
    with Client(str(running.nodes["lab"])) as node:
        for given, code, why in (
            (every[:2], "TOO_FEW_SITES", "at least 3 sites"),
            ([contracts["a:plain"], *every[1:]], "JOB_REFUSED", "preau:exactEvaluation"),
        ):
            found = node.check_job(sites.exactly(given), rehearse=False).findings
            (refused,) = [each for each in found if each.code]
            assert (refused.where, refused.code) == ("/evaluation", code)
            assert why in refused.what
        checked = node.check_job(sites.exactly(every))
        assert checked.accepted
        assert any("not DP" in each.what for each in checked.findings)
        proposed = node.draft_job(every, "passed").remarks
        assert any("without noise, which is not DP" in each for each in proposed)
        job = node.await_job(node.submit(sites.exactly(every)).id)
        assert job.state == "COMPLETED", job.reason
        evaluated = node.evaluation(job.id)
        again = node.await_job(node.submit(sites.exactly(every)).id)
    assert again.state == "REFUSED"
    assert SumRefused.code in {each.code for each in again.sites}
    assert (evaluated.noise, evaluated.dp) == ("none", False)
    (model,) = evaluated.curve
    assert (model.dp, model.sites, len(model.reliability)) == (False, [], 20)
    figures = {each.name: each.value or 0.0 for each in model.pooled.figures}
    persons = figures["persons"]
    assert persons == round(persons)
    assert abs(persons - 0.2 * sum(NUMBERS[name] for name in THREE)) < 70  # six deviations
    positive = figures["positive"] * persons
    assert positive == pytest.approx(round(positive), abs=1e-3)
    assert {site.site: site.rounds for site in job.sites} == {
        running.dids[name]: 3 for name in NUMBERS
    }
    exact = {each.site: each.exact for each in job.receipts}
    assert exact.pop(running.dids["small"]) == ""
    assert len(set(exact.values())) == 1


@pytest.fixture(scope="module")
def districts(running: Space) -> dict[str, str]:
    """Contracts of the lab on cells of two datasets of one site; their ids by offer."""
    found = {}
    for district in sites.DISTRICTS:
        file = sites.published(running.folder / district, district, running.dids["authority"])
        step("dataset", "publish", str(file), home=running.nodes["a"])
    for name in (*sites.DISTRICTS, "north:noise"):
        about = ("negotiate", running.dids["a"], f"urn:example:{name.split(':')[0]}")
        wait = ("--offer", f"urn:o:{name}", "--wait", "--seconds", "60")
        found[name] = str(step(*about, *wait, home=running.nodes["lab"])["agreement"])
    return found


EXACT: dict[str, tuple[str, ...]] = {
    "count": ("--by", "sex", "--by", "passed"),
    "persons": (),
    "sum": ("--of", "score"),
    "mean": ("--of", "score", "--by", "sex"),
    "histogram": ("--of", "hours", "--bins", "8"),
    "quantile": ("--of", "hours", "--bins", "16", "--quantile", "0.5"),
    "logistic": ("--event", "passed=yes", "--on", "hours", "--by", "sex", "--bins", "4"),
    "life": ("--of", "year", "--event", "left=yes"),
    "survival": ("--of", "year", "--event", "left=yes", "--by", "sex"),
}

OF_BOTH = ("count", "mean", "logistic")


def test_every_statistic_is_made_of_what_the_sites_answer(
    running: Space, districts: dict[str, str]
) -> None:
    lab, out = running.nodes["lab"], running.folder / "mean.arrow"
    both = (districts["north"], districts["south"])
    made = {
        kind: step("stats", kind, *(both if kind in OF_BOTH else both[:1]), *it, home=lab)
        for kind, it in EXACT.items()
    }
    assert not any(found["private"] for found in made.values())
    rows = {kind: found["rows"] for kind, found in made.items()}
    north, south = map(sites.pupils, sites.DISTRICTS)
    pupils = [*north, *south]
    for row in rows["count"]:
        same = [it for it in pupils if (it["sex"], it["passed"]) == (row["sex"], row["passed"])]
        assert row["value"] == row["low"] == row["high"] == len(same)
    assert rows["persons"][0]["value"] == len(north)
    assert rows["sum"][0]["value"] == pytest.approx(sum(it["score"] for it in north))
    (men,) = (row["value"] for row in rows["mean"] if row["sex"] == "M")
    scores = [it["score"] for it in pupils if it["sex"] == "M"]
    assert men == pytest.approx(sum(scores) / len(scores))
    assert [(row["from"], row["value"]) for row in rows["histogram"]] == [
        (2.0 * at, len(north) // 8) for at in range(8)
    ]
    assert (rows["quantile"][0]["low"], rows["quantile"][0]["high"]) == (7.0, 8.0)
    assert [row["term"] for row in rows["logistic"]] == ["(intercept)", "sex=M", "hours"]
    assert rows["logistic"][2]["low"] > 0
    begun = [sum(it["year"] >= year for it in north) for year in (1, 2, 3)]
    assert [row["begun"] for row in rows["life"]] == begun
    assert [row["term"] for row in rows["survival"]][-1] == "sex=M"

    text = typed("stats", "mean", *both, "--of", "score", "--out", str(out), home=lab)
    assert (text.code, out.exists()) == (0, True), text.err
    assert "not DP: exact cells, each over at least 10 persons" in text.out
    again = typed("stats", "mean", *both, "--of", "score", "--out", str(out), home=lab)
    assert (again.code, "not overwritten" in again.err) == (1, True)


def test_what_is_multiplied_has_noise_and_is_charged(
    running: Space, districts: dict[str, str]
) -> None:
    lab, contract = running.nodes["lab"], districts["north:noise"]
    asked = ("--spend", "4,1e-6", "--of", "score")
    found = step("stats", "correlation", contract, *asked, "--of", "hours", home=lab)
    (row,), (site,) = found["rows"], found["sites"]
    assert row["low"] < row["value"] < row["high"]
    assert (found["private"], site["epsilon"]) == (True, 4.0)
    again = step("stats", "correlation", site["request"], *asked, "--of", "hours", home=lab)
    assert again["rows"] == found["rows"]
    fit = step("stats", "linear", contract, *asked, "--on", "hours", "--by", "sex", home=lab)
    slope = next(row for row in fit["rows"] if row["term"] == "hours")
    assert slope["value"] == pytest.approx(0.5, abs=0.3)
    over = typed("stats", "linear", contract, *asked, "--on", "hours", "--json", home=lab)
    assert (over.code, over.error["code"]) == (1, "BUDGET_EXCEEDED")


def test_a_site_that_refuses_is_named_and_a_plan_that_forbids_costs_nothing(
    running: Space, districts: dict[str, str]
) -> None:
    lab, site = running.nodes["lab"], running.nodes["a"]
    both = (districts["north"], districts["south"])
    for words in (("correlation", "--of", "hours", "--of", "score"), ("sum", "--of", "sex")):
        kind, *rest = words
        refused = typed("stats", kind, *both, *rest, "--json", home=lab)
        assert (refused.code, refused.error["code"]) == (1, "TABLE_REFUSED")
        assert refused.error["hint"] == "nothing was asked of any site"
    step("agreement", "suspend", districts["south"], "--reason", "a test", home=site)
    done = typed("stats", "persons", *both, home=lab)
    assert done.code == 1
    assert "6400" in done.out
    assert f"without {running.dids['a']}: " in done.err


# --- last: one site is stopped


def test_two_sites_and_contracts_without_the_term_are_refused(
    running: Space, contracts: dict[str, str]
) -> None:
    lab = running.nodes["lab"]
    words = ("--of", "score", "--on", "hours", "--sums", "--json")
    two = [contracts[name] for name in THREE[:2]]
    for given, fault in (
        (two, "at least 3 sites"),
        ([*two, contracts["a:cells"]], "preau:federatedSums"),
    ):
        refused = typed("stats", "linear", *given, *words, home=lab)
        assert (refused.code, refused.error["code"]) == (1, "SUM_REFUSED")
        assert fault in refused.error["reason"]
    running.served["est"].stop()
    refused = typed("stats", "linear", *(contracts[it] for it in THREE), *words, home=lab)
    assert (refused.code, refused.error["code"]) == (1, "SUM_REFUSED")
    assert running.dids["est"] in refused.error["reason"]
