"""`eco-jax plot`: figures of one's own runs, sweeps and worlds, as wide as a journal's column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from eco_jax.cli.main import load_plugins, parse, peek, without_plugins
from eco_jax.cli.runs import (
    REFUSED,
    check_episodes,
    labelled,
    leading,
    policies_of,
    short_names,
    with_references,
    world_of,
)
from eco_jax.errors import UserError, in_words, quoted
from eco_jax.files import check_apart, check_output
from eco_jax.metrics import REWARD, Metric
from eco_jax.run import setup
from eco_jax.study.folders import X, is_run, is_sweep, recorded_curves
from eco_jax.train.config import PLAYED

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAME = "eco-jax plot"
HEADS = ("run,metric,x,", "series,metric,x,", "policy,")
"""What the CSV of a figure begins with."""
CURVES, SWEEP, TERMS, OVER = "learning curves", "the lines of a sweep", "--terms", "--over"
"""The figures."""
PLAYS = ("labels", "preset", "config", "episodes", "seed")
"""Flags of those for which runs and rules are played."""
TAKES = {
    CURVES: ("metric", "x", "labels", "smooth", "band"),
    SWEEP: ("metric", "x", "group", "log_x"),
    TERMS: PLAYS,
    OVER: ("metric", "log_x", *PLAYS),
}
"""Figure -> flags that it takes beside those of every figure."""


@dataclass(frozen=True)
class Arguments:
    """Draw learning curves of runs; lines over a setting of a sweep; with --terms the energy by term; with --over runs
    and rules over a number of the world. Runs, rules or the sweep come first. The font is 8 pt in the file, which is as
    wide as --width says: include it unscaled."""  # noqa: D209

    what: tyro.conf.Positional[tuple[str, ...]]
    """Folders of runs; the folder of a sweep; with --terms and --over rules, too, by name."""
    metric: str = REWARD
    """Metrics with commas between them, a panel each."""
    x: str = "updates"
    """Of curves: updates, steps (environment steps of an agent) or seconds (of training, without compilation). Of a
    sweep: the setting, as physics.sync_energy."""
    out: Path = Path("figure.pdf")
    """The file: .pdf, .png, .svg or .pgf (which needs LaTeX)."""
    csv: Path | None = None
    """Write the figure's numbers to this file too."""
    width: float = 3.5
    """Width of the figure, inches (3.5: one column of an IEEE journal; 7.16: both)."""
    height: float | None = None
    """Height of the figure, inches; a fitting one by default."""
    labels: str | None = None
    """Names of the runs and rules in the figure, with commas between them."""
    smooth: int = 1
    """Running mean of curves over so many updates, - (at least 1)."""
    band: Literal["ci", "minmax", "seeds"] = "ci"
    """Around a curve: the 95 % interval over seeds, the lowest to the highest seed, or every seed as a thin line."""
    group: str | None = None
    """Of a sweep: settings that tell the lines apart, with commas between them (all others that vary, by default)."""
    log_x: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """A logarithmic x axis, for a sweep and --over."""
    terms: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Energy by term, as stacked bars, of runs and rules."""
    over: str | None = None
    """A number of the world and its values, as physics.sync_energy=0,5,20,80: runs and rules are played at each."""
    preset: str | None = None
    """The world in which runs and rules play, by name, instead of that of the first run."""
    config: Path | None = None
    """The same from a TOML file of settings."""
    episodes: int = 64
    """Episodes to play for --terms and --over, - (2 to 1000000)."""
    seed: int = PLAYED
    """Seed of these episodes, - (0 to 4294967295)."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    argv = with_references(argv)
    words = leading(argv)
    plays = "--terms" in argv or "over" in peek(argv, "over")
    given = None
    if plays:
        given = world_of(argv, words)
    else:
        load_plugins(argv)
    rest = without_plugins(argv) if given is None else given.rest
    a: Any = parse(Arguments, rest, NAME, Arguments.__doc__ or "", None, True, REFUSED)
    if not words or list(a.what) != words:
        raise UserError("name runs, rules or a sweep first, before the flags")
    if a.terms and a.over is not None:
        raise UserError("--terms and --over: give one of them, not both")
    sweep = any(is_sweep(Path(word)) for word in words)
    _check_flags(TERMS if a.terms else OVER if given else SWEEP if sweep else CURVES, rest)
    _check(a)
    if given is not None:
        made, columns, told = _played(a, argv, words, given)
    elif sweep:
        made, columns, told = _sweep(a, words)
    else:
        made, columns, told = _curves(a, words)
    from eco_jax.report.figures.style import save_columns

    if a.csv is not None:
        save_columns(columns, a.csv)
    width, height = made.get_size_inches()
    print(f"{a.out}: {width:g} x {height:.2f} inches, 8 pt; {told}")
    return 0


