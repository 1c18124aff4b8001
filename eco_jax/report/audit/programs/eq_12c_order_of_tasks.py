import jax.numpy as jnp
from eco_jax.model.tasks import large_enough

minimum = jnp.array([4.8e6, 1.2e8, 0.10, 0.0])  # D in bit, C in cycles, L and M_mig in s
late = jnp.array([6.4e6, 1.6e8, 0.20, 0.0])
soon = jnp.array([6.4e6, 1.6e8, 0.05, 0.0])  # the same task, served sooner
allowed = [bool((minimum <= task).all()) for task in (late, soon)]
print(f"late: {allowed[0]}, soon: {allowed[1]}")
assert allowed == [True, False] and large_enough(soon[0], minimum[0])
