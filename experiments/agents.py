"""The agents that are compared: an algorithm with a network, each with its settings besides those that are tuned."""

from typing import Any

from eco_jax.agent.algorithms import Algorithm
from eco_jax.run.config import RunConfig
from eco_jax.run.settings import from_mapping

_PPO = {"algorithm": {"kind": "ppo", "normalise": True}}
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "a2c-mlp": {},
    "ppo-mlp": _PPO,
    "mappo-mlp": {"algorithm": {"kind": "mappo", "normalise": True}},
    "pqn-mlp": {"algorithm": {"kind": "pqn"}, "network": {"norm": "layer"}},
    "a2c-gru": {"network": {"kind": "gru"}},
    "ppo-gru": _PPO | {"network": {"kind": "gru"}},
    "a2c-attention": {"network": {"kind": "attention"}},
    "a2c-attention-users": {"network": {"kind": "attention", "users": True}},
    "ppo-attention": _PPO | {"network": {"kind": "attention"}},
    "ppo-attention-users": _PPO | {"network": {"kind": "attention", "users": True}},
    "pqn-attention": {"algorithm": {"kind": "pqn"}, "network": {"kind": "attention"}},
}
"""Name -> settings of a run."""


def kind_of(case: str) -> str:
    """The name of a case's algorithm."""
    return case.split("-")[0]


def config(case: str, **more: Any) -> RunConfig:
    """The settings of a run of the case, and `more` tables of them."""
    return from_mapping(CASES[case] | more, case)


def algorithm(case: str) -> Algorithm:
    """The algorithm with its network."""
    made: Algorithm = config(case).algorithm()
    return made