def _check_flags(figure: str, argv: Sequence[str]) -> None:
    """Whether the figure takes each flag among the arguments.

    Raises:
        UserError: it does not, but another does.
    """
    for word in argv:
        flag = word.partition("=")[0]
        name = flag.removeprefix("--").replace("-", "_")
        others = [other for other, takes in TAKES.items() if flag.startswith("--") and name in takes]
        if others and figure not in others:
            raise UserError(f"{flag}: is for {in_words(others, 'and')}, not for {figure}")


def _check(a: Arguments) -> None:
    """Whether the arguments can be; outputs are not written over anything but what this command wrote.

    Raises:
        UserError: they cannot.
    """
    from eco_jax.report.figures import column

    column.check_width(a.width)
    if a.height is not None and not 1.0 <= a.height <= column.WIDTHS[1]:
        raise UserError(f"--height {a.height:g}: must lie in [1, {column.WIDTHS[1]:g}] inches")
    if a.smooth < 1:
        raise UserError(f"--smooth {a.smooth}: must be at least 1")
    column.check_out(a.out, [Path(word) for word in a.what])
    if a.csv is not None:
        column.check_folder(a.csv, "--csv")
        check_output(a.csv, _csv_of_ours)
    check_apart({"--out": a.out, "--csv": a.csv})


def _csv_of_ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().startswith(HEADS)
    except (OSError, ValueError):
        return False


