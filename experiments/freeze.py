"""What scores of eco-bench are counted from and to: random and reference policies in each world, frozen.

python experiments/freeze.py            # writes eco_jax/study/eco-bench-v1.json; refuses where there is one
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np

from eco_jax.env import policies
from eco_jax.env.config import TRUTH
from eco_jax.env.policies.rules import RANDOM
from eco_jax.files import write_whole
from eco_jax.metrics import REWARD
from eco_jax.run import setup
from eco_jax.study import names, scenarios
from eco_jax.study.play import Entry, play

OUT = Path(scenarios.__file__).with_name(scenarios.FILES[1])


def main() -> None:
    """See the module."""
    if OUT.exists():
        sys.exit(f"{OUT}: is frozen already")
    setup.configure()
    found, about = {}, scenarios.declared()
    for name, scenario in scenarios.scenarios().items():
        env, params = scenario.config().make()
        truth = params.with_knowledge(TRUTH)
        entries = {
            RANDOM: Entry(policies.named()[RANDOM], params),
            names.SLOT_REFERENCE: Entry(policies.SlotReference(), truth),
            names.SLOT_REFERENCE_CACHING: Entry(policies.SlotReference(cache=True), truth),
        }
        found[name] = {"sha256": scenario.sha256}
        for split, seed in about["splits"].items():
            key = jax.random.key(seed)
            rewards = {who: v[REWARD][0] for who, v in play(env, entries, key, about["episodes"]).items()}
            best = max(entries, key=lambda who: rewards[who].mean())
            found[name][split] = {
                "random": np.round(rewards[RANDOM], 6).tolist(), "name": best,
                "reference": np.round(rewards[best], 6).tolist(),
            }  # fmt: skip
            print(name, split, best, {who: round(float(v.mean()), 4) for who, v in rewards.items()}, flush=True)
    write_whole(OUT, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
