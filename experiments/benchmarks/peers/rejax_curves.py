"""Learning curves of rejax's PPO and PQN on CartPole-v1, for `curves.py`, which gives the settings as JSON.

    .peers/rejax/bin/python experiments/benchmarks/peers/rejax_curves.py '{"seeds": 10, ...}'

Prints one JSON object: versions, and algorithm -> mean return of the evaluation episodes, [seeds][looks].
"""

import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import rejax
from rejax.evaluate import evaluate
from worker import versions

SLOTS = 500
"""The longest episode of CartPole-v1."""


class PaperPQN(rejax.PQN):
    """PQN with the targets of the paper.

    rejax 0.1.3 keeps Q(S') of each slot and takes it for Q(S), so that the bootstrap value of a slot is that of the
    slot after: max Q(S_{t+2}) in place of max Q(S_{t+1}). Lambda weighs it by 1 - lambda.
    """

    def calculate_targets(self, trajectories: Any, max_last_q: jax.Array) -> jax.Array:
        """Q(lambda) returns [time, envs].

        Args:
            trajectories: a rollout, leaves [time, envs, ...].
            max_last_q: of the observation after it.
        """

        def back(later: jax.Array, step: tuple) -> tuple[jax.Array, jax.Array]:
            reward, done, following = step
            mixed = self.td_lambda * later + (1.0 - self.td_lambda) * following
            target = reward + (1.0 - done) * self.gamma * mixed
            return target, target

        following = trajectories.next_q.max(axis=-1)
        return jax.lax.scan(back, max_last_q, (trajectories.reward, trajectories.done, following), reverse=True)[1]


def trained(algorithm: Any, seeds: int, episodes: int) -> list[list[float]]:
    """Mean return of the evaluation episodes, [seeds][looks]."""

    def look(algorithm: Any, state: Any, key: jax.Array) -> jax.Array:
        act = algorithm.make_act(state)
        return evaluate(act, key, algorithm.env, algorithm.env_params, episodes, SLOTS)[1].mean()

    keys = jnp.stack([jax.random.PRNGKey(seed) for seed in range(seeds)])
    _, returns = jax.jit(jax.vmap(algorithm.replace(eval_callback=look).train))(keys)
    return returns.tolist()


def main() -> None:
    """Train each algorithm with the settings of the command line."""
    s = json.loads(sys.argv[1])
    shared = {
        "env": "CartPole-v1",
        "num_envs": s["envs"],
        "num_steps": s["rollout"],
        "num_epochs": s["epochs"],
        "num_minibatches": s["minibatches"],
        "total_timesteps": s["steps"],
        "eval_freq": s["steps"] // s["looks"],
        "skip_initial_evaluation": True,
        "learning_rate": s["lr"],
        "gamma": s["discount"],
        "normalize_observations": False,
        "normalize_rewards": False,
    }
    ppo = shared | {
        "agent_kwargs": {"activation": "relu", "hidden_layer_sizes": (s["hidden"],) * s["layers"]},
        "gae_lambda": s["ppo"]["decay"], "clip_eps": s["ppo"]["ratio_limit"], "ent_coef": s["ppo"]["entropy"],
        "vf_coef": 0.5, "max_grad_norm": s["ppo"]["clip"],
    }  # fmt: skip
    # Its PQN has two layers of 64, layer normalisation before each ReLU, whatever is asked for.
    pqn = shared | {
        "td_lambda": s["pqn"]["decay"], "max_grad_norm": s["pqn"]["clip"], "eps_start": s["pqn"]["epsilon"],
        "eps_end": s["pqn"]["final_epsilon"], "exploration_fraction": s["pqn"]["exploration"],
    }  # fmt: skip
    algorithms = {
        "PPO": rejax.PPO.create(**ppo),
        "PQN": rejax.PQN.create(**pqn),
        "PQN, the paper's targets": PaperPQN.create(**pqn),
    }
    found = {}
    for name, algorithm in algorithms.items():
        print(f"rejax: {name}", file=sys.stderr, flush=True)
        found[name] = trained(algorithm, s["seeds"], s["episodes"])
    print(json.dumps({"versions": versions("rejax", "gymnax", "jax", "flax", "optax"), "returns": found}))


if __name__ == "__main__":
    main()
