"""A whole study of made-up numbers with the noise of real ones."""

from collections.abc import Sequence

import numpy as np

LEVELS = ("truth", "twin", "forecast", "telemetry", "none")
LADDER = ("twin", "forecast", "telemetry", "none")
REWARD = {"truth": 0.31, "twin": 0.28, "forecast": 0.279, "telemetry": 0.278, "none": 0.15}
ENERGY = {"truth": 0.225, "twin": 0.239, "forecast": 0.238, "telemetry": 0.237, "none": 0.285}
QOE = {"truth": 0.65, "twin": 0.638, "forecast": 0.634, "telemetry": 0.63, "none": 0.57}
LATENCY = {"truth": 0.112, "twin": 0.118, "forecast": 0.119, "telemetry": 0.12, "none": 0.15}
TERMS = {
    "edge": 0.5, "receive": 0.02, "local": 0.3, "uplink": 0.09, "downlink": 0.01, "migration": 0.02, "placement": 0.01,
    "prediction": 0.004, "synchronisation": 0.046,
}  # fmt: skip
RULES = {
    "local": -0.171, "random": -0.19, "nearest-full": -0.236, "nearest-half": -0.013,
    **{f"{kind}-{level}": REWARD[level] + shift for level in LEVELS for kind, shift in (
        ("greedy", -0.02), ("greedy-hysteresis", -0.01), ("greedy-posterior", -0.022), ("greedy-stay", -0.05),
        ("greedy-blind", -0.17), ("greedy-uncached", -0.03), ("foresight", -0.004), ("foresight-hysteresis", 0.001),
        ("foresight-posterior", -0.002),
    )},
    "greedy-clock-twin": 0.255,
}  # fmt: skip
REFERENCES = {
    "slot-reference": 0.34, "slot-reference-caching": 0.345, "upper-bound": 0.42,
    "full-measurement": 0.3, "bound-belief": 0.4,
    **{f"central-{level}": REWARD[level] + 0.01 for level in LEVELS},
}  # fmt: skip

OTHERS = {"a2c-attention": 0.007, "ppo-mlp": 0.002, "pqn-mlp": -0.006}
"""Algorithm and network -> reward more than the study's own agents'."""


class Made:
    """Made-up numbers with the noise of real ones; the episodes are shared by all policies."""

    def __init__(self, seeds: int, episodes: int, noise: float = 1.0) -> None:
        self.rng = np.random.default_rng(0)
        self.seeds, self.noise = seeds, noise
        self.shared = self.rng.normal(0.0, 0.02 * noise, episodes)

    def one(self, level: str, reward: float, seeds: int, episodes: int | None = None) -> dict[str, np.ndarray]:
        """Metrics of a policy [seeds, episodes]."""
        shared = self.shared[:episodes]

        def around(mean: float, scale: float) -> np.ndarray:
            own = self.rng.normal(0.0, 0.003, (seeds, 1)) + self.rng.normal(0.0, 0.002, (seeds, len(shared)))
            return mean + scale * (shared + self.noise * own)

        shift = reward - REWARD.get(level, 0.0)
        energy = around(ENERGY.get(level, 0.33) - 0.3 * shift, 0.5)
        latency = around(LATENCY.get(level, 0.23) - 0.2 * shift, -0.5)
        quantiles = latency[..., None] * (
            0.3 + 1.1 * np.linspace(0.0, 1.0, 99) ** 2 + 0.02 / (1.01 - np.arange(1, 100) / 100)
        )
        return {
            "reward": around(reward, 1.0), "energy": energy, "latency": latency,
            "qoe": around(QOE.get(level, 0.4) + shift, 0.5), "latency_quantiles": quantiles,
            "syncs": around(0.3 if level == "twin" else 0.0, 0.1), "migrations": around(0.05, 0.1),
            "offloaded": np.full_like(energy, 0.8), "latency_offloaded": 0.8 * latency, "miss": around(0.09, 0.1),
            **{f"energy/{name}": share * energy for name, share in TERMS.items()},
        }  # fmt: skip

    def played(self, policies: dict[str, tuple[str, float, int]], episodes: int | None = None) -> dict[str, np.ndarray]:
        """`policy/metric` of policies given as (level, reward, seeds)."""
        found = {name: self.one(*about, episodes) for name, about in policies.items()}
        return {f"{name}/{metric}": v for name, values in found.items() for metric, v in values.items()}

    def curves(self, level: str, updates: int, members: int, final: float) -> dict[str, np.ndarray]:
        """`curve/<metric>` of a training [updates, members]."""
        learnt = final * (1.0 - np.exp(-np.arange(updates) / (0.12 * updates)))[:, None]

        def curve(start: float, end: float) -> np.ndarray:
            seed = self.rng.normal(0.0, 0.01, members) * learnt
            return (
                start + (end - start) * learnt + self.noise * (seed + self.rng.normal(0.0, 0.006, (updates, members)))
            )

        ends = {"reward": (-0.19, REWARD), "energy": (0.337, ENERGY), "qoe": (0.381, QOE), "latency": (0.235, LATENCY)}
        return {f"curve/{name}": curve(start, end[level]) for name, (start, end) in ends.items()}

    def sweep(self, field: str, values: Sequence[float], levels: Sequence[str] = LADDER, gain: float = 0.0,
              seeds: int | None = None) -> dict[str, np.ndarray]:  # fmt: skip
        """Agents and rule at every value; the twin gains `gain` more at each further one."""
        points = [(level, value, i) for i, value in enumerate(values) for level in levels]
        seeds = seeds or self.seeds
        found: dict[str, list[np.ndarray]] = {}
        for level, _, i in points:
            reward = REWARD[level] - 0.02 * i + (gain * i if level == "twin" else 0.0)
            for who, count in (("agents", seeds), ("rule", 1)):
                for name, v in self.one(level, reward, count).items():
                    found.setdefault(f"{who}/{name}", []).append(v)
        return {name: np.stack(rows) for name, rows in found.items()} | {
            "point/level": np.array([level for level, _, _ in points]),
            f"point/{field}": np.array([value for _, value, _ in points]),
        }

    def designed(self) -> dict[str, np.ndarray]:
        """Agents of other designs at `twin`, and the rule there."""
        worlds = [
            ("as it is", "", 0.0),
            ("candidates", "1", -0.04),
            ("candidates", "8", 0.001),
            ("credit", "user", -0.01),
        ]
        found: dict[str, list[np.ndarray]] = {}
        for _, _, gain in worlds:
            for who, count in (("agents", 2), ("rule", 1)):
                for name, v in self.one("twin", REWARD["twin"] + gain, count).items():
                    found.setdefault(f"{who}/{name}", []).append(v)
        about = {name: np.array([w[i] for w in worlds]) for i, name in enumerate(("what", "value"))}
        return {name: np.stack(rows) for name, rows in found.items()} | {
            "point/level": np.array(["twin"] * len(worlds)), **{f"point/{name}": v for name, v in about.items()},
        }  # fmt: skip

    def assumed(self) -> dict[str, np.ndarray]:
        """A rule at every level in worlds that differ in one assumption each."""
        worlds = [("as it is", ""), ("energy law", "per_cycle"), ("energy law", "cmos"), ("users", "100")]
        points = [(*world, level) for world in worlds for level in LADDER]
        rows = [self.one(level, REWARD[level] - 0.02 * (what != "as it is"), 1) for what, _, level in points]
        about = {name: np.array([p[i] for p in points]) for i, name in enumerate(("what", "value", "level"))}
        return {f"rule/{m}": np.stack([row[m] for row in rows]) for m in rows[0]} | {
            f"point/{name}": values for name, values in about.items()
        }


