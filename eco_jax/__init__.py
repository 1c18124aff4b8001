"""eco_jax: offloading with mobile edge computing and digital twins by reinforcement learning, in JAX."""

from eco_jax.env import KNOWLEDGE, PRESETS, EcoEnv, EnvConfig, Environment, EnvParams, Observation, make
from eco_jax.errors import UserError

__version__ = "0.2.0"
__all__ = [
    "KNOWLEDGE", "PRESETS", "EcoEnv", "EnvConfig", "EnvParams", "Environment", "Observation", "UserError", "make",
]  # fmt: skip
