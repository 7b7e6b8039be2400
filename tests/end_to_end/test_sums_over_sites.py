"""Exact sums over the sites of a space: real nodes, and the pooled fit for comparison."""

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
NUMBERS = {"a": 60, "est": 57, "nord": 63, "small": 12}
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
    for offer in (*NUMBERS, "a:cells"):
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
    small = running.dids.pop("small")
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
    with Client(str(lab)) as node, pytest.raises(SumRefused, match="sums are over"):
        node.stats(Asked(kind="linear", of=("score",), on=("hours",)), every, sums=True)


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
    assert running.dids["est"] in refused.error["hint"]
