"""The figures that the paper prints: 2a, 2b, 3a, 3b."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.env.config import BENCHMARK, TELEMETRY, TRUTH, TWIN
from eco_jax.metrics import ENERGY, LATENCY_OFFLOADED, OFFLOADED, QOE, REWARD
from eco_jax.report.figures.figure import Columns, Figure, MissingError, Results, Values
from eco_jax.report.figures.style import NAMES, ORDER, STYLES, band, canvas, legend
from eco_jax.study import names
from eco_jax.study.names import AGENTS, LEVEL, POINT, of
from eco_jax.study.statistics import interquartile_mean, interval, slope

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

BAND = "Lines: interquartile mean over the seeds; bands: from their 10 % to their 90 % quantile."


PRINTED = "Algorithm 1"
"""Of the paper."""


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _episode_axis(axes: "Axes", results: Results) -> None:
    axes.set_xlabel(f"episode ({results.horizon} slots in every environment)")
    axes.margins(x=0.01)


def fig2a(results: Results) -> tuple["Drawing", Columns]:
    """Scaled total reward of an episode while training."""
    learns = results.algorithm.__name__
    total = {learns: results.horizon * results.curve(TWIN, REWARD)}
    if names.ONLINE in results.done:
        members = results.done[names.ONLINE][of(names.CURVE, REWARD)]
        total[PRINTED] = results.horizon * members[:, : members.shape[1] // 2]  # the rest knows nothing
    low, high = float(total[learns].min()), float(total[learns].max())
    drawing, axes = canvas(2.9, 1, len(total), sharey=True)
    titles = {learns: f"{learns}, many envs", PRINTED: f"{PRINTED}, one"}
    rows = []
    for ax, (name, curve) in zip(axes[0], total.items(), strict=True):
        scaled = (curve - low) / max(high - low, 1e-12)
        x = np.arange(1, len(curve) + 1)
        ax.plot(x, scaled, color=STYLES[TWIN]["color"], alpha=0.25, linewidth=0.5)
        ax.plot([], [], color=STYLES[TWIN]["color"], alpha=0.5, linewidth=0.5, label="single seeds")
        band(ax, x, scaled, f"{curve.shape[1]} seeds: middle, 10–90 %", STYLES[TWIN])
        ax.set_title(titles[name])
        ax.set_xlabel("episode")
        ax.margins(x=0.01)
        rows.append(
            {
                "algorithm": np.full(curve.size, name),
                "seed": np.repeat(np.arange(curve.shape[1]), len(curve)),
                "episode": np.tile(x, curve.shape[1]),
                "total_reward": curve.T.ravel(),
                "scaled": scaled.T.ravel(),
            }
        )
    axes[0, 0].set_ylabel("total reward, scaled")
    legend(drawing, axes[0, 0])
    return drawing, _joined(rows)


def latency_of_offloaded(part: Any, level: str) -> tuple[NDArray[np.floating], Values]:
    """Speeds [points], km/h, and the mean latency of an episode's offloaded tasks [points, seeds, episodes], ms."""
    rows = np.flatnonzero(part[LEVEL] == level)
    rows = rows[np.argsort(part[of(POINT, "speed_min")][rows], kind="stable")]
    share = part[of(AGENTS, OFFLOADED)][rows]
    latency = np.divide(
        1e3 * part[of(AGENTS, LATENCY_OFFLOADED)][rows], share, out=np.full(share.shape, np.nan), where=share > 0.0
    )
    return part[of(POINT, "speed_min")][rows].astype(float), latency


def always_offloaded(latency: Values) -> Values:
    """Of latencies [points, seeds, episodes] the episodes in which every seed offloads something at every point."""
    return latency[:, :, np.isfinite(latency).all(axis=(0, 1))]


