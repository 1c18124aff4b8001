"""What scores of eco-bench are counted from and to: random and reference policies in each world, frozen.

    python experiments/freeze.py            # writes eco_jax/study/eco-bench-v1.json; refuses where there is one

The search among 188 users takes some ten minutes. Stopped, it goes on with the next world.
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
    about, kept = scenarios.declared(), OUT.with_suffix(".part")
    found = json.loads(kept.read_text()) if kept.exists() else {}
    every = scenarios.scenarios()
    for name, scenario in sorted(every.items(), key=lambda item: item[1].config().env.users):  # the quick ones first
        if name in found:
            continue
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
        write_whole(kept, json.dumps(found))
    write_whole(OUT, json.dumps({name: found[name] for name in every}, indent=1) + "\n")
    kept.unlink()


if __name__ == "__main__":
    main()
