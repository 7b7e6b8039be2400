"""The learning curve of a job as a picture, from figures that its sites were charged for.

Rules: nothing is drawn but what `lead/evaluation.described` returns: the figure of all sites with
the interval of its noise, and the figure of each site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree as ET

from connector.errors import NotFound

WIDTH, HEIGHT = 640, 360  # of the picture, in pixels
_LEFT, _EDGE = 70, 40  # its margins
_GREY: Final = {"stroke": "#999", "fill": "none"}
BLUE: Final = "#2457a6"
_ABOUT: Final = (
    "The blue line is the figure over all sites, its band the interval of the noise; each grey "
    "line is a site. The table of the job has the same figures."
)
Point = tuple[int, float]
Say: TypeAlias = Callable[[str], str]


def drawn(evaluation: Mapping[str, Any], figure: str, say: Say = str) -> bytes:
    """Return the curve of a figure as SVG 1.1, UTF-8; see `panel`."""
    return written(panel(evaluation, figure, say))


def written(root: ET.Element) -> bytes:
    """Return a picture as the bytes of a file."""
    picture: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return picture


def picture(width: int, height: int, title: str, about: str = "") -> ET.Element:
    """Return an empty picture of a size in pixels; `about` says what is to be seen in it."""
    box = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}"}
    root = ET.Element("svg", {**box, "role": "img"})
    ET.SubElement(root, "title").text = title
    if about:
        ET.SubElement(root, "desc").text = about
    return root


def panel(evaluation: Mapping[str, Any], figure: str, say: Say = str) -> ET.Element:
    """Return the curve of a figure, `WIDTH` by `HEIGHT`.

    Args:
        evaluation: of the job, as `lead/evaluation.described` returns it.
        figure: its name, `loss` or another.
        say: returns words of ours in the language of the reader.

    Raises:
        NotFound: no model was evaluated yet, or there is no such figure.
    """
    models, dp = evaluation["curve"], evaluation.get("dp", True)
    pooled = [(each["round"], _named(each["pooled"]["figures"], figure)) for each in models]
    middle = [(number, each["value"]) for number, each in pooled if each["value"] is not None]
    if not middle:
        raise NotFound(f"there is no `{figure}` of a model of this job yet")
    known = {site["site"] for each in models for site in each["sites"]}
    lines = {site: _of_site(evaluation, site, figure) for site in sorted(known)}
    held = [(number, each) for number, each in pooled if each["low"] is not None and each["high"]]
    band = [(number, each["low"] or 0.0) for number, each in held]
    band += [(number, each["high"] or 0.0) for number, each in reversed(held)]
    seen = [value for _, value in [*middle, *band, *(p for line in lines.values() for p in line)]]
    plot = _Plot(max(number for number, _ in middle), min(seen), max(seen))
    noise = "with noise" if dp else "without noise: not DP"
    title = say(f"{figure} by round, on persons held out, {noise}")
    root = picture(WIDTH, HEIGHT, title, say(_ABOUT))
    _axes(root, plot, say(figure) if dp else say(f"{figure}, not DP"), say(f"round {plot.rounds}"))
    if len(held) > 1:
        ET.SubElement(
            root, "polygon", {"points": plot.points(band), "fill": BLUE, "fill-opacity": "0.15"}
        )
    for site, line in lines.items():
        drawn_line = ET.SubElement(root, "polyline", {"points": plot.points(line), **_GREY})
        ET.SubElement(drawn_line, "title").text = site
    ET.SubElement(
        root,
        "polyline",
        {"points": plot.points(middle), "fill": "none", "stroke": BLUE, "stroke-width": "2"},
    )
    for point in middle:
        x, y = plot.place(point)
        ET.SubElement(root, "circle", {"cx": x, "cy": y, "r": "3", "fill": BLUE})
    return root


class _Plot:
    """Where a round and a value stand in the picture."""

    def __init__(self, rounds: int, low: float, high: float) -> None:
        self.rounds = rounds
        self.low = low
        self.high = high if high > low else low + 1.0

    def place(self, point: Point) -> tuple[str, str]:
        number, value = point
        x = _LEFT + (WIDTH - _LEFT - _EDGE) * number / max(self.rounds, 1)
        share = (value - self.low) / (self.high - self.low)
        return f"{x:.1f}", f"{HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * share:.1f}"

    def points(self, line: Iterable[Point]) -> str:
        return " ".join(",".join(self.place(point)) for point in line)


def _axes(root: ET.Element, plot: _Plot, figure: str, last: str) -> None:
    corner, end, top = (0, plot.low), (plot.rounds, plot.low), (0, plot.high)
    ET.SubElement(root, "polyline", {"points": plot.points([top, corner, end]), **_GREY})
    left, below = str(_LEFT - 6), str(HEIGHT - _EDGE + 18)
    for value in (plot.low, plot.high):
        text(root, left, plot.place((0, value))[1], f"{value:.4g}", "end")
    text(root, left, str(HEIGHT // 2), figure, "end")
    text(root, plot.place(end)[0], below, last, "end")


def text(root: ET.Element, x: str, y: str, words: str, anchor: str) -> None:
    """Write words into a picture; `anchor` says which end of them stands at the place."""
    style = {"font-family": "sans-serif", "font-size": "12", "text-anchor": anchor}
    ET.SubElement(root, "text", {"x": x, "y": y, **style}).text = words


def _of_site(evaluation: Mapping[str, Any], site: str, figure: str) -> list[Point]:
    found = [
        (each["round"], _named(part["figures"], figure)["value"])
        for each in evaluation["curve"]
        for part in each["sites"]
        if part["site"] == site
    ]
    return [(number, value) for number, value in found if value is not None]


def _named(figures: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found = next((each for each in figures if each["name"] == name), None)
    if found is None:
        names = ", ".join(f"`{each['name']}`" for each in figures)
        raise NotFound(f"there is no metric `{name}`: the job has {names}")
    return found
