"""eco_jax: offloading with mobile edge computing and digital twins by reinforcement learning, in JAX."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eco_jax import data, plugins
    from eco_jax.agent import algorithms
    from eco_jax.api import Run, evaluate, load, train
    from eco_jax.env import KNOWLEDGE, PRESETS, EcoEnv, EnvConfig, Environment, EnvParams, Observation, make, policies
    from eco_jax.errors import UserError
    from eco_jax.parts import register

__version__ = "0.2.0"
__all__ = [
    "KNOWLEDGE", "PRESETS", "EcoEnv", "EnvConfig", "EnvParams", "Environment", "Observation", "Run", "UserError",
    "algorithms", "data", "evaluate", "load", "make", "plugins", "policies", "register", "train",
]  # fmt: skip
_HOMES = {
    "eco_jax.api": ("Run", "evaluate", "load", "train"),
    "eco_jax.env": ("KNOWLEDGE", "PRESETS", "EcoEnv", "EnvConfig", "EnvParams", "Environment", "Observation", "make"),
    "eco_jax.errors": ("UserError",),
    "eco_jax.parts": ("register",),
}  # where public names live: all of them are imported when they are asked for, so that `eco-jax --help` is quick
_MODULES = {"algorithms": "eco_jax.agent.algorithms", "policies": "eco_jax.env.policies"}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    module = _MODULES.get(name, f"{__name__}.{name}")
    if name.startswith("_") or find_spec(module) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(module)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
