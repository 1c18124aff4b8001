"""Peer: `NumpyEco` stepped with uniform random actions, no learning."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from worker import serve, versions

sys.path.append(str(Path(__file__).parents[1]))
from numpy_env import HEADS, NumpyEco


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envs", type=int, default=128)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20_000, help="environment steps of a repeat, at least")
    args = parser.parse_args()

    def prepare() -> tuple[Callable[[], int], dict]:
        eco, rng = NumpyEco(args.envs, args.users), np.random.default_rng(1)
        eco.reset()
        slots = max(1, -(-args.steps // args.envs))

        def repeat() -> int:
            for _ in range(slots):
                action = rng.integers(0, HEADS, (args.envs, args.users, len(HEADS)))
                if eco.step(action)[3]:
                    eco.reset()
            return slots * args.envs

        return repeat, {"versions": versions("numpy"), "settings": vars(args)}

    serve(prepare)


if __name__ == "__main__":
    main()
