"""Learning curves of PPO and PQN on CartPole-v1 beside rejax', with the same settings and as many seeds.

    make peers PEERS=rejax
    python experiments/benchmarks/curves.py                    # writes experiments/benchmarks/results/curves
    python experiments/benchmarks/curves.py --seeds 2 --steps 8192 --out runs/curves

Each of ours is there twice: as it is, and as rejax has it (`UNEQUAL`). Every so many steps the agent of each seed plays
episodes of its own: PPO's samples its actions, PQN's takes a random one with probability 0.005, as rejax' do. The
return is the number of slots that the pole stays up, at most 500.
"""

import argparse
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import t as student

from eco_jax.adapters.gymnax import GymnaxEnv
from eco_jax.agent.algorithms import PPO, PQN, Algorithm, ppo
from eco_jax.agent.algorithms.pqn import EXPLORE
from eco_jax.agent.networks import MLP
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit
from eco_jax.train.loop import Learner

LOSS = ppo.loss
ROOT = Path(__file__).parents[2]
PEER = Path(__file__).parent / "peers" / "rejax_curves.py"
OUT = Path(__file__).parent / "results" / "curves"
SLOTS = 500
"""The longest episode of CartPole-v1."""
SEEN = 0.005
"""Probability of a random action of PQN in evaluation; rejax' own."""
SETTINGS: dict[str, Any] = {
    "envs": 32, "rollout": 64, "epochs": 4, "minibatches": 8, "hidden": 64, "layers": 2, "lr": 2.5e-4, "discount": 0.99,
    "ppo": {"decay": 0.95, "ratio_limit": 0.2, "entropy": 0.01, "clip": 0.5},
    "pqn": {"decay": 0.95, "epsilon": 1.0, "final_epsilon": 0.05, "exploration": 0.2, "clip": 10.0},
}  # fmt: skip
PAIRS = {
    "PPO": ("PPO",), "PPO, as rejax has it": ("PPO",), "PQN": ("PQN, the paper's targets",),
    "PQN, as rejax has it": ("PQN, the paper's targets", "PQN"),
}  # fmt: skip
"""Ours -> rejax'."""
UNEQUAL = (
    "rejax takes a truncation (after 500 slots) for a termination, ours bootstraps from the true last observation.",
    "rejax bounds each element of a gradient, ours its norm. Its PPO lets a value move by .2 in an update, no more.",
    "rejax' Q is one network of two layers; ours has two of them, for the value and the advantages (dueling).",
    "rejax begins with LeCun-normal kernels, ours with orthogonal ones, the last layer of the policy near zero.",
)
STILL = (
    "rejax 0.1.3's PQN takes max Q of a slot later for the bootstrap value; `PQN, the paper's targets` is its PQN with "
    "that put right, in `peers/rejax_curves.py`.",
)


class Terminating(GymnaxEnv):
    """Truncations are terminations."""

    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> tuple:
        """See `GymnaxEnv.step`."""
        observation, state, reward, terminated, truncated, info = super().step(key, state, action, params)
        return observation, state, reward, terminated | truncated, jnp.zeros_like(truncated), info


class LeCun(MLP):
    """Begins with LeCun-normal kernels."""

    def init(self, key: jax.Array, inputs: Any, heads: Any) -> Any:
        """See `Network.init`."""
        begun = super().init(key, inputs, heads)
        leaves = jax.tree_util.tree_leaves_with_path(begun)
        fresh = [
            jax.nn.initializers.lecun_normal()(jax.random.fold_in(key, i), leaf.shape) if leaf.ndim == 2 else leaf
            for i, (_, leaf) in enumerate(leaves)
        ]
        return jax.tree.unflatten(jax.tree.structure(begun), fresh)


class OneQ(LeCun):
    """Q is the logits themselves: with one head, advantages add up to them where the value is their mean."""

    def apply(self, params: Any, carry: Any, features: jax.Array) -> tuple:
        """See `Network.apply`."""
        logits, _, carry = super().apply(params, carry, features)
        return logits, logits.mean(-1), carry


class BoundedPPO(PPO):
    """Each element of the gradient lies within `bound`, and a value moves by no more than the ratio's limit."""

    bound: Any = 0.5

    def learn(self, *given: Any) -> tuple:
        """See `Algorithm.learn`."""
        with mock.patch.object(ppo, "loss", bounded_loss):
            return super().learn(*given)

    def descend(self, progress: Any, agent: Any, gradient: Any) -> tuple:
        """See `ActorCritic.descend`."""
        return super().descend(progress, agent, jax.tree.map(lambda g: jnp.clip(g, -self.bound, self.bound), gradient))


