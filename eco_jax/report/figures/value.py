"""What the twin is worth, and where: the question of the study."""

from typing import TYPE_CHECKING, Any

from eco_jax.env.config import BENCHMARK, FORECAST, TWIN
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.metrics import REWARD, SYNCS
from eco_jax.report.figures.figure import (
    FEW,
    Columns,
    Figure,
    MissingError,
    Results,
    Values,
    difference,
    interval,
    spread,
    table,
)
from eco_jax.report.figures.style import STYLES, canvas, evenly, legend, points
from eco_jax.study import names
from eco_jax.study.names import AGENTS, RULE, of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

AXES = (
    (names.VALUE_ERROR, "sync_error", "sync error σ"),
    (names.VALUE_CORRELATION, "correlation", "correlation ρ"),
    (names.VALUE_ENERGY, "sync_energy", "sync energy, mJ"),
    ("users", "users", "users"),
    ("servers", "servers", "servers"),
)
"""Part, field, and what it is called."""


def without_twin(results: Results, part: str, field: str, value: float, level: str, name: str) -> Values:
    """A level without a twin at a point: [seeds, episodes].

    What syncs cost and how well they measure changes nothing without a twin: where only agents with a twin were
    trained, it is the level at the correlation of the study's own world.
    """
    sweep = results.sweep(part)
    if level in sweep.levels:
        return sweep.at(name, level, field, value)
    if part not in (names.VALUE_ERROR, names.VALUE_ENERGY) or names.VALUE_CORRELATION not in results.done:
        raise MissingError(f"{level} in {part}")
    return results.sweep(names.VALUE_CORRELATION).at(name, level, "correlation", results.correlation)


def values_of_twin(results: Results, part: str, field: str, level: str) -> list[dict[str, Any]]:
    """Reward of the twin over a level without one, agents and rule, at each value where both are there."""
    rows = []
    sweep = results.sweep(part)
    for value in sweep.values(field, TWIN):
        for who in (AGENTS, RULE):
            try:
                old = without_twin(results, part, field, value, level, of(who, REWARD))
            except MissingError:
                continue
            found = difference(sweep.at(of(who, REWARD), TWIN, field, value), old)
            rows.append({"axis": field, "value": value, "over": level, "policy": results.who(who), "found": found})
    return rows


def value(results: Results) -> tuple["Drawing", Columns]:
    """Reward of the twin over the levels without one, along everything that it could depend on."""
    found = {
        part: {level: values_of_twin(results, part, field, level) for level in (FORECAST, BENCHMARK)}
        for part, field, _ in AXES
        if part in results.done
    }
    found = {part: levels for part, levels in found.items() if any(levels.values())}
    if not found:
        raise MissingError("no point with and without a twin")
    drawing, axes = canvas(0.9 + 1.25 * len(found), len(found), 2, sharex="row", sharey="col")
    words = {part: name for part, _, name in AXES}
    for row, (part, levels) in zip(axes, found.items(), strict=True):
        ticks = sorted({r["value"] for rows in levels.values() for r in rows})
        for ax, (level, rows) in zip(row, levels.items(), strict=True):
            ax.axhline(0.0, color="black", linewidth=1.0, zorder=1)
            for who, style in (
                (RULE, {"color": "black", "linewidth": 0.8, "label": f"rule {FORESIGHT}"}),
                (AGENTS, {"linestyle": "", "color": STYLES[level]["color"], "marker": STYLES[level]["marker"]}),
            ):
                mine = [r for r in rows if r["policy"] == results.who(who)]
                if not mine:
                    continue
                x = [ticks.index(r["value"]) for r in mine]
                if who == RULE:
                    ax.plot(x, [r["found"].mean for r in mine], marker="x", markersize=3.5, **style)
                else:
                    points(ax, x, [r["found"] for r in mine], label=f"agents, over {level}", markersize=3.5, **style)
            evenly(ax, ticks)
            ax.set_xlabel(words[part])
    axes[0, 0].set_title(f"{TWIN} over {FORECAST}")
    axes[0, 1].set_title(f"{TWIN} over {BENCHMARK}")
    drawing.supylabel(f"{REWARD.label} gained by the twin", fontsize=8)
    handles = {label: handle for ax in axes[0] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    drawing.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=1)
    rows = [r for levels in found.values() for rows in levels.values() for r in rows]
    return drawing, table({k: v for k, v in r.items() if k != "found"} | spread(r["found"]) for r in rows)


def sync_rate(results: Results) -> tuple["Drawing", Columns]:
    """How often agents and rule synchronise, against what it costs."""
    sweep = results.sweep(names.VALUE_ENERGY)
    energies = sweep.values("sync_energy", TWIN)
    if not energies:
        raise MissingError("no twin")
    drawing, axes = canvas(2.9)
    ax = axes[0, 0]
    rows: list[dict[str, Any]] = []
    for who, label, style in (
        (AGENTS, "agents", STYLES[TWIN]),
        (RULE, f"rule {FORESIGHT}, tuned at each", {"color": "black", "linestyle": "--", "marker": "x"}),
    ):
        found = [interval(sweep.at(of(who, SYNCS), TWIN, "sync_energy", energy)) for energy in energies]
        points(ax, range(len(energies)), found, 100.0, label=label, **style)
        rows += [
            {"policy": results.who(who), "sync_energy_mj": energy, **spread(f, 100.0)}
            for energy, f in zip(energies, found, strict=True)
        ]
    evenly(ax, energies)
    highest = max(row["high"] for row in rows)
    ax.set_ylim(0.0, 1.05 * max(1.0, highest))
    ax.set_xlabel("energy of a sync, mJ")
    ax.set_ylabel("slots in which a user syncs, %")
    legend(drawing, ax)
    return drawing, table(rows)


VALUE = Figure(
    "value",
    "Where a twin is worth its price",
    "Reward that a twin adds, its own energy paid: left over an agent that remembers and foresees without one "
    f"(`{FORECAST}`), so what synchronisation alone is worth, right over one that knows nothing (`{BENCHMARK}`, the "
    "paper's benchmark); mind the different scales. "
    f"Points: agents with 95 % intervals; line: the rule `{FORESIGHT}`. Above the zero line the twin pays. "
    "Agents were trained anew at each value, but for users and servers, where the table's were taken as "
    f"they are. {FEW} Values are evenly spaced.",
    (),
    value,
    one_of=(names.VALUE_CORRELATION, "users", "servers"),
)
SYNC_RATE = Figure(
    "sync_rate",
    "How often the twin is synchronised, by its price",
    "Share of slots in which a user refreshes its twin, against the energy that one refresh costs; with 95 % "
    "intervals. Agents were trained anew at each energy. Whoever weighs cost against use syncs less as it gets dearer. "
    f"{FEW} Values are evenly spaced.",
    (names.VALUE_ENERGY,),
    sync_rate,
)
