"""Energy by term of policies of one's own choice: stacked bars."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from eco_jax.errors import UserError
from eco_jax.metrics import ENERGY, energy_term
from eco_jax.model.energy import EnergyTerms
from eco_jax.report.figures.column import PAGE, legend_below, panels
from eco_jax.report.figures.figure import Columns, Values, table
from eco_jax.report.figures.policies import TERM

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

WORDS = {
    "local": "computing, device", "edge": "computing, server", "uplink": "uplink", "receive": "server receives",
    "downlink": "downlink", "migration": "migration", "placement": "replicas", "prediction": "twin predicts",
    "synchronisation": "synchronisation",
}  # fmt: skip
"""Term -> in words, in the order of a bar; a term without stands under its own name."""
LOOKS = (
    ("#0072B2", ""), ("#56B4E9", ""), ("#E69F00", "///"), ("#CC79A7", "..."), ("#000000", ""), ("#009E73", "xxx"),
    ("#D55E00", "---"), ("#F0E442", ""), ("#999999", "\\\\\\"),
)  # fmt: skip
"""Colour and hatching of the terms, in the order of a bar: neighbours differ in grey."""


def terms_of(played: Mapping[str, Mapping[str, Values]]) -> list[str]:
    """The energy's terms that anybody pays, in the order of a bar.

    Raises:
        UserError: there are none in this world.
    """
    there = {n.removeprefix(TERM) for row in played.values() for n, v in row.items() if n.startswith(TERM) and v.any()}
    if not there:
        raise UserError("--terms: this world reports no terms of the energy")
    return [term for term in dict.fromkeys([*WORDS, *EnergyTerms._fields, *sorted(there)]) if term in there]


def stacked(
    played: Mapping[str, Mapping[str, Values]], width: float, height: float | None = None
) -> tuple["Drawing", Columns]:
    """A bar a policy, a part a term; the number behind a bar is the metric `energy` itself, mJ.

    Args:
        played: policy -> metric -> [seeds, episodes], the bars from top to bottom.
        width: inches.
        height: inches; None for a fitting one.
    """
    terms, policies = terms_of(played), list(played)
    below = 0.75 + 0.17 * -(-len(terms) // (2 if width < PAGE else 4))
    made, (ax,) = panels(1, width, height, 0.24 * len(policies), below)
    looks = dict(zip(dict.fromkeys([*WORDS, *terms]), cycle(LOOKS), strict=False))
    y, left = np.arange(len(policies)), np.zeros(len(policies))
    means = {name: {t: _mean(row, t) for t in terms} for name, row in played.items()}
    for term in terms:
        color, hatch = looks[term]
        part = np.array([means[name][term] for name in policies])
        label = WORDS.get(term, term)
        ax.barh(y, part, left=left, height=0.7, color=color, hatch=hatch, edgecolor="white", linewidth=0.4, label=label)
        left += part
    for i, name in enumerate(policies):
        ax.text(left[i], i, f" {1e3 * played[name][ENERGY].mean():.0f}", va="center")
    ax.set_yticks(y, policies)
    ax.set_ylim(len(policies) - 0.4, -0.6)
    ax.set_xlabel(f"{ENERGY.label}, mJ")
    ax.set_xlim(0.0, float(left.max()) * (1.0 + 0.45 / width))  # room for the numbers
    ax.grid(axis="y", visible=False)
    legend_below(made, *ax.get_legend_handles_labels())
    return made, table({"policy": name, **{f"{t}_mj": v for t, v in means[name].items()}} for name in policies)


def _mean(row: Mapping[str, Values], term: str) -> float:
    return 1e3 * float(np.mean(row.get(energy_term(term), 0.0)))