def bounded_loss(params: Any, network: Any, heads: Any, batch: Any, *, ratio_limit: Any, **more: Any) -> tuple:
    """PPO's loss with rejax' loss of the value, which counts half."""
    total, losses = LOSS(params, network, heads, batch, ratio_limit=ratio_limit, **more)
    _, values = ppo.outputs(params, network, batch)
    before = batch.target - batch.advantage
    near = before + jnp.clip(values - before, -ratio_limit, ratio_limit)
    critic = 0.25 * jnp.maximum((values - batch.target) ** 2, (near - batch.target) ** 2).mean()
    return total - losses["critic_loss"] + critic, losses


def algorithms() -> dict[str, tuple[type[GymnaxEnv], Algorithm]]:
    """Ours, by their names in the results: where each learns, and what."""
    s, rates = SETTINGS, {"discount": SETTINGS["discount"], "final_lr": 1.0}
    shape, passes = {"hidden": s["hidden"], "layers": s["layers"]}, {
        "epochs": s["epochs"], "minibatches": s["minibatches"], "optimizer": "adam"
    }  # fmt: skip
    policy = s["ppo"] | rates | passes | {
        "actor_lr": s["lr"], "critic_lr": s["lr"], "normalise": True, "final_entropy": 1.0
    }  # fmt: skip
    pqn = s["pqn"] | rates | passes | {"lr": s["lr"]}
    bounded = policy | {"clip": 1e9}
    return {
        "PPO": (GymnaxEnv, PPO(network=MLP(**shape), **policy)),
        "PPO, as rejax has it": (Terminating, BoundedPPO(network=LeCun(**shape), **bounded)),
        "PQN": (GymnaxEnv, PQN(network=MLP(norm="layer", **shape), **pqn)),
        "PQN, as rejax has it": (Terminating, PQN(network=OneQ(norm="layer", **shape), **pqn)),
    }


def returns(env: GymnaxEnv, algorithm: Algorithm, episodes: int, params: Any, key: jax.Array) -> jax.Array:
    """Mean return of new episodes of an agent."""
    if EXPLORE in params:
        params = params | {EXPLORE: {"epsilon": jnp.float32(SEEN)}}
    act = Learner(env, TrainConfig()).policy(algorithm, params, greedy=False)
    world = env.default_params

    def slot(held: tuple, keys: jax.Array) -> tuple[tuple, jax.Array]:
        observation, state, alive = held
        action = act(keys[0], observation, state, world)
        observation, state, _, terminated, truncated, _ = env.step(keys[1], state, action, world)
        return (observation, state, alive & ~(terminated | truncated)), alive

    def episode(key: jax.Array) -> jax.Array:
        first, later = jax.random.split(key)
        start = (*env.reset(first, world), jnp.bool_(True))
        return jax.lax.scan(slot, start, jax.random.split(later, (SLOTS, 2)))[1].sum()

    return jax.vmap(episode)(jax.random.split(key, episodes)).astype(jnp.float32).mean()


def ours(seeds: int, updates: int, looks: int, episodes: int) -> dict[str, list[list[float]]]:
    """Name -> mean return of the evaluation episodes, [seeds][looks]."""
    config = TrainConfig(updates=updates, envs=SETTINGS["envs"], rollout=SETTINGS["rollout"], chunk=updates // looks)
    found = {}
    for name, (where, algorithm) in algorithms().items():
        print(f"eco_jax: {name}", file=sys.stderr, flush=True)
        env = where("CartPole-v1")
        seen = jax.jit(jax.vmap(partial(returns, env, algorithm, episodes)))
        rows: list[list[float]] = []

        def look(chunk: Any, seen: Any = seen, rows: list = rows) -> None:
            keys = jax.random.split(jax.random.fold_in(jax.random.key(1_000_003), chunk.done), seeds)
            rows.append(seen(chunk.state.agent.params, keys).tolist())

        keys = [jax.random.key(seed) for seed in range(seeds)]
        fit(Learner(env, config), env.default_params, [algorithm] * seeds, keys, on_chunk=look)
        found[name] = np.transpose(rows).tolist()
    return found


def interval(values: Any) -> np.ndarray:
    """Mean over the seeds and its 95 % interval by Student's t, [3, looks].

    Args:
        values: [seeds, looks].
    """
    values = np.asarray(values, float)
    n = len(values)
    half = student.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)
    mean = values.mean(axis=0)
    return np.stack([mean, mean - half, mean + half])


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where two curves' intervals overlap, [looks]."""
    found: np.ndarray = (one[1] <= other[2]) & (other[1] <= one[2])
    return found


