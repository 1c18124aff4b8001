"""What the PPO peers share, so that they train alike: CartPole-v1, options, hyperparameters and the timing."""

import argparse
import time
from collections.abc import Callable
from typing import Any

ENVIRONMENT = "CartPole-v1"
LEARNING_RATE = 2.5e-4  # not annealed
DISCOUNT = 0.99
GAE_LAMBDA = 0.95
CLIP = 0.2
ENTROPY_WEIGHT = 0.01
VALUE_WEIGHT = 0.5
MAX_GRADIENT = 0.5  # what it bounds, the global norm or each element, is the library's choice


def arguments(description: str) -> argparse.ArgumentParser:
    """The parser with the options of both peers."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--envs", type=int, default=64, help="parallel environments")
    parser.add_argument("--rollout", type=int, default=64, help="steps of each environment between updates")
    parser.add_argument("--epochs", type=int, default=4, help="passes over a rollout")
    parser.add_argument("--minibatches", type=int, default=4, help="gradient steps of a pass")
    parser.add_argument("--hidden", type=int, default=64, help="width of the hidden layers")
    parser.add_argument("--layers", type=int, default=2, help="hidden layers of the actor and of the critic")
    parser.add_argument("--steps", type=int, default=512_000, help="environment steps of a repeat")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line's options, `steps` rounded to whole rollouts of all environments, at least one."""
    options = parser.parse_args()
    batch = options.envs * options.rollout
    if batch % options.minibatches:
        parser.error(f"--minibatches must divide --envs times --rollout, {batch}")
    options.steps = max(1, round(options.steps / batch)) * batch
    return options


def compiled(train: Callable[[Any], Any], options: argparse.Namespace) -> tuple[Callable[[], int], float]:
    """One repeat of `train`, a function of a random key, and the seconds that its tracing and compilation took.

    Every repeat starts from the same key, so that all do the same work.
    """
    import jax

    key = jax.block_until_ready(jax.random.PRNGKey(options.seed))
    started = time.perf_counter()
    executable = jax.jit(train).lower(key).compile()
    compile_s = time.perf_counter() - started

    def repeat() -> int:
        jax.block_until_ready(executable(key))
        return options.steps

    return repeat, compile_s


def settings(options: argparse.Namespace, **library: object) -> dict[str, object]:
    """What the ready line reports: the shared settings and those which the library decides."""
    import jax

    shared = {
        "environment": ENVIRONMENT,
        "device": jax.devices()[0].device_kind,
        **{name: getattr(options, name) for name in ("envs", "rollout", "epochs", "minibatches", "hidden", "layers")},
        "steps": options.steps,
        "seed": options.seed,
        "learning_rate": LEARNING_RATE,
        "discount": DISCOUNT,
        "gae_lambda": GAE_LAMBDA,
        "clip": CLIP,
        "entropy_weight": ENTROPY_WEIGHT,
        "value_weight": VALUE_WEIGHT,
        "max_gradient": MAX_GRADIENT,
        "optimizer": "Adam",
    }
    return shared | library
