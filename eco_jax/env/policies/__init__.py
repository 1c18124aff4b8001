"""What an agent is compared with: rules, told what the agent is told, and references, told the truth."""

from eco_jax.env.expected import best_expected, expected_outcomes, posterior_outcomes
from eco_jax.env.policies.reference import BoundEnv, Central, SlotReference, belief_bound, upper_bound
from eco_jax.env.policies.rules import (
    Certain,
    Clock,
    Doubt,
    Foreseen,
    Greedy,
    Loads,
    Local,
    Loyal,
    Nearest,
    Outlook,
    Posterior,
    Random,
    Rule,
    Sync,
    as_policy,
    joint_action,
    named,
    tunable,
    with_values,
)

__all__ = [
    "BoundEnv", "Central", "Certain", "Clock", "Doubt", "Foreseen", "Greedy", "Loads", "Local", "Loyal", "Nearest",
    "Outlook", "Posterior", "Random", "Rule", "SlotReference", "Sync", "as_policy", "belief_bound",
    "best_expected", "expected_outcomes", "joint_action", "named", "posterior_outcomes", "tunable", "upper_bound",
    "with_values",
]  # fmt: skip
