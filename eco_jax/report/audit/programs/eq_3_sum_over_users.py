import jax.numpy as jnp
from eco_jax.model.tasks import migration_cost, migration_cost_printed

h = jnp.array([True, False, False])  # only the first of three users migrates
T = jnp.array([5.6e6, 5.6e6, 0.0])  # offloaded, bit: nothing by the third
C_f = 1e-8  # s/bit, an assumption
printed = migration_cost_printed(h, T, C_f)  # summed over j: the same for every j
own = migration_cost(h, T, C_f)[2]
print(f"M_mig of the third user: {printed:.3f} s as printed, {own:.3f} s by its own h, T")
assert own == 0.0 < printed
