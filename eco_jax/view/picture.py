"""One frame of the moving picture: maps side by side, and what came of it so far."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from eco_jax import metrics as m
from eco_jax.env import EcoEnv, EnvParams, topology
from eco_jax.env.config import SIGHT
from eco_jax.errors import shown
from eco_jax.view.data import SERIES, Shown, brief
from eco_jax.view.players import Played

WIDTH, HEIGHT, DPI = 8.0, 6.0, 100
"""inches, inches, pixels an inch"""
INK, LOCAL, NEAR, OTHER, MOVED, SYNC = "#1a1a1a", "#777777", "#007a5a", "#E69F00", "#A6467F", "#3A8FC9"
CLEAR = (0.0, 0.0, 0.0, 0.0)
SIDES = ("#0072B2", "#B84A00")
"""Colour of each controller."""
PAINTS = (INK, LOCAL, NEAR, OTHER, MOVED, SYNC, *SIDES)
"""Colours that mean something."""
TRAIL = 5
"""Slots of a user's way that are shown."""
TOLD = SERIES[:3]
"""What is drawn below the maps."""


def _font(text: str) -> str:
    """A user's text as it is: a dollar begins no formula."""
    return text.replace("$", r"\$")


def _headline(env: EcoEnv) -> str:
    users, servers = env.config.users, env.config.servers
    who = f"{users} moving users offload" if users > 1 else "A moving user offloads"
    return f"{who} tasks to {servers} edge servers" if servers > 1 else f"{who} tasks to an edge server"


