"""`eco-jax compare`: runs and rules against a baseline, on the same episodes."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from eco_jax.cli.main import parse
from eco_jax.cli.runs import (
    REFUSED,
    check_episodes,
    labelled,
    leading,
    policies_of,
    rules_of,
    with_references,
    world_of,
)
from eco_jax.cli.screen import show_table
from eco_jax.env.parts import COST
from eco_jax.env.parts.cost import reported
from eco_jax.errors import UserError, quoted
from eco_jax.files import check_apart, check_output, write_whole
from eco_jax.report.compared import TEX_MARK, as_tex
from eco_jax.run import setup
from eco_jax.study.compare import Difference, against, remarks
from eco_jax.study.store import Arrays
from eco_jax.train.config import PLAYED

NAME = "eco-jax compare"
HEAD = ("policy", "baseline", "metric", "unit", "value", "value_low", "value_high", "baseline_value", "difference",
        "low", "high", "percent", "detectable", "verdict")  # fmt: skip
"""Columns of the CSV."""


@dataclass(frozen=True)
class Arguments:
    """Play runs and rules on the same episodes, and compare each with a baseline: paired differences of every main
    metric with 95 % intervals over seeds and episodes, the smallest difference that could have been shown, a verdict.
    Runs come first."""  # noqa: D209

    what: tyro.conf.Positional[tuple[str, ...]]
    """Folders of runs; rules, too, by name."""
    baseline: str | None = None
    """The run or rule that the others are compared with; the first one by default."""
    rules: str = ""
    """More rules, with commas between them, each at the runs' levels of knowledge."""
    episodes: int = 64
    """Episodes, - (2 to 1000000)."""
    seed: int = PLAYED
    """Seed of the episodes, - (0 to 4294967295)."""
    labels: str | None = None
    """Names of the runs and rules in tables, with commas between them."""
    preset: str | None = None
    """The world in which all play, by name, instead of that of the first run."""
    config: Path | None = None
    """The same from a TOML file of settings."""
    json: Path | None = None
    """Write the comparison to this file too."""
    csv: Path | None = None
    """The same as a table of raw numbers."""
    tex: Path | None = None
    """The same as a LaTeX table (package booktabs)."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    argv = with_references(argv)
    words = leading(argv)
    given = world_of(argv, words)
    a: Any = parse(Arguments, given.rest, NAME, Arguments.__doc__ or "", None, True, REFUSED)
    if not words or list(a.what) != words:
        raise UserError("name runs or rules first, before the flags")
    check_episodes(a.episodes, a.seed)
    for flag, path, ours in (("json", a.json, _is_json), ("csv", a.csv, _is_csv), ("tex", a.tex, _is_tex)):
        if path is not None:
            if not path.absolute().parent.is_dir():
                raise UserError(f"--{flag} {path}: its folder does not exist")
            check_output(path, ours)
    check_apart({"--json": a.json, "--csv": a.csv, "--tex": a.tex})
    rules = [rule for rule in rules_of(a.rules) if rule not in words]
    policies = policies_of(argv, [*words, *rules], given)
    if len(words) + len(rules) < 2:
        raise UserError("name two runs or rules at least: one is the baseline")
    world = policies.world
    first = _base(a.baseline, words + rules, policies.labels)
    labels = dict(zip(policies.labels, labelled(policies.labels, a.labels), strict=True))
    setup.configure()
    found = policies.play([world], a.seed, a.episodes, NAME)
    played = {labels[own]: {n: v[0] for n, v in row.items()} for own, row in found.items()}
    baseline = labels[first]
    metrics = [m for m in reported(world.values[COST]) if m.better]
    seeds = {labels[own]: run.seeds for own, run in policies.runs.items()}
    differences = against(played, baseline, metrics, seeds)
    notes = remarks(played, baseline, len(differences), seeds)
    _show(differences, baseline, a.episodes, notes)
    _write(a, differences, played, baseline, notes)
    return 0


def _base(wanted: str | None, words: Sequence[str], labels: Sequence[str]) -> str:
    """The label of the baseline: of the first one named, or of `wanted`, by its label or as it was named.

    Raises:
        UserError: there is none of that name.
    """
    name = words[0] if wanted is None else wanted
    last = Path(name).absolute().name
    for label in (name, last):
        if label in labels:
            return label
    at_levels = [label for label in labels if label.startswith(f"{name}-")]
    if at_levels:
        return at_levels[0]
    raise UserError(f"--baseline {quoted(name, 200)}: must be one of {', '.join(labels)}")


def _show(differences: Sequence[Difference], baseline: str, episodes: int, notes: Sequence[str]) -> None:
    rows, before = [], ""
    for d in differences:
        name, unit = ("" if d.policy == before else d.policy), "" if d.metric.unit == "-" else f" {d.metric.unit}"
        before = d.policy
        rows.append(
            [
                name, f"{d.metric.head}{unit}", f"{d.base.mean:.4f}", f"{d.own.mean:.4f}",
                f"{d.difference.mean:+.4f} [{d.difference.lo:+.4f}, {d.difference.hi:+.4f}]", f"{d.percent:+.1f} %",
                f"{d.detectable:.4f}", d.verdict,
            ]
        )  # fmt: skip
    heads = ["policy", "metric", baseline, "its own", "difference", "", "could show", "verdict"]
    lines = [
        "difference: interquartile mean over seeds of the means over episodes, with its 95 % bootstrap interval; "
        "could show: the smallest difference that so many seeds and episodes show in four of five tries",
        *notes,
    ]
    show_table(f"Against {baseline}, on the same {episodes} episodes", heads, rows, lines)


def _row(d: Difference, baseline: str) -> dict[str, Any]:
    numbers = (*d.own, d.base.mean, *d.difference, d.percent, d.detectable)
    finite = [number if math.isfinite(number) else None for number in numbers]
    return dict(zip(HEAD, (d.policy, baseline, str(d.metric), d.metric.unit, *finite, d.verdict), strict=True))


def _write(
    a: Arguments, differences: Sequence[Difference], played: Mapping[str, Arrays], baseline: str, notes: Sequence[str]
) -> None:
    """The files that were asked for."""
    rows = [_row(d, baseline) for d in differences]
    if a.json is not None:
        seeds = {name: len(next(iter(row.values()))) for name, row in played.items()}
        about = {"command": NAME, "baseline": baseline, "episodes": a.episodes, "seed": a.seed, "seeds": seeds}
        write_whole(a.json, json.dumps(about | {"remarks": list(notes), "differences": rows}, indent=2) + "\n")
    if a.csv is not None:
        text = io.StringIO()
        writer = csv.DictWriter(text, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(a.csv, text.getvalue())
    if a.tex is not None:
        write_whole(a.tex, as_tex(differences, baseline, a.episodes))


def _is_json(path: Path) -> bool:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("command") == NAME


def _is_csv(path: Path) -> bool:
    return _begins(path, ",".join(HEAD))


def _is_tex(path: Path) -> bool:
    return _begins(path, TEX_MARK)


def _begins(path: Path, text: str) -> bool:
    try:
        return path.read_bytes().startswith(text.encode())
    except OSError:
        return False
