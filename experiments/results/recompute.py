"""A report's numbers from its raw values, with NumPy alone: nothing of eco_jax is used.

    python experiments/results/recompute.py experiments/results/paper

reads `values.npz` (per seed and episode) and compares what it computes with `results.json`: each policy's figures, and
each claim's value and interval. Means must agree to 1e-5 of themselves; ends of intervals are bootstraps of their own,
with other random numbers, and must agree to a fifth of the interval. It ends with code 1 where one does not.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

RESAMPLES = 4000
Figure = tuple[float, float, float]
"""A value and the ends of its interval."""
UNITS = {"energy_j": "energy", "latency_s": "latency"}
"""Names of metrics in `results.json` that have their unit -> as they are in `values.npz`."""
LEVELS = ("none", "telemetry", "forecast", "twin", "truth")


def middle(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Interquartile mean: the lowest and the highest quarter, rounded down, are set aside."""
    ordered = np.moveaxis(np.sort(values, axis=axis), axis, -1)
    cut = ordered.shape[-1] // 4
    return ordered[..., cut : ordered.shape[-1] - cut].mean(-1)


def bootstrap(statistic: Callable, *values: np.ndarray) -> Figure:
    """`statistic` of the policies' figures, and its 95 % interval: seeds and episodes are drawn anew for all at once.

    Args:
        statistic: of as many numbers as there are values.
        values: [seeds, episodes] each; a rule has one row.
    """
    rng = np.random.default_rng(1)
    rows = [np.atleast_2d(np.asarray(v, np.float64)) for v in values]
    seeds, episodes = max(map(len, rows)), rows[0].shape[1]
    which = rng.integers(seeds, size=(RESAMPLES, seeds))
    often = rng.multinomial(episodes, np.full(episodes, 1 / episodes), size=RESAMPLES) / episodes
    figures = []
    for row in rows:
        means = often @ row.T  # [resamples, seeds]
        figures.append(middle(np.take_along_axis(means, which, 1) if len(row) > 1 else means))
    low, high = np.percentile(statistic(*figures), (2.5, 97.5))
    return float(statistic(*(middle(row.mean(1)) for row in rows))), float(low), float(high)


def difference(new: np.ndarray, old: np.ndarray) -> Figure:
    """How much more `new` has."""
    return bootstrap(lambda a, b: a - b, new, old)


def percent(new: np.ndarray, old: np.ndarray) -> Figure:
    """The same as a share of `old`, %."""
    return bootstrap(lambda a, b: 100 * (a - b) / abs(b), new, old)


def over_seeds(values: np.ndarray) -> Figure:
    """Mean over seeds [seeds]."""
    return bootstrap(lambda x: x, values[None])


def slope(curve: np.ndarray) -> np.ndarray:
    """Least-squares slope over the first axis."""
    x = np.arange(len(curve)) - (len(curve) - 1) / 2
    return x @ curve / (x @ x)


def about_trend(curve: np.ndarray) -> np.ndarray:
    """Standard deviation about the least-squares line over the first axis."""
    x = np.arange(len(curve)) - (len(curve) - 1) / 2
    rest = curve - curve.mean(0) - np.outer(x, slope(curve))
    return np.sqrt((rest**2).sum(0) / (len(curve) - 2))


