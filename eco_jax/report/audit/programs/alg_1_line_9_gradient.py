import jax
import jax.numpy as jnp
from eco_jax.model.objective import temporal_difference

now, then = jnp.array([0, 0, 1, 2]), jnp.array([1, 2, 3, 3])  # A to B or C, evenly; B and C to the end
R = jnp.array([0.0, 0.0, 1.0, 0.0])  # B ends with reward 1, C with 0
V_of = lambda v, state: jnp.append(v, 0.0)[state]  # the end is worth 0
loss = lambda v: jnp.mean(temporal_difference(R, V_of(v, now), V_of(v, then), 1.0) ** 2)
v = jax.lax.fori_loop(0, 1000, lambda _, v: v - 0.5 * jax.grad(loss)(v), jnp.zeros(3))
print("V of A, B, C:", *(f"{x:.2f}" for x in v), "where the true values are 0.50 1.00 0.00")
assert abs(v[1] - 1.0) > 0.2 and abs(v[2] - 0.0) > 0.2