def page(record: dict[str, Any]) -> str:
    """The results as Markdown."""
    steps = record["steps"]
    mine, theirs = ({n: interval(v) for n, v in record[who].items()} for who in ("eco_jax", "rejax"))
    columns = [(f"eco_jax {n}", c) for n, c in mine.items()] + [(f"rejax {n}", c) for n, c in theirs.items()]
    lines = [
        "# PPO and PQN on CartPole-v1, beside rejax", "",
        f"Return of {record['episodes']} episodes, mean over {record['seeds']} seeds and its 95 % interval (Student's "
        "t). Made by `experiments/benchmarks/curves.py`; settings and single seeds in `curves.json`.", "",
        "![curves](curves.png)", "",
        "| steps | " + " | ".join(name for name, _ in columns) + " |", "|---" * (len(columns) + 1) + "|",
    ]  # fmt: skip
    for i, count in enumerate(steps):
        cells = [f"{c[0, i]:.0f} [{c[1, i]:.0f}, {c[2, i]:.0f}]" for _, c in columns]
        lines.append(f"| {count:,} | " + " | ".join(cells) + " |")
    lines += ["", "## Where the intervals overlap", ""]
    for name, others in PAIRS.items():
        for other in others:
            same = overlaps(mine[name], theirs[other])
            apart = ", ".join(f"{steps[i]:,}" for i in np.flatnonzero(~same))
            lines.append(
                f"- eco_jax {name}, rejax {other}: at {same.sum()} of {len(steps)} looks"
                + (f"; not at {apart} steps" if apart else "")
                + f". Mean over all looks {mine[name][0].mean():.0f} and {theirs[other][0].mean():.0f}."
            )
    lines += ["", "## What is not equal", "", *(f"- {line}" for line in UNEQUAL)]
    lines += ["", "`as rejax has it` is equal in these. What is not equal there either:", ""]
    lines += [*(f"- {line}" for line in STILL), ""]
    lines.append(
        f"Versions: {', '.join(f'{name} {v}' for name, v in record['versions'].items())} (rejax' environment)."
    )
    return "\n".join(lines) + "\n"


def picture(record: dict[str, Any], path: Path) -> None:
    """Both algorithms side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.8), layout="constrained")
    colors, lines = ("#0072B2", "#56B4E9", "#D55E00", "#009E73"), ("-", "-.", "--", ":")
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("PPO", "PQN"), strict=True):
        drawn = [
            (f"{who} {n}", v) for who in ("eco_jax", "rejax") for n, v in record[who].items() if n.startswith(kind)
        ]
        for (label, values), color, line in zip(drawn, colors, lines, strict=False):
            mean, low, high = interval(values)
            steps = np.asarray(record["steps"]) / 1000
            axes.plot(steps, mean, color=color, linestyle=line, label=label)
            axes.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
        axes.set(title=f"{kind}, CartPole-v1", xlabel="environment steps, thousands", ylim=(0, SLOTS * 1.04))
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("return")
    figure.savefig(path, dpi=150)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rejax", type=Path, default=ROOT / ".peers" / "rejax" / "bin" / "python", help="its Python")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seeds", type=int, default=10, help="at least 2")
    parser.add_argument(
        "--steps", type=int, default=327_680, help="environment steps of a seed, rounded to whole looks"
    )
    parser.add_argument("--looks", type=int, default=10, help="evaluations")
    parser.add_argument("--episodes", type=int, default=64, help="of one evaluation")
    options = parser.parse_args()
    if options.seeds < 2 or options.looks < 1 or options.episodes < 1:
        parser.error("--seeds must be at least 2, --looks and --episodes at least 1")
    if not options.rejax.is_file():
        parser.error(f"--rejax {options.rejax}: there is none; make peers PEERS=rejax")
    a_look = SETTINGS["envs"] * SETTINGS["rollout"] * options.looks
    updates = max(1, round(options.steps / a_look)) * options.looks
    counts = {"seeds": options.seeds, "looks": options.looks, "episodes": options.episodes}
    steps = updates * SETTINGS["envs"] * SETTINGS["rollout"]
    settings = json.dumps(SETTINGS | counts | {"steps": steps})
    done = subprocess.run([str(options.rejax), str(PEER), settings], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{PEER.name} stopped with code {done.returncode}")
    peer = json.loads(done.stdout.splitlines()[-1])
    record = counts | {
        "settings": SETTINGS,
        "steps": [steps * (i + 1) // options.looks for i in range(options.looks)],
        "eco_jax": ours(options.seeds, updates, options.looks, options.episodes),
        "rejax": peer["returns"],
        "versions": peer["versions"],
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "curves.json").write_text(json.dumps(record) + "\n")
    (options.out / "curves.md").write_text(page(record))
    picture(record, options.out / "curves.png")
    print((options.out / "curves.md").read_text())


if __name__ == "__main__":
    main()