def _metrics(names: str, there: Sequence[str]) -> list[Metric]:
    """The metrics of `--metric`, all of which are among `there`."""
    from eco_jax.settings import similar
    from eco_jax.study.names import metric_of

    chosen = list(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in chosen:
        if name not in there:
            raise UserError(f"--metric {quoted(name)}: unknown metric{similar(name, there)}")
    return [metric_of(name) for name in chosen]


def _curves(a: Arguments, words: Sequence[str]) -> tuple["Drawing", Any, str]:
    """Learning curves."""
    from eco_jax.report.figures.column import printing, save_as
    from eco_jax.report.figures.curves import BANDS, Curve, learning_curves

    for word in words:
        if not is_run(Path(word)):
            raise UserError(
                f"{quoted(word, 200)}: holds no run (no config.toml), nor a sweep; rules need --terms or --over"
            )
    if a.x not in X:
        raise UserError(f"--x {quoted(a.x)}: must be one of {', '.join(X)}; a setting is for the folder of a sweep")
    _few(len(words))
    found = [recorded_curves(Path(word), a.x) for word in words]
    shared = [name for name in found[0][1] if all(name in values for _, values in found)]
    metrics = _metrics(a.metric, shared)
    names = labelled(short_names(words), a.labels)
    runs = [Curve(name, x, values) for name, (x, values) in zip(names, found, strict=True)]
    with printing(a.out):
        made, columns = learning_curves(runs, metrics, X[a.x], a.width, a.height, a.band, a.smooth)
        save_as(made, a.out)
    seeds = sorted({values[metrics[0]].shape[1] for _, values in found})
    what = f"lines: interquartile mean of {' or '.join(map(str, seeds))} seeds"
    what += f"; {BANDS[a.band]}" if max(seeds) > 1 else ""
    return made, columns, what + (f"; running mean over {a.smooth} updates" if a.smooth > 1 else "")


def _few(count: int) -> None:
    from eco_jax.report.figures.column import SERIES

    if count > len(SERIES):
        raise UserError(f"{count} lines: at most {len(SERIES)} can be told apart")


def _sweep(a: Arguments, words: Sequence[str]) -> tuple["Drawing", Any, str]:
    """Lines over a setting of a sweep."""
    from eco_jax.report.figures.column import printing, save_as, setting_label
    from eco_jax.report.figures.lines import over
    from eco_jax.report.figures.swept import lines_of, metrics_in, results_of
    from eco_jax.sweep.results import LATE

    if len(words) > 1:
        raise UserError(f"{words[0]}: a sweep is drawn alone")
    frame = results_of(Path(words[0]))
    metrics = metrics_in(frame, [name.strip() for name in a.metric.split(",")])
    group = None if a.group is None else [name.strip() for name in a.group.split(",")]
    series, remarks = lines_of(frame, a.x, group, metrics)
    _check_log(a, min(x for line in series for x in line.x))
    with printing(a.out):
        made, columns = over(series, metrics, setting_label(a.x), a.width, a.height, a.log_x)
        save_as(made, a.out)
    what = f"{LATE}: interquartile means, 95 % bootstrap intervals over seeds"
    return made, columns, "; ".join([what, *remarks])


def _check_log(a: Arguments, least: float) -> None:
    if a.log_x and least <= 0.0:
        raise UserError(f"--log-x: {least:g} has no place on a logarithmic axis")


def _played(a: Arguments, argv: Sequence[str], words: Sequence[str], given: Any) -> tuple["Drawing", Any, str]:
    """Runs and rules, played."""
    from eco_jax.report.figures.column import printing, save_as, setting_label
    from eco_jax.report.figures.figure import interval
    from eco_jax.report.figures.lines import Series, over
    from eco_jax.report.figures.terms import stacked
    from eco_jax.study.together import check_number, metrics_of

    check_episodes(a.episodes, a.seed)
    name, values = ("", [0.0]) if a.over is None else _points(a.over)
    if a.over is not None:
        _check_log(a, min(values))
        if name in given.flags:
            raise UserError(f"--{name}: is what --over varies; give one of them, not both")
    policies = policies_of(argv, words, given)
    worlds = [policies.world] if a.over is None else check_number(policies.world, name, values)
    labels = labelled(policies.labels, a.labels)
    if a.over is not None:
        _few(len(labels))
    setup.configure()
    metrics = [] if a.over is None else _metrics(a.metric, metrics_of(worlds[0]))
    played = policies.play(worlds, a.seed, a.episodes, NAME)
    if a.over is None:
        rows = {label: {n: v[0] for n, v in row.items()} for label, row in zip(labels, played.values(), strict=True)}
        with printing(a.out):
            made, columns = stacked(rows, a.width, a.height)
            save_as(made, a.out)
        return made, columns, f"means over {a.episodes} episodes and the seeds of a run"
    series = [
        Series(label, values, {m: [interval(at) for at in row[m]] for m in metrics})
        for label, row in zip(labels, played.values(), strict=True)
    ]
    with printing(a.out):
        made, columns = over(series, metrics, setting_label(name), a.width, a.height, a.log_x)
        save_as(made, a.out)
    what = f"interquartile means over seeds on {a.episodes} episodes, the same at every point; 95 % bootstrap intervals"
    return made, columns, what


def _points(text: str) -> tuple[str, list[float]]:
    """`physics.sync_energy=0,5,20` as the setting and its values, least first."""
    name, equals, listed = text.partition("=")
    try:
        values = sorted({float(value) for value in listed.split(",")})
    except ValueError:
        values = []
    if not equals or len(values) < 2:
        raise UserError(
            f"--over {quoted(text)}: must be a setting and two values or more, as physics.sync_energy=0,5,20"
        )
    return name.strip().replace("-", "_"), values
