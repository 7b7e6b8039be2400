"""The demonstration's picture: who gains from training together, what it costs, what may leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from release import Level

_SIGNS: Final = ("o", "s", "D", "^", "v")


def draw(
    scores: Sequence[tuple[str, float, str]],
    spent: Mapping[str, Mapping[int, float]],
    limit: float,
    levels: Sequence[Level],
    files: Sequence[Path],
) -> None:
    """Draw AUCs, the budget, and use against risk.

    Args:
        scores: (label, AUC on the pupils kept out, colour), top to bottom.
        spent: site -> round -> ε spent after it.
        limit: ε of the contract.
        levels: of protection, as they were measured.
        files: where to write; the suffix says the format.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy; only this function draws

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - same

    figure, (left, right, last) = plt.subplots(
        1, 3, figsize=(15.5, 4.2), width_ratios=(3, 2, 3), layout="constrained"
    )
    labels = [label for label, _, _ in scores]
    values = [value for _, value, _ in scores]
    bars = left.barh(labels, values, color=[colour for _, _, colour in scores])
    left.bar_label(bars, fmt="%.3f", padding=3)
    left.set_xlim(0.55, max(0.75, max(values) + 0.02))
    left.invert_yaxis()
    left.set_xlabel("AUC on pupils kept out (higher is better; the axis starts at 0.55)")
    left.set_title("Does this pupil read above the threshold?", loc="left")
    for width, (name, curve) in zip((7, 4, 1.5), spent.items(), strict=True):
        # Same noise, same rounds: the curves lie on one another, so each is thinner.
        rounds = sorted(curve)
        values = [curve[number] for number in rounds]
        right.plot(rounds, values, linewidth=width, marker=".", label=name)
    right.axhline(limit, color="#999999", linestyle="--", linewidth=1)
    right.set_xlabel("round")
    right.set_ylabel("ε spent per pupil")
    right.set_title(f"Privacy budget, ε ≤ {limit:g}", loc="left")
    right.set_ylim(0, limit * 1.1)
    right.xaxis.get_major_locator().set_params(integer=True)
    right.legend(frameon=False)
    _draw_levels(last, levels)
    for axis in (left, right, last):
        axis.spines[["top", "right"]].set_visible(False)
    for file in files:
        figure.savefig(file, dpi=150)
    plt.close(figure)


def _draw_levels(axis: Any, levels: Sequence[Level]) -> None:
    for level, sign in zip(levels, _SIGNS, strict=True):
        axis.plot(level.risk, level.kept, sign, markersize=10, label=level.name, clip_on=False)
    axis.set_xlim(0, max(each.risk for each in levels) * 1.2 or 1)
    axis.set_ylim(0, 1.05)
    axis.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axis.set_xlabel("pupils alone with their quasi-identifiers")
    axis.set_ylabel("kept of the columns' distributions, on average")
    axis.set_title("Use against risk, académie centre", loc="left")
    axis.grid(color="#eeeeee")
    axis.legend(frameon=False, loc="lower right")