def made_up(
    seeds: int = 3, episodes: int = 6, updates: int = 40, noise: float = 1.0, algorithm: str = "a2c"
) -> dict[str, dict[str, np.ndarray]]:
    """A whole study."""
    make = Made(seeds, episodes, noise)
    agents = {f"{algorithm}-{level}": (level, REWARD[level], seeds) for level in LEVELS}
    agents |= {f"{algorithm}-{level}-sampled": (level, REWARD[level] - 0.01, seeds) for level in LEVELS}
    speeds = [120.0 * i / 6 for i in range(7)]
    weights = make.sweep("w1", [1.0, 4.0, 1.0, 1.0], ["twin"])
    weights |= {"point/w2": np.array([1.0, 1.0, 4.0, 1.0]), "point/w3": np.array([1.0, 1.0, 1.0, 4.0])}
    online = {
        name: np.concatenate([curve, make.curves("none", 20, seeds, 0.1)[name]], axis=1)
        for name, curve in make.curves("twin", 20, seeds, 0.3).items()
    }
    return {
        **{f"agents-{level}": make.curves(level, updates, seeds, 1.0) for level in LEVELS},
        "evaluation": make.played(agents),
        "rules": make.played({name: (name.rsplit("-", 1)[-1], reward, 1) for name, reward in RULES.items()})
        | {"tuned:greedy/twin/sync_above/value": np.asarray(0.25)},
        "references": make.played({name: ("truth", reward, 1) for name, reward in REFERENCES.items()}, episodes // 2),
        "misleading": make.played(
            {f"{algorithm}-twin-misled": ("twin", 0.1, seeds), "greedy-twin-misled": ("twin", -0.05, 1)}
        ),
        "speed": make.sweep("speed_min", speeds) | {"point/speed_max": np.repeat(speeds, len(LADDER))},
        "slowdown": make.sweep("slowdown_mean", [0.1, 0.2, 0.3, 0.4, 0.5]),
        "fixes": make.sweep("fix_every", [1, 2, 6, 12]),
        "users": make.sweep("users", [5, 10, 30, 60, 100, 200], gain=-0.002),
        "servers": make.sweep("servers", [15, 30, 45, 90, 180], gain=0.004),
        "value-correlation": make.sweep("correlation", [0.5, 0.8, 0.9, 0.95, 0.99], gain=0.002),
        "value-error": make.sweep("sync_error", [0.03, 0.1, 0.3, 1.0], ["twin"], gain=0.015),
        "value-energy": make.sweep("sync_energy", [1.0, 5.0, 20.0, 80.0], ["twin"], gain=0.015),
        "weights": weights,
        **{f"check-{name}": make.sweep("preset", [name]) for name in ("shared-spectrum", "cmos")},
        "assumptions": make.assumed(),
        "ablations": make.designed(),
        **{f"learner-{name}": make.curves("twin", updates, seeds, 1.0 + more) for name, more in OTHERS.items()},
        **{f"played-{n}": make.played({f"{n}-twin": ("twin", REWARD["twin"] + m, seeds)}) for n, m in OTHERS.items()},
        "online": online,
        "printed": {},
    }  # fmt: skip
