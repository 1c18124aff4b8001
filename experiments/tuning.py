"""The agent's hyperparameters: the same trials at every level of knowledge, and one choice for all.

    python experiments/tuning.py            # writes experiments/results/tuning.md

Seeds and episodes are others than the reproduction's. One program: a trial's hyperparameters are traced.
"""

import sys
from pathlib import Path

import jax
import numpy as np

from eco_jax.agent.algorithms import A2C
from eco_jax.env import make
from eco_jax.run import setup
from eco_jax.study.play import play_agents
from eco_jax.study.profile import LADDER
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import Chunk, fit, stack_params
from eco_jax.train.loop import Learner

SEEDS = (100, 101)
UPDATES, EPISODES = 1200, 64
BASE = {"entropy": 0.1, "final_entropy": 0.003, "actor_lr": 4e-3, "critic_lr": 2e-3}
TRIALS = (
    {},
    {"critic_lr": 4e-3},
    {"final_entropy": 0.01},
    {"final_entropy": 0.01, "critic_lr": 4e-3},
    {"actor_lr": 2e-3, "critic_lr": 4e-3},
    {"actor_lr": 8e-3, "critic_lr": 4e-3},
)
RESULT = Path(__file__).parent / "results" / "tuning.md"


def main() -> None:
    """Train all, play all, write the table."""
    setup.configure()
    env, params = make()
    learner = Learner(env, TrainConfig(updates=UPDATES))
    runs = [(level, trial, seed) for level in LADDER for trial in TRIALS for seed in SEEDS]
    worlds = [params.with_knowledge(level) for level, _, _ in runs]
    algorithms = [A2C(**{**BASE, **trial}) for _, trial, _ in runs]
    stacked, axes = stack_params(worlds)

    def tell(chunk: Chunk) -> None:
        print(f"\r{chunk.done} of {chunk.total} updates, {chunk.wall_s:.0f} s", end="", file=sys.stderr)

    keys = [jax.random.key(seed) for _, _, seed in runs]
    fitted = fit(learner, stacked, algorithms, keys, axes=axes, on_chunk=tell)
    agents = fitted.state.agent.params
    (played,) = play_agents(learner, A2C(), agents, worlds, jax.random.key(3_000_003), EPISODES)
    reward = np.asarray(played["reward"]).mean(axis=1).reshape(len(LADDER), len(TRIALS), len(SEEDS))

    names = [", ".join(f"{name} {value:g}" for name, value in trial.items()) or "as it is" for trial in TRIALS]
    lines = [f"| changed | {' | '.join(LADDER)} | mean |", "|---" * (len(LADDER) + 2) + "|"]
    for i, name in enumerate(names):
        cells = [" ".join(f"{value:.4f}" for value in reward[j, i]) for j in range(len(LADDER))]
        lines.append(f"| {name} | {' | '.join(cells)} | {reward[:, i].mean():.4f} |")
    base = ", ".join(f"{name} {value:g}" for name, value in BASE.items())
    about = (
        "# The same trials at every level of knowledge\n\n"
        f"Reward of A2C after {UPDATES} updates, seeds {' and '.join(map(str, SEEDS))}, {EPISODES} episodes; made by\n"
        f"`python experiments/tuning.py`, on {setup.device()}. As it is: {base}.\n\n"
    )
    RESULT.write_text(about + "\n".join(lines) + "\n")
    print(f"\n{RESULT.read_text()}")


if __name__ == "__main__":
    main()
