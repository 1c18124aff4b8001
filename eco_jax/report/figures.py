"""Figures in the paper's form, readable in print and without colour."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = {
    "twin": "EcoEdgeTwin (twin)",
    "telemetry": "telemetry, no twin",
    "none": "benchmark (no twin)",
    "truth": "truth (reference)",
}
# Okabe-Ito colours: told apart with every common colour blindness; line styles tell them apart in grey.
STYLES: dict[str, dict[str, Any]] = {
    "twin": {"color": "#0072B2", "linestyle": "-"},
    "telemetry": {"color": "#009E73", "linestyle": "--"},
    "none": {"color": "#D55E00", "linestyle": "-."},
    "truth": {"color": "#555555", "linestyle": ":"},
}


def by_episode(curve: NDArray[np.floating], updates_per_episode: int) -> NDArray[np.floating]:
    """Means over the updates of each episode: [updates, seeds] -> [episodes, seeds] (a last part is left out)."""
    episodes = len(curve) // updates_per_episode
    return curve[: episodes * updates_per_episode].reshape(episodes, updates_per_episode, -1).mean(axis=1)


def training_curves(
    curves: Mapping[str, NDArray[np.floating]], path: Path, *, ylabel: str, percent_of: float, title: str
) -> None:
    """One line a level with a band over its seeds (least to largest), episodes on the x axis. Writes PNG and PDF.

    Args:
        curves: level -> [episodes, seeds].
        path: where, without ending.
        ylabel: of the y axis.
        percent_of: the value that stands for 100 %.
        title: above the figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axes = plt.subplots(figsize=(4.8, 3.2), layout="constrained")
        for level, curve in curves.items():
            shown = 100.0 * curve / percent_of
            x = np.arange(1, len(shown) + 1)
            style = STYLES[level]
            axes.plot(x, shown.mean(axis=1), label=NAMES[level], linewidth=1.6, **style)
            axes.fill_between(x, shown.min(axis=1), shown.max(axis=1), color=style["color"], alpha=0.15, linewidth=0)
        axes.set_xlabel("Episode (60 slots in every parallel environment)" if len(curves) else "Episode")
        axes.set_ylabel(ylabel)
        axes.set_title(title, fontsize=9)
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.legend(frameon=False, fontsize=8)
        for ending in ("png", "pdf"):
            # Without a date in it, the same data make the same bytes.
            metadata = {"CreationDate": None} if ending == "pdf" else None
            figure.savefig(path.with_suffix(f".{ending}"), dpi=160, metadata=metadata)
        plt.close(figure)
