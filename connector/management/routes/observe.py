"""Routes for supervisors and monitors: is the process alive, does the node answer, its figures.

Rules: `/health` and `/ready` are answered without a token, with words and codes only. `/metrics`
has its own loopback address (setting `metrics_listen`), where nothing else is answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from connector.management.reach import Here
from connector.services.health import measure, vitals

if TYPE_CHECKING:
    from prometheus_client import Metric

HEALTH: Final = "/health"
READY: Final = "/ready"
METRICS: Final = "/metrics"
OPEN: Final = frozenset({HEALTH, READY})
_UNAVAILABLE: Final = 503

router: Final = APIRouter(tags=["observation"])


@router.get(HEALTH)
def health(here: Here) -> JSONResponse:
    """Say whether the process works; where it does not, restart it."""
    dead = here.vitals().dead
    shown = {"health": "failed" if dead else "ok", "dead": list(dead)}
    return JSONResponse(shown, _UNAVAILABLE if dead else 200)


@router.get(READY)
def ready(here: Here) -> JSONResponse:
    """Say whether the node answers peers and commands, and the codes of what keeps it from that."""
    reasons = vitals.unready(here.ports, here.vitals())
    shown = {"ready": not reasons, "reasons": reasons}
    return JSONResponse(shown, _UNAVAILABLE if reasons else 200)


@router.get(METRICS)
def metrics(here: Here) -> Response:
    """Return the node's figures in the text format of Prometheus."""
    from prometheus_client import (  # noqa: PLC0415 - 3 MB, only where a monitor asks
        CollectorRegistry,
        ProcessCollector,
        exposition,
    )

    found = measure.measure(here.ports, here.vitals(), version("preau"))
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Figures(found))
    text = exposition.generate_latest(registry)
    return Response(text, media_type=exposition.CONTENT_TYPE_LATEST)


class _Figures:
    """Figures as metric families: what a registry collects."""

    def __init__(self, figures: list[measure.Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Return one family for each name that has a value."""
        from prometheus_client.core import (  # noqa: PLC0415 - as above
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        for name, (labels, meaning) in measure.FIGURES.items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            family = kind(name, meaning, labels=labels)
            for figure in self._figures:
                if figure.name == name:
                    family.add_metric(figure.labels, figure.value)
            if family.samples:
                yield family