class Picture:
    """Draws the frames of an episode: what stays is drawn once, the rest moved in place.

    Args:
        played: one or two controllers.
        env: the world.
        params: of it.
    """

    def __init__(self, played: Sequence[Played], env: EcoEnv, params: EnvParams) -> None:
        backend = os.environ.pop("MPLBACKEND", None)  # the import fails where it names none that is there
        try:
            import matplotlib
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        finally:
            if backend is not None:
                os.environ["MPLBACKEND"] = backend
        plain: Any = {name: v for name, v in matplotlib.rcParamsDefault.items() if name != "backend"}
        self.settings = plain | {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
        self.context = matplotlib.rc_context
        with self.context(self.settings):
            self.figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
            self.canvas = FigureCanvasAgg(self.figure)
            self.time = self.figure.text(0.985, 0.975, "", ha="right", va="top", fontsize=10, family="monospace")
            self.figure.text(0.015, 0.975, _headline(env), ha="left", va="top", fontsize=11.5, weight="bold")
            left = (0.015, 0.515) if len(played) > 1 else (0.25,)
            self.maps = [
                _Map(self.figure.add_axes((x, 0.262, 0.47, 0.6)), who, env, params)
                for x, who in zip(left, played, strict=True)
            ]
            for i, (who, world) in enumerate(zip(played, self.maps, strict=True)):
                world.axes.set_title(
                    f"{_font(shown(who.name, 28))}\n", loc="left", fontsize=10, weight="bold", color=SIDES[i], pad=2
                )
                world.count.set_color(SIDES[i])
                words = brief(SIGHT[who.level], who.informed)
                world.axes.text(0.0, 1.012, words, transform=world.axes.transAxes, fontsize=9, color=INK)
            self._legend()
            self.lines = [
                _Lines(self.figure.add_axes((0.06 + 0.325 * k, 0.04, 0.27, 0.1)), metric, played)
                for k, metric in enumerate(TOLD)
            ]

    def _legend(self) -> None:
        from matplotlib.lines import Line2D

        def dot(colour: str, edge: str, words: str, marker: str = "o", size: float = 6.0) -> Line2D:
            return Line2D(
                [], [], color=colour, marker=marker, markersize=size, linestyle="", label=words, markeredgecolor=edge,
                markerfacecolor="white" if edge == LOCAL else colour, markeredgewidth=1.6,
            )  # fmt: skip

        self.figure.legend(
            handles=[
                dot(LOCAL, LOCAL, "computes at home"),
                dot(NEAR, NEAR, "to nearest server"),
                dot(OTHER, OTHER, "to another"),
                dot(INK, INK, "too late", "x"),
                dot("#b8b8b8", INK, "server, its tasks", "s"),
                Line2D([], [], color=MOVED, linestyle="--", linewidth=1.8, label="service migrates"),
                Line2D([], [], color=SYNC, marker="o", markersize=8, linestyle="", markerfacecolor="white",
                       markeredgecolor=SYNC, markeredgewidth=1.8, label="twin synchronised"),
            ],
            loc="center", bbox_to_anchor=(0.5, 0.236), ncols=7, frameon=False, fontsize=8, handletextpad=0.2,
            columnspacing=0.9, handlelength=1.2,
        )  # fmt: skip

    def at(self, time: float) -> np.ndarray:
        """The frame at a time, slots from the start: RGB [height, width, 3]."""
        t = int(time)
        with self.context(self.settings):
            self.time.set_text(f"slot {t:2d}")
            for world in self.maps:
                world.draw(time)
            for line in self.lines:
                line.draw(t)
            self.canvas.draw()
            return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()


class _Map:
    """The map of a controller."""

    def __init__(self, axes: Any, played: Played, env: EcoEnv, params: EnvParams) -> None:
        from matplotlib.collections import LineCollection

        self.axes, self.r = axes, played.record
        self.sites = np.asarray(topology.sites(env.config, params))
        side = float(params.side)
        low, high = np.minimum(self.sites.min(0), 0.0), np.maximum(self.sites.max(0), side)
        margin = 0.02 * side
        axes.set(
            xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin), xticks=[], yticks=[]
        )
        axes.set_aspect("equal")
        axes.set_facecolor("#fafaf7")
        for spine in axes.spines.values():
            spine.set(visible=True, color="#b5b5ae")
        radius = getattr(params.coverage, "radius", None)
        if radius is not None:
            axes.scatter(*self.sites.T, s=1, color="#c9d6e0")
            for x, y in self.sites:
                axes.add_patch(_disc(x, y, float(radius)))

        def lines(width: Any, colour: Any, order: int, **more: Any) -> Any:
            return axes.add_collection(LineCollection([], linewidths=width, colors=colour, zorder=order, **more))

        self.trails = lines(1.0, "#bdbdb8", 1)
        self.links = lines(1.5, NEAR, 2)
        self.moves = lines(2.0, MOVED, 3, linestyles="--")
        marker: dict[str, Any] = {"linewidths": 1.0, "zorder": 4}
        self.servers = axes.scatter(*self.sites.T, s=74, marker="s", edgecolors=INK, color="white", **marker)
        self.loads = [
            axes.text(x, y, "", ha="center", va="center_baseline", fontsize=7.5, weight="bold", zorder=5, clip_on=True)
            for x, y in self.sites
        ]
        self.late_so_far = 100.0 * _so_far(played.record.metrics[m.MISS])
        self.count = axes.text(1.0, 1.058, "", transform=axes.transAxes, ha="right", fontsize=12.5, weight="bold")
        self.users = axes.scatter([], [], s=30, zorder=6)
        self.syncs = axes.scatter([], [], s=110, facecolors=CLEAR, edgecolors=SYNC, linewidths=1.8, zorder=6)
        self.late = axes.scatter([], [], s=34, marker="x", color=INK, linewidths=1.8, zorder=7)

    def draw(self, time: float) -> None:
        """Move everything to a time, slots from the start."""
        r, t = self.r, int(time)
        share, after = time - t, min(t + 1, len(r.server) - 1)
        here = (1 - share) * r.position[t] + share * r.position[after]
        server, radio, away = r.server[t], r.radio[t], r.server[t] >= 0
        near = server == r.candidates[t, :, 0]
        colours = np.where(away, np.where(near, NEAR, OTHER), LOCAL)
        ways, paint, width = [], [], []
        for user in np.flatnonzero(away):
            ways.append([here[user], self.sites[radio[user]], self.sites[server[user]]])
            paint.append(colours[user])
            width.append(0.6 + 2.0 * r.decision.beta[t, user])
        self.links.set(segments=ways, colors=paint or NEAR, linewidths=width or 1.0)
        moved = np.flatnonzero(r.decision.migrates[t] & (r.last_server[t] >= 0))
        self.moves.set_segments([self._bow(r.last_server[t, u], server[u]) for u in moved])
        first = max(0, t - TRAIL)
        self.trails.set_segments([[*r.position[first : t + 1, u], here[u]] for u in range(len(here))])
        self.users.set_offsets(here)
        self.users.set(facecolors=np.where(away, colours, "white"), edgecolors=np.where(away, "white", LOCAL))
        self.users.set_linewidths(np.where(away, 0.7, 1.6))
        self.syncs.set_offsets(here[r.decision.synced[t]])
        self.late.set_offsets(here[r.outcome.latency[t] > r.task.deadline[t]])
        self.count.set_text(f"{self.late_so_far[t]:.0f} % too late")
        shade = 1.0 - 0.72 * np.minimum(r.load[t] / 5.0, 1.0)
        self.servers.set_facecolor(np.repeat(shade[:, None], 3, axis=1))
        self.servers.set_edgecolor(np.where(r.load[t] > 0, INK, "#9a9a9a"))
        for text, load, grey in zip(self.loads, r.load[t], shade, strict=True):
            text.set(text=str(load) if load else "", color="white" if grey < 0.65 else INK)

    def _bow(self, start: int, end: int) -> np.ndarray:
        """A bowed way between two servers."""
        a, b = self.sites[start], self.sites[end]
        middle = 0.5 * (a + b) + 0.18 * np.array([a[1] - b[1], b[0] - a[0]])
        s = np.linspace(0.0, 1.0, 9)[:, None]
        return (1 - s) ** 2 * a + 2 * s * (1 - s) * middle + s**2 * b


