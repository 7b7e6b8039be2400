"""A picture of a model's evidence: how it learnt, and what each site's persons were charged.

Rule: everything is drawn from the signed card, so that it can be drawn anew and compared; the
curve is of noised figures that the sites were charged for, and missing where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from connector.errors import NotFound
from connector.services.federation import curve

_ROW: Final = 34  # of a site, in pixels
_TOP: Final = 56
_EDGE: Final = 40
_LOSS: Final = "loss"  # the figure that every target has


def drawn(card: Mapping[str, Any]) -> bytes:
    """Return the picture of a card as SVG 1.1, UTF-8.

    Args:
        card: of a model, see `docs/reference/model-card.md`.
    """
    sites, bars = card["sites"], ET.Element("g")
    limit = float(card["privacy"]["epsilon"])
    said = f"ε for a person at each site, of {limit:g} that the job may spend"
    delta = f"δ {card['privacy']['delta']:g}, person: {card['privacy']['unit']['column']}"
    curve.text(bars, str(_EDGE), "24", said, "start")
    curve.text(bars, str(_EDGE), "42", delta, "start")
    for number, site in enumerate(sites):
        _bar(bars, _TOP + number * _ROW, site, limit)
    height = _TOP + len(sites) * _ROW + _EDGE // 2
    learnt = _curve(card)
    whole = height if learnt is None else height + curve.HEIGHT
    root = curve.picture(curve.WIDTH, whole, f"Model of job {card['job']}, led by {card['lead']}")
    root.append(bars)
    if learnt is not None:
        box = {"y": str(height), "width": str(curve.WIDTH), "height": str(curve.HEIGHT)}
        learnt.attrib.update(box)
        root.append(learnt)
    return curve.written(root)


def _curve(card: Mapping[str, Any]) -> ET.Element | None:
    stated = card.get("evaluation")
    if stated is None:
        return None
    try:
        return curve.panel(stated, _LOSS)
    except NotFound:  # no model was evaluated
        return None


def _bar(bars: ET.Element, top: int, site: Mapping[str, Any], limit: float) -> None:
    spent = site.get("spent", {})  # a card of an earlier release has none
    epsilon, width = spent.get("epsilon"), curve.WIDTH - 2 * _EDGE
    known = f"ε {epsilon:.4g}" if epsilon is not None else "ε not known"
    said = f"{site['site']}: {known}, {site['rounds']} rounds"
    curve.text(bars, str(_EDGE), str(top + 12), said, "start")
    frame = {"x": str(_EDGE), "y": str(top + 17), "height": "8"}
    ET.SubElement(bars, "rect", {**frame, "width": str(width), "fill": "#e4e8ee"})
    if epsilon:
        length = f"{width * min(epsilon / limit, 1.0):.1f}"
        ET.SubElement(bars, "rect", {**frame, "width": length, "fill": curve.BLUE})
