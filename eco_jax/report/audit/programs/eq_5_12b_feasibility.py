import jax.numpy as jnp
from eco_jax.model.tasks import migration_cost_printed, placement_holds_printed

D = jnp.array([4.8e6, 5.6e6, 6.4e6])  # three users' tasks, bit, all offloaded
h = jnp.array([False, False, False])  # nobody migrates
for C_f in (1e-8, 1.0, 1e8):
    holds = placement_holds_printed(D, D, migration_cost_printed(h, D, C_f))
    print(f"C_f = {C_f:g}: holds for {holds.sum()} of {holds.size} users")

assert not holds.any()
