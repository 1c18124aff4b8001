"""How users move. A model is a file with `reset` and `move`, and a line in `MODELS`."""

from types import ModuleType

from eco_jax.env.mobility import gauss_markov, trace, waypoint

MODELS: dict[str, ModuleType] = {"waypoint": waypoint, "gauss-markov": gauss_markov, "trace": trace}
"""Each module has `DRAWS` (standard uniforms a user and slot), `reset(uniform, config, params) -> motion` and
`move(uniform, motion, t, config, params) -> motion`, where `motion` has `position` [users, 2] and `fixes`."""
