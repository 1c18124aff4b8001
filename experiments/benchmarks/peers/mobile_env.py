"""mobile-env's large scenario under random actions as a peer of the speed comparison (see `worker` for the protocol).

13 base stations and 30 users under the central handler, which decides for all users at once. It needs an environment
of its own, `requirements-mobile-env.txt`.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from worker import serve, versions

ENVIRONMENT = "mobile-large-central-v0"


def prepare() -> tuple[Callable[[], int], dict]:
    """Make the environment."""
    # This file has the package's name: its folder must not be searched.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    import gymnasium
    import mobile_env  # noqa: F401  # registers the scenarios

    env = gymnasium.make(ENVIRONMENT, config={"seed": options.seed, **gymnasium.spec(ENVIRONMENT).kwargs["config"]})
    env.action_space.seed(options.seed)

    def repeat() -> int:
        env.reset()
        for _ in range(options.steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        return options.steps

    core = env.unwrapped
    return repeat, {
        "versions": versions("mobile-env", "gymnasium", "numpy", "shapely"),
        "settings": {
            "environment": ENVIRONMENT,
            "handler": core.handler.__name__,
            "stations": core.NUM_STATIONS,
            "users": core.NUM_USERS,
            "episode_steps": core.EP_MAX_TIME,
            "policy": "random",
            "steps": options.steps,
            "seed": options.seed,
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="mobile-env's large scenario under random actions")
    parser.add_argument("--steps", type=int, default=200, help="environment steps of a repeat")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    serve(prepare)
