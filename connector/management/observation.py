"""What supervisors and monitors ask: is the process alive, does the node answer, its figures.

Rules: `/health` and `/ready` are answered without a token, with words and codes only. `/metrics`
has its own loopback address (setting `metrics_listen`), where nothing else is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.management.reach import Reach, reach_of
from connector.management.refusals import HANDLERS
from connector.services.health import measure, vitals

if TYPE_CHECKING:
    from prometheus_client import Metric

HEALTH: Final = "/health"
READY: Final = "/ready"
METRICS: Final = "/metrics"
OPEN: Final = frozenset({HEALTH, READY})
_UNAVAILABLE: Final = 503


def health(request: Request) -> JSONResponse:
    """Say whether the process works; where it does not, restart it."""
    dead = reach_of(request).vitals().dead
    shown = {"health": "failed" if dead else "ok", "dead": list(dead)}
    return JSONResponse(shown, _UNAVAILABLE if dead else 200)


def ready(request: Request) -> JSONResponse:
    """Say whether the node answers peers and commands, and the codes of what keeps it from that."""
    here = reach_of(request)
    reasons = vitals.unready(here.ports, here.vitals())
    shown = {"ready": not reasons, "reasons": reasons}
    return JSONResponse(shown, _UNAVAILABLE if reasons else 200)


def metrics(request: Request) -> Response:
    """Return the node's figures in the text format of Prometheus."""
    from prometheus_client import (  # noqa: PLC0415 - 3 MB, only where a monitor asks
        CollectorRegistry,
        ProcessCollector,
        exposition,
    )

    here = reach_of(request)
    found = measure.measure(here.ports, here.vitals(), version("preau"))
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Figures(found))
    text = exposition.generate_latest(registry)
    return Response(text, media_type=exposition.CONTENT_TYPE_LATEST)


ANSWERS: Final[Mapping[str, Callable[[Request], Response]]] = MappingProxyType(
    {HEALTH: health, READY: ready, METRICS: metrics}
)


def create(reach: Reach) -> Starlette:
    """Return the application that answers these paths, to GET."""
    routes = [Route(path, each, methods=["GET"]) for path, each in ANSWERS.items()]
    api = Starlette(routes=routes, exception_handlers=HANDLERS)
    api.state.reach = reach
    return api


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
