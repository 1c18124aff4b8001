"""The decision process: static settings, traced parameters, reset, step, observe, and rules to compare with."""

from eco_jax.env.config import KNOWLEDGE, EnvConfig
from eco_jax.env.eco import PRESETS, EcoEnv, make
from eco_jax.env.observe import feature_docs, feature_names
from eco_jax.env.params import EnvParams
from eco_jax.env.protocol import Environment, Inputs, inputs_of
from eco_jax.env.state import Observation, State, View

__all__ = [
    "KNOWLEDGE",
    "PRESETS",
    "EcoEnv",
    "EnvConfig",
    "EnvParams",
    "Environment",
    "Inputs",
    "Observation",
    "State",
    "View",
    "feature_docs",
    "feature_names",
    "inputs_of",
    "make",
]