class _Lines:
    """A metric's mean from the start to each slot, of every controller."""

    def __init__(self, axes: Any, shown: Shown, played: Sequence[Played]) -> None:
        self.shown, self.axes = shown, axes
        self.means = [_so_far(shown.scale * who.record.metrics[shown.metric]) for who in played]
        low, high = min(x.min() for x in self.means), max(x.max() for x in self.means)
        gap = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
        slots = len(self.means[0])
        axes.set(xlim=(0, max(slots - 1, 1)), ylim=(low - gap, high + gap), xticks=[])
        axes.tick_params(labelsize=7.5, length=2)
        axes.locator_params(axis="y", nbins=3)
        unit = f", {shown.unit}" if shown.unit else ""
        better = "higher is better" if shown.metric.better > 0 else "lower is better"
        axes.set_title(f"{shown.metric.label}{unit} ({better})", fontsize=8.5, loc="left", pad=14)
        self.lines = [axes.plot([], [], color=SIDES[i], linewidth=2.0)[0] for i in range(len(played))]
        self.values = [
            axes.text(0.55 * i, 1.05, "", transform=axes.transAxes, fontsize=9.5, weight="bold", color=SIDES[i])
            for i in range(len(played))
        ]

    def draw(self, t: int) -> None:
        """The lines up to a slot."""
        for line, text, means in zip(self.lines, self.values, self.means, strict=True):
            line.set_data(np.arange(t + 1), means[: t + 1])
            text.set_text(f"{means[t]:.2f}" if self.shown.metric == m.QOE else f"{means[t]:.3g}")


def _so_far(values: np.ndarray) -> np.ndarray:
    return np.cumsum(values) / np.arange(1, len(values) + 1)


def _disc(x: float, y: float, radius: float) -> Any:
    from matplotlib.patches import Circle

    return Circle((x, y), radius, facecolor="#0072B212", edgecolor="#c9d6e0", linewidth=0.8, zorder=0)
