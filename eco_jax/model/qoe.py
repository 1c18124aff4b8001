"""Quality of experience: Eqs. (10) and (11)."""

import jax.numpy as jnp

from eco_jax.model.types import Flag, Real


def satisfaction(latency: Real, full: Real, deadline: Real, baseline: Real) -> Real:
    """W_j(L_j) of Eq. (11), -: 1 up to `full`, linear down to 0 at `deadline`, `baseline` after it.

    Args:
        latency: L_j, s.
        full: L_min, latency of full satisfaction, s.
        deadline: L_max,j, the task's own request latency, s.
        baseline: W_b, -.
    """
    linear = (deadline - latency) / (deadline - full)
    return jnp.where(latency <= full, 1.0, jnp.where(latency <= deadline, linear, baseline))


def consumption_cost(beta: Real, migrated: Flag, edge_price: Real, migration_price: Real) -> Real:
    """C_st,j, in units of the budget's currency: edge price * beta + migration price * h (beta 0 for local tasks)."""
    return edge_price * beta + jnp.where(migrated, migration_price, 0.0)


def savings(budget: Real, cost: Real) -> Real:
    """S_j of Eq. (10), -: (B_j - C_st) / B_j, clipped to [0, 1] (the paper writes C_et for C_st in one place)."""
    return jnp.clip((budget - cost) / budget, 0.0, 1.0)


def savings_printed(budget: Real, cost: Real) -> Real:
    """S_j of Eq. (10) as printed, not clipped."""
    return (budget - cost) / budget


def qoe(satisfaction: Real, savings: Real, weight_latency: Real, weight_savings: Real) -> Real:
    """QoE_j of Eq. (10), -: lambda^w W_j + lambda^s S_j, with lambda^w + lambda^s = 1."""
    return weight_latency * satisfaction + weight_savings * savings
