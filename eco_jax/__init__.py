"""eco_jax: offloading with mobile edge computing and digital twins by reinforcement learning, in JAX."""

from typing import Any

from eco_jax.env import KNOWLEDGE, PRESETS, EcoEnv, EnvConfig, Environment, EnvParams, Observation, make
from eco_jax.errors import UserError
from eco_jax.parts import register

__version__ = "0.2.0"
LAZY = {
    "train": "eco_jax.api", "load": "eco_jax.api", "evaluate": "eco_jax.api", "Run": "eco_jax.api",
    "policies": "eco_jax.env.policies", "plugins": "eco_jax.plugins", "algorithms": "eco_jax.agent.algorithms",
    "data": "eco_jax.data",
}  # fmt: skip
"""Public name -> where it lives: what costs time to import is imported when it is asked for."""
__all__ = [
    "KNOWLEDGE", "PRESETS", "EcoEnv", "EnvConfig", "EnvParams", "Environment", "Observation", "Run", "UserError",
    "algorithms", "data", "evaluate", "load", "make", "plugins", "policies", "register", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'eco_jax' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(LAZY[name])
    return getattr(module, name) if hasattr(module, name) and LAZY[name] == "eco_jax.api" else module
