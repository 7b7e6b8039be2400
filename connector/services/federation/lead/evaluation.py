"""What sites say of a job's models, as their lead holds and shows it: histograms of scores.

Rules: everything is computed from the noised cells, which were charged before they left, hence
costs nothing more; figures stand beside the intervals that their noise leaves. Without noise they
are those of all sites together, and labelled not DP. The mathematics is `federated/task/scores.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from connector.domain.federation.job import RoundRecord, SiteScores
from federated.job import MAX_SITES, JobManifest
from federated.reading import Member
from federated.task import evaluation, scores
from federated.task import target as targets
from federated.task.evaluation import ALL_SITES
from federated.task.scores import Scores

_CELL_BYTES: Final = 10  # of a whole number of 64 bits, at most


def most_bytes(manifest: JobManifest) -> int:
    """Return how many bytes an answer has at most for its evaluation."""
    asked = manifest.evaluation
    return _CELL_BYTES * asked.cells(manifest.target) if asked is not None else 0


def scores_of(
    manifest: JobManifest,
    number: int,
    stated: object,
    refusal: Callable[[str, str], Exception],
) -> tuple[SiteScores, ...]:
    """Return what the lead's worker says that sites say, in the manifest's order.

    Args:
        manifest: the job's.
        number: the round.
        stated: persons in each cell, by site.
        refusal: what is raised, of a pointer and a fault.

    Raises:
        Exception: of `refusal`: it is not that.
    """
    asked = manifest.evaluation
    if asked is None or not manifest.evaluates(number):
        return ()
    cells, by_site = asked.cells(manifest.target), Member(stated, refusal).entries(most=MAX_SITES)
    return tuple(
        SiteScores(
            site, tuple(each.number() for each in by_site[site].items(least=cells, most=cells))
        )
        for site in ((ALL_SITES,) if asked.exact else manifest.sites)
        if site in by_site
    )


def described(manifest: JobManifest, rounds: Sequence[RoundRecord]) -> dict[str, Any] | None:
    """Return how a job's models were evaluated, as its card and its views state it.

    Returns:
        `every`, `bins`, `noiseMultiplier`, `dp`, `heldOut` (share of persons), `level` of the
        intervals and `curve`: by round after which a model was evaluated, the figures of all sites
        `pooled` and of each site, and of positive or not the pooled `reliability`. Without noise
        `dp` is false, and there are no figures of a site. None where the job has no evaluation.
    """
    asked = manifest.evaluation
    if asked is None:
        return None
    return {
        **evaluation.render(asked),
        "dp": not asked.exact,
        "heldOut": evaluation.HELD_OUT,
        "level": scores.LEVEL,
        "curve": [_point(manifest, each) for each in rounds if each.scores],
    }


def newest(manifest: JobManifest, done: int) -> int:
    """Return the newest of the rounds that are done which evaluates; 0 for none."""
    return next((number for number in range(done, 0, -1) if manifest.evaluates(number)), 0)


def point(manifest: JobManifest, record: RoundRecord | None) -> dict[str, Any] | None:
    """Return what a round says of the model that it began with, as in `described`; None without."""
    return _point(manifest, record) if record is not None and record.scores else None


def _point(manifest: JobManifest, record: RoundRecord) -> dict[str, Any]:
    noise = manifest.evaluation.noise_multiplier if manifest.evaluation else 0.0
    by_site = {each.site: Scores(each.counts, noise**2) for each in record.scores}
    pooled = scores.pooled(by_site.values())
    point: dict[str, Any] = {
        "round": record.round - 1,
        "pooled": _figures(manifest, pooled),
        "dp": not manifest.exact,
        "sites": [
            {"site": site, **_figures(manifest, each)}
            for site, each in by_site.items()
            if site != ALL_SITES
        ],
    }
    if manifest.target.loss == targets.BINARY:
        point["reliability"] = _rounded(scores.reliability(pooled))
    return point


def _figures(manifest: JobManifest, found: Scores) -> dict[str, Any]:
    figures = scores.figures(manifest.target, found)
    return {"figures": _rounded([{"name": name, **asdict(each)} for name, each in figures.items()])}


def _rounded(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose numbers have as many digits as people read; noise is in the others."""
    return [
        {name: round(each, 6) if isinstance(each, float) else each for name, each in row.items()}
        for row in rows
    ]
