"""What an agent is compared with: rules, told what the agent is told, and references, told the truth."""

from eco_jax.env.expected import best_expected, expected_outcomes, posterior_outcomes
from eco_jax.env.policies.reference import BoundEnv, slot_reference, upper_bound
from eco_jax.env.policies.rules import Rule, as_policy, greedy, local, named, nearest, random

__all__ = [
    "BoundEnv",
    "Rule",
    "as_policy",
    "best_expected",
    "expected_outcomes",
    "greedy",
    "local",
    "named",
    "nearest",
    "posterior_outcomes",
    "random",
    "slot_reference",
    "upper_bound",
]