def claims(values: dict[str, np.ndarray], agent: str) -> dict[str, Figure]:
    """Claim -> (value, low, high), of all that there are values for.

    Args:
        values: of `values.npz`.
        agent: name of the learning algorithm.
    """
    played: dict[str, dict[str, np.ndarray]] = {}
    for name, value in values.items():
        if name.startswith("played/"):
            _, who, metric = name.split("/", 2)
            played.setdefault(who, {})[metric] = value
    agents = {level: played[f"{agent}-{level}"] for level in LEVELS if f"{agent}-{level}" in played}
    learners = {name.split("/")[1]: curve for name, curve in values.items() if name.startswith("learner/")}
    own = {f"{agent}-{level}{end}" for level in LEVELS for end in ("", "-sampled", "-misled")}
    own |= {f"{name}-twin" for name in learners}
    twin, none, telemetry = (agents[level] for level in ("twin", "none", "telemetry"))

    def training(level: str, metric: str) -> np.ndarray:
        return values[f"training/{level}/{metric}"].astype(np.float64)

    reward, energy, its, qoe = (
        training("twin", "reward"), training("twin", "energy"), training("none", "energy"), training("twin", "qoe"),
    )  # fmt: skip
    n, last = min(20, len(reward) // 2), min(50, max(2, len(energy) // 2))
    found = {
        "fig3a-energy": percent(twin["energy"], none["energy"]),
        "fig3a-steadier": over_seeds(energy[-last:].std(0) / its[-last:].std(0)),
        "fig3b-qoe": percent(twin["qoe"], none["qoe"]),
        "fig3b-rising": over_seeds(1e4 * slope(qoe[:100])),
        "abstract-latency": percent(twin["latency"], none["latency"]),
        "telemetry-reward": difference(twin["reward"], telemetry["reward"]),
        "telemetry-energy": percent(twin["energy"], telemetry["energy"]),
        "telemetry-qoe": percent(twin["qoe"], telemetry["qoe"]),
        "memory": difference(telemetry["reward"], none["reward"]),
        "prediction": difference(agents["forecast"]["reward"], telemetry["reward"]),
        "synchronisation": difference(twin["reward"], agents["forecast"]["reward"]),
    }
    if n > 2:
        found["fig2a-settles"] = over_seeds(about_trend(reward[:n]) / about_trend(reward[-n:]))
        found["fig2a-rises"] = over_seeds(reward[-n:].mean(0) - reward[:n].mean(0))
    if f"{agent}-twin-misled" in played:
        found["misleading"] = difference(played[f"{agent}-twin-misled"]["reward"], none["reward"])
    if "speed/km_h" in values:
        speed, latency = (values[f"speed/{name}"].astype(np.float64) for name in ("km_h", "latency_ms"))
        kept = latency[:, :, np.isfinite(latency).all((0, 1))]
        x = speed - speed.mean()
        found["fig2b-slope"] = bootstrap(lambda s: s, np.tensordot(x / (x @ x), kept, 1))
    whole = twin["reward"].shape[1]
    rules = {who: row["reward"] for who, row in played.items() if who not in own and not who.startswith("central-")}
    short = {who: row["reward"] for who, row in played.items() if who.startswith("central-")}

    def sees_no_more(who: str, level: str) -> bool:
        end = who.rsplit("-", 1)[-1]
        return end not in LEVELS or LEVELS.index(end) <= LEVELS.index(level)

    references = {"slot-reference", "slot-reference-caching", "upper-bound", "full-measurement", "bound-belief"}
    plain = {who: r for who, r in rules.items() if who not in references and not who.endswith("-misled")}
    for level, row in agents.items():
        seen = {who: r for who, r in plain.items() if r.shape[1] == whole and sees_no_more(who, level)}
        best = max(seen, key=lambda who: seen[who].mean())
        found[f"rules-{level}"] = difference(row["reward"], seen[best])
    if "full-measurement" in played:
        few = played["slot-reference"]["reward"].shape[1]
        seen = {who: r[:, :few] for who, r in (plain | short).items() if sees_no_more(who, "twin")}
        start = seen[max(seen, key=lambda who: seen[who].mean())]
        full = played["full-measurement"]["reward"][:, :few]
        late = {name: curve[-max(1, len(curve) // 10) :].mean() for name, curve in ({agent: reward} | learners).items()}
        best = played[f"{max(late, key=lambda name: late[name])}-twin"]["reward"][:, :few]
        found["gap-twin"] = bootstrap(lambda x, a, b: 100 * (x - a) / (b - a), best, start, full)
    for name in learners:
        found[f"learner-{name}"] = difference(played[f"{name}-twin"]["reward"], twin["reward"])
    for name in values:
        part, _, rest = name.partition("/")
        if part.startswith("check-") and rest in ("twin/energy", "twin/qoe"):
            metric = rest.removeprefix("twin/")
            found[f"{part}-{metric}"] = percent(values[name], values[f"{part}/none/{metric}"])
    return found


def differs(what: str, mine: Figure, said: dict[str, float], middle_name: str) -> str:
    """What of a figure does not agree; nothing where all of it does."""
    value, low, high = (said[name] if said[name] is not None else np.nan for name in (middle_name, "lo", "hi"))
    width = max(high - low, 1e-12)
    off = abs(mine[0] - value) > 1e-5 * max(abs(value), 1e-2)
    ends = np.isfinite(width) and max(abs(mine[1] - low), abs(mine[2] - high)) > 0.2 * width + 1e-9
    return f"{what}: {mine[0]:.5g} [{mine[1]:.5g}, {mine[2]:.5g}], not {value:.5g} [{low:.5g}, {high:.5g}]" * (
        off or ends
    )


def main(folder: Path) -> int:
    """Compare, and say what does not agree."""
    with np.load(folder / "values.npz") as file:
        values = dict(file)
    results = json.loads((folder / "results.json").read_text())
    agent = next(name.split("/")[1] for name in values if name.endswith("-twin-sampled/reward")).split("-")[0]
    wrong, count = [], 0
    for who, row in results["policies"].items():
        for metric, said in row.items():
            mine = bootstrap(lambda x: x, values[f"played/{who}/{UNITS.get(metric, metric)}"])
            wrong.append(differs(f"{who}, {metric}", mine, said, "mean"))
            count += 1
    mine = claims(values, agent)
    for said in results["claims"]:
        wrong.append(differs(said["id"], mine[said["id"]], said, "measured"))
        count += 1
    lines = [line for line in wrong if line]
    print("\n".join([*lines, f"{count - len(lines)} of {count} figures agree"]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(Path(*sys.argv[1:2])))