def fig2b(results: Results) -> tuple["Drawing", Columns]:
    """Latency of offloaded tasks over the users' speed."""
    part = results.done["speed"]
    levels = [level for level in ORDER if level in part[LEVEL]]
    if not levels:
        raise MissingError("no level")
    drawing, axes = canvas(4.0)
    ax, rows = axes[0, 0], []
    for i, level in enumerate(levels):
        speed, latency = latency_of_offloaded(part, level)
        if len(speed) < 2:
            raise MissingError("no two speeds")
        step = float(np.diff(speed).min())
        shift = 0.22 * step * (i - (len(levels) - 1) / 2)  # side by side; the CSV has the true speeds
        seeds, episodes = latency.shape[1:]
        single = latency.reshape(len(speed), -1)
        jitter = np.random.default_rng(0).uniform(-0.08, 0.08, single.shape) * step
        style = STYLES[level]
        x = speed[:, None] + shift + jitter
        alpha = float(np.clip(40.0 / single.shape[1], 0.15, 0.8))
        ax.scatter(x, single, s=2.0, alpha=alpha, linewidth=0, color=style["color"], rasterized=True)
        label: str = level
        kept = always_offloaded(latency)
        if kept.shape[2]:
            mean, found = kept.mean(axis=(1, 2)), interval(slope(speed, kept))
            label += f": {found.mean:+.3f} [{found.lo:+.3f}, {found.hi:+.3f}]"
            line = mean.mean() + found.mean * (speed - speed.mean())
            ax.plot(speed, line, color=style["color"], linestyle=style["linestyle"], linewidth=1.4, zorder=3)
            ax.scatter(
                speed + shift, mean, s=20, color=style["color"], marker=style["marker"], edgecolor="white",
                linewidth=0.6, zorder=4,
            )  # fmt: skip
        # Line and marker together in the legend
        ax.plot([], [], label=label, markersize=4.5, **style)
        rows.append(
            {
                "level": np.full(len(speed) * episodes, level),
                "speed_km_h": np.repeat(speed, episodes),
                "episode": np.tile(np.arange(episodes), len(speed)),
                **{f"seed{k}_ms": latency[:, k].ravel() for k in range(seeds)},
            }
        )
    ax.set_xlabel("speed of the users, km/h")
    ax.set_ylabel("mean latency of offloaded tasks, ms")
    legend(drawing, ax, 1)
    drawing.legends[0].set_title("slope, ms per km/h")
    return drawing, _joined(rows)


def _training(results: Results, metric: str, scale: float, ylabel: str) -> tuple["Drawing", Columns]:
    """A metric of every level while training, times `scale`."""
    drawing, axes = canvas(3.3)
    ax = axes[0, 0]
    columns: Columns = {}
    for level in (level for level in ORDER if level in results.levels):
        curve = results.curve(level, metric)
        x = np.arange(1, len(curve) + 1)
        if level == TRUTH:
            style = {**STYLES[TRUTH], "linewidth": 1.0}
            del style["marker"]
            ax.plot(x, scale * interquartile_mean(curve, axis=1), label=NAMES[level], **style)
        else:
            band(ax, x, scale * curve, NAMES[level], STYLES[level])
        columns |= {"episode": x, **{f"{level}-seed{k}": scale * values for k, values in enumerate(curve.T)}}
    _episode_axis(ax, results)
    ax.set_ylabel(ylabel)
    legend(drawing, ax)
    return drawing, columns


def fig3a(results: Results) -> tuple["Drawing", Columns]:
    """Energy while training, in % of the highest point of the benchmark's line."""
    highest = float(interquartile_mean(results.curve(BENCHMARK, ENERGY), axis=1).max())
    return _training(results, ENERGY, 100.0 / highest, "energy, % (benchmark's most: 100)")


def fig3b(results: Results) -> tuple["Drawing", Columns]:
    """QoE while training."""
    return _training(results, QOE, 100.0, "quality of experience (QoE), %")


FIG2A = Figure(
    "fig2a",
    "Fig. 2a: reward while training (agent with a twin)",
    "Total reward of an episode while the agent with a twin learns, scaled so that 0 is the lowest and 1 the highest "
    "episode of any seed in the left panel. "
    "Right, where it was run: the loop of Algorithm 1 as printed, one environment and one plain gradient step a slot, "
    "in the same world, with the same discount and the same target of the critic, on the same scale. "
    f"{BAND} The paper claims that the reward rises and settles.",
    (names.trained(TWIN),),
    fig2a,
)
FIG2B = Figure(
    "fig2b",
    "Fig. 2b: latency over the users' speed",
    "Mean latency of the offloaded tasks of an episode against the speed of the users. Small dots: single episodes of "
    "single seeds, the levels side by side; large ones: means; lines: least squares, with slope (interquartile mean "
    "over the seeds) and 95 % interval (over seeds and episodes) below. The paper claims that latency rises with "
    "speed: look whether the slope's interval lies above 0.",
    ("speed",),
    fig2b,
)
FIG3A = Figure(
    "fig3a",
    "Fig. 3a: energy while training",
    "Energy per task while agents learn, in % of the highest point of the benchmark's line; lower is better, and the "
    "axis does not begin at 0. "
    f"{BAND} The paper claims that a twin takes less energy than the benchmark: look at the gap at the end, and at how "
    f"much of it `{TELEMETRY}`, an agent that only remembers what it measured, closes without a twin.",
    (names.trained(BENCHMARK),),
    fig3a,
)
FIG3B = Figure(
    "fig3b",
    "Fig. 3b: quality of experience while training",
    "Quality of experience while agents learn; higher is better, and the axis does not begin at 0. "
    f"{BAND} The paper claims that a twin gives more QoE than the benchmark, and that its QoE rises: look at the gap "
    f"at the end, and at how much of it `{TELEMETRY}` closes without a twin.",
    (),
    fig3b,
    one_of=(names.trained("*"),),
)
